import { constants } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request as requestByTls } from 'node:https';
import { request as requestPlainly } from '../../../process/node-http.ts';
import { readInSlices } from '../../../process/sliced-reads.ts';
import type { Clock } from '../../../time/clock.ts';
import { isAddressLiteral } from '../../addresses.ts';

/** The result of one request. `reason` is an error code, never text of the server. */
export type Answer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly location: string | undefined;
      /** The header `Server`, as sent. */
      readonly server: string | undefined;
      /** That was connected to. */
      readonly address: string;
      /** Truncated at `maxBodyLength`; empty for a redirect. */
      readonly body: string;
    }
  /** No connection. */
  | { readonly kind: 'not-connected'; readonly reason: string }
  /** Connected, but the connection was closed or silent. */
  | { readonly kind: 'no-answer'; readonly reason: string }
  /** Connected, but the TLS handshake failed: no common version, or the name is refused. */
  | { readonly kind: 'tls-failed'; readonly reason: string }
  /** Connected, but the answer is not HTTP/1.1, or more interim answers than any server has. */
  | { readonly kind: 'not-http'; readonly reason: string };

interface ChallengeRequest {
  readonly url: URL;
  /** IP address to connect to. */
  readonly address: string;
  readonly port: number;
  readonly userAgent: string;
  /** Milliseconds, connect timeout. */
  readonly connectTimeout: number;
  readonly clock: Clock;
}

/** A CA reads fewer than 128 bytes (Boulder, va/http.go). */
export const maxBodyLength = 128;
/** 1xx. Nothing in Node bounds them: a host that sent them without end cost more than one CPU. */
const mostInterimAnswers = 4;

/**
 * One GET on a new connection, as a CA does it: HTTP/1.1, certificates not verified, TLS 1.2 at least. At most some interim answers,
 * 16 KiB of header lines for each and `maxBodyLength` are read.
 *
 * @throws the signal's reason
 */
export function requestChallenge(request: ChallengeRequest, signal: AbortSignal): Promise<Answer> {
  const { url, address, port, clock } = request;
  const secure = url.protocol === 'https:';
  const options: RequestOptions = {
    host: address,
    port,
    path: url.pathname + url.search,
    agent: false,
    signal,
    headers: { host: url.host, 'user-agent': request.userAgent, accept: '*/*' },
    ...(secure && {
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      // A server could ask for one handshake after the other.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      servername: serverName(url),
    }),
  };
  return new Promise((resolve, reject) => {
    let connected = false;
    let interimAnswers = 0;
    const outgoing = (secure ? requestByTls : requestPlainly)(options);
    const timer = clock.setTimeout(() => outgoing.destroy(new ConnectTimeout()), request.connectTimeout);
    outgoing.on('socket', (socket) => {
      readInSlices(socket);
      socket.once('connect', () => {
        connected = true;
        clock.clearTimeout(timer);
      });
    });
    outgoing.on('information', () => {
      interimAnswers += 1;
      if (interimAnswers > mostInterimAnswers) outgoing.destroy(new InterimAnswers());
    });
    outgoing.on('response', (response) => {
      readAnswer(response, address, resolve);
    });
    outgoing.on('error', (error) => {
      if (signal.aborted) reject(signal.reason);
      else resolve(failureOf(error, connected));
    });
    outgoing.on('close', () => {
      clock.clearTimeout(timer);
      resolve({ kind: 'no-answer', reason: 'the connection was closed' });
    });
    outgoing.end();
  });
}

class ConnectTimeout extends Error {
  readonly code = 'ETIMEDOUT';
}

class InterimAnswers extends Error {
  readonly code = 'too many interim answers';
}

/** SNI is for names only (RFC 6066, section 3). */
function serverName(url: URL): string {
  return isAddressLiteral(url.hostname) ? '' : url.hostname;
}

function readAnswer(response: IncomingMessage, address: string, resolve: (answer: Answer) => void): void {
  const { statusCode: status = 0 } = response;
  const { location, server: named } = response.headers;
  const server = typeof named === 'string' ? named : undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  const finish = (): void => {
    const body = Buffer.concat(chunks).subarray(0, maxBodyLength).toString('latin1');
    resolve({ kind: 'answer', status, location, server, address, body });
    response.destroy();
  };
  if (status !== 200) {
    finish();
    return;
  }
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= maxBodyLength) finish();
  });
  response.on('end', finish);
  response.on('error', (error) => resolve(failureOf(error, true)));
}

function failureOf(error: Error, connected: boolean): Answer {
  const reason = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  if (!connected) return { kind: 'not-connected', reason };
  if (reason.startsWith('HPE_') || error instanceof InterimAnswers) return { kind: 'not-http', reason };
  if (reason.startsWith('ERR_SSL_') || reason === 'EPROTO') return { kind: 'tls-failed', reason };
  return { kind: 'no-answer', reason };
}
