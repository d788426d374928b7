import { isRecord, isWholeNumber, objectText, parseDocument } from '../documents/json-document.ts';
import { second } from '../time/durations.ts';
import { type Block, exemptions } from './blocks.ts';
import { limitNames } from './rate-limits.ts';

/** A document of the ledger. Keys: see limit-keys.ts; times in milliseconds since the epoch. */
interface LedgerContent {
  /** Time of an unreadable document: all buckets without an entry are assumed to be empty then. */
  readonly assumedSpentAt: number | undefined;
  /** Theoretical arrival time (TAT): when the bucket will be full. */
  readonly buckets: ReadonlyMap<string, number>;
  readonly blocks: ReadonlyMap<string, Block>;
}

export interface LedgerReading extends LedgerContent {
  /** Keys of entries with an invalid value; no other entry is affected. */
  readonly damaged: readonly string[];
}

/** The whole document is unreadable; the message is the predicate of a sentence. */
export class LedgerDocumentError extends Error {
  override readonly name = 'LedgerDocumentError';
  readonly code = 'LedgerDocumentError';
}

const version = 1;
const keyPattern = /^[a-zA-Z][\w-]{1,64}$/;

/** Seconds. The next process's estimate of the CA's clock, which has whole seconds, may differ by this. */
const clockMargin = 1;

/** In whole seconds, rounded up: a time read is never earlier than the one written, so no refusal ends too early. */
export function encodeLedger({ assumedSpentAt, buckets, blocks }: LedgerContent): string {
  return objectText([
    ['version', `${version}`],
    ...(assumedSpentAt === undefined ? [] : [['assumedSpentAt', `${seconds(assumedSpentAt)}`] as const]),
    ['buckets', objectText([...buckets].map(([key, tat]) => [key, `${seconds(tat)}`]))],
    ...(blocks.size === 0
      ? []
      : [['blocks', objectText([...blocks].map(([key, block]) => [key, encodeBlock(block)]))] as const]),
  ]);
}

function encodeBlock({ cause, until, exemption, refusals }: Block): string {
  return JSON.stringify({ cause, until: seconds(until) + clockMargin, exemption, refusals });
}

/** @throws LedgerDocumentError if nothing of it is usable */
export function decodeLedger(text: string): LedgerReading {
  const { assumedSpentAt, buckets, blocks = {} } = parseDocument(text, version, LedgerDocumentError);
  if (
    !isRecord(buckets) ||
    !isRecord(blocks) ||
    !(assumedSpentAt === undefined || isWholeNumber(assumedSpentAt))
  ) {
    throw new LedgerDocumentError('has missing or invalid fields');
  }
  const damaged: string[] = [];
  const goodBuckets = new Map<string, number>();
  for (const [key, tat] of Object.entries(buckets)) {
    if (isLedgerKey(key) && isWholeNumber(tat)) goodBuckets.set(key, tat * second);
    else damaged.push(key);
  }
  const goodBlocks = new Map<string, Block>();
  for (const [key, value] of Object.entries(blocks)) {
    const block = readBlock(value);
    if (isLedgerKey(key) && block !== undefined) goodBlocks.set(key, block);
    else damaged.push(key);
  }
  return {
    assumedSpentAt: assumedSpentAt === undefined ? undefined : assumedSpentAt * second,
    buckets: goodBuckets,
    blocks: goodBlocks,
    damaged,
  };
}

/** Whether limit-keys.ts makes such keys. */
export function isLedgerKey(key: string): boolean {
  return keyPattern.test(key);
}

function readBlock(value: unknown): Block | undefined {
  if (!isRecord(value)) return undefined;
  const { until, refusals } = value;
  const cause = [...limitNames, 'blocked' as const, 'paused' as const, 'unavailable' as const].find(
    (name) => name === value['cause'],
  );
  const exemption = exemptions.find((name) => name === value['exemption']);
  if (cause === undefined || exemption === undefined || !isWholeNumber(until) || !isWholeNumber(refusals))
    return undefined;
  return { cause, exemption, until: until * second, refusals, scope: undefined };
}

function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}
