// Revocations that an operator has requested: the record of them (revocation-register.ts) and the process that works them off
// (revoker.ts). A request is written by `kube-lego revoke`, the rest by the process that leads.

import {
  forbidsServing,
  isEnded,
  type RevocationReason,
  type RevocationState,
  toForget,
} from '../../machines/revocation/revocation.ts';
import { fingerprintOf } from '../certificate/fingerprint.ts';
import { parsePrivateKey } from '../certificate/key.ts';
import { readLeaf } from '../certificate/leaf.ts';
import { DamagedEntries } from '../kubernetes/client/damaged-entries.ts';
import type { EntryStore } from '../kubernetes/client/entry-store.ts';
import { retryConflicts } from '../kubernetes/client/retry-conflicts.ts';
import type { Clock } from '../time/clock.ts';
import {
  keyFingerprintOf,
  type RevocationEntry,
  readRevocation,
  writeRevocation,
} from './revocation-entry.ts';

export interface RevocationRegisterOptions {
  readonly store: EntryStore;
  readonly clock: Clock;
  /** An entry cannot be read, and is left alone; a sentence. Once for each. */
  readonly onDamage?: ((trouble: string) => void) | undefined;
}

/** The record has no room for another request. */
export class RegisterFullError extends Error {
  override readonly name = 'RegisterFullError';
  readonly code = 'RegisterFullError';
}

/** Bytes of all entries when another comes: the API server takes a Secret of 1 MiB, and they grow a little. */
const mostBytes = 900_000;

/**
 * The record of requested revocations. Each write is made to what was read just before, so neither a request nor a result is lost to
 * another process.
 */
export class RevocationRegister {
  readonly #options: RevocationRegisterOptions;
  #texts: ReadonlyMap<string, string> = new Map();
  #entries = new Map<string, RevocationEntry>();
  readonly #damaged: DamagedEntries;
  /** See `keyFingerprintOf`. */
  #compromised: ReadonlySet<string> = new Set();

  constructor(options: RevocationRegisterOptions) {
    this.#options = options;
    const { onDamage: onTrouble, store } = options;
    const remedy = 'Remove the key, and request the revocation again.';
    this.#damaged = new DamagedEntries({ store, record: 'the revocations', remedy, onTrouble });
  }

  /** Of the Secret, for messages. */
  get name(): string {
    return this.#options.store.name;
  }

  /** As last read or written, by the fingerprint of the certificate. */
  get entries(): ReadonlyMap<string, RevocationEntry> {
    return this.#entries;
  }

  /** @throws what the store throws, or the signal's reason */
  async read(signal: AbortSignal): Promise<void> {
    this.#take((await this.#options.store.read(signal)) ?? new Map());
  }

  /**
   * Records a request, in the place of an ended one for the same certificate. A compromised key stays one, whatever is said later.
   * @returns the entry that stands there: an unfinished one for the same reason is left as it is, unless it is to wait no longer
   * @throws RegisterFullError, what the store throws, or the signal's reason
   */
  async request(entry: RevocationEntry, signal: AbortSignal): Promise<RevocationEntry> {
    const { fingerprint } = entry;
    await this.#change(signal, mostBytes, (entries) => {
      const present = entries.get(fingerprint);
      const reason = present?.reason === 'keyCompromise' ? present.reason : entry.reason;
      const isKept = present?.reason === reason && (entry.replaceFirst || !present.replaceFirst);
      if (present !== undefined && !isEnded(present) && isKept) return false;
      entries.set(fingerprint, { ...entry, reason });
      return true;
    });
    return this.#entries.get(fingerprint) ?? entry;
  }

  /**
   * Records how far a revocation is. An ended one keeps no key, no certificate and no hosts: there may be a thousand.
   * @throws what the store throws, or the signal's reason
   */
  async advance(
    { fingerprint, requestedAt }: RevocationEntry,
    state: RevocationState,
    signal: AbortSignal,
  ): Promise<void> {
    // A full record must not keep what is in it from getting on.
    await this.#change(signal, Number.POSITIVE_INFINITY, (entries) => {
      const present = entries.get(fingerprint);
      // Another request has taken its place.
      if (present?.requestedAt !== requestedAt) return false;
      const { certificatePem: _, keyPem: __, ...rest } = present;
      entries.set(fingerprint, isEnded({ state }) ? { ...rest, hosts: [], state } : { ...present, state });
      return true;
    });
  }

  /**
   * Why a Secret with this certificate is to get another one: the certificate is to be revoked, or is one with a compromised key.
   * @param certificatePem `tls.crt`
   */
  reasonFor(certificatePem: Buffer | undefined): RevocationReason | undefined {
    if (this.#entries.size === 0) return undefined;
    const leaf = readLeaf(certificatePem);
    if (leaf === undefined) return undefined;
    if (this.#compromised.has(keyFingerprintOf(leaf.publicKey))) return 'keyCompromise';
    const entry = this.#entries.get(fingerprintOf(leaf.certificate));
    return entry !== undefined && forbidsServing(entry) ? entry.reason : undefined;
  }

  /** Whether this private key, PEM, is compromised: no certificate may be ordered with it. */
  isCompromised(keyPem: string): boolean {
    if (this.#compromised.size === 0) return false;
    const key = parsePrivateKey(keyPem);
    return key !== undefined && this.#compromised.has(keyFingerprintOf(key));
  }

  /**
   * @param room bytes
   * @param change changes the entries; false: nothing is to be written
   */
  async #change(
    signal: AbortSignal,
    room: number,
    change: (entries: Map<string, RevocationEntry>) => boolean,
  ): Promise<void> {
    const { clock, store } = this.#options;
    const work = async (): Promise<void> => {
      await this.read(signal);
      const entries = new Map(this.#entries);
      if (!change(entries)) return;
      for (const { fingerprint } of toForget(entries.values(), clock.now())) entries.delete(fingerprint);
      const damaged = this.#damaged.among(this.#texts).filter(([id]) => !entries.has(id));
      const texts = new Map([
        ...damaged,
        ...Array.from(entries, ([id, entry]): [string, string] => [id, writeRevocation(entry)]),
      ]);
      let bytes = 0;
      for (const text of texts.values()) bytes += text.length;
      if (bytes > room) {
        throw new RegisterFullError(
          `Secret ${store.name} has no room: ${entries.size} revocations are in it.`,
        );
      }
      await store.write(texts, signal);
      this.#take(texts);
    };
    await retryConflicts(work, `Secret ${store.name} is`, { clock, signal });
  }

  #take(texts: ReadonlyMap<string, string>): void {
    const entries = new Map<string, RevocationEntry>();
    for (const [id, text] of texts) {
      const known = this.#texts.get(id) === text ? this.#entries.get(id) : undefined;
      const entry = known ?? this.#damaged.read(id, text, readRevocation);
      if (entry !== undefined) entries.set(id, entry);
    }
    this.#texts = texts;
    this.#entries = entries;
    const compromised = [...entries.values()].filter(({ reason }) => reason === 'keyCompromise');
    this.#compromised = new Set(compromised.map(({ keyFingerprint }) => keyFingerprint));
  }
}
