import type { CaAccount } from './accounts.ts';
import type { Identifier } from './exchange.ts';
import { Refusal } from './refusal.ts';

/** Accounts that may order no certificate for an identifier until a person says so. */
export class Pauses {
  readonly #origin: string;
  readonly #token: () => string;
  readonly #paused = new Map<CaAccount, Set<string>>();
  readonly #links = new Map<string, CaAccount>();

  constructor(origin: string, token: () => string) {
    this.#origin = origin;
    this.#token = token;
  }

  pause(account: CaAccount, identifier: string): void {
    const identifiers = this.#paused.get(account) ?? new Set();
    this.#paused.set(account, identifiers.add(identifier));
  }

  isPaused(account: CaAccount, identifier: string): boolean {
    return this.#paused.get(account)?.has(identifier) ?? false;
  }

  /** @throws Refusal in Boulder's words, without a Retry-After, if one of them is paused */
  check(account: CaAccount, identifiers: readonly Identifier[]): void {
    const paused = identifiers.filter(({ value }) => this.isPaused(account, value));
    if (paused.length === 0) return;
    const token = this.#token();
    this.#links.set(token, account);
    const names = paused.map(({ value }) => value).join(', ');
    const detail = `Your account is temporarily prevented from requesting certificates for ${names} and possibly others. Please visit: ${this.#origin}/sfe/v1/unpause?jwt=${token}`;
    throw new Refusal({ type: 'rateLimited', detail, status: 429 });
  }

  /**
   * What a person does on the page that the refusal names.
   * @returns how many identifiers can be ordered again; undefined if the link is none of ours
   */
  unpause(token: string): number | undefined {
    const account = this.#links.get(token);
    if (account === undefined) return undefined;
    const count = this.#paused.get(account)?.size ?? 0;
    this.#paused.delete(account);
    return count;
  }
}
