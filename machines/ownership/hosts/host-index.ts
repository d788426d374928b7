// Whom a host belongs to: the claims of the sources, the holders and the reservations of Namespaces, by host. Called by ownership.ts.

import { isWildcard } from '../../hosts/host-names.ts';
import { Schedule } from '../../time/schedule.ts';
import type { Zones } from '../../zones/zone.ts';
import {
  byStrength,
  type Claim,
  type ClaimContent,
  domainAbove,
  insertSorted,
  isStronger,
  removeSorted,
  type SourceRecord,
  wildcardAbove,
} from '../claim.ts';
import { ClassIndex, type ClassPolicy } from '../classes/class-index.ts';
import type { ClassStanding } from '../classes/class-standing.ts';
import type { IngressController } from '../classes/ingress-controllers.ts';
import { servedInstead } from '../classes/served-certificate.ts';
import { noClasses, type ServingClasses, servingClasses } from '../classes/serving-classes.ts';
import type { ServedInstead } from '../desired-certificate.ts';
import { isEqual } from '../equality.ts';
import type { Holder } from '../holders/holders.ts';
import type { SecretClaims } from '../secret-claims.ts';
import type { IngressClassReference } from '../source-spec.ts';
import { ClaimAges } from './claim-ages.ts';
import { type HostEntry, newEntry } from './host-entry.ts';
import type { HostOwner } from './host-owner.ts';
import { OwnerDecision, type OwnerPolicy } from './owner-decision.ts';
import { Reservations } from './reservations.ts';

export interface HostPolicy extends OwnerPolicy, ClassPolicy {}

/**
 * Claims, holders and reservations by host. Changes are collected, and take effect together at `settle`: a claim that moves from one
 * Ingress of a namespace to another is never gone in between.
 */
export class HostIndex {
  readonly reservations = new Reservations();
  readonly #entries = new Map<string, HostEntry>();
  /** The entries below a domain (`shop.example` → `a.shop.example`) that are wanted or held: a wildcard claim concerns them. */
  readonly #below = new Map<string, Set<HostEntry>>();
  readonly #changed = new Set<HostEntry>();
  /** Whose claims are to be sorted before the first decision. */
  readonly #unsorted = new Set<HostEntry>();
  /** The first decision has begun: claims are sorted, and stay so. */
  #deciding = false;
  /** Ends of grace periods that somebody waits for. */
  readonly #graces = new Schedule();
  readonly #classes: ClassIndex;
  readonly #ages = new ClaimAges();
  readonly #decision: OwnerDecision;
  /** The operator's DNS zones; undefined without DNS-01, and so without certificates for wildcards. */
  #zones: Zones | undefined;
  #rulesVersion = 0;

