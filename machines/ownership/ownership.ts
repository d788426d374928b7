// Which source owns which Secret, and which namespace a host belongs to (docs/decisions/005-host-ownership.md). The supervisor keeps one
// `Ownership` of all sources and gives each actor its `Assignment`; src/sources fills in `SourceSpec`.

import { isWildcard } from '../hosts/host-names.ts';
import type { Failure } from '../reasons/reasons.ts';
import { lastingMessage, type RecordedFailure } from '../reasons/status-text.ts';
import { Zones } from '../zones/zone.ts';
import { AliasIndex } from './alias-index.ts';
import { noticesAbout, noticesOfOthersServed, troubleTold } from './assignment-notices.ts';
import { choose } from './challenge-choice.ts';
import { type ChallengeRule, challengeRules, type ServedHosts } from './challenge-rules.ts';
import { contentsOfClaims, type SourceRecord } from './claim.ts';
import type { ClassStanding } from './classes/class-standing.ts';
import {
  type Assignment,
  type DesiredCertificate,
  type HostRoute,
  isKeyType,
} from './desired-certificate.ts';
import { isEqual } from './equality.ts';
import { extended } from './extended.ts';
import type { Holder, NamespaceSpec } from './holders/holders.ts';
import { HostIndex, type HostPolicy } from './hosts/host-index.ts';
import type { HostOwner } from './hosts/host-owner.ts';
import { isKeystore, readKeystore } from './keystore.ts';
import { SecretClaims, type SecretOutcome, type SourceHistory, type Ways } from './secret-claims.ts';
import { type SourceKey, sourceKey } from './source-key.ts';
import { type ReadingRules, readSource, refusedSettings, type SourceReading } from './source-reading.ts';
import type { IngressClassReference, SourceSpec } from './source-spec.ts';

export interface OwnershipPolicy extends HostPolicy, ReadingRules {
  /** Whether there is DNS-01, and so certificates for wildcards. */
  readonly dns01: boolean;
}

type Place = Pick<HostRoute, 'host'> & Ways;

/** The hosts of a certificate, as in `DesiredCertificate`. */
interface Places {
  readonly hosts: readonly Place[];
  readonly keeps: readonly Place[];
}

const noHosts: ReadonlySet<string> = new Set();
/** One for all. */
const noNotices: readonly never[] = Object.freeze([]);

/** The sources whose assignment may have changed. */
type Affected = ReadonlySet<SourceKey>;

/**
 * Index of all sources. Those that are not enabled have claims, but no assignment. Nothing is decided before `settle`. No step takes
 * more than n log n in what one source contains. All times are in milliseconds since the epoch.
 */
export class Ownership {
  readonly #policy: OwnershipPolicy;
  readonly #records = new Map<SourceKey, SourceRecord>();
  readonly #secrets = new Map<string, SecretClaims>();
  readonly #aliases = new AliasIndex();
  readonly #hosts: HostIndex;
  #settled = false;
  /** The rest of the first decision. */
  #settling: Generator<undefined, void> | undefined;
  /** Secrets to merge, and sources whose claims are to be renewed, at the end of a change. */
  readonly #unmerged = new Set<SecretClaims>();
  readonly #unclaimed = new Set<SourceRecord>();
  /** Secrets that are merged, but whose certificate is not renewed yet. */
  readonly #merged = new Map<SecretClaims, Places>();
  /** The time of the last decision. */
  #now = 0;

  constructor(policy: OwnershipPolicy) {
    this.#policy = policy;
    this.#hosts = new HostIndex(policy);
    if (policy.dns01) this.#hosts.setZones(new Zones([]));
  }

  /**
   * Decides, from now on with each change. The age of a claim is that of its source before this, and the order of arrival after.
   *
   * @param history of a source: whoever shares a Secret is told of its failures as before, until its owner tells its outcome anew
   * @param most steps, each about a source, a Secret or a host; to be called again for the rest
   * @returns whether all is decided; nothing is before
   */
  settle(
    now: number,
    history?: (source: SourceSpec) => SourceHistory,
    most = Number.POSITIVE_INFINITY,
  ): boolean {
    this.#now = now;
    this.#settling ??= this.#decideAll(history);
    for (let steps = 0; steps < most; steps += 1) {
      if (this.#settling.next().done !== true) continue;
      this.#settling = undefined;
      this.#hosts.endFirstChange(Array.from(this.#records.values(), ({ source }) => source.createdAt));
      this.#settled = true;
      return true;
    }
    return false;
  }

  *#decideAll(history: ((source: SourceSpec) => SourceHistory) | undefined): Generator<undefined, void> {
    // The assignment of each source changes.
    const affected = new Set<SourceKey>();
    yield* this.#steps(affected);
    if (history === undefined) return;
    const histories = new Map<SourceRecord, SourceHistory>();
    // A source may share hundreds of Secrets.
    const historyOf = (record: SourceRecord): SourceHistory => {
      const known = histories.get(record) ?? history(record.source);
      histories.set(record, known);
      return known;
    };
    for (const secret of this.#secrets.values()) {
      if (secret.isShared) secret.trouble = recordedTrouble(secret, historyOf);
      yield;
    }
    // What has changed between two calls.
    yield* this.#steps(affected);
  }

