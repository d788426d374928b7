import { createHash } from 'node:crypto';
import { DamagedEntries } from '../../kubernetes/client/damaged-entries.ts';
import { type EntryStore, hasSameEntries } from '../../kubernetes/client/entry-store.ts';
import { FirstReading } from '../../kubernetes/client/first-reading.ts';
import { retryConflicts } from '../../kubernetes/client/retry-conflicts.ts';
import { parsedJson, stringField } from '../../process/json.ts';
import type { Clock } from '../../time/clock.ts';
import { GroupCommit } from '../../time/group-commit.ts';
import { type ChallengeValue, ProviderError } from './providers/provider.ts';

/** A value that may stand in the DNS because of us. */
export interface PresentedValue extends ChallengeValue {
  /** Of the zones document's entry by which it was written. */
  readonly domain: string;
}

export interface PresentedValuesOptions {
  readonly store: EntryStore;
  readonly clock: Clock;
  /** Ends all work. */
  readonly signal: AbortSignal;
  /** The record cannot be read or written and is retried, or an entry is damaged. */
  readonly onTrouble: (trouble: unknown) => void;
}

/** Milliseconds from the start of a write to the start of the next: in a rush many values share one. */
const writeInterval = 40;
const writeBurst = 3;
/** A Secret holds 1 MiB; more than these are in use at no time. */
const mostValues = 2000;
/** Of one entry of the zones document: an outage of its provider, which removes nothing, takes no room of the others. */
const mostOfDomain = mostValues / 2;
/** Writes that a value is waited for: half a minute of an outage does not cost its order. */
const mostWrites = 6;

/**
 * The record of our values in the DNS: each is written down before it is added, and struck out when it has been removed, so that a crash
 * leaves none behind.
 */
export class PresentedValues {
  readonly #options: PresentedValuesOptions;
  readonly #commits: GroupCommit;
  readonly #values = new Map<string, PresentedValue>();
  /** Of others or of an earlier process, not yet read as values. */
  #stored: ReadonlyMap<string, string> = new Map();
  /** Not written yet. */
  readonly #removed = new Set<string>();
  readonly #damaged: DamagedEntries;
  #outdated = true;
  readonly #reading: FirstReading;

  constructor(options: PresentedValuesOptions) {
    this.#options = options;
    const { clock, onTrouble, signal, store } = options;
    const remedy = 'Its TXT record may be left in the DNS. Remove that and the key.';
    this.#damaged = new DamagedEntries({ store, record: 'the values in the DNS', remedy, onTrouble });
    this.#reading = new FirstReading({
      record: `Secret ${store.name}`,
      read: () => this.#read(),
      clock,
      signal,
      onFailure: options.onTrouble,
    });
    this.#commits = new GroupCommit({
      clock,
      signal,
      interval: writeInterval,
      burst: writeBurst,
      write: () => this.#write(),
      onFailure: options.onTrouble,
    });
  }

  /** What an earlier process has left behind; resolves when the record has been read, however long that takes. */
  async restore(): Promise<readonly PresentedValue[]> {
    await this.#reading.begin();
    return [...this.#values.values()];
  }

  /**
   * Resolves when the record has been read.
   * @throws what the store throws, if that takes too long; or the signal's reason
   */
  ready(signal: AbortSignal): Promise<void> {
    return this.#reading.ready(signal);
  }

  /**
   * Resolves when the value is written down: it may be added.
   * @throws ProviderError if there is no room, what the store throws, or the signal's reason
   */
  async add(value: PresentedValue, signal: AbortSignal): Promise<void> {
    await this.ready(signal);
    const id = idOf(value);
    if (!this.#values.has(id)) this.#expectRoom(value);
    // A write under way may be striking it out.
    const isBeingRemoved = this.#removed.delete(id);
    this.#values.set(id, value);
    if (this.#stored.get(id) === textOf(value) && !isBeingRemoved) return;
    await this.#commits.persist(signal, mostWrites);
  }

  /** It has been removed; written with one of the next writes. */
  remove(value: PresentedValue): void {
    const id = idOf(value);
    this.#values.delete(id);
    this.#removed.add(id);
    // A write that fails is repeated.
    this.#commits.commit().catch(() => undefined);
  }

  /** @throws ProviderError */
  #expectRoom({ domain }: PresentedValue): void {
    const ofDomain = this.#values.values().reduce((sum, other) => sum + (other.domain === domain ? 1 : 0), 0);
    const all = this.#values.size + this.#damaged.among(this.#stored).length;
    if (all < mostValues && ofDomain < mostOfDomain) return;
    const room =
      ofDomain < mostOfDomain ? `${mostValues} values` : `${mostOfDomain} values of zone ${domain}`;
    throw new ProviderError(
      'unreachable',
      `Secret ${this.#options.store.name} has room for ${room}, and as many have not been removed from the DNS yet.`,
      "The controller's log names records whose values cannot be removed, and why: httpreq may answer no /cleanup.",
    );
  }

  async #write(): Promise<void> {
    const { clock, signal, store } = this.#options;
    await retryConflicts(() => this.#writeOnce(), `Secret ${store.name} is`, { clock, signal });
  }

  async #writeOnce(): Promise<void> {
    const { signal, store } = this.#options;
    if (this.#outdated) await this.#read();
    const removed = [...this.#removed];
    const entries = new Map(this.#stored);
    for (const [id, value] of this.#values) entries.set(id, textOf(value));
    for (const id of removed) entries.delete(id);
    if (!hasSameEntries(entries, this.#stored)) {
      try {
        await store.write(entries, signal);
      } catch (error) {
        this.#outdated = true;
        throw error;
      }
    }
    this.#stored = entries;
    for (const id of removed) if (!this.#values.has(id)) this.#removed.delete(id);
  }

  async #read(): Promise<void> {
    const { signal, store } = this.#options;
    this.#stored = (await store.read(signal)) ?? new Map();
    this.#outdated = false;
    for (const [id, text] of this.#stored) {
      if (this.#values.has(id) || this.#removed.has(id)) continue;
      const value = this.#damaged.read(id, text, valueIn);
      if (value !== undefined) this.#values.set(id, value);
    }
  }
}

/** The key of a value in the store, the same in every process. */
export function idOf({ record, value }: Pick<ChallengeValue, 'record' | 'value'>): string {
  return createHash('sha256').update(`${record.name} ${value}`).digest('hex').slice(0, 32);
}

/** RFC 8555 section 8.4. */
export function valueOf(keyAuthorization: string): string {
  return createHash('sha256').update(keyAuthorization).digest('base64url');
}

function textOf({ domain, host, record, keyAuthorization }: PresentedValue): string {
  const { name, zone, primary } = record;
  return JSON.stringify({ domain, host, name, zone, primary, keyAuthorization });
}

/** @returns undefined if the text is not the value with this id: removed by another one, it would stay in the record */
function valueIn(id: string, text: string): PresentedValue | undefined {
  const json = parsedJson(text);
  const [domain, host, name, zone, primary, keyAuthorization] = [
    'domain',
    'host',
    'name',
    'zone',
    'primary',
    'keyAuthorization',
  ].map((field) => stringField(json, field));
  if (domain === undefined || host === undefined || name === undefined) return undefined;
  if (zone === undefined || primary === undefined || keyAuthorization === undefined) return undefined;
  const value = valueOf(keyAuthorization);
  const record = { name, zone, primary };
  return idOf({ record, value }) === id ? { domain, host, record, keyAuthorization, value } : undefined;
}
