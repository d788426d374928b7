import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { type Answer, decode, encode } from 'dns-packet';
import { onFreePorts } from './free-ports.ts';
import {
  rcodes,
  readUpdate,
  refusalOf,
  signedAnswer,
  type Update,
  unsignedAnswer,
  type ZoneKey,
} from './zone-update.ts';

export interface ZoneServerOptions {
  /** Each with its NS names; SOA and NS records are made of them. */
  readonly zones: Readonly<Record<string, readonly string[]>>;
  /** For updates, HMAC-SHA256; without it they are refused. */
  readonly key?: ZoneKey;
  /** `ADDRESS:PORT` of the DNS server that answers for all other names. */
  readonly forwardTo?: string;
  /** `ADDRESS:PORT`; a free port of 127.0.0.1 if not given. */
  readonly listenAt?: { readonly address: string; readonly port: number };
}

interface ZoneRecord {
  readonly name: string;
  readonly type: 'A' | 'CNAME' | 'TXT';
  readonly data: string;
}

const soaTtl = 5;

/**
 * An authoritative DNS server of this process, for the demo and for tests: UPDATE (RFC 2136) of TXT records with TSIG (RFC 8945), wildcards
 * (RFC 4592), and what goes wrong with name servers. It knows no more than the tests need, and shares no code with kube-lego.
 */
export class ZoneServer implements AsyncDisposable {
  /** 127.0.0.1:PORT, over UDP and TCP. */
  readonly address: string;
  /** Questions answered, as `TYPE NAME`, and updates as `UPDATE ZONE`. */
  readonly asked: string[] = [];
  /** `silent`: it answers nothing; `truncated`: nothing over UDP; `unsigned`: updates without a signature. */
  trouble: 'silent' | 'truncated' | 'unsigned' | undefined;
  /** Stands between an update and its handling, for tests of what breaks; undefined: no answer. */
  aroundUpdate: (update: Pick<Update, 'changes'>, handle: () => Buffer) => Promise<Buffer | undefined> = (
    _,
    handle,
  ) => Promise.resolve(handle());
  /** Seconds by which its clock is ahead. */
  clockAhead = 0;
  /** While it is set, answers are of this copy: a secondary that is behind. */
  #frozen: readonly ZoneRecord[] | undefined;
  #records: ZoneRecord[] = [];
  readonly #options: ZoneServerOptions;
  readonly #udp: Socket;
  readonly #tcp: Server;

