// Questions to name servers, and what they answer. Called by the DNS-01 solver and its providers.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, isIPv6 } from 'node:net';
import { second } from '../../../../machines/time/durations.ts';
import {
  type DnsAnswer,
  type QueryType,
  type QuestionForm,
  readAnswer,
  writeQuestion,
} from '../message/question.ts';
import { headerLength, readName } from '../message/wire.ts';

/** An IP address with port. */
export interface DnsServer {
  readonly address: string;
  readonly port: number;
}

/** A server gave no answer that could be read. The message is the end of a sentence about it. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  readonly code: 'silent' | 'unreachable' | 'unreadable' | 'unsent';

  constructor(code: NoAnswerError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Milliseconds for one datagram, and for all of a TCP exchange. */
const udpLimit = 1.5 * second;
const tcpLimit = 4 * second;
const datagrams = 2;
const longestMessage = 65_535;

/** The form of `LEGO_DNS_SERVERS`. */
export function readServer(text: string): DnsServer {
  const [, bracketed, plain = bracketed, port = '53'] =
    /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  return plain === undefined ? { address: text, port: 53 } : { address: plain, port: Number(port) };
}

export function serverText({ address, port }: DnsServer): string {
  if (port === 53) return address;
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/** What servers answer that do not know EDNS (RFC 6891 section 7), or not this version of it (section 6.1.3). */
const withoutEdns: ReadonlySet<string> = new Set(['FORMERR', 'NOTIMP', 'BADVERS']);

/**
 * Asks one server, over UDP, and over TCP if the answer does not fit or none comes; once more without EDNS if it does not know that.
 * @throws NoAnswerError, DnsFormatError for a name that is none, or the signal's reason
 */
export async function ask(
  server: DnsServer,
  name: string,
  type: QueryType,
  { recursive }: Pick<QuestionForm, 'recursive'>,
  signal: AbortSignal,
): Promise<DnsAnswer> {
  const answerTo = async (edns: boolean): Promise<DnsAnswer> => {
    const message = writeQuestion(randomId(), name, type, { recursive, edns });
    return readAnswerOf(await exchangeMessage(server, message, signal));
  };
  const answer = await answerTo(true);
  return withoutEdns.has(answer.rcode) ? answerTo(false) : answer;
}

/** The identifier of a new message. */
export function randomId(): number {
  return randomInt(0, 0x10000);
}

/** @throws NoAnswerError */
export function readAnswerOf(bytes: Buffer): DnsAnswer {
  try {
    return readAnswer(bytes);
  } catch (error) {
    throw new NoAnswerError('unreadable', 'its answer cannot be read', { cause: error });
  }
}

/**
 * The answer to any message, which has the same identifier and question.
 * @param maySend asked when the message leaves, each time
 * @throws NoAnswerError or the signal's reason
 */
export async function exchangeMessage(
  server: DnsServer,
  message: Buffer,
  signal: AbortSignal,
  maySend = (): boolean => true,
): Promise<Buffer> {
  const fence = (): void => {
    if (!maySend()) throw new NoAnswerError('unsent', 'is not sent to, because this process does not lead');
  };
  for (let tries = 1; tries <= datagrams; tries += 1) {
    const answer = await withLimit(udpLimit, signal, (limit) => overUdp(server, message, limit, fence)).catch(
      (error: unknown) => {
        // Nobody listens for UDP there, or there is no way there: TCP tells for sure.
        if (error instanceof NoAnswerError && error.code !== 'unsent') return undefined;
        throw error;
      },
    );
    if (answer !== undefined && (answer.readUInt8(2) & 2) === 0) return answer;
    if (answer !== undefined) break;
  }
  return withLimit(tcpLimit, signal, (limit) => overTcp(server, message, limit, fence));
}

async function withLimit(
  limit: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Buffer>,
): Promise<Buffer> {
  const timeout = AbortSignal.timeout(limit);
  try {
    return await work(AbortSignal.any([signal, timeout]));
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) throw new NoAnswerError('silent', 'does not answer');
    if (error instanceof NoAnswerError) throw error;
    throw new NoAnswerError('unreachable', `cannot be reached (${codeOf(error)})`, { cause: error });
  }
}

async function overUdp(
  { address, port }: DnsServer,
  message: Buffer,
  signal: AbortSignal,
  fence: () => void,
): Promise<Buffer> {
  signal.throwIfAborted();
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const done = Promise.withResolvers<Buffer>();
  const abort = (): void => done.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  socket.on('error', (error) => done.reject(error));
  // Connected: only this server's datagrams arrive.
  socket.on('connect', () => {
    try {
      fence();
      socket.send(message, (error) => error && done.reject(error));
    } catch (error) {
      done.reject(error);
    }
  });
  socket.on('message', (answer) => {
    if (isAnswerTo(answer, message)) done.resolve(answer);
  });
  try {
    socket.connect(port, address);
    return await done.promise;
  } finally {
    signal.removeEventListener('abort', abort);
    socket.close();
  }
}

/** Each message is preceded by its length (RFC 1035 section 4.2.2). */
async function overTcp(
  { address, port }: DnsServer,
  message: Buffer,
  signal: AbortSignal,
  fence: () => void,
): Promise<Buffer> {
  signal.throwIfAborted();
  const socket = connect({ host: address, port, signal });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  let received: Buffer = Buffer.alloc(0);
  try {
    await once(socket, 'connect');
    fence();
    socket.write(Buffer.concat([length, message]));
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2) continue;
      const end = 2 + received.readUInt16BE(0);
      if (received.length > longestMessage + 2) break;
      if (received.length < end) continue;
      const answer = received.subarray(2, end);
      if (!isAnswerTo(answer, message)) break;
      return answer;
    }
  } finally {
    socket.destroy();
  }
  throw new NoAnswerError('unreadable', 'ends the connection without an answer');
}

/** RFC 5452 section 9.1. Refusals, cut answers and those to updates may come without the question. */
function isAnswerTo(answer: Buffer, message: Buffer): boolean {
  if (answer.length < headerLength || answer.readUInt16BE(0) !== message.readUInt16BE(0)) return false;
  const flags = answer.readUInt16BE(2);
  const opcode = flags & 0x7800;
  if (flags < 0x8000 || opcode !== (message.readUInt16BE(2) & 0x7800)) return false;
  const isCut = (flags & 0x0200) !== 0;
  const isRefusal = (flags & 15) !== 0;
  // Who cannot read a message may send its header back, with the counts of what was in it.
  const isWithoutQuestion = answer.readUInt16BE(4) === 0 || (isRefusal && answer.length === headerLength);
  if (isWithoutQuestion) return opcode !== 0 || isCut || isRefusal;
  return questionOf(answer, message) === questionOf(message, message);
}

/** As many bytes as the question of our message has; names in lower case. */
function questionOf(answer: Buffer, message: Buffer): string {
  const end = readName(message, headerLength).end + 4;
  return answer.toString('latin1', headerLength, end).toLowerCase();
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'no connection';
}
