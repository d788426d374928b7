// The namespaces that hosts were last proved for, and the ConfigMaps that keep them where no tenant writes. Called by
// src/ownership/holder-keeper.ts; ownership.ts judges by it.

import { Shards } from '../../documents/shards.ts';
import { presentable } from '../../reasons/foreign-text.ts';
import { day } from '../../time/durations.ts';
import { isEqual } from '../equality.ts';
import {
  decodeHolders,
  encodeHolders,
  HolderDocumentError,
  type HolderReading,
  longestEntry,
} from './holder-document.ts';
import type { Holder } from './holders.ts';

/** What reading or merging documents has brought. */
export interface RecordChanges {
  /** By host: holders that were unknown here, or are newer than those known here. */
  readonly holders: ReadonlyMap<string, Holder>;
  /** Sentences for the log about damaged entries. */
  readonly troubles: readonly string[];
}

/**
 * A document is full at so many characters; some more come when two processes fill one. API servers accept 1 MiB, but each certificate
 * that is renewed writes a whole one.
 */
const capacity = 30_000;
/** Holders kept although nobody names their hosts; an older one gives way to each further one. */
const mostUnused = 100_000;
/** A holder whose certificate has expired for so long is forgotten when nobody names the host. */
const memory = 30 * day;
const longestQuote = 100;

/**
 * The record of holders: which namespace kube-lego was issued a certificate for a host for, and which certificate, in numbered
 * documents. It is complete once the certificates that existed before the record are in it; a record of which a part is lost or
 * damaged is not. Effects are in src/ownership, what a holder means in ownership.ts.
 */
export class HolderRecord {
  readonly #holders = new Map<string, Holder>();
  readonly #shards = new Shards(capacity, longestEntry);
  #complete = false;
  /** As document 0 says. */
  #documents: number | undefined;

  get complete(): boolean {
    return this.#complete;
  }

  get size(): number {
    return this.#holders.size;
  }

  get(host: string): Holder | undefined {
    return this.#holders.get(host);
  }

  entries(): ReadonlyMap<string, Holder> {
    return this.#holders;
  }

  set(host: string, holder: Holder): void {
    this.#holders.set(host, holder);
    this.#shards.touch(host);
  }

  /** The certificates of before the record are in it. */
  markComplete(): void {
    this.#complete = true;
  }

  /**
   * Restores the record from its documents; once, before any other call.
   *
   * @param nameOf the name of a document, for sentences
   * @throws HolderDocumentError for a document of which nothing is readable: it may name the holder of any host
   */
  restore(documents: ReadonlyMap<number, string>, nameOf: (shard: number) => string): RecordChanges {
    const readings = new Map<number, HolderReading>();
    for (const [shard, text] of documents) {
      try {
        readings.set(shard, decodeHolders(text));
      } catch (error) {
        if (!(error instanceof HolderDocumentError)) throw error;
        const remedy =
          'Restore it from a backup; or delete it, and the holders are decided anew from the Ingresses, Gateways and certificates that exist';
        throw new HolderDocumentError(`ConfigMap ${nameOf(shard)} ${error.message}. ${remedy}`, {
          cause: error,
        });
      }
    }
    const changes = this.#mergeReadings(readings, nameOf);
    const stated = this.#documents;
    const present = documents.keys().filter((shard) => shard < (stated ?? 0));
    this.#complete = changes.troubles.length === 0 && [...present].length === stated;
    return changes;
  }

