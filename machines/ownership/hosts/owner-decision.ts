import { isWildcard } from '../../hosts/host-names.ts';
import type { Zones } from '../../zones/zone.ts';
import { byRank, type Claim, wildcardAbove } from '../claim.ts';
import { firstClaim, type OrderOf } from '../classes/served-certificate.ts';
import { SharedValues } from '../shared-values.ts';
import type { HostEntry } from './host-entry.ts';
import type { HostOwner } from './host-owner.ts';
import type { Reservations } from './reservations.ts';

export interface OwnerPolicy {
  /** `namespace`: a host belongs to one namespace; `any`: every namespace may have a certificate for it. */
  readonly hostOwnership: 'namespace' | 'any';
  /** Milliseconds that a host stays with its holder after no Ingress of it names the host any more, `LEGO_HOST_GRACE`. */
  readonly hostGrace: number;
  /** Only hosts that `kube-lego.io/domains` reserves for a namespace get a certificate, `LEGO_REQUIRE_DOMAINS`. */
  readonly requireDomains: boolean;
}

export interface OwnerGrounds {
  readonly policy: OwnerPolicy;
  readonly reservations: Reservations;
  /** Undefined without DNS-01, and so without certificates for wildcards. */
  readonly zones: () => Zones | undefined;
  readonly entries: ReadonlyMap<string, HostEntry>;
  /** Those below a domain, `shop.example` → `a.shop.example`, that a certificate for its wildcard may concern. */
  readonly below: ReadonlyMap<string, ReadonlySet<HostEntry>>;
  readonly orderOf: OrderOf;
}

const anyone: HostOwner = { by: 'anyone' };
const nobody: HostOwner = { by: 'nobody' };
const unknown: HostOwner = { by: 'unknown' };

/** Whom a host belongs to, see docs/decisions/005-host-ownership.md and, for wildcards, 015-dns-01.md. */
export class OwnerDecision {
  readonly #grounds: OwnerGrounds;
  readonly #claimants = new SharedValues<HostOwner>();

  constructor(grounds: OwnerGrounds) {
    this.#grounds = grounds;
  }

  /** @param now milliseconds since the epoch */
  ownerOf(entry: HostEntry, now: number): HostOwner {
    const { below, reservations } = this.#grounds;
    const zones = this.#grounds.zones();
    const owner = this.#besideWildcards(entry, now);
    const { host } = entry;
    if (zones === undefined || owner.namespace === undefined) return owner;
    if (!isWildcard(host)) return this.#wildcardOwner(host, owner, now) ?? owner;
    if (zones.mayCoverOthers(owner.namespace, host)) return owner;
    const reserver = reservations.otherBelow(host.slice(2), owner.namespace);
    if (reserver !== undefined) return { by: 'hosts-below', namespace: reserver };
    for (const one of below.get(host.slice(2)) ?? []) {
      if (isWildcard(one.host)) continue;
      const its = this.#besideWildcards(one, now);
      const isForeign = its.namespace !== undefined && its.namespace !== owner.namespace;
      if (isForeign && this.#wildcardOwner(one.host, its, now) === undefined) {
        return { by: 'hosts-below', namespace: its.namespace };
      }
    }
    return owner;
  }

  /** Whether a source of the namespace claims the host, itself or by the wildcard above it. */
  isNamedBy({ host, claims }: HostEntry, namespace: string): boolean {
    const names = ({ record }: Claim): boolean => record.source.namespace === namespace;
    return claims.some(names) || (this.#wildcard(host)?.claims.some(names) ?? false);
  }

  /** Whoever holds a wildcard has the hosts below it that nobody held or reserved before, unless the zone says otherwise. */
  #wildcardOwner(host: string, owner: HostOwner, now: number): HostOwner | undefined {
    if (owner.by !== 'claim') return undefined;
    const above = this.#wildcard(host);
    const holder = above?.holder?.namespace;
    if (above === undefined || holder === undefined || holder === owner.namespace) return undefined;
    const { by, namespace } = this.#besideWildcards(above, now);
    const stands = (by === 'holder' || by === 'grace') && namespace === holder;
    if (!stands || this.#grounds.zones()?.mayCoverOthers(holder, above.host) === true) return undefined;
    return { by: 'wildcard', namespace: holder };
  }

  #besideWildcards(entry: HostEntry, now: number): HostOwner {
    const { policy, reservations } = this.#grounds;
    const { host, holder, unnamedSince } = entry;
    const reserved = reservations.namespaceOf(host);
    if (reserved !== undefined) return { by: 'reservation', namespace: reserved };
    if (policy.requireDomains) return reservations.readable ? nobody : unknown;
    if (policy.hostOwnership === 'any') return anyone;
    if (holder !== undefined) {
      const { namespace } = holder;
      if (unnamedSince === undefined) return { by: 'holder', namespace };
      const until = unnamedSince + policy.hostGrace;
      if (now < until) return { by: 'grace', namespace, until };
    }
    const { claim, tied } = this.#strongest(entry);
    if (claim === undefined || claim.kind === 'lists-refused') return anyone;
    const { namespace } = claim.record.source;
    const others = tied.some(({ record }) => record.source.namespace !== namespace);
    if (others) return { by: 'claim', namespace, equalAge: true };
    return this.#claimants.of(namespace, () => ({ by: 'claim', namespace }));
  }

  #strongest({ host, claims }: HostEntry) {
    const { orderOf } = this.#grounds;
    const own = firstClaim(claims, orderOf);
    const above = firstClaim(this.#wildcard(host)?.claims ?? [], orderOf);
    if (own.claim === undefined || above.claim === undefined) return own.claim === undefined ? above : own;
    // Of one rank, the exact name comes first in every ingress controller.
    return byRank(above.claim, own.claim) < 0 ? above : own;
  }

  #wildcard(host: string): HostEntry | undefined {
    return this.#grounds.entries.get(wildcardAbove(host));
  }
}
