import { Agent, request } from 'undici';
import type { Access } from './kubeconfig.ts';
import { LocalError } from './local-error.ts';

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** sent as JSON */
  readonly body?: unknown;
  readonly contentType?: string;
  /** default: application/json */
  readonly accept?: string;
  readonly signal?: AbortSignal;
}

export interface ApiAnswer {
  readonly status: number;
  /** parsed if it is JSON, else the text */
  readonly body: unknown;
}

/** Milliseconds; on a busy machine the API server may stand still for a quarter of a minute. */
const timeLimit = 60_000;

/**
 * The calls that setting up a cluster needs, over one pooled connection. Deliberately not the controller's client: the setup
 * and checks of tests must not depend on the code under test.
 */
export class ApiClient implements AsyncDisposable {
  readonly #access: Access;
  readonly #agent: Agent;

  constructor(access: Access) {
    this.#access = access;
    this.#agent = new Agent({ connect: { ca: access.ca, timeout: timeLimit }, connections: 4 });
  }

  /** @param path with its query, such as /api/v1/namespaces?limit=1 */
  async request(path: string, options: ApiRequest = {}): Promise<ApiAnswer> {
    const limit = AbortSignal.timeout(timeLimit);
    const answer = await request(`${this.#access.server}${path}`, {
      method: options.method ?? 'GET',
      dispatcher: this.#agent,
      signal: options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]),
      headers: {
        authorization: `Bearer ${this.#access.token}`,
        accept: options.accept ?? 'application/json',
        'content-type': options.contentType ?? 'application/json',
      },
      body: options.body === undefined ? null : JSON.stringify(options.body),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, body: parse(text) };
  }

  /**
   * As `request`, for calls that have no reason to fail.
   * @returns the body
   * @throws LocalError RequestFailed with what the API server said
   */
  async expect(path: string, options: ApiRequest = {}): Promise<unknown> {
    const { status, body } = await this.request(path, options);
    if (status < 400) return body;
    throw new LocalError(
      'RequestFailed',
      `${options.method ?? 'GET'} ${path} was answered with ${status}: ${messageOf(body)}`,
    );
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function messageOf(body: unknown): string {
  if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') {
    return body.message;
  }
  return JSON.stringify(body);
}