  /** Use `startZoneServer`. */
  constructor(options: ZoneServerOptions, address: string, udp: Socket, tcp: Server) {
    this.#options = options;
    this.address = address;
    this.#udp = udp;
    this.#tcp = tcp;
    udp.on('message', (message, { address: host, port }) => {
      void this.#answer(message, true).then((answer) => answer && udp.send(answer, port, host));
    });
    tcp.on('connection', (socket) => {
      let received: Buffer = Buffer.alloc(0);
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
        void this.#answer(received.subarray(2), false).then((answer) => {
          if (answer === undefined) return;
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          socket.end(Buffer.concat([length, answer]));
        });
      });
    });
  }

  get zones(): string[] {
    return Object.keys(this.#options.zones);
  }

  get key(): ZoneKey | undefined {
    return this.#options.key;
  }

  /** Values of a TXT record. */
  values(name: string): string[] {
    return this.#records.flatMap((record) =>
      record.type === 'TXT' && record.name === name ? record.data : [],
    );
  }

  get texts(): readonly { readonly name: string; readonly data: string }[] {
    return this.#records.filter(({ type }) => type === 'TXT');
  }

  add(type: ZoneRecord['type'], name: string, data: string): void {
    const same = this.#records.some(
      (record) => record.type === type && record.name === name && record.data === data,
    );
    if (!same) this.#records.push({ type, name, data });
  }

  remove(type: ZoneRecord['type'], name: string, data: string): void {
    this.#records = this.#records.filter(
      (record) => record.type !== type || record.name !== name || record.data !== data,
    );
  }

  /** Answers as of now until `catchUp`. */
  fallBehind(): void {
    this.#frozen = [...this.#records];
  }

  catchUp(): void {
    this.#frozen = undefined;
  }

  /** Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#tcp.listening) return;
    this.#udp.close();
    this.#tcp.close();
    await Promise.resolve();
  }

  async #answer(message: Buffer, isUdp: boolean): Promise<Buffer | undefined> {
    if (this.trouble === 'silent' || message.length < 12) return undefined;
    const opcode = (message.readUInt8(2) >> 3) & 15;
    if (this.trouble === 'truncated' && isUdp) {
      const cut = Buffer.from(message.subarray(0, 12));
      cut.writeUInt8(cut.readUInt8(2) | 0x82, 2);
      cut.writeUInt32BE(0, 4);
      cut.writeUInt32BE(0, 8);
      return cut;
    }
    if (opcode === 5) {
      const update = readUpdate(message);
      return this.aroundUpdate(update, () => this.#update(message, update));
    }
    const { id, questions = [] } = decode(message);
    const [question] = questions;
    const name = question?.name.toLowerCase() ?? '';
    const zone = this.#zoneOf(name);
    if (question === undefined) return undefined;
    this.asked.push(`${question.type} ${name}`);
    if (zone === undefined) return this.#forward(message, id ?? 0);
    return this.#reply(id ?? 0, question, zone);
  }

  #reply(id: number, question: { readonly name: string; readonly type: string }, zone: string): Buffer {
    const name = question.name.toLowerCase();
    const answers: Answer[] = [];
    if (name === zone && question.type === 'SOA') answers.push(this.#soa(zone));
    if (name === zone && question.type === 'NS') {
      for (const server of this.#options.zones[zone] ?? [])
        answers.push({ type: 'NS', name, ttl: 5, data: server });
    }
    let at = name;
    for (let hops = 0; hops < 8; hops += 1) {
      const found = this.#at(at);
      const cname = found.find(({ type }) => type === 'CNAME');
      if (cname !== undefined) answers.push({ type: 'CNAME', name: at, ttl: 5, data: cname.data });
      if (cname === undefined || question.type === 'CNAME') {
        for (const { type, data } of found) {
          if (type !== question.type || type === 'CNAME') continue;
          answers.push(
            type === 'TXT' ? { type, name: at, ttl: 5, data: [data] } : { type, name: at, ttl: 5, data },
          );
        }
        break;
      }
      at = cname.data;
    }
    const all = this.#frozen ?? this.#records;
    const exists =
      name === zone || this.#at(name).length > 0 || all.some((record) => record.name.endsWith(`.${name}`));
    return encode({
      type: 'response',
      id,
      flags: 0x0400 | (exists ? 0 : 3),
      questions: [{ name: question.name, type: question.type === 'TXT' ? 'TXT' : asType(question.type) }],
      answers,
      authorities: answers.some(({ type }) => type === question.type)
        ? []
        : [this.#soa(this.#zoneOf(at) ?? zone)],
    });
  }

  #soa(zone: string): Answer {
    const [primary = zone] = this.#options.zones[zone] ?? [];
    const times = { serial: 1, refresh: 60, retry: 60, expire: 600, minimum: 1 };
    return { type: 'SOA', name: zone, ttl: soaTtl, data: { mname: primary, rname: `ops.${zone}`, ...times } };
  }

  /** The records of a name, or those that the closest wildcard makes for it. */
  #at(name: string): readonly ZoneRecord[] {
    const records = this.#frozen ?? this.#records;
    const own = records.filter((record) => record.name === name);
    const exists = own.length > 0 || records.some((record) => record.name.endsWith(`.${name}`));
    if (exists) return own;
    const parent = name.slice(name.indexOf('.') + 1);
    return records.filter((record) => record.name === `*.${parent}`);
  }

  #zoneOf(name: string): string | undefined {
    return Object.keys(this.#options.zones)
      .filter((zone) => name === zone || name.endsWith(`.${zone}`))
      .toSorted((one, other) => other.length - one.length)[0];
  }

  async #forward(message: Buffer, id: number): Promise<Buffer> {
    const { forwardTo } = this.#options;
    if (forwardTo === undefined) return encode({ type: 'response', id, flags: rcodes.REFUSED });
    const [host, port] = forwardTo.split(':');
    const socket = createSocket('udp4');
    try {
      socket.send(message, Number(port), host);
      const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(60_000) });
      return answer;
    } catch {
      return encode({ type: 'response', id, flags: 2 });
    } finally {
      socket.close();
    }
  }

  #update(message: Buffer, update: Update): Buffer {
    const { key, zones } = this.#options;
    this.asked.push(`UPDATE ${update.zone}`);
    if (this.trouble === 'unsigned') return unsignedAnswer(message, 0);
    const now = Math.floor(Date.now() / 1000) + this.clockAhead;
    const refusal = refusalOf(message, update, key, now);
    if (refusal !== undefined) return refusal;
    const isOurs = Object.hasOwn(zones, update.zone);
    if (isOurs) {
      for (const { name, action, data } of update.changes) {
        if (action === 'add') this.add('TXT', name, data);
        else this.remove('TXT', name, data);
      }
    }
    return signedAnswer(message, update, { key, now, rcode: isOurs ? 0 : rcodes.NOTAUTH });
  }
}

export async function startZoneServer(options: ZoneServerOptions): Promise<ZoneServer> {
  const start = async (address: string, port: number): Promise<ZoneServer> => {
    const udp = createSocket('udp4');
    const tcp = createServer();
    udp.bind(port, address);
    tcp.listen(port, address);
    try {
      await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
    } catch (error) {
      udp.close();
      tcp.close();
      throw error;
    }
    return new ZoneServer(options, `${address}:${port}`, udp, tcp);
  };
  const { listenAt } = options;
  if (listenAt !== undefined) return start(listenAt.address, listenAt.port);
  return onFreePorts(1, ([port = 0]) => start('127.0.0.1', port));
}

function asType(type: string): 'A' | 'AAAA' | 'CNAME' | 'NS' | 'SOA' | 'CAA' {
  const known = (['A', 'AAAA', 'CNAME', 'NS', 'SOA', 'CAA'] as const).find((one) => one === type);
  return known ?? 'A';
}
