const most = 65_536;

/** Nonces, valid once (RFC 8555 section 6.5). Beyond the maximum the oldest are dropped, as in Boulder. */
export class Nonces {
  readonly #good = new Set<string>();
  readonly #random: () => number;
  #count = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  issue(): string {
    this.#count += 1;
    const bytes = Buffer.alloc(16);
    bytes.writeUInt32BE(this.#count, 0);
    for (let at = 4; at < 16; at += 4) bytes.writeUInt32BE(Math.floor(this.#random() * 2 ** 32), at);
    const nonce = bytes.toString('base64url');
    this.#good.add(nonce);
    if (this.#good.size > most) for (const oldest of this.#good.values().take(1)) this.#good.delete(oldest);
    return nonce;
  }

  /** Uses up the nonce. @returns whether it was valid */
  redeem(nonce: string): boolean {
    return this.#good.delete(nonce);
  }

  /** Like a restart of the CA's nonce service. */
  forgetAll(): void {
    this.#good.clear();
  }
}
