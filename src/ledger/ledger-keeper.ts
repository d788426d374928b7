import { hash } from 'node:crypto';
import { registeredDomain } from '../../machines/hosts/registered-domain.ts';
import { Ledger } from '../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { second } from '../../machines/time/durations.ts';
import { type Clock, sleep } from '../time/clock.ts';
import { retry } from '../time/retry.ts';

/** Where the documents of the ledger are kept, by shard. */
export interface LedgerStore {
  read(signal: AbortSignal): Promise<ReadonlyMap<number, string>>;
  /** @param text undefined: nothing is left to keep */
  write(shard: number, text: string | undefined, signal: AbortSignal): Promise<void>;
}

export interface LedgerKeeperOptions {
  readonly ledger: Ledger;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The ledger cannot be read, written, or understood; it is tried again. */
  readonly onTrouble: (trouble: unknown) => void;
}

/** Milliseconds between two writings, so that what happens together is written together. */
const pause = 3 * second;
const longestPause = 30 * second;
/** For an order that is about to be finalized: 15 seconds in all. */
const finalizing = { shortestPause: 500, longestPause: 8 * second, mostTries: 6 };

/** The ledger of the CA with this directory: what was spent at one CA is not held against another. */
export function createLedger(rateLimits: RateLimits, directoryUrl: string): Ledger {
  const shortHash = (text: string): string =>
    hash('sha256', `${directoryUrl}\n${text}`, 'base64url').slice(0, 16);
  return new Ledger(rateLimits, registeredDomain, shortHash);
}

/** Keeps the ledger over the end of the process. No order is made before it is written that it may have been. */
export class LedgerKeeper {
  readonly #options: LedgerKeeperOptions;
  #writing: Promise<void> | undefined;
  #flushPlanned = false;

  constructor(options: LedgerKeeperOptions) {
    this.#options = options;
  }

  /** Takes up what was kept; resolves when that is done. Rejects with the signal's reason only. */
  async restore(): Promise<void> {
    const { ledger, store, clock, signal, onTrouble } = this.#options;
    const restore = async (): Promise<void> => {
      const documents = await store.read(signal);
      for (const sentence of ledger.restore(documents, clock.now())) onTrouble(sentence);
    };
    await retry(restore, { clock, signal, shortestPause: 500, longestPause, onFailure: onTrouble });
  }

  /**
   * Returns when it is written down that one order more may have been made.
   * @throws what the store throws
   */
  async coverOrder(signal: AbortSignal): Promise<void> {
    const { ledger, clock } = this.#options;
    // Others may use up what a writing covers before this one's turn.
    while (!ledger.coversOrders(clock.now())) {
      signal.throwIfAborted();
      if (this.#writing === undefined) ledger.coverOrders(clock.now());
      await this.#write();
    }
  }

  /**
   * Returns when it is written down that a certificate may come of this order, which is under way. Those who ask while one writing
   * is on its way share the next.
   *
   * @throws what the store throws for a quarter of a minute
   */
  async coverCertificate(order: Pick<OrderRequest, 'identifiers'>, signal: AbortSignal): Promise<void> {
    const { ledger, clock } = this.#options;
    // The order is made and its hosts are proven: a moment without the API server must not cost it.
    const cover = async (): Promise<void> => {
      while (!ledger.coversCertificate(order, clock.now())) {
        signal.throwIfAborted();
        if (this.#writing === undefined) ledger.coverCertificate(order, clock.now());
        await this.#write();
      }
    };
    await retry(cover, { clock, signal, ...finalizing });
  }

  /** Something may have changed: it is written in a while. */
  changed(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    void this.#flush();
  }

  /** What the CA has refused must not be asked for again after a crash: it is written at once, or in a while if that fails. */
  refused(): void {
    void this.drain().catch(() => this.changed());
  }

  /** Writes what is left to write. */
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
      // The process ends; `drain` writes the rest.
    }
  }

  /** One writing at a time, so that an older document never comes after a newer one. */
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
