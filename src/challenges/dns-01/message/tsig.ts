import { createHmac, timingSafeEqual } from 'node:crypto';
import { normalizeHost } from '../../../../machines/hosts/host-names.ts';
import {
  DnsFormatError,
  headerLength,
  lastRecord,
  readName,
  recordClasses,
  recordTypes,
  writeName,
} from './wire.ts';

/** RFC 8945 section 6. MD5 and SHA-1 are left out on purpose. */
export const tsigAlgorithms = { 'hmac-sha256': 'sha256', 'hmac-sha512': 'sha512' } as const;
export type TsigAlgorithm = keyof typeof tsigAlgorithms;

export interface TsigKey {
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Buffer;
}

/** The server's error in a TSIG record (RFC 8945 section 5.3); `unsigned` and `BADSIG` may also be our own verdict on its answer. */
export type TsigErrorCode = 'BADSIG' | 'BADKEY' | 'BADTIME' | 'BADTRUNC' | 'unsigned' | 'other';

export class TsigError extends Error {
  override readonly name = 'TsigError';
  readonly code: TsigErrorCode;
  /** Seconds by which the server's clock is ahead of ours; BADTIME only. */
  readonly ahead: number | undefined;

  constructor(code: TsigErrorCode, message: string, ahead?: number) {
    super(message);
    this.code = code;
    this.ahead = ahead;
  }
}

const errorCodes: ReadonlyMap<number, TsigErrorCode> = new Map([
  [16, 'BADSIG'],
  [17, 'BADKEY'],
  [18, 'BADTIME'],
  [22, 'BADTRUNC'],
]);

/** Seconds that the clocks may differ (RFC 8945 section 10). */
const fudge = 300;
/** Bytes of the fields of TSIG data after the algorithm's name, without MAC and other data. */
const fixedFields = 16;

/**
 * Adds a TSIG record to a request (RFC 8945 section 5.1).
 * @param now seconds since the epoch
 * @returns the MAC, for the verification of the answer
 */
export function signRequest(
  message: Buffer,
  key: TsigKey,
  now: number,
): { readonly message: Buffer; readonly mac: Buffer } {
  const stamp: Stamp = { time: Math.floor(now), fudge, error: 0, other: Buffer.alloc(0) };
  const mac = hmac(key, message, variables(key, stamp));
  const data = Buffer.concat([
    writeName(`${key.algorithm}.`),
    timeOf(stamp),
    integer(mac.length),
    mac,
    message.subarray(0, 2),
    integer(0),
    integer(0),
  ]);
  const record = Buffer.concat([
    writeName(key.name),
    integer(recordTypes.TSIG),
    integer(recordClasses.ANY),
    Buffer.alloc(4),
    integer(data.length),
    data,
  ]);
  return { message: Buffer.concat([withAdditionals(message, 1), record]), mac };
}

/**
 * Proves that an answer is from who has the key, and meant for this request (RFC 8945 section 5.3).
 * @param now seconds since the epoch
 * @throws TsigError, DnsFormatError
 */
export function verifyAnswer(answer: Buffer, key: TsigKey, requestMac: Buffer, now: number): void {
  const record = lastRecord(answer);
  if (record?.type !== recordTypes.TSIG || record.recordClass !== recordClasses.ANY) {
    throw new TsigError('unsigned', 'the answer is not signed');
  }
  const algorithm = readName(answer, record.dataStart);
  const at = algorithm.end;
  if (at + fixedFields > record.end) throw new DnsFormatError('the TSIG record ends early');
  const macLength = answer.readUInt16BE(at + 8);
  const tail = at + 10 + macLength;
  if (tail + 6 > record.end) throw new DnsFormatError('the TSIG record ends early');
  const mac = answer.subarray(at + 10, tail);
  const otherLength = answer.readUInt16BE(tail + 4);
  if (tail + 6 + otherLength !== record.end) throw new DnsFormatError('the TSIG record has a wrong length');
  const stamp: Stamp = {
    time: answer.readUIntBE(at, 6),
    fudge: answer.readUInt16BE(at + 6),
    error: answer.readUInt16BE(tail + 2),
    other: answer.subarray(tail + 6, record.end),
  };
  const error = errorCodes.get(stamp.error) ?? (stamp.error === 0 ? undefined : 'other');
  // These two are never signed (RFC 8945 section 5.3.2).
  if (error === 'BADKEY' || error === 'BADSIG') throw new TsigError(error, `the server says ${error}`);
  if (record.name !== normalizeHost(key.name) || algorithm.name !== key.algorithm) {
    throw new TsigError('BADKEY', 'the answer is signed with another key');
  }
  const unsigned = withAdditionals(answer.subarray(0, record.start), -1);
  answer.copy(unsigned, 0, tail, tail + 2);
  const expected = hmac(key, integer(requestMac.length), requestMac, unsigned, variables(key, stamp));
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) {
    throw new TsigError('BADSIG', 'the signature of the answer is wrong');
  }
  if (error === 'BADTIME') {
    const theirs = stamp.other.length === 6 ? stamp.other.readUIntBE(0, 6) : undefined;
    throw new TsigError(error, 'the server says BADTIME', theirs === undefined ? undefined : theirs - now);
  }
  if (error !== undefined) throw new TsigError(error, `the server says TSIG error ${stamp.error}`);
  if (Math.abs(stamp.time - now) > stamp.fudge) {
    throw new TsigError('BADTIME', 'the answer was signed at another time', stamp.time - now);
  }
}

interface Stamp {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly fudge: number;
  readonly error: number;
  readonly other: Buffer;
}

/** RFC 8945 section 4.3.3. */
function variables(key: TsigKey, stamp: Stamp): Buffer {
  return Buffer.concat([
    writeName(key.name),
    integer(recordClasses.ANY),
    Buffer.alloc(4),
    writeName(key.algorithm),
    timeOf(stamp),
    integer(stamp.error),
    integer(stamp.other.length),
    stamp.other,
  ]);
}

function timeOf({ time, fudge: range }: Stamp): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUIntBE(time, 0, 6);
  bytes.writeUInt16BE(range, 6);
  return bytes;
}

function hmac({ algorithm, secret }: TsigKey, ...parts: readonly Buffer[]): Buffer {
  const hash = createHmac(tsigAlgorithms[algorithm], secret);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** A copy of the message that counts this many more additional records. */
function withAdditionals(message: Buffer, more: number): Buffer {
  if (message.length < headerLength) throw new DnsFormatError('the message has no header');
  const copy = Buffer.from(message);
  copy.writeUInt16BE(copy.readUInt16BE(10) + more, 10);
  return copy;
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