  source(key: SourceKey): SourceSpec | undefined {
    return this.#records.get(key)?.source;
  }

  /** Goes on through what is added meanwhile. */
  keys(): IterableIterator<SourceKey> {
    return this.#records.keys();
  }

  /** Adds or updates a source. A difference in its status only is none. */
  set(source: SourceSpec, now: number): Affected {
    const key = sourceKey(source);
    const known = this.#records.get(key);
    if (known !== undefined && isSameObject(known.source, source)) {
      const same = isSameRequest(known.source, source);
      if (!same) this.#aliases.replace(known, known.source, source);
      known.source = source;
      if (same) return new Set();
      this.#leave(known);
      known.reading = this.#read(source);
      this.#join(known);
      return this.#conclude(now, key);
    }
    if (known !== undefined) this.#remove(key, known);
    // With all of its fields at once V8 keeps it in one piece.
    const record: SourceRecord = {
      source,
      reading: this.#read(source),
      claims: [],
      firstSeen: undefined,
      placedClass: undefined,
    };
    this.#records.set(key, record);
    this.#aliases.replace(record, undefined, source);
    this.#join(record);
    return this.#conclude(now, key);
  }

  delete(key: SourceKey, now: number): Affected {
    const record = this.#records.get(key);
    if (record === undefined) return new Set();
    this.#remove(key, record);
    return this.#conclude(now);
  }

