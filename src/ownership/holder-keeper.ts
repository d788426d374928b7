// Keeps the record of holders: which namespace a host's last certificate was issued for. It is written behind: until it is, the order of
// the certificate stays in the journal. Called by the steps; the wiring connects it with the supervisor.

import { HolderRecord, type RecordChanges } from '../../machines/ownership/holders/holder-record.ts';
import type { Holder, HostProof } from '../../machines/ownership/holders/holders.ts';
import { day, minute, second } from '../../machines/time/durations.ts';
import { asAsked, isConflict } from '../kubernetes/client/kubernetes-error.ts';
import { retryConflicts } from '../kubernetes/client/retry-conflicts.ts';
import { type Clock, sleep, untilAborted } from '../time/clock.ts';
import { retry } from '../time/retry.ts';
import { WriteBehind } from '../time/write-behind.ts';

/** Storage of the record's documents, by number; a document that somebody else has changed is not overwritten. */
export interface HolderStore {
  nameOf(shard: number): string;
  read(signal: AbortSignal): Promise<ReadonlyMap<number, string>>;
  /** @throws KubernetesError Conflict if the document is not as last read or written here */
  write(shard: number, text: string, signal: AbortSignal): Promise<void>;
}

export interface HolderKeeperOptions {
  readonly store: HolderStore;
  readonly clock: Clock;
  /** Ends all work. */
  readonly signal: AbortSignal;
  /** These hosts have this holder from now on. */
  readonly onHolder: (hosts: readonly string[], holder: Holder) => void;
  /** The record cannot be read or written; it is retried. Or a part of it was lost. */
  readonly onTrouble: (trouble: unknown) => void;
}

/** Milliseconds from a certificate to its write: all of that time share one. */
const writeDelay = 3 * second;
/** Milliseconds from the start of a write to the start of the next, when many wait for it. */
const writeInterval = 400;
/** Milliseconds: certificates found at the first start are not urgent, and usually all are found within this. */
const findingDelay = 30 * second;
const restorePauses = { shortestPause: 0.5 * second, longestPause: 30 * second };
/** Milliseconds from the start. */
const firstPruning = 10 * minute;

export class HolderKeeper {
  readonly #options: HolderKeeperOptions;
  readonly #record = new HolderRecord();
  readonly #writes: WriteBehind;
  /** The last write has failed. */
  #failed = false;
  /** Somebody else has written to the record. */
  #outdated = false;
  #flushPlanned = false;
  #restored = false;

