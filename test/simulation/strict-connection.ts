import {
  type CaAnswer,
  type CaRequest,
  type Connection,
  caName,
  requestHeaders,
} from '../../src/acme/transport/connection.ts';
import { AcmeProblem } from '../../src/acme/transport/problem.ts';
import { type Clock, sleep } from '../../src/time/clock.ts';
import type { CaRequest as AskedRequest, CaAnswer as GivenAnswer } from '../ca/exchange.ts';
import { drawLatency, requestTimeout } from './network.ts';
import type { Random } from './random.ts';

export interface StrictConnectionOptions {
  /** @param latency milliseconds until the answer will be heard */
  readonly ca: { answer(request: AskedRequest, latency: number): Promise<GivenAnswer> };
  readonly clock: Clock;
  readonly random: Random;
  readonly userAgent: string;
}

/** In place of sockets: what is asked reaches the strict CA at once, and its answer comes after a while of the process's clock. */
export class StrictConnection implements Connection {
  readonly #options: StrictConnectionOptions;

  constructor(options: StrictConnectionOptions) {
    this.#options = options;
  }

  async send(asked: CaRequest): Promise<CaAnswer> {
    const { ca, clock, random, userAgent } = this.#options;
    const { body = '', method, signal, url } = asked;
    signal.throwIfAborted();
    const latency = drawLatency(random);
    const headers = requestHeaders(asked, userAgent);
    const answer = await ca.answer({ method, url, headers, body }, latency);
    await sleep(clock, answer.broken === 'silence' ? requestTimeout : latency, signal);
    if (answer.broken === undefined) {
      return { status: answer.status, headers: answer.headers, text: answer.body };
    }
    const [type, detail] =
      answer.broken === 'silence'
        ? ['timeout', 'the CA did not answer in time']
        : ['unreachable', 'the connection broke off before the answer was complete'];
    throw new AcmeProblem({ type, detail, endpoint: asked.endpoint, ca: caName(url) });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
