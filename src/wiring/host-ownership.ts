import type { Holder } from '../../machines/ownership/holders/holders.ts';
import type { Ownership } from '../../machines/ownership/ownership.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { NumberedDocuments } from '../kubernetes/records/numbered-documents.ts';
import { HolderKeeper } from '../ownership/holder-keeper.ts';
import type { Cluster } from './cluster.ts';
import type { Runtime } from './runtime.ts';

/** Whom hosts belong to, by the record of holders. */
export interface HostOwnership {
  readonly holders: HolderKeeper;
  /** Starts to read the record, and to forget what nobody needs. */
  restore(ownership: () => Pick<Ownership, 'hostOwner'>): void;
  /** All certificates of before the record have been found. */
  completeImport(): void;
  /** Writes pending changes. */
  flush(signal: AbortSignal): Promise<void>;
}

export function setUpOwnership(
  { config, clock, log, signal }: Runtime,
  { client, observerOf }: Cluster,
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
  const restore = async (ownership: () => Pick<Ownership, 'hostOwner'>): Promise<void> => {
    const read = await holders.restore();
    if (holders.importing) log.info(importMessage);
    tellSupervisor({ type: 'HOLDERS_READ', holders: read, recordExisted: !holders.importing });
    const isNeeded = (host: string, { namespace }: Holder): boolean =>
      ownership().hostOwner(host, clock.now()).namespace === namespace;
    await holders.tend(isNeeded, (hosts) => tellSupervisor({ type: 'HOLDERS_PRUNED', hosts }));
  };
  return {
    holders,
    restore(ownership) {
      // Rejects only with the signal's reason.
      restore(ownership).catch(() => undefined);
    },
    completeImport() {
      log.info(`The record of holders is complete: it names the holders of ${holders.size ?? 0} hosts.`);
      holders.completeImport();
    },
    flush: (limit) => holders.flush(limit),
  };
}

const importMessage =
  'There is no complete record of who holds which host (ConfigMaps kube-lego-holders-N): this is the first start, or it was lost. ' +
  'Hosts belong to the oldest Ingresses and Gateways that route them, and their good certificates are taken into the record; nothing is ordered for that.';
