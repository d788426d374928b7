// Persistence of a CA's rate-limit ledger: write-ahead before an order, write-behind for all else. Used by the CA object
// (src/authority).

import { hash } from 'node:crypto';
import { registeredDomain } from '../../machines/hosts/registered-domain.ts';
import { Ledger } from '../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { second } from '../../machines/time/durations.ts';
import { type Clock, sleep } from '../time/clock.ts';
import { retry } from '../time/retry.ts';

/** Storage of the ledger's documents, by shard. */
export interface LedgerStore {
  read(signal: AbortSignal): Promise<ReadonlyMap<number, string>>;
  /** @param text undefined: delete it */
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

/** Milliseconds between two writes, to batch changes. */
const pause = 3 * second;
const longestPause = 30 * second;
/** Before a finalization: 15 seconds in total. */
const finalizing = { shortestPause: 500, longestPause: 8 * second, mostTries: 6 };

/** The ledger of one CA: its keys are salted with the directory URL, so another CA starts empty. */
export function createLedger(rateLimits: RateLimits, directoryUrl: string): Ledger {
  const shortHash = (text: string): string =>
    hash('sha256', `${directoryUrl}\n${text}`, 'base64url').slice(0, 16);
  return new Ledger(rateLimits, registeredDomain, shortHash);
}

/** Keeps the ledger across restarts. An order is written before it is sent. */
export class LedgerKeeper {
  readonly #options: LedgerKeeperOptions;
  #writing: Promise<void> | undefined;
  #flushPlanned = false;

  constructor(options: LedgerKeeperOptions) {
    this.#options = options;
  }

  /** Restores the ledger. Rejects only with the signal's reason. */
  async restore(): Promise<void> {
    const { ledger, store, clock, signal, onTrouble } = this.#options;
    const restore = async (): Promise<void> => {
      const documents = await store.read(signal);
      for (const sentence of ledger.restore(documents, clock.now())) onTrouble(sentence);
    };
    await retry(restore, { clock, signal, shortestPause: 500, longestPause, onFailure: onTrouble });
  }

  /**
   * Resolves when the stored ledger covers one more order.
   * @throws what the store throws
   */
  async coverOrder(signal: AbortSignal): Promise<void> {
    const { ledger, clock } = this.#options;
    // Others may use up the covered orders first.
    while (!ledger.coversOrders(clock.now())) {
      signal.throwIfAborted();
      if (this.#writing === undefined) ledger.coverOrders(clock.now());
      await this.#write();
    }
  }

  /**
   * Resolves when the stored ledger covers the certificate of this order. Callers during one write share the next.
   *
   * @throws the store's error after 15 seconds of retries
   */
  async coverCertificate(order: Pick<OrderRequest, 'identifiers'>, signal: AbortSignal): Promise<void> {
    const { ledger, clock } = this.#options;
    // The order exists and its hosts are proven: a short outage of the API server must not cost it.
    const cover = async (): Promise<void> => {
      while (!ledger.coversCertificate(order, clock.now())) {
        signal.throwIfAborted();
        if (this.#writing === undefined) ledger.coverCertificate(order, clock.now());
        await this.#write();
      }
    };
    await retry(cover, { clock, signal, ...finalizing });
  }

  /** The ledger may have changed: write it later. */
  changed(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    void this.#flush();
  }

  /** A refusal must survive a crash: write it at once, or later if that fails. */
  refused(): void {
    void this.drain().catch(() => this.changed());
  }

  /** Writes pending changes. */
  async drain(): Promise<void> {
    await this.#write();
    await this.#write();
  }

  async #flush(): Promise<void> {
    const { clock, signal, onTrouble } = this.#options;
    try {
      await sleep(clock, pause, signal);
      const write = (): Promise<void> => {
        this.#flushPlanned = false;
        return this.#write();
      };
      const onFailure = (error: unknown): void => {
        this.#flushPlanned = true;
        onTrouble(error);
      };
      await retry(write, { clock, signal, shortestPause: 2 * pause, longestPause, onFailure });
    } catch {
      // The process is stopping; `drain` writes the rest.
    }
  }

  /** One write at a time: an older document must not overwrite a newer one. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeChanges().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #writeChanges(): Promise<void> {
    const { ledger, store, clock, signal } = this.#options;
    const unwritten = new Map(
      ledger.takeChanges(clock.now()).map(({ shard, text }) => [shard, text] as const),
    );
    try {
      for (const [shard, text] of unwritten) {
        await store.write(shard, text, signal);
        unwritten.delete(shard);
      }
      ledger.changesWritten();
    } finally {
      if (unwritten.size > 0) ledger.returnChanges(unwritten.keys());
    }
  }
}
