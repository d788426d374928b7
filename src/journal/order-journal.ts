// The order journal: each order at the CA, with its private key, from before it is asked for until its certificate is stored. What a
// crash, a stop or a time limit interrupts goes on with the same order and key. Called by the steps of a round.

import { randomUUID } from 'node:crypto';
import { longestOrderWait } from '../../machines/authority/order-wait.ts';
import { someOf } from '../../machines/reasons/foreign-text.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import { day, hour, second } from '../../machines/time/durations.ts';
import { DamagedEntries } from '../kubernetes/client/damaged-entries.ts';
import { type EntryStore, hasSameEntries } from '../kubernetes/client/entry-store.ts';
import { FirstReading } from '../kubernetes/client/first-reading.ts';
import { asAsked } from '../kubernetes/client/kubernetes-error.ts';
import { retryConflicts } from '../kubernetes/client/retry-conflicts.ts';
import { type Clock, sleep, untilAborted } from '../time/clock.ts';
import { GroupCommit } from '../time/group-commit.ts';
import { type JournalEntry, keyOfSet, type OrderSet, readEntry, writeEntry } from './journal-entry.ts';

export interface OrderJournalOptions {
  readonly store: EntryStore;
  /** Whether a certificate can be ordered with this private key, PEM. */
  readonly isPrivateKey: (pem: string) => boolean;
  /** The CA's: a machine whose clock is days ahead must not give up orders. */
  readonly clock: Clock;
  /** Whether the clock shows the CA's time already, and not this machine's. */
  readonly isTimeKnown: () => boolean;
  /** Ends all work. */
  readonly signal: AbortSignal;
  /** The journal cannot be read or written and is retried, or an entry is damaged: a sentence, or an error. */
  readonly onTrouble: (trouble: unknown) => void;
  /** Whether somebody wants a certificate in the Secret of this entry, as far as is known. */
  readonly isWanted: (entry: JournalEntry) => boolean;
  /** The entry has ended, whatever became of its order. */
  readonly onEnded?: (entry: JournalEntry) => void;
  /**
   * Awaited before an entry that has ended is taken out of the store. Until then, after a crash, it counts for the CA's limits, and tells
   * that a certificate in its Secret is ours.
   */
  readonly recorded?: () => Promise<unknown>;
  /** An order is given up although the CA may have made it. */
  readonly onLetGo: (entry: JournalEntry, why: string) => void;
}

/** A new entry. */
export type Beginning = Omit<JournalEntry, 'id' | 'begunAt' | 'orderUrl'>;

/** Milliseconds from the start of a write to the start of the next: in a rush many orders share one. */
const writeInterval = 50;
/** An order alone needs two: it waits for none. */
const writeBurst = 3;
/** Milliseconds: an entry that has ended waits for another write that takes it along. */
const endingDelay = 20 * second;
/** Milliseconds. */
const leastRestart = 5 * second;
/** Writes for the URL of an order: a minute and a half. */
const mostPlacings = 11;
/** Bytes of all entries: the API server takes a Secret of 1 MiB. */
const mostBytes = 900_000;
/** Bytes of one namespace: no tenant takes the room of the others. */
const mostBytesOfNamespace = mostBytes / 3;
/** Milliseconds between two looks for entries that nobody wants; one that is younger stays. */
const tendInterval = hour;
/** Milliseconds: no CA keeps an unfinished order longer. */
const longestLife = 7 * day;
/** Milliseconds: a wait that ends later was written by a wrong clock, or a person. */
const plausibleWait = longestOrderWait + day;

export class OrderJournal {
  readonly #options: OrderJournalOptions;
  readonly #commits: GroupCommit;
  /** As last read or written, by id. */
  #stored: ReadonlyMap<string, string> = new Map();
  readonly #entries = new Map<string, JournalEntry>();
  readonly #texts = new WeakMap<JournalEntry, string>();
  /** By `keyOfSet`. */
  readonly #bySet = new Map<string, JournalEntry>();
  /** They stay in the store until `recorded`. */
  readonly #ended = new Set<string>();
  /** Not written yet; undefined: it has ended. */
  #changes = new Map<string, JournalEntry | undefined>();
  readonly #damaged: DamagedEntries;
  /** Somebody else has written to the journal. */
  #outdated = false;
  /** The last write has failed: the next one is made even if nothing has changed, to see whether it can be. */
  #failed = false;
  #endingPlanned = false;
  readonly #reading: FirstReading;