  /** Replaces all holders. */
  replaceHolders(holders: ReadonlyMap<string, Holder>, now: number): Affected {
    for (const host of this.#hosts.heldHosts()) if (!holders.has(host)) this.#hold(host, undefined);
    for (const [host, holder] of holders) this.#hold(host, holder);
    return this.#conclude(now);
  }

  /** @param holder undefined: they have none any more */
  setHolder(hosts: readonly string[], holder: Holder | undefined, now: number): Affected {
    for (const host of hosts) this.#hold(host, holder);
    return this.#conclude(now);
  }

  /** Reports failures of a shared Secret to its other sources. @param owner the source whose actor works on these Secrets */
  setOutcomes(owner: SourceKey, outcomes: readonly SecretOutcome[]): Affected {
    const affected = new Set<SourceKey>();
    const own = this.#records.get(owner);
    if (own === undefined) return affected;
    for (const { secretName, failure } of outcomes) {
      const secret = this.#secrets.get(secretKey(own.source.namespace, secretName));
      if (secret?.owner === own) this.#tell(secret, failure, affected);
    }
    return affected;
  }

  setNamespace(namespace: NamespaceSpec, now: number): Affected {
    if (this.#hosts.reservations.set(namespace)) this.#hosts.reserve();
    return this.#conclude(now);
  }

  deleteNamespace(name: string, now: number): Affected {
    if (this.#hosts.reservations.delete(name)) this.#hosts.reserve();
    return this.#conclude(now);
  }

  /**
   * The ingress controller of a class, which decides between Ingresses of one second, and whether the class has challenge rules.
   *
   * @param controller `IngressClass.spec.controller`; undefined: there is no such class any more
   */
  setClass(name: string, controller: string | undefined, now: number): Affected {
    this.#hosts.setController(name, controller);
    return this.#conclude(now);
  }

  /** Whether IngressClasses can be read: then those that were set are all. */
  setClassesReadable(readable: boolean): void {
    this.#hosts.setClassesReadable(readable);
  }

  /** Whether Namespaces can be read. */
  setNamespacesReadable(readable: boolean, now: number): Affected {
    if (readable !== this.#hosts.reservations.readable) this.#hosts.reserve();
    this.#hosts.reservations.readable = readable;
    return this.#conclude(now);
  }

  /** Replaces the operator's DNS zones; nothing changes without DNS-01. */
  setZones(after: Zones, now: number): Affected {
    const before = this.#hosts.zones;
    if (before === undefined) return new Set();
    if (isEqual(before.all, after.all) && isEqual(before.closed, after.closed)) return new Set();
    this.#hosts.setZones(after);
    const isConcerned = (host: string): boolean =>
      isWildcard(host) || before.lists(host) || after.lists(host);
    for (const record of this.#records.values()) {
      const { enabled, challenge, tls } = record.source;
      const mayChange = challenge !== undefined || tls.some(({ hosts }) => hosts.some(isConcerned));
      if (!enabled || !mayChange) continue;
      this.#leave(record);
      record.reading = this.#read(record.source);
      this.#join(record);
    }
    return this.#conclude(now);
  }

  /** Domains that a Namespace reserves, although they are reserved for an older one. */
  lostDomains(namespace: string): readonly string[] {
    return this.#hosts.reservations.lostBy(namespace);
  }

  /** When `endGraces` has something to do. */
  nextGraceEnd(): number | undefined {
    return this.#hosts.nextGraceEnd();
  }

  /** The clock was set by so many milliseconds, to `now`: grace periods end neither earlier nor later. */
  moveGraces(by: number, now: number): Affected {
    this.#hosts.moveGraces(by);
    return this.#conclude(now);
  }

  endGraces(now: number): Affected {
    this.#hosts.endGraces(now);
    return this.#conclude(now);
  }

  /** Undefined for a source that is unknown or not enabled, and before `settle`. */
  assignment(key: SourceKey): Assignment | undefined {
    const own = this.#records.get(key);
    if (own === undefined || !own.source.enabled || !this.#settled) return undefined;
    const desired: DesiredCertificate[] = [];
    const notices = [...own.reading.notices];
    for (const wanted of own.reading.wanted) {
      const secret = this.#secrets.get(secretKey(own.source.namespace, wanted.secretName));
      if (secret === undefined) continue;
      if (secret.owner === own && secret.certificate !== undefined) {
        desired.push(secret.certificate);
        notices.push(...noticesOfOthersServed(secret.certificate));
      }
      notices.push(...noticesAbout(secret, own, wanted, this.#policy.mostNames));
    }
    // Copies have no room to grow.
    const assignment = {
      desired: desired.slice(),
      notices: notices.length === 0 ? noNotices : notices.slice(),
      retry: own.source.retry,
    };
    return own.reading.outside === true ? { ...assignment, outside: true } : assignment;
  }

  /** The key of the source that owns this Secret; undefined if none does. */
  ownerOf(namespace: string, secretName: string): SourceKey | undefined {
    const owner = this.#secrets.get(secretKey(namespace, secretName))?.owner;
    return owner === undefined ? undefined : sourceKey(owner.source);
  }

  classStanding(ingressClass: IngressClassReference): ClassStanding {
    return this.#hosts.standingOf(ingressClass);
  }

  /** Another one after each change that `challengeRules` or `classStanding` may depend on. */
  get rulesVersion(): number {
    return this.#hosts.rulesVersion;
  }

  /** The rules for the challenges of a host of a certificate in this namespace, as of now. */
  challengeRules(namespace: string, route: Pick<HostRoute, 'host' | 'ingressClasses'>): ChallengeRule[] {
    const { defaultClass } = this.#policy;
    const sites: ServedHosts = {
      servedBy: (ruleHost) => this.#hosts.servedBy(ruleHost),
      aliased: (host) => this.#aliases.find(host, namespace, defaultClass),
      merges: (className) => this.#hosts.controllerOf(className).merges === true,
    };
    return challengeRules(sites, namespace, route, defaultClass);
  }

  /** Whether kube-lego was last issued a certificate for this host for that namespace. */
  isHeldBy(namespace: string, host: string): boolean {
    return this.#hosts.isHeldBy(namespace, host);
  }

  /** Whom a host belongs to. For operators: an app team is not told whose it is. */
  hostOwner(host: string, now: number): HostOwner {
    return this.#hosts.ownerOf(host, now);
  }

  #read(source: SourceSpec): SourceReading {
    return readSource(source, this.#policy, this.#hosts.zones);
  }

  #tell(secret: SecretClaims, failure: Failure | undefined, affected: Set<SourceKey>): void {
    const before = secret.trouble;
    secret.trouble = failure;
    if (before === failure || !secret.isShared || isSameTrouble(before, failure)) return;
    for (const record of secret.records) if (record !== secret.owner) affected.add(sourceKey(record.source));
  }

  #remove(key: SourceKey, record: SourceRecord): void {
    this.#aliases.replace(record, record.source, undefined);
    this.#records.delete(key);
    this.#unclaimed.delete(record);
    this.#leave(record);
    if (record.firstSeen !== undefined) this.#hosts.claim(record, new Map());
  }

  #join(record: SourceRecord): void {
    this.#unclaimed.add(record);
    const { namespace } = record.source;
    for (const wanted of record.reading.wanted) {
      const key = secretKey(namespace, wanted.secretName);
      const secret = this.#secrets.get(key) ?? new SecretClaims(namespace, wanted.secretName);
      this.#secrets.set(key, secret);
      secret.put(record, wanted);
      this.#unmerged.add(secret);
    }
  }

  #leave(record: SourceRecord): void {
    for (const wanted of record.reading.wanted) {
      const secret = this.#secrets.get(secretKey(record.source.namespace, wanted.secretName));
      if (secret === undefined) continue;
      secret.remove(record);
      this.#unmerged.add(secret);
    }
  }

  #hold(host: string, holder: Holder | undefined): void {
    this.#hosts.hold(host, holder);
    for (const secret of this.#hosts.wantedBy(host)) if (secret.dependsOnHolders) this.#unmerged.add(secret);
  }

  #conclude(now: number, changed?: SourceKey): Affected {
    const affected = new Set<SourceKey>();
    if (!this.#settled) return affected;
    if (changed !== undefined) affected.add(changed);
    this.#now = now;
    const steps = this.#steps(affected);
    while (steps.next().done !== true);
    this.#hosts.endChange();
    return affected;
  }

  /**
   * Merges Secrets, then places claims, which depend on what was merged, then decides about hosts, which depends on claims. More may
   * change between two steps of the first decision.
   */
  *#steps(affected: Set<SourceKey>): Generator<undefined, void> {
    const merged = this.#merged;
    const concerned = new Set<SecretClaims>();
    while (this.#unmerged.size > 0 || this.#unclaimed.size > 0 || this.#hosts.hasChanged) {
      for (const secret of this.#unmerged) {
        this.#unmerged.delete(secret);
        merged.set(secret, this.#merge(secret, affected));
        yield;
      }
      for (const record of this.#unclaimed) {
        this.#unclaimed.delete(record);
        const { namespace } = record.source;
        const refusedIn = (name: string) => this.#secrets.get(secretKey(namespace, name))?.refused ?? noHosts;
        this.#hosts.claim(record, contentsOfClaims(record, refusedIn));
        yield;
      }
      yield* this.#hosts.settle(() => this.#now, concerned);
      for (const secret of concerned) {
        concerned.delete(secret);
        if (!merged.has(secret)) this.#update(secret, placesOf(secret.certificate), affected);
        yield;
      }
      for (const [secret, places] of merged) {
        merged.delete(secret);
        this.#update(secret, places, affected);
        yield;
      }
    }
  }

  #merge(secret: SecretClaims, affected: Set<SourceKey>): Places {
    const { owner, refused: refusedBefore, namespace } = secret;
    const before = this.#wantedHosts(secret);
    const { kept, refused, keeps } = secret.merge(this.#policy.mostNames, (host) =>
      this.isHeldBy(namespace, host),
    );
    secret.refused = refused;
    if (secret.owner !== owner) secret.trouble = undefined;
    for (const host of before) if (!kept.has(host) && !refused.has(host)) this.#hosts.unwant(host, secret);
    for (const host of [...kept.keys(), ...refused]) if (!before.has(host)) this.#hosts.want(host, secret);
    const refusalsChanged = !isEqual([...refusedBefore], [...refused]);
    if (refusalsChanged || secret.owner !== owner) {
      for (const record of secret.records) {
        affected.add(sourceKey(record.source));
        if (refusalsChanged) this.#unclaimed.add(record);
      }
    }
    if (secret.owner === undefined) this.#secrets.delete(secretKey(namespace, secret.secretName));
    return { hosts: placed(kept), keeps: placed(keeps) };
  }

  /** The hosts of its certificate and refused ones, as last merged. */
  #wantedHosts(secret: SecretClaims): ReadonlySet<string> {
    const hosts = (this.#merged.get(secret) ?? secret.certificate)?.hosts ?? [];
    return new Set([...hosts.map(({ host }) => host), ...secret.refused]);
  }

  /** Keeps the certificate, as the same object, if nothing about it has changed. */
  #update(secret: SecretClaims, places: Places, affected: Set<SourceKey>): void {
    const { owner, namespace, secretName } = secret;
    if (owner === undefined) return;
    const { keyType, profile, selfCheck } = owner.source;
    const [refusal] = refusedSettings(owner.source);
    const keystore = readKeystore(owner.source.keystore);
    const route = ({ host, ingressClasses, ...others }: Place): HostRoute => {
      const { standing, ...details } = this.#standing(secret, host);
      const besides = { ...others, ...details, ...this.#challenge(owner.source, host) };
      return extended<HostRoute>({ host, ingressClasses, standing }, besides);
    };
    const hosts = places.hosts.map(route);
    const keeps = hosts.length > 0 || refusal !== undefined ? places.keeps.map(route) : [];
    const certificate: DesiredCertificate = {
      namespace,
      secretName,
      hosts,
      keyType: keyType !== undefined && isKeyType(keyType) ? keyType : undefined,
      profile,
      selfCheck: selfCheck?.toLowerCase() !== 'false',
    };
    const besides: Partial<DesiredCertificate> = {
      ...(secret.isSeparable ? { separable: true } : {}),
      ...(isKeystore(keystore) ? { keystore } : {}),
      ...(keeps.length === 0 ? {} : { keeps }),
      ...(refusal === undefined ? {} : { refusedSetting: refusal }),
    };
    const next =
      hosts.length + keeps.length === 0 ? undefined : extended<DesiredCertificate>(certificate, besides);
    if (isEqual(next, secret.certificate)) return;
    secret.certificate = next;
    // Nobody works on it any more.
    if (next === undefined) this.#tell(secret, undefined, affected);
    affected.add(sourceKey(owner.source));
  }

  /** A host that no solver can prove is kept for its holder; the solver that it would need reports that. */
  #challenge(source: SourceSpec, host: string): Pick<HostRoute, 'challenge'> {
    const { zones } = this.#hosts;
    return zones === undefined || choose(source, host, zones) === 'http-01' ? {} : { challenge: 'dns-01' };
  }

  #standing(secret: SecretClaims, host: string): Omit<HostRoute, keyof Place | 'challenge'> {
    const { by, namespace: owner, until, equalAge } = this.#hosts.ownerOf(host, this.#now);
    if (by === 'hosts-below') return { standing: 'covers-others' };
    if (by === 'anyone' || owner === secret.namespace) {
      const instead = this.#hosts.servedInstead(host, secret);
      return { standing: 'ours', ...(instead === undefined ? {} : { servedInstead: instead }) };
    }
    switch (by) {
      case 'nobody':
        return { standing: 'not-reserved' };
      case 'unknown':
        return { standing: 'unknown' };
      case 'reservation':
        return { standing: 'reserved' };
      case 'grace':
        return { standing: 'grace', ...(until === undefined ? {} : { until }) };
      default:
        return { standing: 'elsewhere', ...(equalAge === undefined ? {} : { equalAge }) };
    }
  }
}

