import { headerLength, recordClasses, recordTypes, writeName } from './wire.ts';

/** One value of a TXT record, to be added beside others or removed from among them. */
export interface TxtChange {
  readonly action: 'add' | 'remove';
  /** Without final dot. */
  readonly name: string;
  /** Seconds; of an added value. */
  readonly ttl: number;
  /** ASCII, at most 255 characters. */
  readonly value: string;
}

/** QR 0, opcode 5 (RFC 2136 section 1.3). */
const updateFlags = 5 << 11;

/**
 * An UPDATE message (RFC 2136 section 2). Without changes it changes nothing: it only shows whether the server lets us.
 * @param zone without final dot
 * @throws DnsFormatError
 */
export function writeUpdate(id: number, zone: string, changes: readonly TxtChange[]): Buffer {
  const header = Buffer.alloc(headerLength);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(updateFlags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(changes.length, 8);
  const zoneSection = Buffer.concat([writeName(zone), fields(recordTypes.SOA, recordClasses.IN)]);
  return Buffer.concat([header, zoneSection, ...changes.map(writeChange)]);
}

/** Sections 2.5.1 (add to an RRset) and 2.5.4 (delete an RR from an RRset, which leaves the other values). */
function writeChange({ action, name, ttl, value }: TxtChange): Buffer {
  const text = Buffer.from(value, 'latin1');
  const tail = Buffer.alloc(7);
  tail.writeUInt32BE(action === 'add' ? ttl : 0, 0);
  tail.writeUInt16BE(text.length + 1, 4);
  tail.writeUInt8(text.length, 6);
  const recordClass = action === 'add' ? recordClasses.IN : recordClasses.NONE;
  return Buffer.concat([writeName(name), fields(recordTypes.TXT, recordClass), tail, text]);
}

function fields(type: number, recordClass: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(recordClass, 2);
  return bytes;
}