  constructor(policy: HostPolicy) {
    this.#classes = new ClassIndex(policy);
    this.#decision = new OwnerDecision({
      policy,
      reservations: this.reservations,
      zones: () => this.#zones,
      entries: this.#entries,
      below: this.#below,
      orderOf: (claim) => this.#orderOf(claim),
    });
  }

  /**
   * Replaces the claims of a source. A claim that was there, and is not stronger now, keeps its age. Those that a new source brings along
   * are as old as those of new sources that were created no earlier, and seen before it: then the sources' own ages decide.
   */
  claim(record: SourceRecord, contents: ReadonlyMap<string, ClaimContent>): void {
    const before = new Map(record.claims.map((claim) => [claim.host, claim]));
    const claims: Claim[] = [];
    const isNew = record.firstSeen === undefined;
    const since = isNew ? this.#ages.ofNew(record.source.createdAt) : this.#ages.current;
    record.firstSeen ??= since;
    const className = this.#classOf(record);
    const sameClass = record.placedClass === className;
    record.placedClass = className;
    for (const [host, { kind, secretName }] of contents) {
      const known = before.get(host);
      if (known?.kind === kind && known.secretName === secretName && sameClass) {
        claims.push(known);
        before.delete(host);
        continue;
      }
      const keepsAge = known !== undefined && !isStronger(kind, known.kind);
      const claim = { record, host, kind, secretName, since: keepsAge ? known.since : since };
      claims.push(claim);
      const entry = this.#entry(host);
      this.#put(entry, claim);
      this.#touch(host);
    }
    for (const claim of before.values()) {
      this.#take(this.#entry(claim.host), claim);
      this.#touch(claim.host);
    }
    this.#rulesVersion += 1;
    // Also of a claim that stays: the class of its Ingress may have changed.
    for (const { host } of [...record.claims, ...claims]) {
      const entry = this.#entries.get(host);
      if (entry !== undefined) entry.serving = undefined;
    }
    // A copy has no room to grow.
    record.claims = claims.slice();
  }

  get rulesVersion(): number {
    return this.#rulesVersion;
  }

  /** The classes of the Ingresses that have a rule with this host; empty: a rule without host. */
  servedBy(ruleHost: string): ServingClasses {
    const entry = this.#entries.get(ruleHost);
    if (entry === undefined || entry.claims.length === 0) return noClasses;
    entry.serving ??= servingClasses(entry.claims, this.#classes.defaultClass);
    return entry.serving;
  }

  /** @param controller undefined: there is no such class any more */
  setController(className: string, controller: string | undefined): void {
    if (!this.#classes.set(className, controller)) return;
    this.#rulesVersion += 1;
    if (!this.#deciding) return;
    for (const { host, contested } of this.#entries.values()) if (contested) this.#touch(host);
  }

  /** @param readable all IngressClasses are known from now on; false: they may not be read */
  setClassesReadable(readable: boolean): void {
    if (readable === this.#classes.readable) return;
    this.#classes.readable = readable;
    this.#rulesVersion += 1;
  }

  want(host: string, secret: SecretClaims): void {
    const entry = this.#entry(host);
    if (entry.wantedBy.length === 0) entry.wantedBy = [secret];
    else entry.wantedBy.push(secret);
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
    if (entry.holder?.namespace !== holder?.namespace) {
      entry.unnamedSince = undefined;
      if (isWildcard(host)) this.#touchBelow(host);
    }
    entry.holder = holder;
    this.#mark(entry);
  }

  get zones(): Zones | undefined {
    return this.#zones;
  }

  setZones(zones: Zones): void {
    this.#zones = zones;
    // Whether wildcards may be beside the hosts of others.
    for (const { host } of this.#entries.values()) if (isWildcard(host)) this.#touch(host);
  }

  /** Reservations have changed. */
  reserve(): void {
    // The first `settle` decides about all.
    if (!this.#deciding) return;
    for (const entry of this.#entries.values()) if (entry.wantedBy.length > 0) this.#changed.add(entry);
  }

  /** When the next grace period ends that somebody waits for; milliseconds since the epoch. */
  nextGraceEnd(): number | undefined {
    return this.#graces.next();
  }

  /** The clock was set by so many milliseconds. */
  moveGraces(by: number): void {
    this.#graces.move(by);
    for (const entry of this.#entries.values()) {
      if (entry.unnamedSince === undefined) continue;
      entry.unnamedSince += by;
      this.#mark(entry);
    }
  }

  /** Ends the grace periods that are over. */
  endGraces(now: number): void {
    for (const host of this.#graces.takeDue(now)) this.#mark(this.#entry(host));
  }

  /** Whether `settle` has something to do. */
  get hasChanged(): boolean {
    return this.#changed.size > 0;
  }

  /**
   * Decides whom the changed hosts belong to now, one in each step.
   *
   * @param now milliseconds since the epoch, asked in each step
   * @param concerned gets the Secrets with a host that has changed hands, or that several Ingresses name
   */
  *settle(now: () => number, concerned: Set<SecretClaims>): Generator<undefined, void> {
    for (const entry of this.#unsorted) {
      this.#unsorted.delete(entry);
      entry.claims.sort(byStrength);
      yield;
    }
    this.#deciding = true;
    for (const entry of this.#changed) {
      this.#changed.delete(entry);
      const { owner: before, contested: wasContested } = entry;
      entry.contested = entry.claims.length > 1;
      this.#decide(entry, now());
      if (entry.owner !== before || entry.contested || wasContested) {
        for (const secret of entry.wantedBy) concerned.add(secret);
      }
      yield;
    }
  }

  /** See `ClaimAges`. */
  endChange(): void {
    this.#ages.endChange();
  }

  /** See `ClaimAges`. */
  endFirstChange(times: readonly number[]): void {
    this.#ages.endFirstChange(times);
  }

  /** As of the last `settle`, for a host that is wanted; else worked out. */
  ownerOf(host: string, now: number): HostOwner {
    const entry = this.#entries.get(host);
    return entry?.owner ?? this.#decision.ownerOf(entry ?? newEntry(host), now);
  }

  /** Whether the ingress controller serves the host with another Secret than this one. */
  servedInstead(
    host: string,
    secret: { readonly namespace: string; readonly secretName: string },
  ): ServedInstead | undefined {
    const entry = this.#entries.get(host);
    if (entry === undefined || !entry.contested) return undefined;
    const classOf = (claim: Claim) => this.#classOf(claim.record);
    return servedInstead(entry.claims, secret, classOf, (claim) => this.#orderOf(claim));
  }

  /** @param className see `classNameOf` */
  controllerOf(className: string): IngressController {
    return this.#classes.controllerOf(className);
  }

  standingOf(ingressClass: IngressClassReference): ClassStanding {
    return this.#classes.standingOf(ingressClass);
  }

  #classOf(record: Pick<SourceRecord, 'source'>): string {
    return this.#classes.nameOf(record.source.ingressClass);
  }

  #orderOf({ record }: Claim) {
    return this.controllerOf(this.#classOf(record)).order;
  }

  #decide(entry: HostEntry, now: number): void {
    const { host, holder, wantedBy, claims } = entry;
    if (holder === undefined || this.#decision.isNamedBy(entry, holder.namespace))
      entry.unnamedSince = undefined;
    else entry.unnamedSince ??= now;
    if (wantedBy.length === 0) entry.owner = undefined;
    else {
      const owner = this.#decision.ownerOf(entry, now);
      if (!isEqual(owner, entry.owner)) entry.owner = owner;
    }
    if (entry.owner?.until === undefined) this.#graces.delete(host);
    else this.#graces.set(host, entry.owner.until);
    if (wantedBy.length === 0 && holder === undefined && claims.length === 0) this.#entries.delete(host);
  }

  #wildcard(host: string): HostEntry | undefined {
    return this.#entries.get(wildcardAbove(host));
  }

  #put(entry: HostEntry, claim: Claim): void {
    if (this.#deciding || entry.claims.length === 0) {
      entry.claims = insertSorted(entry.claims, claim, byStrength);
      return;
    }
    // At the start there may be thousands of claims to a host: they are sorted once.
    entry.claims.push(claim);
    this.#unsorted.add(entry);
  }

  #take({ claims }: HostEntry, claim: Claim): void {
    if (this.#deciding) removeSorted(claims, claim, byStrength);
    else claims.splice(claims.indexOf(claim), 1);
  }

  /** The claims to a host, or to all hosts below a wildcard, have changed. */
  #touch(host: string): void {
    this.#mark(this.#entry(host));
    if (isWildcard(host)) this.#touchBelow(host);
  }

  #touchBelow(wildcard: string): void {
    for (const entry of this.#below.get(wildcard.slice(2)) ?? []) this.#changed.add(entry);
  }

  #mark(entry: HostEntry): void {
    this.#changed.add(entry);
    this.#file(entry);
    if (this.#zones === undefined) return;
    // A certificate for the wildcard above may depend on whose this host is.
    const above = this.#wildcard(entry.host);
    if (above !== undefined && above.wantedBy.length > 0) this.#changed.add(above);
  }

  #file(entry: HostEntry): void {
    const domain = domainAbove(entry.host);
    const siblings = this.#below.get(domain);
    const concernsWildcards = this.#zones !== undefined && entry.claims.length > 0;
    if (entry.wantedBy.length > 0 || entry.holder !== undefined || concernsWildcards) {
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
