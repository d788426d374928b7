import { type Answered, invalid, refusal } from './answer.ts';
import type { CaRequest } from './connection.ts';
import { isNonce, NoncePool } from './nonce-pool.ts';

export interface NonceSourceOptions {
  readonly send: (asked: CaRequest) => Promise<Answered>;
  /** Monotonic milliseconds. */
  readonly monotonic: () => number;
}

/** Nonces (RFC 8555 section 6.5): those of earlier answers, by origin, else new ones. */
export class NonceSource {
  readonly #options: NonceSourceOptions;
  readonly #pools = new Map<string, NoncePool>();
  /** URLs for new nonces whose HEAD gives none. */
  readonly #byGet = new Set<string>();

  constructor(options: NonceSourceOptions) {
    this.#options = options;
  }

  /** A nonce of an earlier answer of this origin. */
  take(url: string): string | undefined {
    return this.#pool(url).take();
  }

  /** Keeps the nonce of an answer. */
  put(url: string, nonce: string | undefined): void {
    this.#pool(url).put(nonce);
  }

  /**
   * Asks for a new nonce by HEAD. Servers that refuse it, and proxies that strip its answer, exist: then by GET (RFC 8555 section 7.2
   * has both).
   * @param onRefused called with an answer that has no nonce
   * @throws AcmeProblem, or what the gate throws
   */
  async ask(
    sending: Pick<CaRequest, 'signal' | 'gate'>,
    url: string,
    onRefused: (from: Answered) => void,
  ): Promise<string> {
    const asked = { ...sending, endpoint: 'new-nonce', url } as const;
    let from = await this.#options.send({ ...asked, method: this.#byGet.has(url) ? 'GET' : 'HEAD' });
    if (nonceIn(from) === undefined && mayRefuseHead(from)) {
      from = await this.#options.send({ ...asked, method: 'GET' });
      if (nonceIn(from) !== undefined) this.#byGet.add(url);
    }
    const nonce = nonceIn(from);
    if (nonce !== undefined) return nonce;
    onRefused(from);
    throw from.answer.status < 300 ? invalid(from, 'holds no nonce') : refusal(from);
  }

  #pool(url: string): NoncePool {
    const origin = URL.canParse(url) ? new URL(url).origin : '';
    const pool = this.#pools.get(origin) ?? new NoncePool(this.#options.monotonic);
    this.#pools.set(origin, pool);
    return pool;
  }
}

function nonceIn({ answer }: Answered): string | undefined {
  const nonce = answer.headers['replay-nonce'] ?? '';
  return answer.status < 300 && isNonce(nonce) ? nonce : undefined;
}

/** Not if it asks to wait or fails. */
function mayRefuseHead({ answer: { status } }: Answered): boolean {
  return status < 500 ? status !== 429 : status === 501;
}
