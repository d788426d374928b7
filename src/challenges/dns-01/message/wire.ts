// DNS messages: queries and answers by dns-packet, updates (RFC 2136) and their signatures (RFC 8945) by hand, because no kept package
// has them. Pure. Called by lookup/ and providers/rfc2136.ts.

import { normalizeHost } from '../../../../machines/hosts/host-names.ts';

/** A message that cannot be read, or a name that cannot be written. */
export class DnsFormatError extends Error {
  override readonly name = 'DnsFormatError';
  readonly code = 'DnsFormatError';
}

export const recordTypes = { SOA: 6, TXT: 16, TSIG: 250, ANY: 255 } as const;
export const recordClasses = { IN: 1, NONE: 254, ANY: 255 } as const;

/** RFC 1035 section 4.1.1. */
export const headerLength = 12;

/** RFC 1035 section 2.3.4. */
const longestLabel = 63;
const longestName = 255;
const mostPointers = 64;
/** Of all sections: a message of 64 KiB with thousands of them would take a tenth of a second to read. */
const mostRecords = 400;

/**
 * A name in wire format, lower case, without compression.
 * @param name without or with final dot
 * @throws DnsFormatError
 */
export function writeName(name: string): Buffer {
  const plain = normalizeHost(name);
  const labels = plain === '' ? [] : plain.split('.');
  const parts: Buffer[] = [];
  for (const label of labels) {
    const bytes = Buffer.from(label, 'latin1');
    if (bytes.length === 0 || bytes.length > longestLabel) {
      throw new DnsFormatError(`${name.slice(0, 100)} is no DNS name`);
    }
    parts.push(Buffer.of(bytes.length), bytes);
  }
  const wire = Buffer.concat([...parts, Buffer.of(0)]);
  if (wire.length > longestName)
    throw new DnsFormatError(`${name.slice(0, 100)}… is too long for a DNS name`);
  return wire;
}

/** A resource record of a message, with where it begins. */
export interface RawRecord {
  /** Lower case, without final dot. */
  readonly name: string;
  readonly type: number;
  readonly recordClass: number;
  readonly start: number;
  /** Where its data begins. */
  readonly dataStart: number;
  readonly end: number;
}

/**
 * The last record of a message, where a TSIG has to be (RFC 8945 section 5.1); undefined if it has no records.
 * @throws DnsFormatError, also for more than one question (RFC 9619) or far more records than any answer to us has
 */
export function lastRecord(message: Buffer): RawRecord | undefined {
  if (message.length < headerLength) throw new DnsFormatError('the message has no header');
  const questions = message.readUInt16BE(4);
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  if (questions > 1 || records > mostRecords) throw new DnsFormatError('the message has too many records');
  let offset = questions === 0 ? headerLength : readName(message, headerLength).end + 4;
  let last: RawRecord | undefined;
  for (let left = records; left > 0; left -= 1) {
    last = readRecord(message, offset);
    offset = last.end;
  }
  return last;
}

function readRecord(message: Buffer, start: number): RawRecord {
  const { name, end } = readName(message, start);
  const dataStart = end + 10;
  if (dataStart > message.length) throw new DnsFormatError('a record ends early');
  const recordEnd = dataStart + message.readUInt16BE(end + 8);
  if (recordEnd > message.length) throw new DnsFormatError('a record ends early');
  return {
    name,
    type: message.readUInt16BE(end),
    recordClass: message.readUInt16BE(end + 2),
    start,
    dataStart,
    end: recordEnd,
  };
}

/**
 * The name at this offset, lower case, without final dot; and where what follows it begins.
 * @throws DnsFormatError
 */
export function readName(message: Buffer, offset: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let length = 1;
  let end: number | undefined;
  let at = offset;
  for (let pointers = 0; ; ) {
    const size = message[at];
    if (size === undefined) throw new DnsFormatError('a name ends early');
    if (size === 0) return { name: labels.join('.').toLowerCase(), end: end ?? at + 1 };
    if (size >= 0xc0) {
      const low = message[at + 1];
      pointers += 1;
      if (low === undefined || pointers > mostPointers) throw new DnsFormatError('a name has no end');
      end ??= at + 2;
      at = (size - 0xc0) * 256 + low;
      continue;
    }
    length += size + 1;
    if (size > longestLabel || length > longestName || at + 1 + size > message.length) {
      throw new DnsFormatError('a name is too long');
    }
    labels.push(message.toString('latin1', at + 1, at + 1 + size));
    at += size + 1;
  }
}
