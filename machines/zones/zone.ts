// The operator's DNS zones: which hosts can be proven by DNS-01, by which namespaces, and how their records are written. Read from a
// ConfigMap by src/sources; asked by ownership for each host, and by the DNS-01 solver.

import { normalizeHost } from '../hosts/host-names.ts';

export const providerNames = ['rfc2136', 'external-dns', 'httpreq', 'acme-dns'] as const;
export type ProviderName = (typeof providerNames)[number];

/** One entry of the zones document. Hosts of the domain and below are its own, except those of a more specific entry. */
export interface Zone {
  /** Lower case, without final dot. */
  readonly domain: string;
  readonly provider: ProviderName;
  /** Who may use it; `any`: everybody. */
  readonly namespaces: readonly string[] | 'any';
  /** Namespaces whose wildcards may cover hosts of other namespaces, and keep nobody from having hosts below them. */
  readonly wildcardsBesideOthers: readonly string[];
  /** For hosts whose source does not say; wildcards always need DNS-01. */
  readonly challenge: ChallengeType;
  /** The servers to ask in place of those that the DNS names; `ADDRESS` or `ADDRESS:PORT`. */
  readonly nameServers: readonly string[];
  /** Of the provider. */
  readonly settings: Readonly<Partial<Record<string, string>>>;
}

export type ChallengeType = 'http-01' | 'dns-01';

/** `kube-lego.io/challenge` on a source. */
export const challengeAnnotation = 'kube-lego.io/challenge';

export function isChallengeType(text: string): text is ChallengeType {
  return text === 'http-01' || text === 'dns-01';
}

/** All zones. */
export class Zones {
  readonly #byDomain: ReadonlyMap<string, Zone | 'closed'>;

  /** @param closed domains whose entry is invalid: nobody may use them, whatever the entry of a domain above says */
  constructor(zones: readonly Zone[], closed: readonly string[] = []) {
    this.#byDomain = new Map<string, Zone | 'closed'>([
      ...closed.map((domain) => [domain, 'closed'] as const),
      ...zones.map((zone) => [zone.domain, zone] as const),
    ]);
  }

  get all(): Zone[] {
    return [...this.#byDomain.values()].filter((entry) => entry !== 'closed');
  }

  get closed(): string[] {
    return [...this.#byDomain].flatMap(([domain, entry]) => (entry === 'closed' ? domain : []));
  }

  /** The most specific entry for a host, a wildcard or another name, if it is valid. */
  of(name: string): Zone | undefined {
    const entry = this.#entryOf(name);
    return entry === 'closed' ? undefined : entry;
  }

  /** Whether there is an entry for a name, valid or not. */
  lists(name: string): boolean {
    return this.#entryOf(name) !== undefined;
  }

  /** Whether this very domain has no entry, not even an invalid one. */
  lacks(domain: string): boolean {
    return !this.#byDomain.has(domain);
  }

  /** The entry for a host, if this namespace may use it. */
  usableBy(namespace: string, name: string): Zone | undefined {
    const zone = this.of(name);
    return zone !== undefined && mayUse(zone, namespace) ? zone : undefined;
  }

  /** Whether this namespace's wildcard may cover hosts of others. */
  mayCoverOthers(namespace: string, wildcard: string): boolean {
    return this.usableBy(namespace, wildcard)?.wildcardsBesideOthers.includes(namespace) ?? false;
  }

  #entryOf(name: string): Zone | 'closed' | undefined {
    if (this.#byDomain.size === 0) return undefined;
    const plain = normalizeHost(name).replace(/^\*\./, '');
    for (let at = 0; ; ) {
      const entry = this.#byDomain.get(plain.slice(at));
      if (entry !== undefined) return entry;
      const dot = plain.indexOf('.', at);
      if (dot === -1) return undefined;
      at = dot + 1;
    }
  }
}

function mayUse({ namespaces }: Zone, namespace: string): boolean {
  return namespaces === 'any' || namespaces.includes(namespace);
}