  constructor(options: HolderKeeperOptions) {
    this.#options = options;
    const { clock, signal } = options;
    const write = (): Promise<void> => this.#writeChanges();
    this.#writes = new WriteBehind({
      clock,
      signal,
      delay: writeDelay,
      interval: writeInterval,
      write,
      onFailure: options.onTrouble,
      pauseAfter: asAsked,
    });
  }

  /** Certificates of before the record may still make holders. */
  get importing(): boolean {
    return !this.#record.complete;
  }

  /** Hosts with a holder; undefined until the record has been read. */
  get size(): number | undefined {
    return this.#restored ? this.#record.size : undefined;
  }

  get(host: string): Holder | undefined {
    return this.#record.get(host);
  }

  /**
   * Restores the record, however long it takes. Rejects only with the signal's reason.
   *
   * @returns by host
   */
  async restore(): Promise<ReadonlyMap<string, Holder>> {
    const { store, clock, signal, onTrouble } = this.#options;
    const restore = async (): Promise<void> => {
      const documents = await store.read(signal);
      this.#report(this.#record.restore(documents, (shard) => store.nameOf(shard)));
    };
    await retry(restore, { clock, signal, ...restorePauses, onFailure: onTrouble });
    this.#restored = true;
    return this.#record.entries();
  }

  /** A new certificate: its hosts have their holder at once, and the record soon. */
  record(proof: HostProof): void {
    this.#hold(proof);
    this.#writes.changed();
  }

  /** Resolves when all certificates up to now are recorded, however long it takes. Rejects only with the signal's reason. */
  recorded(): Promise<void> {
    return this.#writes.written();
  }

  /** A certificate that an earlier process has stored, and perhaps not recorded; after `restore`. */
  recover(proof: HostProof): void {
    const hosts = proof.hosts.filter((host) => {
      const known = this.#record.get(host);
      return known === undefined || known.notBefore < proof.notBefore;
    });
    if (hosts.length > 0) this.record({ ...proof, hosts });
  }

  /**
   * A certificate of before the record: it makes its namespace the holder of those hosts that have none, at once: after a crash it is
   * found again.
   */
  find(proof: HostProof): void {
    const hosts = proof.hosts.filter((host) => this.#record.get(host) === undefined);
    if (hosts.length === 0) return;
    this.#hold({ ...proof, hosts });
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    void this.#flushAfter(findingDelay);
  }

  /** All certificates of before the record have been found. */
  completeImport(): void {
    this.#record.markComplete();
    void this.#flushAfter(0);
  }

  /**
   * Writes everything recorded so far at once. Callers during one write share the next.
   *
   * @throws KubernetesError, or the signal's reason at once; the write goes on then
   */
  async flush(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await untilAborted(this.#writes.commit(), signal);
  }

  /** Likewise, from now on without delay. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#writes.hurry();
    await this.flush(signal);
  }

  /**
   * Resolves if the record can be written as far as is known: an order without it would be wasted.
   *
   * @throws KubernetesError
   */
  async proveWritable(signal: AbortSignal): Promise<void> {
    if (this.#failed) await this.flush(signal);
  }

  /** Forgets what nobody needs, when the Ingresses are known, and then daily; resolves when the signal is aborted. */
  async tend(
    isNeeded: (host: string, holder: Holder) => boolean,
    onForgotten: (hosts: readonly string[]) => void,
  ): Promise<void> {
    const { clock, signal } = this.#options;
    let pause = firstPruning;
    for (;;) {
      await sleep(clock, pause, signal).catch(() => undefined);
      if (signal.aborted) return;
      const forgotten = this.#record.prune(isNeeded, clock.now());
      if (forgotten.length > 0) onForgotten(forgotten);
      pause = day;
    }
  }

  #hold({ hosts, ...holder }: HostProof): void {
    for (const host of hosts) this.#record.set(host, holder);
    this.#options.onHolder(hosts, holder);
  }

  /** @param delay milliseconds */
  async #flushAfter(delay: number): Promise<void> {
    const { clock, signal } = this.#options;
    try {
      if (delay > 0) await sleep(clock, delay, signal);
      this.#flushPlanned = false;
      await this.#writes.commit();
    } catch {
      // It is repeated; or the process is stopping, and the next one finds the same certificates.
    }
  }

  async #writeChanges(): Promise<void> {
    const { store, clock, signal } = this.#options;
    const subject = `ConfigMap ${store.nameOf(0)} and its like are`;
    try {
      await retryConflicts(() => this.#writeOnce(), subject, { clock, signal });
      this.#failed = false;
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  async #writeOnce(): Promise<void> {
    const { store, signal } = this.#options;
    if (this.#outdated) await this.#merge();
    const unwritten = new Map(this.#record.takeChanges().map(({ shard, text }) => [shard, text]));
    try {
      for (const [shard, text] of unwritten) {
        await store.write(shard, text, signal);
        unwritten.delete(shard);
      }
    } catch (error) {
      this.#outdated = isConflict(error);
      this.#record.returnChanges(unwritten.keys());
      throw error;
    }
  }

  async #merge(): Promise<void> {
    const { store, signal } = this.#options;
    const documents = await store.read(signal);
    this.#outdated = false;
    const changes = this.#record.merge(documents, (shard) => store.nameOf(shard));
    this.#report(changes);
    this.#tell(changes.holders);
  }

  /** A holder that was replaced by a newer one in the meantime is not told. */
  #tell(holders: ReadonlyMap<string, Holder>): void {
    const current = [...holders].filter(([host, holder]) => this.#record.get(host) === holder);
    for (const [holder, entries] of Map.groupBy(current, ([, holder]) => holder)) {
      this.#options.onHolder(
        entries.map(([host]) => host),
        holder,
      );
    }
  }

  #report({ troubles }: RecordChanges): void {
    for (const trouble of troubles) this.#options.onTrouble(trouble);
  }
}
