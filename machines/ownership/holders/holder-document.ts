import { isRecord, isWholeNumber, objectText, parseDocument } from '../../documents/json-document.ts';
import { dnsLabel } from '../../hosts/host-names.ts';
import { second } from '../../time/durations.ts';
import type { Holder } from './holders.ts';

/** One document of the record of holders. */
export interface HolderDocument {
  /** The number of documents of a complete record; only in document 0, undefined while the record is not complete. */
  readonly documents: number | undefined;
  /** By host. */
  readonly holders: ReadonlyMap<string, Holder>;
}

export interface HolderReading extends HolderDocument {
  /** The keys of invalid entries; no other entry is affected. */
  readonly damaged: readonly string[];
}

/** The whole document is unreadable; the message is the predicate of a sentence. */
export class HolderDocumentError extends Error {
  override readonly name = 'HolderDocumentError';
  readonly code = 'HolderDocumentError';
}

const version = 1;
/** RFC 1035, section 2.3.4; a wildcard may come first. */
const hostPattern = /^(?:\*\.)?[a-z0-9][a-z0-9.-]{0,250}$/;
const certificatePattern = /^[\w-]{16}$/;

/** An entry is `"HOST": ["NAMESPACE", NOT_BEFORE, NOT_AFTER, "CERTIFICATE"]`, with times in whole seconds, as X.509 has them. */
export function encodeHolders({ documents, holders }: HolderDocument): string {
  return objectText([
    ['version', `${version}`],
    ...(documents === undefined ? [] : [['documents', `${documents}`] as const]),
    ['holders', objectText([...holders].map(([host, holder]) => [host, encodeEntry(holder)]))],
  ]);
}

/** Readable whatever dates a tenant's certificate has: before 1970, or none in between. */
function encodeEntry({ namespace, notBefore, notAfter, certificate }: Holder): string {
  const from = Math.max(0, Math.floor(notBefore / second));
  const to = Math.max(from + 1, Math.floor(notAfter / second));
  return JSON.stringify([namespace, from, to, certificate]);
}

const longestValues = ['n'.repeat(63), 1e10, 1e10, 'c'.repeat(16)];
/** In a ConfigMap each quote is escaped. */
const longestEntryWithoutHost = JSON.stringify(JSON.stringify({ '': longestValues })).length;

/** The length of the host's entry in a ConfigMap, at most. */
export function longestEntry(host: string): number {
  return longestEntryWithoutHost + host.length;
}

/** @throws HolderDocumentError if nothing of it is usable */
export function decodeHolders(text: string): HolderReading {
  const { documents, holders } = parseDocument(text, version, HolderDocumentError);
  if (!isRecord(holders)) throw new HolderDocumentError('has no holders');
  const good = new Map<string, Holder>();
  const damaged: string[] = [];
  for (const [host, entry] of Object.entries(holders)) {
    const holder = hostPattern.test(host) ? readEntry(entry) : undefined;
    if (holder === undefined) damaged.push(host);
    else good.set(host, holder);
  }
  return { documents: isWholeNumber(documents) ? documents : undefined, holders: good, damaged };
}

function readEntry(value: unknown): Holder | undefined {
  if (!Array.isArray(value) || value.length !== 4) return undefined;
  const [namespace, notBefore, notAfter, certificate]: unknown[] = value;
  if (typeof namespace !== 'string' || !dnsLabel.test(namespace)) return undefined;
  if (typeof certificate !== 'string' || !certificatePattern.test(certificate)) return undefined;
  if (!isWholeNumber(notBefore) || !isWholeNumber(notAfter) || notBefore >= notAfter) return undefined;
  return { namespace, notBefore: notBefore * second, notAfter: notAfter * second, certificate };
}