  constructor(options: OrderJournalOptions) {
    this.#options = options;
    const { clock, onTrouble, signal, store } = options;
    const remedy = 'Its order is lost. Remove the key if nobody needs it.';
    this.#damaged = new DamagedEntries({ store, record: 'the order journal', remedy, onTrouble });
    this.#reading = new FirstReading({
      record: `Secret ${store.name}`,
      read: () => this.#load(),
      clock,
      signal,
      onFailure: options.onTrouble,
    });
    this.#commits = new GroupCommit({
      clock,
      signal,
      interval: writeInterval,
      burst: writeBurst,
      write: () => this.#writeChanges(),
      onFailure: options.onTrouble,
      pauseAfter: asAsked,
    });
  }

  /** All unfinished orders. */
  get entries(): Iterable<JournalEntry> {
    return this.#entries.values();
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.size;
  }

  /** Whether an unfinished order is for this host, as far as is known: before the journal has been read, any may be. */
  concerns(host: string): boolean {
    if (!this.#reading.done) return true;
    return this.#entries.values().some(({ hosts }) => hosts.includes(host));
  }

  /** Reads the journal, however long it takes; to be called once. Rejects only with the signal's reason. */
  restore(): Promise<void> {
    return this.#reading.begin();
  }

  /**
   * Resolves when the journal has been read.
   * @throws what the store throws, if that takes too long; or the signal's reason
   */
  ready(signal: AbortSignal): Promise<void> {
    return this.#reading.ready(signal);
  }

  /** The unfinished order of this set, of this process or another. */
  find(set: OrderSet): JournalEntry | undefined {
    const found = this.#bySet.get(keyOfSet(set));
    const now = this.#options.clock.now();
    if (found === undefined || (found.waitUntil ?? now) <= now + plausibleWait) return found;
    const limited = { ...found, waitUntil: now + longestOrderWait };
    this.#insert(limited);
    return limited;
  }

  /** The unfinished orders for this Secret. */
  of(namespace: string, secretName: string): JournalEntry[] {
    return [...this.#entries.values()].filter(
      (entry) => entry.namespace === namespace && entry.secretName === secretName,
    );
  }

  /**
   * Resolves when the entry is written: the order may be asked for.
   * @throws StepError if there is no room, or the same is ordered for another Secret or by another process; what the store throws; or the signal's reason
   */
  async begin(beginning: Beginning, signal: AbortSignal): Promise<JournalEntry> {
    await this.ready(signal);
    const { clock, store } = this.#options;
    this.#prune();
    const entry: JournalEntry = { ...beginning, id: randomUUID(), begunAt: clock.now(), orderUrl: undefined };
    this.#makeWay(entry);
    const bytes = this.#textOf(entry).length;
    const taken = this.#taken(entry.namespace);
    const isFull = taken.all + bytes > mostBytes;
    if (isFull || taken.ofNamespace + bytes > mostBytesOfNamespace) {
      const whose = isFull ? `it has ${this.size} unfinished orders` : 'this namespace has its share of it';
      throw new StepError({
        code: 'OrderJournalFull',
        message: `The order journal, Secret ${store.name}, has no room: ${whose}.`,
      });
    }
    this.#set(entry);
    try {
      await this.#written(signal);
    } catch (error) {
      this.end(entry);
      throw error;
    }
    if (this.#entries.get(entry.id) === undefined) {
      const message = `Another process of kube-lego orders the certificate for ${entry.hosts.join(', ')}.`;
      throw new StepError({ code: 'OrderedElsewhere', message });
    }
    return entry;
  }

  /**
   * Resolves when the URL is written: challenges may be answered. A short outage of the API server does not cost the order.
   * @throws what the store throws, or the signal's reason
   */
  async place({ id }: JournalEntry, orderUrl: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.orderUrl === orderUrl) return;
    this.#set({ ...entry, orderUrl });
    await this.#commits.persist(signal, mostPlacings);
  }

  /**
   * The CA is not to be asked about the order before `waitUntil`, by its clock: soon written, if that may outlast a restart.
   * @param wait milliseconds until then
   */
  defer({ id }: JournalEntry, waitUntil: number, wait: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || waitUntil <= (entry.waitUntil ?? 0)) return;
    if (wait < leastRestart) {
      this.#insert({ ...entry, waitUntil });
      return;
    }
    this.#set({ ...entry, waitUntil });
    // If it fails, with the next write.
    this.#commits.commit().catch(() => undefined);
  }

  /** A person wants the orders of these hosts looked at before the time that the CA has named for each. */
  lookAtOnce(hosts: readonly string[]): void {
    const named = new Set(hosts);
    for (const { waitUntil, ...entry } of this.#entries.values()) {
      if (waitUntil !== undefined && entry.hosts.every((host) => named.has(host))) this.#set(entry);
    }
  }

  /** The certificate is stored, or there is no order: the entry is removed, with one of the next writes. */
  end({ id }: JournalEntry): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#remove(entry);
    // Not asked for yet. A write may be under way: what it brings is taken back.
    if (!this.#stored.has(id)) return this.#takeOut(id);
    this.#changes.delete(id);
    this.#ended.add(id);
    this.#recorded().then(
      () => this.#takeOut(id),
      // The process is stopping.
      () => undefined,
    );
  }

  /** Ends an entry whose certificate nobody wants any more. */
  letGo(entry: JournalEntry, why: string): void {
    if (!this.#entries.has(entry.id)) return;
    this.#options.onLetGo(entry, why);
    this.end(entry);
  }

  /** Writes pending changes. @throws what the store throws, or the signal's reason */
  async flush(signal: AbortSignal): Promise<void> {
    if (this.#ended.size > 0) await untilAborted(this.#recorded(), signal);
    if (this.#changes.size > 0) await this.#written(signal);
  }

  /** Gives up what nobody wants any more, or no CA can still have, every hour; resolves when the signal is aborted. */
  async tend(): Promise<void> {
    const { clock, isTimeKnown, isWanted, signal } = this.#options;
    for (;;) {
      await sleep(clock, tendInterval, signal).catch(() => undefined);
      if (signal.aborted) return;
      // Nothing else may be ordered for weeks, while a certificate waits for an order that cannot be read.
      if (isTimeKnown()) this.#prune();
      const oldest = clock.now() - tendInterval;
      for (const entry of this.#entries.values()) {
        if (entry.begunAt < oldest && !isWanted(entry)) this.letGo(entry, 'nobody names its Secret any more');
      }
    }
  }

  /** The CA may answer a second order for a set with the first one's: it is for one Secret at a time. */
  #makeWay(entry: JournalEntry): void {
    const known = this.find(entry);
    if (known === undefined) return;
    const isSame = known.namespace === entry.namespace && known.secretName === entry.secretName;
    if (!isSame && this.#options.isWanted(known)) {
      const message = `The certificate for ${someOf(entry.hosts)} is being ordered for Secret ${known.secretName}.`;
      throw new StepError({ code: 'OrderedElsewhere', message });
    }
    this.letGo(known, 'the same hosts are ordered again');
  }

  /** Resolves when everything up to now is written. */
  async #written(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await untilAborted(this.#commits.commit(), signal);
  }

  async #recorded(): Promise<void> {
    await this.#options.recorded?.();
  }

  /** With one of the next writes. */
  #takeOut(id: string): void {
    this.#ended.delete(id);
    this.#changes.set(id, undefined);
    if (this.#endingPlanned) return;
    this.#endingPlanned = true;
    void this.#writeEndings();
  }

  async #writeEndings(): Promise<void> {
    const { clock, signal } = this.#options;
    try {
      await sleep(clock, endingDelay, signal);
      this.#endingPlanned = false;
      // If it fails, the group repeats it.
      if (this.#changes.size > 0) await this.#commits.commit();
    } catch {
      // The process is stopping; the next one finds that the certificate is stored.
    }
  }

  async #writeChanges(): Promise<void> {
    const { clock, signal, store } = this.#options;
    try {
      await retryConflicts(() => this.#writeOnce(), `Secret ${store.name} is`, { clock, signal });
      this.#failed = false;
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  async #writeOnce(): Promise<void> {
    const { signal, store } = this.#options;
    if (this.#outdated) await this.#load();
    const changes = this.#changes;
    const entries = new Map(this.#stored);
    for (const [id, entry] of changes) {
      if (entry === undefined) entries.delete(id);
      else entries.set(id, this.#textOf(entry));
    }
    this.#changes = new Map();
    try {
      // An entry that has ended before it was written.
      if (!this.#failed && hasSameEntries(entries, this.#stored)) return;
      await store.write(entries, signal);
      this.#stored = entries;
    } catch (error) {
      // Whether a lost reply was a success is found out in the same way.
      this.#outdated = true;
      this.#changes = new Map([...changes, ...this.#changes]);
      throw error;
    }
  }

  /** Reads the store. Entries of others come and go; of two for one set, that which is stored stays. */
  async #load(): Promise<void> {
    const { isPrivateKey, signal, store } = this.#options;
    const found = await store.read(signal);
    const stored = found ?? new Map<string, string>();
    this.#stored = stored;
    this.#outdated = false;
    for (const entry of this.#entries.values()) {
      if (stored.has(entry.id) || this.#changes.has(entry.id)) continue;
      // No process of kube-lego deletes the journal: the orders of this one are in flight.
      if (found === undefined) this.#changes.set(entry.id, entry);
      else this.#remove(entry);
    }
    for (const [id, text] of stored) {
      if (this.#changes.has(id) || this.#ended.has(id)) continue;
      const entry = this.#damaged.read(id, text, () => readEntry(id, text, isPrivateKey));
      if (entry === undefined) continue;
      const rival = this.#bySet.get(keyOfSet(entry));
      if (rival !== undefined && rival.id !== id) {
        this.#remove(rival);
        if (stored.has(rival.id)) this.#changes.set(rival.id, undefined);
        else this.#changes.delete(rival.id);
      }
      this.#insert(entry);
    }
  }

  /** Lets go of orders that no CA can still have; not before the CA has told its time, as it has to who orders. */
  #prune(): void {
    const now = this.#options.clock.now();
    for (const entry of this.#entries.values()) {
      if (entry.begunAt + longestLife < now) this.letGo(entry, 'it was begun more than a week ago');
    }
  }

  /** Bytes of all entries, damaged and ended ones too, and of the unfinished ones of a namespace. */
  #taken(namespace: string): { readonly all: number; readonly ofNamespace: number } {
    let all = 0;
    let ofNamespace = 0;
    for (const entry of this.#entries.values()) {
      const bytes = this.#textOf(entry).length;
      all += bytes;
      if (entry.namespace === namespace) ofNamespace += bytes;
    }
    const damaged = this.#damaged.among(this.#stored).map(([id]) => id);
    for (const id of [...damaged, ...this.#ended]) all += this.#stored.get(id)?.length ?? 0;
    return { all, ofNamespace };
  }

  #textOf(entry: JournalEntry): string {
    const text = this.#texts.get(entry) ?? writeEntry(entry);
    this.#texts.set(entry, text);
    return text;
  }

  #set(entry: JournalEntry): void {
    this.#insert(entry);
    this.#changes.set(entry.id, entry);
  }

  #insert(entry: JournalEntry): void {
    this.#entries.set(entry.id, entry);
    this.#bySet.set(keyOfSet(entry), entry);
  }

  #remove(entry: JournalEntry): void {
    this.#entries.delete(entry.id);
    this.#options.onEnded?.(entry);
    const key = keyOfSet(entry);
    if (this.#bySet.get(key)?.id === entry.id) this.#bySet.delete(key);
  }
}
