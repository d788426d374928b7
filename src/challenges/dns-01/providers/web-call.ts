import pLimit, { type LimitFunction } from 'p-limit';
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { second } from '../../../../machines/time/durations.ts';
import { trustContext } from '../../../process/trusted-roots.ts';
import { fenced } from '../../../process/write-fence.ts';
import { type Clock, untilAborted, workWithin } from '../../../time/clock.ts';
import { ProviderError } from './provider.ts';

export interface WebCall {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object;
}

/** Milliseconds for all of an exchange, from its turn on: such a service may have slow DNS behind it. */
const timeLimit = 30 * second;
/** Exchanges with one service at a time. */
const atATime = 8;
const longestAnswer = 64 * 1024;

export interface WebCallerOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  /** Additional trusted root certificates, PEM. */
  readonly caBundle: string | undefined;
  /** URL of a proxy, empty for none, and the hosts that are reached without it, as in NO_PROXY; Services of the cluster are in any case. */
  readonly proxy: { readonly httpsProxy: string; readonly noProxy: string };
  /** Whether a request may be sent now, asked when each is sent; it may if not given. */
  readonly mayWrite?: (() => boolean) | undefined;
}

/** Sends JSON to services that the operator has named; no redirect is followed, as it could lead the credentials elsewhere. */
export class WebCaller {
  readonly #direct: Dispatcher;
  readonly #proxied: Dispatcher;
  readonly #userAgent: string;
  readonly #clock: Clock;
  /** By origin: there are as many as the operator has named. */
  readonly #turns = new Map<string, LimitFunction>();

  /** @throws Error see `trustContext` */
  constructor({ clock, userAgent, caBundle, mayWrite = () => true, proxy }: WebCallerOptions) {
    this.#clock = clock;
    this.#userAgent = userAgent;
    const trust = caBundle === undefined ? {} : { secureContext: trustContext(caBundle) };
    const common = { connections: atATime, allowH2: false };
    const connect = { timeout: 10 * second, ...trust };
    const proxied = new EnvHttpProxyAgent({
      ...common,
      connect,
      requestTls: trust,
      proxyTls: connect,
      // Always given: undici reads the environment otherwise. Plain HTTP is for Services only.
      httpProxy: '',
      ...proxy,
    });
    this.#direct = fenced(new Agent({ ...common, connect }), mayWrite, unsent);
    this.#proxied = fenced(proxied, mayWrite, unsent);
  }

  /**
   * @returns the text of a 2xx answer
   * @throws ProviderError, without anything of the answer's text; or the signal's reason
   */
  async post(call: WebCall, signal: AbortSignal): Promise<string> {
    const { origin } = new URL(call.url);
    const turns = this.#turns.get(origin) ?? pLimit(atATime);
    this.#turns.set(origin, turns);
    return untilAborted(
      turns(() => this.#post(call, signal)),
      signal,
    );
  }

  async #post(call: WebCall, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const { host } = new URL(call.url);
    const late = new ProviderError(
      'unreachable',
      `The DNS service ${host} gives no answer within ${timeLimit / second} s.`,
    );
    const { status, text } = await workWithin(
      this.#clock,
      timeLimit,
      () => late,
      async (limit) => {
        try {
          return await this.#send(call, AbortSignal.any([signal, limit]));
        } catch (error) {
          signal.throwIfAborted();
          limit.throwIfAborted();
          const message = `The DNS service ${host} cannot be reached (${codeOf(error)}).`;
          throw new ProviderError('unreachable', message, undefined, { cause: error });
        }
      },
    );
    if (status >= 200 && status < 300) return text;
    const refused = status >= 300 && status < 500 && status !== 408 && status !== 429;
    throw new ProviderError(
      refused ? 'refused' : 'unreachable',
      `The DNS service ${host} answers with status ${status}.`,
      status === 401 || status === 403 ? 'Correct the credentials in the Secret of the zone.' : undefined,
    );
  }

  async #send(
    { url, headers, body }: WebCall,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const answer = await request(url, {
      method: 'POST',
      dispatcher: isOfCluster(new URL(url).hostname) ? this.#direct : this.#proxied,
      signal,
      headers: { 'content-type': 'application/json', 'user-agent': this.#userAgent, ...headers },
      body: JSON.stringify(body),
    });
    return { status: answer.statusCode, text: await readWithin(answer.body) };
  }

  async close(): Promise<void> {
    await Promise.all([this.#direct.destroy(), this.#proxied.destroy()]);
  }
}

/** A Service, which a proxy outside could not reach, or this pod. */
function isOfCluster(hostname: string): boolean {
  return /\.svc(?:\.|$)/i.test(hostname) || hostname.startsWith('127.');
}

function unsent(message: string): Error {
  return new Error(message);
}

async function readWithin(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > longestAnswer) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'no connection';
}
