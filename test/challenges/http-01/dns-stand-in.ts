import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';

/** The response codes of RFC 1035, section 4.1.1. */
const responseCodes = { none: 0, SERVFAIL: 2, NXDOMAIN: 3 } as const;
const recordTypes = { A: 1, AAAA: 28 } as const;

/** Addresses of either family; no addresses is NODATA; `silent` gives no answer at all. */
export type DnsEntry = readonly string[] | 'SERVFAIL' | 'silent';

/** A DNS server on loopback that knows what it is told and says NXDOMAIN to everything else. */
export class DnsStandIn implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #entries = new Map<string, DnsEntry>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (query, { port, address }) => {
      const answer = this.#answer(query);
      if (answer !== undefined) socket.send(answer, port, address);
    });
  }

  static async start(): Promise<DnsStandIn> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DnsStandIn(socket);
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  set(host: string, entry: DnsEntry): void {
    this.#entries.set(host, entry);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #answer(query: Buffer): Buffer | undefined {
    const { name, type, end } = readQuestion(query);
    const entry = this.#entries.get(name);
    if (entry === 'silent') return undefined;
    if (entry === undefined) return message(query, end, responseCodes.NXDOMAIN, []);
    if (entry === 'SERVFAIL') return message(query, end, responseCodes.SERVFAIL, []);
    const records = entry.filter((address) => recordTypes[isIPv4(address) ? 'A' : 'AAAA'] === type);
    return message(query, end, responseCodes.none, records);
  }
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let position = 12;
  for (let length = query.readUInt8(position); length > 0; length = query.readUInt8(position)) {
    labels.push(query.toString('latin1', position + 1, position + 1 + length));
    position += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(position + 1), end: position + 5 };
}

function message(query: Buffer, questionEnd: number, code: number, addresses: readonly string[]): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8580 | code, 2);
  header.writeUInt16BE(addresses.length, 6);
  header.fill(0, 8);
  return Buffer.concat([header, query.subarray(12, questionEnd), ...addresses.map(addressRecord)]);
}

function addressRecord(address: string): Buffer {
  const data = isIPv4(address) ? Buffer.from(address.split('.').map(Number)) : ipv6Bytes(address);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(isIPv4(address) ? recordTypes.A : recordTypes.AAAA, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function ipv6Bytes(address: string): Buffer {
  const [left = '', right = ''] = address.split('::');
  const missing = 8 - groups(left).length - groups(right).length;
  const all = [...groups(left), ...Array.from({ length: missing }, () => '0'), ...groups(right)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function groups(part: string): string[] {
  return part === '' ? [] : part.split(':');
}
