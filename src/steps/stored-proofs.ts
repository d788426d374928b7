import type { HostProof } from '../../machines/ownership/holders/holders.ts';
import { second } from '../../machines/time/durations.ts';
import { hasKey, type JournalEntry } from '../journal/journal-entry.ts';
import type { SecretStore, StoredSecret } from '../kubernetes/records/secret-store.ts';
import { factsOf } from '../secret/secret-reading.ts';
import type { Clock } from '../time/clock.ts';
import { retry } from '../time/retry.ts';

export interface StoredProofsOptions {
  readonly secrets: Pick<SecretStore, 'read'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A Secret cannot be read: who holds the hosts of its order is not known. */
  readonly onTrouble: (error: unknown, entry: JournalEntry) => void;
}

/** Half a minute: nothing is decided meanwhile, and a namespace that may not be read any more stops nobody for longer. */
const pauses = { shortestPause: 0.5 * second, longestPause: 30 * second, mostTries: 7 };

/**
 * The certificates that an earlier process has stored, but perhaps died before it recorded the holder of their hosts. The entry of their
 * order is still in the journal, and its key, which nobody else had, is in the Secret.
 */
export async function storedProofs(
  entries: Iterable<JournalEntry>,
  options: StoredProofsOptions,
): Promise<HostProof[]> {
  const made = [...entries].filter(({ orderUrl }) => orderUrl !== undefined);
  const proofs = await Promise.all(made.map((entry) => storedProof(entry, options)));
  return proofs.filter((proof) => proof !== undefined);
}

async function storedProof(
  entry: JournalEntry,
  { secrets, clock, signal, onTrouble }: StoredProofsOptions,
): Promise<HostProof | undefined> {
  const { namespace, secretName } = entry;
  try {
    const read = () => secrets.read(namespace, secretName, signal);
    const stored = await retry(read, { clock, signal, ...pauses });
    return proofIn(stored, entry, clock.now());
  } catch (error) {
    signal.throwIfAborted();
    onTrouble(error, entry);
    return undefined;
  }
}

/**
 * The certificate of the order, if the Secret holds it.
 * @param now milliseconds since the epoch
 */
export function proofIn(
  stored: StoredSecret | undefined,
  entry: Pick<JournalEntry, 'hosts' | 'namespace' | 'keyPem'>,
  now: number,
): HostProof | undefined {
  if (!hasKey(entry, stored?.keyPem)) return undefined;
  const facts = factsOf(stored);
  if (facts.kind === 'absent' || facts.certificate.kind !== 'readable') return undefined;
  const { notBefore, notAfter, fingerprint, keyMatches } = facts.certificate;
  if (!keyMatches) return undefined;
  const { hosts, namespace } = entry;
  // Whoever may write the Secret may have put a certificate of his own there: it must not count as newer than what comes later.
  return { hosts, namespace, notBefore: Math.min(notBefore, now), notAfter, certificate: fingerprint };
}
