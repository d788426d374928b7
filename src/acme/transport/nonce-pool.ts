import { minute } from '../../../machines/time/durations.ts';

/** RFC 8555 section 6.5.1: a nonce is base64url, anything else is ignored. */
const wellFormed = /^[A-Za-z0-9_-]{1,512}$/;

export function isNonce(text: string): boolean {
  return wellFormed.test(text);
}

/**
 * The CA's unused nonces, newest first. An old one costs a rejected request, as much as a new-nonce request, so the age limit only
 * drops hopeless ones.
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

  /** Keeps the nonce of an answer and drops the oldest above the limit; a malformed one is ignored. */
  put(nonce: string | undefined): void {
    if (nonce === undefined || !isNonce(nonce)) return;
    this.#nonces.push({ value: nonce, at: this.#now() });
    if (this.#nonces.length > this.#limit) this.#nonces.shift();
  }

  /** Removes and returns the newest nonce; undefined if none is young enough. */
  take(): string | undefined {
    const newest = this.#nonces.pop();
    if (newest === undefined) return undefined;
    if (this.#now() - newest.at <= this.#maxAge) return newest.value;
    this.#nonces.length = 0;
    return undefined;
  }
}
