import type { HostRoute } from '../../../machines/ownership/desired-certificate.ts';
import type { NamespaceSpec } from '../../../machines/ownership/holders/holders.ts';
import type { OwnershipPolicy } from '../../../machines/ownership/ownership.ts';
import { type SourceKey, sourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { ownershipPolicy } from '../builders.ts';

/** Strongest first. */
const kinds = ['routes', 'routes though refused', 'lists', 'lists though refused'] as const;

interface SeenClaim {
  readonly key: SourceKey;
  readonly host: string;
  readonly kind: number;
  readonly since: number;
}

/**
 * The rules of ownership as plainly as possible: everything is worked out anew, by looking at everything, whenever it is asked for. Hosts of
 * sources are valid, settings are good.
 */
export class OwnershipModel {
  readonly #policy: OwnershipPolicy;
  readonly sources = new Map<SourceKey, SourceSpec>();
  readonly holders = new Map<string, string>();
  readonly namespaces = new Map<string, NamespaceSpec>();
  #claims: SeenClaim[] = [];
  /** Since when a source is there. */
  readonly #seen = new Map<SourceKey, number>();
  #newest: { readonly createdAt: number; readonly since: number }[] = [];
  /** Of the one class. */
  controller: string | undefined;
  #unnamed = new Map<string, number>();
  #changes = 0;
  settled = false;

  constructor(changes: Partial<OwnershipPolicy> = {}) {
    this.#policy = { ...ownershipPolicy, ...changes };
  }

  /** To be called after each change. */
  changed(now: number): void {
    if (!this.settled) return;
    const before = this.#claims;
    const since = this.#changes;
    const brought = new Set([...this.sources.keys()].filter((key) => !this.#seen.has(key)));
    for (const key of brought) this.#see(key, since);
    this.#claims = [...this.sources.values()].flatMap((source) =>
      this.#hostsOf(source).map((host) => {
        const key = sourceKey(source);
        const kind = this.#kind(source, host);
        const known = before.find((claim) => claim.key === key && claim.host === host);
        if (known !== undefined && kind >= known.kind) return { key, host, kind, since: known.since };
        return { key, host, kind, since: brought.has(key) ? (this.#seen.get(key) ?? since) : since };
      }),
    );
    this.#changes += 1;
    for (const [host, namespace] of this.holders) {
      if (this.#isNamed(host, namespace)) this.#unnamed.delete(host);
      else if (!this.#unnamed.has(host)) this.#unnamed.set(host, now);
    }
  }

  replace(source: SourceSpec): void {
    const key = sourceKey(source);
    const known = this.sources.get(key);
    if (known !== undefined && known.uid !== source.uid) this.delete(key);
    this.sources.set(key, source);
  }

  delete(key: SourceKey): void {
    this.sources.delete(key);
    this.#seen.delete(key);
    this.#claims = this.#claims.filter((claim) => claim.key !== key);
  }

  /** None was there before another one that is not younger by its own age, unless that is seen too late. */
  #see(key: SourceKey, since: number): void {
    const createdAt = this.sources.get(key)?.createdAt ?? 0;
    const late = this.#newest.some((seen) => seen.createdAt > createdAt + 5_000);
    const younger = this.#newest.filter((seen) => seen.createdAt >= createdAt);
    const first = late ? since : Math.min(since, ...younger.map((seen) => seen.since));
    this.#seen.set(key, first);
    if (!late) this.#newest.push({ createdAt, since: first });
  }

  hold(host: string, namespace: string | undefined): void {
    if (this.holders.get(host) !== namespace) this.#unnamed.delete(host);
    if (namespace === undefined) this.holders.delete(host);
    else this.holders.set(host, namespace);
  }

  /** Secret → its hosts, each with its standing, of those that the source owns. */
  desired(key: SourceKey, now: number): Record<string, string[]> | undefined {
    const source = this.sources.get(key);
    if (source === undefined || !source.enabled || !this.settled) return undefined;
    const names = this.#asks(source) ? source.tls.map(({ secretName = '' }) => secretName) : [];
    const owned = names.filter((name) => this.#membersOf(source.namespace, name)[0] === source);
    return Object.fromEntries(
      owned.flatMap((name) => {
        const hosts = this.#kept(source.namespace, name);
        const stand = hosts.map((host) => spell(host, this.#standing(source.namespace, host, now)));
        return hosts.length === 0 ? [] : [[name, stand]];
      }),
    );
  }

  #standing(namespace: string, host: string, now: number): Pick<HostRoute, 'standing' | 'until'> {
    const reservations = [...this.namespaces.values()].flatMap(({ name, createdAt, domains }) =>
      domains.flatMap((domain) => {
        const covers = domain.startsWith('*.') ? host.endsWith(domain.slice(1)) : host === domain;
        // An exact name is more specific than any wildcard.
        const length = domain.startsWith('*.') ? domain.length : 1000;
        return covers ? [{ name, createdAt, length }] : [];
      }),
    );
    const [reserved] = reservations.toSorted(
      (one, other) =>
        other.length - one.length || one.createdAt - other.createdAt || (one.name < other.name ? -1 : 1),
    );
    if (reserved !== undefined) return { standing: reserved.name === namespace ? 'ours' : 'reserved' };
    if (this.#policy.requireDomains) return { standing: 'not-reserved' };
    if (this.#policy.hostOwnership === 'any') return { standing: 'ours' };
    const holder = this.holders.get(host);
    if (holder !== undefined) {
      const until = (this.#unnamed.get(host) ?? Number.POSITIVE_INFINITY) + this.#policy.hostGrace;
      if (until === Number.POSITIVE_INFINITY)
        return { standing: holder === namespace ? 'ours' : 'elsewhere' };
      if (now < until) return { standing: 'grace', until };
    }
    const [best] = this.#claims
      .filter((claim) => reaches(claim.host, host) && kinds[claim.kind] !== 'lists though refused')
      .toSorted(
        (one, other) => one.kind - other.kind || one.since - other.since || this.#byAge(one, other, host),
      );
    const owner = best === undefined ? namespace : this.sources.get(best.key)?.namespace;
    return { standing: owner === namespace ? 'ours' : 'elsewhere' };
  }

  #byAge(one: SeenClaim, other: SeenClaim, host: string): number {
    const [first, second] = [this.sources.get(one.key), this.sources.get(other.key)];
    if (first === undefined || second === undefined) return 0;
    const exactFirst = Number(other.host === host) - Number(one.host === host);
    return first.createdAt - second.createdAt || exactFirst || this.#byOrder(first, second);
  }

  #byOrder(one: SourceSpec, other: SourceSpec): number {
    const byName = sourceKey(one) < sourceKey(other) ? -1 : 1;
    if (this.controller === 'k8s.io/ingress-nginx') return -byName;
    return this.controller === 'nginx.org/ingress-controller' ? (one.uid > other.uid ? -1 : 1) : byName;
  }

  #isNamed(host: string, namespace: string): boolean {
    return [...this.sources.values()].some(
      (source) =>
        source.namespace === namespace && this.#hostsOf(source).some((named) => reaches(named, host)),
    );
  }

  #hostsOf(source: SourceSpec): string[] {
    return [...new Set([...this.#routed(source), ...source.tls.flatMap(({ hosts }) => hosts)])];
  }

  #routed({ ruleHosts, aliases = [] }: SourceSpec): readonly string[] {
    return ruleHosts.length === 0 ? [] : [...ruleHosts, ...aliases];
  }

  #kind(source: SourceSpec, host: string): number {
    const listed = source.tls.filter(({ hosts }) => hosts.includes(host));
    const granted = listed.some(({ secretName = '' }) =>
      this.#kept(source.namespace, secretName).includes(host),
    );
    const refused = this.#asks(source) && listed.length > 0 && !granted;
    return (this.#routed(source).includes(host) ? 0 : 2) + (refused ? 1 : 0);
  }

  #asks({ enabled, certManager }: SourceSpec): boolean {
    return enabled && !certManager;
  }

  #membersOf(namespace: string, secretName: string): SourceSpec[] {
    return [...this.sources.values()]
      .filter((source) => source.namespace === namespace && this.#asks(source))
      .filter(({ tls }) => tls.some((entry) => entry.secretName === secretName && entry.hosts.length > 0))
      .toSorted(
        (one, other) => one.createdAt - other.createdAt || (sourceKey(one) < sourceKey(other) ? -1 : 1),
      );
  }

  #kept(namespace: string, secretName: string): string[] {
    const entries = this.#membersOf(namespace, secretName).map(
      ({ tls }) => tls.find((entry) => entry.secretName === secretName)?.hosts ?? [],
    );
    const all = [...new Set(entries.flat())];
    const held = all.filter((host) => this.holders.get(host) === namespace);
    const small = entries.filter((hosts) => hosts.length <= this.#policy.mostNames).flat();
    const chosen = [...new Set([...held, ...all.filter((host) => small.includes(host))])].slice(
      0,
      this.#policy.mostNames,
    );
    return all.filter((host) => chosen.includes(host));
  }
}

/** `host`, with its standing if that is not `ours`. */
export function spell(host: string, { standing, until }: Pick<HostRoute, 'standing' | 'until'>): string {
  if (standing === 'ours') return host;
  return until === undefined ? `${host}: ${standing}` : `${host}: ${standing} ${until}`;
}

function reaches(named: string, host: string): boolean {
  return named === host || (named.startsWith('*.') && named.slice(2) === host.slice(host.indexOf('.') + 1));
}
