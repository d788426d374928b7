import type { Shards } from '../documents/shards.ts';
import { hour } from '../time/durations.ts';
import type { LedgerBlocks } from './blocks.ts';
import type { LedgerBuckets } from './buckets.ts';
import {
  decodeLedger,
  encodeLedger,
  isLedgerKey,
  LedgerDocumentError,
  type LedgerReading,
} from './ledger-document.ts';

/** The parts of the ledger that outlive the process. */
export interface LedgerParts {
  readonly shards: Shards;
  readonly buckets: LedgerBuckets;
  readonly blocks: LedgerBlocks;
}

/** One document of the ledger; undefined if it is empty. */
export function writeShard({ shards, buckets, blocks }: LedgerParts, shard: number): string | undefined {
  const assumed = buckets.assumedSpent(shard);
  const content = {
    assumedSpentAt: assumed,
    buckets: new Map(),
    blocks: new Map(),
  };
  for (const key of shards.members(shard)) {
    const tat = buckets.keptTat(key);
    const block = blocks.get(key);
    if (tat !== undefined) content.buckets.set(key, tat);
    if (block !== undefined) content.blocks.set(key, block);
  }
  const empty = content.buckets.size === 0 && content.blocks.size === 0 && assumed === undefined;
  return empty ? undefined : encodeLedger(content);
}

/**
 * Restores all documents.
 *
 * @param lifted keys that do not hold any more
 * @returns sentences about unreadable parts
 */
export function readLedger(
  parts: LedgerParts,
  documents: ReadonlyMap<number, string>,
  now: number,
  lifted: ReadonlySet<string>,
): string[] {
  const sentences: string[] = [];
  for (const [shard, text] of documents) {
    try {
      sentences.push(...readShard(parts, shard, decodeLedger(text), now, lifted));
    } catch (error) {
      if (!(error instanceof LedgerDocumentError)) throw error;
      parts.buckets.assumeSpent(shard, now, now);
      sentences.push(
        `Document ${shard} of the rate-limit ledger ${error.message}. Its limits count as used up, so new orders may wait ` +
          '(LedgerDamaged); to reset them, delete its ConfigMap and restart kube-lego.',
      );
    }
  }
  return sentences;
}

function readShard(
  { shards, buckets, blocks }: LedgerParts,
  shard: number,
  reading: LedgerReading,
  now: number,
  lifted: ReadonlySet<string>,
): string[] {
  if (reading.assumedSpentAt !== undefined) buckets.assumeSpent(shard, reading.assumedSpentAt, now);
  for (const [key, tat] of reading.buckets) {
    if (!lifted.has(key) && buckets.restore(key, tat, now)) shards.place(key, shard);
  }
  for (const [key, block] of reading.blocks) {
    if (lifted.has(key)) continue;
    blocks.restore(key, block, now);
    shards.place(key, shard);
  }
  for (const key of reading.damaged) {
    // No order has such a key: written back, it would be damaged for ever.
    if (!isLedgerKey(key)) continue;
    if (!buckets.restore(key, undefined, now)) {
      const until = now + hour;
      blocks.restore(key, { cause: 'blocked', until, exemption: 'ari', refusals: 1, scope: undefined }, now);
    }
    shards.place(key, shard);
  }
  // Overwrites or deletes an empty document, and repairs a damaged one.
  if (reading.damaged.length > 0 || shards.members(shard).size === 0) shards.markChanged(shard);
  if (reading.damaged.length === 0) return [];
  return [
    `Document ${shard} of the rate-limit ledger has ${reading.damaged.length} damaged entries, which count as used up.`,
  ];
}
