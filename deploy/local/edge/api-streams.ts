import type { IncomingMessage } from 'node:http';
import { Agent, get, request } from 'node:https';
import { readAll } from '../../../src/kubernetes/client/api-answer.ts';
import type { KubernetesClient, StreamOptions } from '../../../src/kubernetes/client/client.ts';
import { errorFromAnswer, errorFromTransport } from '../../../src/kubernetes/client/kubernetes-error.ts';
import type { Access } from '../kubeconfig.ts';

/** milliseconds until an answer begins */
const answerTimeout = 15_000;
const longestErrorAnswer = 64 * 1024;
const longestAnswer = 4 * 1024 * 1024;

/**
 * The lists and watches of an edge, over node:https alone: loading the controller's client took most of the CPU of an
 * edge's start (370 ms with it, 100 ms without), and tests start an edge dozens of times.
 */
export class ApiStreams implements Pick<KubernetesClient, 'stream'> {
  readonly #access: Access;
  readonly #agent: Agent;

  constructor(access: Access) {
    this.#access = access;
    this.#agent = new Agent({ ca: access.ca, keepAlive: true });
  }

  /** @throws KubernetesError, or the signal's reason */
  async stream(
    path: string,
    query: URLSearchParams,
    { signal, bodyTimeout, accept = 'application/json' }: StreamOptions,
  ): ReturnType<KubernetesClient['stream']> {
    const subject = `GET ${path}`;
    try {
      const body = await this.#answerTo(`${path}?${query.toString()}`, accept, bodyTimeout, signal);
      const { statusCode = 0, headers } = body;
      if (statusCode >= 400) {
        const text = (await readAll(body, longestErrorAnswer)).toString('utf8');
        throw errorFromAnswer(subject, statusCode, text, headers['retry-after']);
      }
      return { statusCode, headers, body };
    } catch (error) {
      signal.throwIfAborted();
      throw errorFromTransport(subject, error);
    }
  }

  /** @throws KubernetesError */
  async mergePatch(path: string, body: unknown): Promise<void> {
    const subject = `PATCH ${path}`;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = request(`${this.#access.server}${path}`, {
      agent: this.#agent,
      method: 'PATCH',
      timeout: answerTimeout,
      headers: { ...this.#headers('application/json'), 'content-type': 'application/merge-patch+json' },
    });
    sent.once('timeout', () => sent.destroy(timedOut()));
    sent.once('error', reject).once('response', resolve).end(JSON.stringify(body));
    try {
      const answer = await promise;
      const text = (await readAll(answer, longestAnswer)).toString('utf8');
      const { statusCode = 0, headers } = answer;
      if (statusCode >= 400) throw errorFromAnswer(subject, statusCode, text, headers['retry-after']);
    } catch (error) {
      throw errorFromTransport(subject, error);
    }
  }

  /** Closes all connections. */
  close(): void {
    this.#agent.destroy();
  }

  #answerTo(
    target: string,
    accept: string,
    bodyTimeout: number,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options = { agent: this.#agent, headers: this.#headers(accept), signal };
    const sent = get(`${this.#access.server}${target}`, options);
    let body: IncomingMessage | undefined;
    sent.setTimeout(answerTimeout, () => (body ?? sent).destroy(timedOut()));
    sent.once('error', reject);
    sent.once('response', (answer) => {
      body = answer;
      sent.setTimeout(bodyTimeout);
      resolve(answer);
    });
    return promise;
  }

  #headers(accept: string): Record<string, string> {
    return { accept, authorization: `Bearer ${this.#access.token}`, 'user-agent': 'local-edge' };
  }
}

function timedOut(): Error {
  return Object.assign(new Error('no answer within the time limit'), { code: 'ETIMEDOUT' });
}
