import {
  type CaAnswer,
  type CaRequest,
  type Connection,
  caName,
  requestHeaders,
} from '../../src/acme/transport/connection.ts';
import { AcmeProblem } from '../../src/acme/transport/problem.ts';
import type { ScriptedCa } from '../ca/ca.ts';

/** A request to the strict CA, and how it was answered. */
export interface Exchanged {
  readonly endpoint: string;
  readonly method: string;
  readonly url: string;
  readonly status: number;
}

/** The strict CA in this process, without sockets between. */
export class DirectConnection implements Connection {
  readonly exchanged: Exchanged[] = [];
  readonly #ca: Pick<ScriptedCa, 'handle'>;

  constructor(ca: Pick<ScriptedCa, 'handle'>) {
    this.#ca = ca;
  }

  async send(asked: CaRequest): Promise<CaAnswer> {
    const { body = '', endpoint, method, signal, url } = asked;
    signal.throwIfAborted();
    const headers = requestHeaders(asked, 'test');
    const answer = await this.#ca.handle({ method, url, headers, body });
    this.exchanged.push({ endpoint, method, url, status: answer.status });
    if (answer.broken === undefined) {
      return { status: answer.status, headers: answer.headers, text: method === 'HEAD' ? '' : answer.body };
    }
    const detail = 'the connection broke off before the answer was complete';
    throw new AcmeProblem({ type: 'unreachable', detail, endpoint: asked.endpoint, ca: caName(url) });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** How many requests there were to this endpoint. */
  count(endpoint: string): number {
    return this.exchanged.filter((exchange) => exchange.endpoint === endpoint).length;
  }
}
