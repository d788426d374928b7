import { setTimeout as pause } from 'node:timers/promises';
import type { CaRequest } from '../ca/exchange.ts';
import { type Fault, internalError, problemAnswer, unavailable } from '../ca/faults.ts';
import { seededRandom } from '../ca/random.ts';
import type { Answer, Interference, Passage } from '../controller-failures/faulty-proxy.ts';
import type { WatchFaults } from './fault-watch.ts';

/** How bad it is. */
export interface Severity {
  /** Share of the requests that meet a fault. */
  readonly share: number;
  /** Milliseconds. */
  readonly longestDelay: number;
  /** Of a Retry-After, in whole seconds. */
  readonly shortestWait: number;
}

/** What was sent in place of an answer. */
export interface Refused {
  /** See `requestOf`. */
  readonly request: string;
  readonly at: number;
  /** End of the Retry-After, milliseconds since the epoch. */
  readonly until: number;
}

const apiFaults = [
  'reset',
  'lost',
  'delay',
  'delay',
  'conflict',
  'busy',
  'error',
  'unavailable',
  'stale',
] as const;
const caFaults = ['reset', 'lost', 'half', 'bad-nonce', 'error', 'unavailable', 'busy'] as const;
/** Lists that a reflector reads, and goes on from there by a watch: they may be old. */
const watched = /^\/apis\/networking\.k8s\.io\/v1\/(?:ingresses|ingressclasses)$|^\/api\/v1\/namespaces$/;

/** Faults that a seed decides: the draws are the same ones for the same seed, and which request meets which one is up to the machine. */
export class Weather {
  severity: Severity;
  readonly #random: () => number;
  readonly #met = new Map<string, number>();
  #delayed = 0;
  readonly #lists = new Map<string, Answer>();

  constructor(seed: number, severity: Severity) {
    this.#random = seededRandom(seed);
    this.severity = severity;
  }

  /** How often each fault was met. */
  get met(): ReadonlyMap<string, number> {
    return this.#met;
  }

  /** No more faults during the work, nor requests that are still delayed. */
  async calm(work: () => Promise<void>): Promise<void> {
    const { severity } = this;
    this.severity = { ...severity, share: 0 };
    while (this.#delayed > 0) await pause(100);
    await work();
    this.severity = severity;
  }

  /** From 0 to below this number. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  /** Between a replica and the API server. @param onRefused it has been told to wait */
  apiServer(onRefused: (refused: Refused) => void): Interference {
    return (passage) => {
      if (isWatch(passage)) return undefined;
      const isList = passage.method === 'GET' && watched.test(passage.path);
      if (!this.chance(this.severity.share)) return isList ? this.#remembered(passage) : undefined;
      return this.#apiFault(passage, isList, onRefused);
    };
  }

  /** For each watch. */
  watch(): WatchFaults {
    const { share } = this.severity;
    return {
      repeats: () => this.chance(share),
      delays: () => this.chance(share),
      endsAfter: this.chance(10 * share) ? 500 + this.below(20_000) : undefined,
      cuts: this.chance(0.5),
    };
  }

  /** For `Faults.script` of the CA. */
  ca(): Fault | undefined {
    if (!this.chance(this.severity.share)) return undefined;
    const kind = this.#draw(caFaults);
    this.#count(`CA ${kind}`);
    switch (kind) {
      case 'error':
        return internalErrorSoon(this.#wait());
      case 'unavailable':
        return unavailable(this.#wait());
      case 'busy':
        return problemAnswer(429, 'rateLimited', 'Service busy; retry later.', {
          'retry-after': String(this.#wait()),
        });
      default:
        return kind;
    }
  }

  /** For `CaServerOptions.around`: the request waits. */
  async caDelay(_request: CaRequest): Promise<void> {
    if (!this.chance(this.severity.share)) return;
    this.#count('CA delay');
    await this.#held();
  }

  async #apiFault(
    passage: Passage,
    isList: boolean,
    onRefused: (refused: Refused) => void,
  ): Promise<Answer | 'hang-up'> {
    const { forward, method } = passage;
    const kind = this.#draw(apiFaults);
    switch (kind) {
      case 'conflict':
        if (method !== 'PUT' && method !== 'PATCH') return forward();
        break;
      case 'stale':
        if (!isList) return forward();
        break;
      default:
    }
    this.#count(`API ${kind}`);
    switch (kind) {
      case 'reset':
        return 'hang-up';
      case 'lost':
        await forward();
        return 'hang-up';
      case 'delay':
        await this.#held();
        return forward();
      case 'conflict':
        return status(
          409,
          'Conflict',
          'the object has been modified; please apply your changes to the latest version',
        );
      case 'busy': {
        const seconds = this.#wait();
        const at = Date.now();
        onRefused({ request: requestOf(passage), at, until: at + 1000 * seconds });
        return status(429, 'TooManyRequests', 'too many requests', { 'retry-after': String(seconds) });
      }
      case 'error':
        return status(500, 'InternalError', 'etcdserver: request timed out');
      case 'unavailable':
        return status(503, 'ServiceUnavailable', 'the server is currently unable to handle the request');
      case 'stale':
        return this.#lists.get(urlOf(passage)) ?? (await this.#remembered(passage));
    }
  }

  async #remembered(passage: Passage): Promise<Answer> {
    const answer = await passage.forward();
    if (answer.status === 200) this.#lists.set(urlOf(passage), answer);
    return answer;
  }

  /** A Retry-After, seconds. */
  #wait(): number {
    return this.severity.shortestWait + this.below(5);
  }

  /** Most delays are short. */
  async #held(): Promise<void> {
    this.#delayed += 1;
    await pause(this.severity.longestDelay * this.#random() ** 4);
    this.#delayed -= 1;
  }

  #draw<T>(kinds: readonly [T, ...T[]]): T {
    return kinds[this.below(kinds.length)] ?? kinds[0];
  }

  #count(kind: string): void {
    this.#met.set(kind, (this.#met.get(kind) ?? 0) + 1);
  }
}

export function isWatch({ query }: Pick<Passage, 'query'>): boolean {
  return query.has('watch');
}

/** The same for a request that is repeated. */
export function requestOf({ body, method, path, query }: Omit<Passage, 'forward'>): string {
  return `${method} ${path}?${query.toString()} ${body}`;
}

function urlOf({ path, query }: Passage): string {
  return `${path}?${query.toString()}`;
}

function internalErrorSoon(seconds: number): Fault {
  const answer = internalError();
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(seconds) } };
}

/** As the API server answers instead of the object. */
function status(
  code: number,
  reason: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  return {
    status: code,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
}
