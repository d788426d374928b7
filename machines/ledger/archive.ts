import { hour } from '../time/durations.ts';
import type { LedgerBlocks } from './blocks.ts';
import type { LedgerBuckets } from './buckets.ts';
import { decodeLedger, encodeLedger, LedgerDocumentError, type LedgerReading } from './ledger-document.ts';
import type { LedgerShards } from './shards.ts';

/** What of the ledger outlives the process. */
export interface LedgerParts {
  readonly shards: LedgerShards;
  readonly buckets: LedgerBuckets;
  readonly blocks: LedgerBlocks;
}

/** One document of the ledger; undefined if there is nothing in it. */
export function writeShard(
  { shards, buckets, blocks }: LedgerParts,
  shard: number,
  keptTat: (key: string) => number | undefined,
): string | undefined {
  const assumed = buckets.assumedSpent(shard);
  const content = {
    assumedSpentAt: assumed?.at,
    assumedOf: assumed?.of,
    buckets: new Map(),
    blocks: new Map(),
  };
  for (const key of shards.members(shard)) {
    const tat = keptTat(key);
    const block = blocks.get(key);
    if (tat !== undefined) content.buckets.set(key, tat);
    if (block !== undefined) content.blocks.set(key, block);
  }
  const empty = content.buckets.size === 0 && content.blocks.size === 0 && assumed === undefined;
  return empty ? undefined : encodeLedger(content);
}

/**
 * Takes up all documents.
 *
 * @param hash a short name for a text
 * @returns sentences about what could not be read
 */
export function readLedger(
  parts: LedgerParts,
  documents: ReadonlyMap<number, string>,
  hash: (text: string) => string,
  now: number,
): string[] {
  const { shards, buckets } = parts;
  const sentences: string[] = [];
  const readings: [number, LedgerReading][] = [];
  const newer: string[] = [];
  for (const [shard, text] of documents) {
    try {
      readings.push([shard, decodeLedger(text)]);
    } catch (error) {
      if (!(error instanceof LedgerDocumentError)) throw error;
      if (error.newer) {
        newer.push(text);
        shards.leaveAlone(shard);
      } else buckets.assumeSpent(shard, { at: now, of: undefined }, now);
      sentences.push(
        `Document ${shard} of the rate-limit ledger ${error.message}. What it told of is taken as spent, so that new orders ` +
          'may wait; delete it and restart to forget that.',
      );
    }
  }
  const of = newer.length === 0 ? undefined : hash(newer.toSorted().join('\n'));
  for (const [shard, reading] of readings) sentences.push(...readShard(parts, shard, reading, of, now));
  const known = readings.some(([, { assumedOf }]) => assumedOf === of);
  if (of !== undefined && !known) buckets.assumeSpent(shards.openShard(), { at: now, of }, now);
  return sentences;
}

/** @param unread a hash of the documents that are left as they are */
function readShard(
  { shards, buckets, blocks }: LedgerParts,
  shard: number,
  reading: LedgerReading,
  unread: string | undefined,
  now: number,
): string[] {
  const { assumedSpentAt, assumedOf } = reading;
  const holds = assumedOf === undefined || assumedOf === unread;
  if (assumedSpentAt !== undefined && holds)
    buckets.assumeSpent(shard, { at: assumedSpentAt, of: assumedOf }, now);
  for (const [key, tat] of reading.buckets) {
    if (buckets.restore(key, tat, now)) shards.place(key, shard);
  }
  for (const [key, block] of reading.blocks) {
    blocks.restore(key, block, now);
    shards.place(key, shard);
  }
  for (const key of reading.damaged) {
    if (!buckets.restore(key, undefined, now)) {
      const until = now + hour;
      blocks.restore(key, { cause: 'blocked', until, exemption: 'ari', refusals: 1, scope: undefined }, now);
    }
    shards.place(key, shard);
  }
  // An empty document is written over or deleted, a damaged one corrected.
  if (reading.damaged.length > 0 || shards.members(shard).size === 0) shards.markChanged(shard);
  if (reading.damaged.length === 0) return [];
  return [
    `Document ${shard} of the rate-limit ledger has ${reading.damaged.length} damaged entries, which are taken as spent.`,
  ];
}
