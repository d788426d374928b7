import { createHmac, timingSafeEqual } from 'node:crypto';

/** HMAC-SHA256. */
export interface ZoneKey {
  readonly name: string;
  readonly secret: Buffer;
}

export const rcodes = { REFUSED: 5, NOTAUTH: 9 } as const;
const tsigErrors = { BADSIG: 16, BADKEY: 17, BADTIME: 18 } as const;

interface Tsig {
  readonly name: string;
  readonly start: number;
  readonly time: number;
  readonly fudge: number;
  readonly mac: Buffer;
}

export interface Update {
  readonly zone: string;
  readonly changes: readonly {
    readonly name: string;
    readonly action: 'add' | 'remove';
    readonly data: string;
  }[];
  readonly tsig: Tsig | undefined;
}

/** Names in updates of kube-lego are not compressed, and those of others only as pointers. */
export function readUpdate(message: Buffer): Update {
  let at = 12;
  const name = (): string => {
    const labels: string[] = [];
    let end: number | undefined;
    for (let from = at; ; ) {
      const size = message.readUInt8(from);
      if (size >= 0xc0) {
        end ??= from + 2;
        from = (size - 0xc0) * 256 + message.readUInt8(from + 1);
        continue;
      }
      if (size === 0) {
        at = end ?? from + 1;
        return labels.join('.').toLowerCase();
      }
      labels.push(message.toString('latin1', from + 1, from + 1 + size));
      from += size + 1;
    }
  };
  const zone = name();
  at += 4;
  const changes: Update['changes'][number][] = [];
  let tsig: Tsig | undefined;
  const counts = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  for (let left = counts; left > 0; left -= 1) {
    const start = at;
    const owner = name();
    const [type, recordClass] = [message.readUInt16BE(at), message.readUInt16BE(at + 2)];
    const length = message.readUInt16BE(at + 8);
    at += 10;
    const end = at + length;
    if (type === 250) {
      name();
      const macLength = message.readUInt16BE(at + 8);
      tsig = {
        name: owner,
        start,
        time: message.readUIntBE(at, 6),
        fudge: message.readUInt16BE(at + 6),
        mac: message.subarray(at + 10, at + 10 + macLength),
      };
    } else if (type === 16) {
      const data = message.toString('latin1', at + 1, at + 1 + message.readUInt8(at));
      changes.push({ name: owner, action: recordClass === 254 ? 'remove' : 'add', data });
    }
    at = end;
  }
  return { zone, changes, tsig };
}

export function unsignedAnswer(request: Buffer, rcode: number): Buffer {
  const header = Buffer.from(request.subarray(0, 12));
  header.writeUInt16BE(0xa800 | rcode, 2);
  header.writeUInt32BE(0, 4);
  header.writeUInt32BE(0, 8);
  return header;
}

/** The answer to an update that this key has not signed now; undefined if it has. */
export function refusalOf(
  message: Buffer,
  update: Update,
  key: ZoneKey | undefined,
  now: number,
): Buffer | undefined {
  const { tsig } = update;
  if (tsig === undefined) return unsignedAnswer(message, rcodes.REFUSED);
  const refuse = (error: number, signer?: ZoneKey): Buffer =>
    signedAnswer(message, update, { key: signer, now, rcode: rcodes.NOTAUTH, error });
  if (key === undefined || tsig.name !== key.name) return refuse(tsigErrors.BADKEY);
  const body = Buffer.from(message.subarray(0, tsig.start));
  body.writeUInt16BE(body.readUInt16BE(10) - 1, 10);
  const variables = tsigVariables(key.name, tsig.time, tsig.fudge, 0, Buffer.alloc(0));
  const expected = mac(key, [body, variables]);
  if (tsig.mac.length !== expected.length || !timingSafeEqual(tsig.mac, expected))
    return refuse(tsigErrors.BADSIG);
  return Math.abs(now - tsig.time) > tsig.fudge ? refuse(tsigErrors.BADTIME, key) : undefined;
}

interface Signing {
  /** Undefined: with an empty MAC, as for an unknown key. */
  readonly key: ZoneKey | undefined;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly rcode: number;
  readonly error?: number;
}

export function signedAnswer(
  request: Buffer,
  { tsig: asked }: Update,
  { key, now, rcode, error = 0 }: Signing,
): Buffer {
  const header = unsignedAnswer(request, rcode);
  if (asked === undefined) return header;
  const isBadTime = error === tsigErrors.BADTIME;
  const other = Buffer.alloc(isBadTime ? 6 : 0);
  if (isBadTime) other.writeUIntBE(now, 0, 6);
  const time = isBadTime ? asked.time : now;
  const length = Buffer.alloc(2);
  length.writeUInt16BE(asked.mac.length);
  const variables = tsigVariables(asked.name, time, asked.fudge, error, other);
  const digest = key === undefined ? Buffer.alloc(0) : mac(key, [length, asked.mac, header, variables]);
  const head = Buffer.alloc(8);
  head.writeUIntBE(time, 0, 6);
  head.writeUInt16BE(asked.fudge, 6);
  const tail = Buffer.alloc(6);
  request.copy(tail, 0, 0, 2);
  tail.writeUInt16BE(error, 2);
  tail.writeUInt16BE(other.length, 4);
  const digestLength = Buffer.alloc(2);
  digestLength.writeUInt16BE(digest.length);
  const data = Buffer.concat([wireName('hmac-sha256'), head, digestLength, digest, tail, other]);
  const fields = Buffer.from('00fa00ff000000000000', 'hex');
  fields.writeUInt16BE(data.length, 8);
  header.writeUInt16BE(1, 10);
  return Buffer.concat([header, wireName(asked.name), fields, data]);
}

function tsigVariables(name: string, time: number, fudge: number, error: number, other: Buffer): Buffer {
  const numbers = Buffer.alloc(12);
  numbers.writeUIntBE(time, 0, 6);
  numbers.writeUInt16BE(fudge, 6);
  numbers.writeUInt16BE(error, 8);
  numbers.writeUInt16BE(other.length, 10);
  return Buffer.concat([
    wireName(name),
    Buffer.from('00ff00000000', 'hex'),
    wireName('hmac-sha256'),
    numbers,
    other,
  ]);
}

function mac({ secret }: ZoneKey, parts: readonly Buffer[]): Buffer {
  return createHmac('sha256', secret).update(Buffer.concat(parts)).digest();
}

function wireName(name: string): Buffer {
  return Buffer.concat([
    ...name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')),
    Buffer.of(0),
  ]);
}
