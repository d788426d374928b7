import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type Answer, decode, encode } from 'dns-packet';
import * as fc from 'fast-check';
import { onFreePorts } from '../../../deploy/local/free-ports.ts';
import { ask, NoAnswerError } from '../../../src/challenges/dns-01/lookup/dns-exchange.ts';
import { NameServers } from '../../../src/challenges/dns-01/lookup/name-servers.ts';
import { readAnswer } from '../../../src/challenges/dns-01/message/question.ts';
import { DnsFormatError } from '../../../src/challenges/dns-01/message/wire.ts';
import { Rfc2136Provider } from '../../../src/challenges/dns-01/providers/rfc2136.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { tsigKey } from './dns-world.ts';
import { challengeValue } from './provider-behaviour.ts';

const { signal } = new AbortController();
const name = 'shop.example';

interface Behaviour {
  /** The datagrams that answer each one. */
  readonly udp?: (question: Buffer) => readonly Buffer[];
  readonly tcp?: (question: Buffer, socket: Socket) => void;
}

/** A server that answers as it is told, until the test ends; without an answer over UDP it sends the question back as cut. */
async function hostile(t: TestContext, { udp = (question) => [cut(question)], tcp }: Behaviour) {
  const socket = createSocket('udp4');
  const server = createServer((connection) => {
    t.after(() => connection.destroy());
    connection.on('error', () => connection.destroy());
    connection.once('data', (chunk) => tcp?.(chunk.subarray(2), connection));
  });
  t.after(() => {
    socket.close();
    server.close();
  });
  socket.on('message', (question, { port, address }) => {
    for (const answer of udp(question)) socket.send(answer, port, address);
  });
  return onFreePorts(1, async ([port = 0]) => {
    socket.bind(port, '127.0.0.1');
    server.listen(port, '127.0.0.1');
    await Promise.all([once(socket, 'listening'), once(server, 'listening')]);
    return { address: '127.0.0.1', port };
  });
}

/** Over TCP, too: a process that stands still lets datagrams pass. */
function answering(t: TestContext, answer: (question: Buffer) => Buffer) {
  return hostile(t, {
    udp: (question) => [answer(question)],
    tcp: (question, socket) => {
      const bytes = answer(question);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      socket.end(Buffer.concat([length, bytes]));
    },
  });
}

/** The header of a message with the counts of what was in it, and nothing of that. */
function headerBack(message: Buffer, rcode: number): Buffer {
  const answer = Buffer.from(message.subarray(0, 12));
  answer.writeUInt16BE(message.readUInt16BE(2) | 0x8000 | rcode, 2);
  return answer;
}

function cut(question: Buffer): Buffer {
  const answer = Buffer.from(question);
  answer.writeUInt16BE(0x8600, 2);
  return answer;
}

function answerTo(
  question: Buffer,
  data: string,
  { id = question.readUInt16BE(0), asked = name } = {},
): Buffer {
  return encode({
    type: 'response',
    id,
    flags: 0x0400,
    questions: [{ type: 'TXT', name: asked }],
    answers: [{ type: 'TXT', name, ttl: 1, data: [data] }],
  });
}

async function textsOf(server: { address: string; port: number }): Promise<string[]> {
  const { answers } = await ask(server, name, 'TXT', { recursive: false }, signal);
  return answers.map(({ data }) => data);
}

function isUnreadable(error: unknown): boolean {
  return error instanceof NoAnswerError && error.code === 'unreadable';
}

describe('a name server that does not know EDNS', () => {
  /** Whether the message has an OPT record. */
  const isExtended = (question: Buffer): boolean => question.readUInt16BE(10) > 0;
  const refusals: Readonly<Record<string, (question: Buffer) => Buffer>> = {
    'by FORMERR, with the header only': (question) =>
      encode({ type: 'response', id: question.readUInt16BE(0), flags: 1 }),
    'by FORMERR, with counts of records that it has not': (question) => headerBack(question, 1),
    'by NOTIMP': (question) => encode({ type: 'response', id: question.readUInt16BE(0), flags: 4 }),
    'by BADVERS': (question) => {
      const { id = 0, questions = [] } = decode(question);
      const opt = { type: 'OPT', name: '.', udpPayloadSize: 512, extendedRcode: 1, ednsVersion: 0 } as const;
      const additionals = [{ ...opt, flags: 0, flag_do: false, options: [] }];
      return encode({ type: 'response', id, flags: 0, questions, additionals });
    },
  };

  for (const [how, refusal] of Object.entries(refusals)) {
    it(`and says so ${how}, is asked again without`, async (t) => {
      // A datagram may be sent twice.
      const asked = new Set<boolean>();
      const server = await answering(t, (question) => {
        asked.add(isExtended(question));
        return isExtended(question) ? refusal(question) : answerTo(question, 'right');
      });
      assert.deepEqual(await textsOf(server), ['right']);
      assert.deepEqual([...asked], [true, false]);
    });
  }

  it('and cannot read that either, is told of', async (t) => {
    const server = await answering(t, (question) =>
      encode({ type: 'response', id: question.readUInt16BE(0), flags: 1 }),
    );
    const { rcode } = await ask(server, name, 'TXT', { recursive: false }, signal);
    assert.equal(rcode, 'FORMERR');
  });
});

