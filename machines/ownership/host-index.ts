import { Schedule } from '../time/schedule.ts';
import {
  byStrength,
  type Claim,
  type ClaimKind,
  insertSorted,
  isStronger,
  isWildcard,
  removeSorted,
  type SourceRecord,
} from './claim.ts';
import { isEqual } from './equality.ts';
import type { Holder } from './holders.ts';
import type { HostOwner } from './host-owner.ts';
import { Reservations } from './reservations.ts';
import type { SecretClaims } from './secret-claims.ts';

export interface HostPolicy {
  /** `namespace`: a host belongs to one namespace; `any`: every namespace may have a certificate for it. */
  readonly hostOwnership: 'namespace' | 'any';
  /** Milliseconds that a host stays with its holder after no Ingress of it names the host any more, `LEGO_HOST_GRACE`. */
  readonly hostGrace: number;
  /** Only hosts that `kube-lego.io/domains` reserves for a namespace get a certificate, `LEGO_REQUIRE_DOMAINS`. */
  readonly requireDomains: boolean;
}

/** What is known of one host or wildcard. */
interface HostEntry {
  readonly host: string;
  /** Strongest first. */
  readonly claims: Claim[];
  /** The Secrets that shall have it. An array: for most hosts it has one element, or none. */
  readonly wantedBy: SecretClaims[];
  holder: Holder | undefined;
  /** Since when no Ingress of the holder names it; milliseconds since the epoch. */
  unnamedSince: number | undefined;
  /** Only kept up to date while it is wanted. */
  owner: HostOwner | undefined;
}

const anyone: HostOwner = { by: 'anyone' };
const nobody: HostOwner = { by: 'nobody' };

/**
 * Claims, holders and reservations by host. Changes are collected, and take effect together at `settle`: a claim that moves from one
 * Ingress of a namespace to another is never gone in between.
 */
export class HostIndex {
  readonly reservations = new Reservations();
  readonly #policy: HostPolicy;
  readonly #entries = new Map<string, HostEntry>();
  /** The entries below a domain (`shop.example` → `a.shop.example`) that are wanted or held: a wildcard claim concerns them. */
  readonly #below = new Map<string, Set<HostEntry>>();
  readonly #changed = new Set<HostEntry>();
  /** Ends of grace periods that somebody waits for. */
  readonly #graces = new Schedule();
  /** Serial number of the current change; 0: ownership is not decided yet. */
  #serial = 0;

  constructor(policy: HostPolicy) {
    this.#policy = policy;
  }

