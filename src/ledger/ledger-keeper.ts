// Persistence of a CA's rate-limit ledger, write-behind: what a crash leaves unwritten, the order journal tells of. Used by the CA
// object (src/authority).

import { hash } from 'node:crypto';
import { registeredDomain } from '../../machines/hosts/registered-domain.ts';
import { Ledger } from '../../machines/ledger/ledger.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { second } from '../../machines/time/durations.ts';
import { asAsked, isConflict } from '../kubernetes/client/kubernetes-error.ts';
import { retryConflicts } from '../kubernetes/client/retry-conflicts.ts';
import type { Clock } from '../time/clock.ts';
import { retry } from '../time/retry.ts';
import { WriteBehind } from '../time/write-behind.ts';

/** Storage of the ledger's documents, by shard. */
export interface LedgerStore {
  read(signal: AbortSignal): Promise<ReadonlyMap<number, string>>;
  /**
   * @param text undefined: delete it
   * @throws KubernetesError Conflict if the document is not as last read or written here
   */
  write(shard: number, text: string | undefined, signal: AbortSignal): Promise<void>;
}

export interface LedgerKeeperOptions {
  readonly ledger: Ledger;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The ledger cannot be read, written, or parsed; it is retried. */
  readonly onTrouble: (trouble: unknown) => void;
}

/** Milliseconds from a change to its write. */
const delay = 3 * second;
const restorePauses = { shortestPause: 0.5 * second, longestPause: 30 * second };

/** The ledger of one CA: its keys are salted with the directory URL, so another CA starts empty. */
export function createLedger(rateLimits: RateLimits, directoryUrl: string): Ledger {
  const shortHash = (text: string): string =>
    hash('sha256', `${directoryUrl}\n${text}`, 'base64url').slice(0, 16);
  return new Ledger(rateLimits, registeredDomain, shortHash);
}

/** Keeps the ledger across restarts. */
export class LedgerKeeper {
  readonly #options: LedgerKeeperOptions;
  readonly #writes: WriteBehind;
  /** Somebody else has written the ledger. */
  #outdated = false;

  constructor(options: LedgerKeeperOptions) {
    this.#options = options;
    const { clock, signal, onTrouble: onFailure } = options;
    const write = (): Promise<void> => this.#writeChanges();
    const pauseAfter = asAsked;
    this.#writes = new WriteBehind({ clock, signal, delay, interval: 0, write, onFailure, pauseAfter });
  }

  /** Restores the ledger. Rejects only with the signal's reason. */
  async restore(): Promise<void> {
    const { clock, signal, onTrouble } = this.#options;
    await retry(() => this.#read(), { clock, signal, ...restorePauses, onFailure: onTrouble });
  }

  /** The ledger may have changed: write it later. */
  changed(): void {
    this.#writes.changed();
  }

  /** Resolves when all changes up to now are written, however long it takes. Rejects only with the signal's reason. */
  written(): Promise<void> {
    return this.#writes.written();
  }

  /** A refusal must survive a crash: write it at once. */
  refused(): void {
    // If it fails, the group repeats it.
    this.#writes.commit().catch(() => undefined);
  }

  /** Writes pending changes, from now on without delay. */
  async drain(): Promise<void> {
    this.#writes.hurry();
    await this.#writes.commit().catch(() => this.#writes.written());
  }

  async #read(): Promise<void> {
    const { ledger, store, clock, signal, onTrouble } = this.#options;
    const documents = await store.read(signal);
    this.#outdated = false;
    for (const sentence of ledger.restore(documents, clock.now())) onTrouble(sentence);
  }

  async #writeChanges(): Promise<void> {
    const { clock, signal } = this.#options;
    await retryConflicts(() => this.#writeOnce(), 'The rate-limit ledger is', { clock, signal });
  }

  async #writeOnce(): Promise<void> {
    const { ledger, store, clock, signal } = this.#options;
    if (this.#outdated) await this.#read();
    const unwritten = new Map(
      ledger.takeChanges(clock.now()).map(({ shard, text }) => [shard, text] as const),
    );
    try {
      for (const [shard, text] of unwritten) {
        await store.write(shard, text, signal);
        unwritten.delete(shard);
      }
    } catch (error) {
      this.#outdated = isConflict(error);
      ledger.returnChanges(unwritten.keys());
      throw error;
    }
  }
}