  /**
   * Merges documents that another process has written, or an operator has changed or deleted. The certificate that was issued later
   * decides. What differs is written with the next changes.
   */
  merge(documents: ReadonlyMap<number, string>, nameOf: (shard: number) => string): RecordChanges {
    const readings = new Map([...documents].map(([shard, text]) => [shard, this.#read(text)]));
    return this.#mergeReadings(readings, nameOf);
  }

  #mergeReadings(
    readings: ReadonlyMap<number, HolderReading>,
    nameOf: (shard: number) => string,
  ): RecordChanges {
    const holders = new Map<string, Holder>();
    const troubles: string[] = [];
    for (const [shard, { damaged, ...reading }] of readings) {
      if (damaged.length > 0) {
        troubles.push(
          `ConfigMap ${nameOf(shard)} has ${damaged.length} unreadable entries, the first of them ${quoted(damaged[0] ?? '')}. ` +
            'Who holds these hosts is unknown, and decided anew from the Ingresses, Gateways and certificates that exist.',
        );
        this.#shards.markChanged(shard);
      }
      if (shard === 0) {
        this.#documents = reading.documents;
        this.#complete ||= reading.documents !== undefined;
      }
      for (const [host, holder] of reading.holders) {
        if (this.#adopt(host, holder, shard)) holders.set(host, holder);
      }
      const missing = this.#shards
        .members(shard)
        .values()
        .some((host) => !reading.holders.has(host));
      if (missing) this.#shards.markChanged(shard);
    }
    for (const shard of this.#shards.numbers) if (!readings.has(shard)) this.#shards.markChanged(shard);
    return { holders, troubles };
  }

  /** The documents to write since the last call, in this order; then call `returnChanges` with those that could not be written. */
  takeChanges(): { readonly shard: number; readonly text: string }[] {
    const count = Math.max(0, ...this.#shards.numbers) + 1;
    const documents = this.#complete ? count : undefined;
    if (documents !== this.#documents) this.#shards.markChanged(0);
    this.#documents = documents;
    // Document 0 comes last: it counts the others.
    return this.#shards
      .takeChanged()
      .toReversed()
      .map((shard) => ({ shard, text: this.#encode(shard) }));
  }

  returnChanges(shards: Iterable<number>): void {
    for (const shard of shards) this.#shards.markChanged(shard);
  }

  /**
   * Forgets holders of hosts that nobody needs: long expired ones, and the oldest ones beyond a bound.
   *
   * @param isNeeded whether the holder still has the host
   * @returns the hosts forgotten
   */
  prune(isNeeded: (host: string, holder: Holder) => boolean, now: number): string[] {
    const unused = [...this.#holders].filter(([host, holder]) => !isNeeded(host, holder));
    const surplus = unused.length - mostUnused;
    const byAge =
      surplus > 0 ? unused.toSorted(([, one], [, other]) => one.notBefore - other.notBefore) : unused;
    const forgotten = byAge.filter(([, { notAfter }], index) => index < surplus || notAfter + memory < now);
    for (const [host] of forgotten) {
      this.#holders.delete(host);
      // It does no harm there until the document is written for another reason.
      this.#shards.delete(host, false);
    }
    return forgotten.map(([host]) => host);
  }

  /** @returns whether it replaces what was known here */
  #adopt(host: string, holder: Holder, shard: number): boolean {
    const known = this.#holders.get(host);
    this.#shards.place(host, shard);
    const place = this.#shards.shardOf(host) ?? shard;
    const newer = known === undefined || holder.notBefore > known.notBefore;
    if (newer) this.#holders.set(host, holder);
    // In the documents it must stand once, and as it is known here.
    if (place !== shard || !(newer || isEqual(known, holder))) {
      this.#shards.markChanged(shard);
      this.#shards.markChanged(place);
    }
    return newer;
  }

  #read(text: string): HolderReading {
    try {
      return decodeHolders(text);
    } catch (error) {
      if (!(error instanceof HolderDocumentError)) throw error;
      return { documents: undefined, holders: new Map(), damaged: [text] };
    }
  }

  #encode(shard: number): string {
    const holders = new Map<string, Holder>();
    for (const host of this.#shards.members(shard)) {
      const holder = this.#holders.get(host);
      if (holder !== undefined) holders.set(host, holder);
    }
    return encodeHolders({ documents: shard === 0 ? this.#documents : undefined, holders });
  }
}

function quoted(text: string): string {
  return JSON.stringify(presentable(text, longestQuote));
}