  /** Replaces the claims of a source. A claim that was there, and is not stronger now, keeps its age. */
  claim(record: SourceRecord, kinds: ReadonlyMap<string, ClaimKind>): void {
    const before = new Map(record.claims.map((claim) => [claim.host, claim]));
    const claims: Claim[] = [];
    for (const [host, kind] of kinds) {
      const known = before.get(host);
      if (known?.kind === kind) {
        claims.push(known);
        before.delete(host);
        continue;
      }
      const keepsAge = known !== undefined && !isStronger(kind, known.kind);
      const claim = { record, host, kind, since: keepsAge ? known.since : this.#serial };
      claims.push(claim);
      // At the start there may be thousands of claims to a host: they are sorted once.
      if (this.#serial === 0) this.#entry(host).claims.push(claim);
      else insertSorted(this.#entry(host).claims, claim, byStrength);
      this.#touch(host);
    }
    for (const claim of before.values()) {
      removeSorted(this.#entry(claim.host).claims, claim, byStrength);
      this.#touch(claim.host);
    }
    record.claims = claims;
  }

  want(host: string, secret: SecretClaims): void {
    const entry = this.#entry(host);
    entry.wantedBy.push(secret);
    this.#mark(entry);
  }

  unwant(host: string, secret: SecretClaims): void {
    const entry = this.#entry(host);
    const at = entry.wantedBy.indexOf(secret);
    if (at !== -1) entry.wantedBy.splice(at, 1);
    this.#mark(entry);
  }

  isHeldBy(namespace: string, host: string): boolean {
    return this.#entries.get(host)?.holder?.namespace === namespace;
  }

  heldHosts(): string[] {
    return [...this.#entries.values()].filter(({ holder }) => holder !== undefined).map(({ host }) => host);
  }

  wantedBy(host: string): readonly SecretClaims[] {
    return this.#entries.get(host)?.wantedBy ?? [];
  }

  hold(host: string, holder: Holder | undefined): void {
    const entry = this.#entry(host);
    if (entry.holder?.namespace !== holder?.namespace) entry.unnamedSince = undefined;
    entry.holder = holder;
    this.#mark(entry);
  }

  /** Reservations have changed. */
  reserve(): void {
    // The first `settle` decides about all.
    if (this.#serial === 0) return;
    for (const entry of this.#entries.values()) if (entry.wantedBy.length > 0) this.#changed.add(entry);
  }

  /** When the next grace period ends that somebody waits for; milliseconds since the epoch. */
  nextGraceEnd(): number | undefined {
    return this.#graces.next();
  }

  /** Ends the grace periods that are over. */
  endGraces(now: number): void {
    for (const host of this.#graces.takeDue(now)) this.#mark(this.#entry(host));
  }

  /**
   * Decides whom the changed hosts belong to now. A claim that comes later is younger than all that are there.
   *
   * @param now milliseconds since the epoch
   * @returns the Secrets with a host that has changed hands
   */
  settle(now: number): Set<SecretClaims> {
    const concerned = new Set<SecretClaims>();
    if (this.#serial === 0) for (const { claims } of this.#changed) claims.sort(byStrength);
    for (const entry of this.#changed) {
      const before = entry.owner;
      this.#decide(entry, now);
      if (entry.owner !== before) for (const secret of entry.wantedBy) concerned.add(secret);
    }
    this.#changed.clear();
    this.#serial += 1;
    return concerned;
  }

  /** As of the last `settle`, for a host that is wanted; else worked out. */
  ownerOf(host: string, now: number): HostOwner {
    const entry = this.#entries.get(host);
    return entry?.owner ?? this.#ownerNow(entry ?? newEntry(host), now);
  }

  #decide(entry: HostEntry, now: number): void {
    const { host, holder, wantedBy, claims } = entry;
    if (holder === undefined || this.#isNamedBy(entry, holder.namespace)) entry.unnamedSince = undefined;
    else entry.unnamedSince ??= now;
    if (wantedBy.length === 0) entry.owner = undefined;
    else {
      const owner = this.#ownerNow(entry, now);
      if (!isEqual(owner, entry.owner)) entry.owner = owner;
    }
    if (entry.owner?.until === undefined) this.#graces.delete(host);
    else this.#graces.set(host, entry.owner.until);
    if (wantedBy.length === 0 && holder === undefined && claims.length === 0) this.#entries.delete(host);
  }

  #ownerNow(entry: HostEntry, now: number): HostOwner {
    const { host, holder, unnamedSince } = entry;
    const reserved = this.reservations.namespaceOf(host);
    if (reserved !== undefined) return { by: 'reservation', namespace: reserved };
    if (this.#policy.requireDomains) return nobody;
    if (this.#policy.hostOwnership === 'any') return anyone;
    if (holder !== undefined) {
      const { namespace } = holder;
      if (unnamedSince === undefined) return { by: 'holder', namespace };
      const until = unnamedSince + this.#policy.hostGrace;
      if (now < until) return { by: 'grace', namespace, until };
    }
    const claim = this.#strongest(entry);
    return claim === undefined ? anyone : { by: 'claim', namespace: claim.record.source.namespace };
  }

  #strongest({ host, claims: [own] }: HostEntry): Claim | undefined {
    const [above] = this.#wildcard(host)?.claims ?? [];
    const claim = own === undefined || (above !== undefined && byStrength(above, own) < 0) ? above : own;
    return claim?.kind === 'lists-refused' ? undefined : claim;
  }

  #isNamedBy({ host, claims }: HostEntry, namespace: string): boolean {
    const names = ({ record }: Claim): boolean => record.source.namespace === namespace;
    return claims.some(names) || (this.#wildcard(host)?.claims.some(names) ?? false);
  }

  #wildcard(host: string): HostEntry | undefined {
    return this.#entries.get(`*.${domainAbove(host)}`);
  }

  /** The claims to a host, or to all hosts below a wildcard, have changed. */
  #touch(host: string): void {
    this.#mark(this.#entry(host));
    if (!isWildcard(host)) return;
    for (const entry of this.#below.get(host.slice(2)) ?? []) this.#changed.add(entry);
  }

  #mark(entry: HostEntry): void {
    this.#changed.add(entry);
    this.#file(entry);
  }

  #file(entry: HostEntry): void {
    const domain = domainAbove(entry.host);
    const siblings = this.#below.get(domain);
    if (entry.wantedBy.length > 0 || entry.holder !== undefined) {
      if (siblings === undefined) this.#below.set(domain, new Set([entry]));
      else siblings.add(entry);
    } else if (siblings?.delete(entry) === true && siblings.size === 0) this.#below.delete(domain);
  }

  #entry(host: string): HostEntry {
    const known = this.#entries.get(host);
    if (known !== undefined) return known;
    const entry = newEntry(host);
    this.#entries.set(host, entry);
    return entry;
  }
}

function newEntry(host: string): HostEntry {
  return {
    host,
    claims: [],
    wantedBy: [],
    holder: undefined,
    unnamedSince: undefined,
    owner: undefined,
  };
}

/** `a.shop.example` → `shop.example`; empty for a single label. */
function domainAbove(host: string): string {
  const dot = host.indexOf('.');
  return dot === -1 ? '' : host.slice(dot + 1);
}
