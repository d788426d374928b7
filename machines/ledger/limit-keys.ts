import { normalizeHost } from '../hosts/host-names.ts';
import { someOf } from '../reasons/foreign-text.ts';
import type { LimitName } from './rate-limits.ts';

/** What a limit of the CA applies to: its key in the ledger, and its display name. */
export interface Scope {
  readonly key: string;
  readonly words: string;
}

/** The scopes that an order counts in. */
export interface OrderScopes {
  readonly account: Scope;
  readonly set: Scope;
  readonly domains: readonly Scope[];
  readonly identifiers: readonly Scope[];
}

/** First letter of a bucket's key. */
const letters: Readonly<Record<LimitName, string>> = {
  'orders-per-account': 'o',
  'certificates-per-registered-domain': 'd',
  'certificates-per-exact-set': 's',
  'authorization-failures': 'f',
  'consecutive-authorization-failures': 'c',
};

const limitsByLetter: ReadonlyMap<string, LimitName> = new Map([
  ['o', 'orders-per-account'],
  ['d', 'certificates-per-registered-domain'],
  ['s', 'certificates-per-exact-set'],
  ['f', 'authorization-failures'],
  ['c', 'consecutive-authorization-failures'],
]);

/** Maps orders to scopes. Keys contain hashes, which bounds their length. */
export class LedgerKeys {
  readonly account: Scope;
  readonly #registeredDomain: (host: string) => string;
  readonly #hash: (text: string) => string;
  /** By the list of a round, which is asked about again and again while it waits. */
  readonly #orders = new WeakMap<readonly string[], OrderScopes>();

  constructor(registeredDomain: (host: string) => string, hash: (text: string) => string) {
    this.#registeredDomain = registeredDomain;
    this.#hash = hash;
    this.account = { key: hash('account'), words: 'this account' };
  }

  /** @param identifiers the same list has the same scopes: it must not be changed */
  order(identifiers: readonly string[]): OrderScopes {
    const known = this.#orders.get(identifiers);
    if (known !== undefined) return known;
    const scopes = this.#scopesOf(identifiers);
    this.#orders.set(identifiers, scopes);
    return scopes;
  }

  #scopesOf(identifiers: readonly string[]): OrderScopes {
    const names = [...new Set(identifiers.map(normalizeHost))].toSorted();
    const domains = [...new Set(names.map(this.#registeredDomain))];
    return {
      account: this.account,
      set: { key: this.#hash(names.join(',')), words: `a certificate for exactly ${someOf(names, 3)}` },
      domains: domains.map((name) => this.domain(name)),
      identifiers: names.map((name) => this.identifier(name)),
    };
  }

  domain(name: string): Scope {
    return { key: this.#hash(name), words: `registered domain ${name}` };
  }

  identifier(name: string): Scope {
    const normal = normalizeHost(name);
    return { key: this.#hash(normal), words: `host ${normal}` };
  }

  /** The registered domains of the identifiers within the domain that the CA named. */
  domainsWithin(identifiers: readonly string[], name: string): Scope[] {
    const within = identifiers
      .map(normalizeHost)
      .filter((host) => host === name || host.endsWith(`.${name}`) || this.#registeredDomain(host) === name);
    return [...new Set(within.map(this.#registeredDomain))].map((domain) => this.domain(domain));
  }
}

export function bucketKey(limit: LimitName, scope: Scope): string {
  return letters[limit] + scope.key;
}

/** The limit of a bucket; undefined for an unknown key. */
export function limitOfKey(key: string): LimitName | undefined {
  return limitsByLetter.get(key.charAt(0));
}
