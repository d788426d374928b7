import type { Holder } from '../../../machines/ownership/holders/holders.ts';
import type { Ownership } from '../../../machines/ownership/ownership.ts';
import type { SupervisorEvent } from '../../../machines/supervisor/supervisor-messages.ts';
import type { JournalEntry } from '../../journal/journal-entry.ts';
import { NumberedDocuments } from '../../kubernetes/records/numbered-documents.ts';
import { HolderKeeper } from '../../ownership/holder-keeper.ts';
import { storedProofs } from '../../steps/stored-proofs.ts';
import type { Cluster } from '../cluster.ts';
import type { Runtime } from '../runtime.ts';

/** Whom hosts belong to, by the record of holders. */
export interface HostOwnership {
  readonly holders: HolderKeeper;
  /**
   * Starts to read the record, and to forget what nobody needs.
   * @param unfinished the journal's entries: their certificates may be stored, and not recorded. Rejects only with the signal's reason
   */
  restore(ownership: () => Pick<Ownership, 'hostOwner'>, unfinished: Promise<Iterable<JournalEntry>>): void;
  /** All certificates of before the record have been found. */
  completeImport(): void;
  /** Writes pending changes. */
  flush(signal: AbortSignal): Promise<void>;
}

export function setUpOwnership(
  { config, clock, log, signal }: Runtime,
  { client, observerOf, secrets }: Cluster,
  tellSupervisor: (event: SupervisorEvent) => void,
): HostOwnership {
  const holders = new HolderKeeper({
    store: new NumberedDocuments(
      client,
      config.namespace,
      'holders',
      config.objectMetadata,
      observerOf('holders'),
    ),
    clock,
    signal,
    onHolder: (hosts, holder) => tellSupervisor({ type: 'HOSTS_PROVED', hosts, holder }),
    onTrouble: (trouble) =>
      typeof trouble === 'string'
        ? log.error(trouble)
        : log.error(trouble, 'The record of holders cannot be read or written; kube-lego tries again.'),
  });
  const onTrouble = (error: unknown, { namespace, secretName }: JournalEntry): void =>
    log.warn(
      error,
      `Secret ${namespace}/${secretName} cannot be read: whether its unfinished order has made its namespace the holder of its hosts is not known.`,
    );
  const restore: (...options: Parameters<HostOwnership['restore']>) => Promise<void> = async (
    ownership,
    unfinished,
  ) => {
    const proofs = unfinished.then((entries) => storedProofs(entries, { secrets, clock, signal, onTrouble }));
    const [read, unrecorded] = await Promise.all([holders.restore(), proofs]);
    for (const proof of unrecorded) holders.recover(proof);
    if (holders.importing) log.info(importMessage);
    tellSupervisor({ type: 'HOLDERS_READ', holders: read, recordExisted: !holders.importing });
    const isNeeded = (host: string, { namespace }: Holder): boolean =>
      ownership().hostOwner(host, clock.now()).namespace === namespace;
    await holders.tend(isNeeded, (hosts) => tellSupervisor({ type: 'HOLDERS_PRUNED', hosts }));
  };
  return {
    holders,
    restore(...options) {
      // Rejects only with the signal's reason.
      restore(...options).catch(() => undefined);
    },
    completeImport() {
      log.info(`The record of holders is complete: it names the holders of ${holders.size ?? 0} hosts.`);
      holders.completeImport();
    },
    flush: (limit) => holders.drain(limit),
  };
}

const importMessage =
  'There is no complete record of who holds which host (ConfigMaps kube-lego-holders-N): this is the first start, or it was lost. ' +
  'Hosts belong to the oldest Ingresses and Gateways that route them, and their good certificates are taken into the record; nothing is ordered for that.';