function placed(hosts: ReadonlyMap<string, Ways>): Place[] {
  return [...hosts].map(([host, ways]) => ({ host, ...ways }));
}

function placesOf(certificate: DesiredCertificate | undefined): Places {
  return { hosts: withoutStanding(certificate?.hosts), keeps: withoutStanding(certificate?.keeps) };
}

function withoutStanding(routes: readonly HostRoute[] = []): Place[] {
  return routes.map(({ host, ingressClasses, gateways }) => ({
    host,
    ingressClasses,
    ...(gateways === undefined ? {} : { gateways }),
  }));
}

/** The owner's record; where it has neither a failure nor its end, the last outcome reported to the other sources. */
function recordedTrouble(
  secret: SecretClaims,
  historyOf: (record: SourceRecord) => SourceHistory,
): RecordedFailure | undefined {
  const { owner, secretName, certificate } = secret;
  if (owner === undefined || certificate === undefined) return undefined;
  const { outcomes } = historyOf(owner);
  if (outcomes.has(secretName)) return outcomes.get(secretName);
  for (const record of secret.records) {
    const told = troubleTold(historyOf(record).notices, secret, record);
    if (told !== undefined) return told;
  }
  return undefined;
}

function isSameTrouble(one: Failure | undefined, other: Failure | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.code === other.code && lastingMessage(one) === lastingMessage(other);
}

function isSameObject(known: SourceSpec, source: SourceSpec): boolean {
  return known.uid === source.uid && known.createdAt === source.createdAt;
}

/** Equal except for our own status annotation. */
function isSameRequest(known: SourceSpec, source: SourceSpec): boolean {
  return isEqual({ ...known, status: undefined }, { ...source, status: undefined });
}

function secretKey(namespace: string, secretName: string): string {
  return `${namespace}/${secretName}`;
}
