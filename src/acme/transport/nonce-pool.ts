import { minute } from '../../../machines/time/durations.ts';

/** RFC 8555 section 6.5.1: a nonce is base64url, anything else is ignored. */
const wellFormed = /^[A-Za-z0-9_-]{1,512}$/;

/**
 * The nonces that a CA has handed out and that were not used yet, newest first. An old one costs a rejected request, which is
 * what a new-nonce request would have cost as well, so the age limit only keeps hopeless ones out.
 */
export class NoncePool {
  readonly #nonces: { readonly value: string; readonly at: number }[] = [];
  readonly #now: () => number;
  readonly #limit: number;
  readonly #maxAge: number;

  /** @param maxAge in milliseconds */
  constructor(now: () => number, limit = 64, maxAge = 5 * minute) {
    this.#now = now;
    this.#limit = limit;
    this.#maxAge = maxAge;
  }

  /** Keeps the nonce of an answer; a malformed one is ignored, the oldest one makes way. */
  put(nonce: string | undefined): void {
    if (nonce === undefined || !wellFormed.test(nonce)) return;
    this.#nonces.push({ value: nonce, at: this.#now() });
    if (this.#nonces.length > this.#limit) this.#nonces.shift();
  }

  /** The newest nonce, which is not in the pool any more; undefined if there is none that is young enough. */
  take(): string | undefined {
    const newest = this.#nonces.pop();
    if (newest === undefined) return undefined;
    if (this.#now() - newest.at <= this.#maxAge) return newest.value;
    this.#nonces.length = 0;
    return undefined;
  }
}