describe('a name server that takes no updates', () => {
  it('and says so by a header that counts records it has not, is told of by its answer', async (t) => {
    const server = await answering(t, (update) => headerBack(update, 4));
    const servers = () => Promise.resolve([server]);
    const provider = new Rfc2136Provider({ key: tsigKey, servers, now: Date.now });
    await assert.rejects(provider.add(challengeValue('one'), signal), /refuses updates .*: NOTIMP\./);
  });
});

describe('a hostile name server', () => {
  it('is not believed with another identifier, another question, or none', async (t) => {
    const server = await hostile(t, {
      udp: (question) => [
        answerTo(question, 'wrong identifier', { id: question.readUInt16BE(0) ^ 1 }),
        answerTo(question, 'wrong question', { asked: 'other.example' }),
        encode({ type: 'response', id: question.readUInt16BE(0) }),
        question,
        Buffer.from('short'),
        answerTo(question, 'right', { asked: 'SHOP.example' }),
      ],
    });
    assert.deepEqual(await textsOf(server), ['right']);
  });

  it('is not believed over TCP with another question', async (t) => {
    const tcp = (question: Buffer, socket: Socket): void => {
      const answer = answerTo(question, 'wrong', { asked: 'other.example' });
      socket.write(Buffer.concat([Buffer.of(0, answer.length), answer]));
    };
    await assert.rejects(textsOf(await hostile(t, { tcp })), isUnreadable);
  });

  it('is read no further than a message is long', async (t) => {
    const tcp = (_: Buffer, socket: Socket): void => {
      const flood = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(16_384, 0xff)));
        if (!socket.destroyed) socket.once('drain', flood);
      };
      flood();
    };
    await assert.rejects(textsOf(await hostile(t, { tcp })), isUnreadable);
  });

  it('that fails for one family leaves the addresses of the other', async (t) => {
    const udp = (question: Buffer): Buffer[] => {
      const { id = 0, questions = [] } = decode(question);
      const answers: Answer[] = [{ type: 'A', name, ttl: 1, data: '192.0.2.1' }];
      const isA = questions[0]?.type === 'A';
      return [encode({ type: 'response', id, questions, ...(isA ? { answers } : { flags: 2 }) })];
    };
    const names = new NameServers({
      resolvers: [await hostile(t, { udp })],
      serversOf: () => [],
      allowLoopback: true,
      clock: systemClock,
    });
    assert.deepEqual(await names.addressesOf(name, 53, signal), [{ address: '192.0.2.1', port: 53 }]);
  });

  it('cannot hold a round that has ended', async (t) => {
    const stop = new AbortController();
    const tcp = (_: Buffer, socket: Socket): void => {
      socket.write(Buffer.of(1, 0, 0));
      stop.abort(new Error('the round is over'));
    };
    const server = await hostile(t, { tcp });
    await assert.rejects(ask(server, name, 'TXT', { recursive: false }, stop.signal), /the round is over/);
  });
});

describe('an answer of a hostile name server', () => {
  it('of thousands of records is not read', () => {
    // Each with a long name of 126 labels, by a pointer.
    const long = Buffer.concat([...Array.from({ length: 126 }, () => Buffer.of(1, 97)), Buffer.of(0)]);
    const header = Buffer.alloc(12);
    header.writeUInt16BE(0x8400, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(4600, 6);
    const record = Buffer.from('c00c00050001000000010002c00c', 'hex');
    const records = Array.from({ length: 4600 }, () => record);
    const message = Buffer.concat([header, long, Buffer.from('00100001', 'hex'), ...records]);
    assert.throws(() => readAnswer(message), /too many records/);
  });

  it('is read or refused, whatever it is', () => {
    const whole = encode({
      type: 'response',
      questions: [{ type: 'TXT', name }],
      answers: [
        { type: 'TXT', name, ttl: 1, data: ['value'] },
        { type: 'CNAME', name, ttl: 1, data: 'x.shop.example' },
        { type: 'AAAA', name, ttl: 1, data: '2001:db8::1' },
      ],
    });
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(damage, (changes) => {
        const message = Buffer.from(whole);
        for (const [at, byte] of changes) message[at] = byte;
        try {
          const { answers } = readAnswer(message);
          return answers.every((answer) => answer.type === 'TXT' || /^[\w.*:-]*$/.test(answer.data));
        } catch (error) {
          return error instanceof DnsFormatError;
        }
      }),
      { numRuns: 1000, seed: 20261130 },
    );
  });

  it('has no names that nobody could ask for, or that would harm a terminal', () => {
    const answers: Answer[] = [
      { type: 'CNAME', name, ttl: 1, data: 'a\u001b[2Jb.example' },
      { type: 'CNAME', name, ttl: 1, data: 'a b.example' },
      { type: 'CNAME', name: 'a"b.example', ttl: 1, data: name },
      { type: 'CNAME', name, ttl: 1, data: '_x.Good-1.example' },
    ];
    assert.deepEqual(
      readAnswer(encode({ type: 'response', answers })).answers.map(({ data }) => data),
      ['_x.good-1.example'],
    );
  });
});
