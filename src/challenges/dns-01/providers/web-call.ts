import { getCACertificates } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { second } from '../../../../machines/time/durations.ts';
import { fenced } from '../../../process/write-fence.ts';
import { ProviderError } from './provider.ts';

export interface WebCall {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object;
}

/** Milliseconds for all of an exchange: such a service may have slow DNS behind it. */
const timeLimit = 30 * second;
const longestAnswer = 64 * 1024;

export interface WebCallerOptions {
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

  constructor({ userAgent, caBundle, mayWrite = () => true, proxy }: WebCallerOptions) {
    this.#userAgent = userAgent;
    const trust = caBundle === undefined ? {} : { ca: [...getCACertificates('default'), caBundle] };
    const common = { connections: 8, allowH2: false };
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
  async post({ url, headers, body }: WebCall, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const { host, hostname } = new URL(url);
    const limit = AbortSignal.timeout(timeLimit);
    let status: number;
    let text: string;
    try {
      const answer = await request(url, {
        method: 'POST',
        dispatcher: isOfCluster(hostname) ? this.#direct : this.#proxied,
        signal: AbortSignal.any([signal, limit]),
        headers: { 'content-type': 'application/json', 'user-agent': this.#userAgent, ...headers },
        body: JSON.stringify(body),
      });
      status = answer.statusCode;
      text = await readWithin(answer.body);
    } catch (error) {
      signal.throwIfAborted();
      const why = limit.aborted
        ? `gives no answer within ${timeLimit / second} s`
        : `cannot be reached (${codeOf(error)})`;
      throw new ProviderError('unreachable', `The DNS service ${host} ${why}.`, undefined, { cause: error });
    }
    if (status >= 200 && status < 300) return text;
    const refused = status >= 300 && status < 500 && status !== 408 && status !== 429;
    throw new ProviderError(
      refused ? 'refused' : 'unreachable',
      `The DNS service ${host} answers with status ${status}.`,
      status === 401 || status === 403 ? 'Correct the credentials in the Secret of the zone.' : undefined,
    );
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
