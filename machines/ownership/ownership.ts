// Which source owns which Secret, and which namespace a host belongs to (docs/decisions/005-host-ownership.md). The supervisor keeps one
// `Ownership` of all sources and gives each actor its `Assignment`; src/sources fills in `SourceSpec`.

import { someOf } from '../reasons/foreign-text.ts';
import type { Failure } from '../reasons/reasons.ts';
import { kindsOfClaims, type SourceRecord } from './claim.ts';
import {
  type Assignment,
  type DesiredCertificate,
  type HostRoute,
  isKeyType,
  type Standing,
} from './desired-certificate.ts';
import { isEqual } from './equality.ts';
import type { Holder, NamespaceSpec } from './holders.ts';
import { HostIndex, type HostPolicy } from './host-index.ts';
import type { HostOwner } from './host-owner.ts';
import { SecretClaims } from './secret-claims.ts';
import { type SourceKey, sourceKey } from './source-key.ts';
import { hasRefusedSetting, type ReadingRules, readSource, type WantedSecret } from './source-reading.ts';
import type { SourceSpec } from './source-spec.ts';

export interface OwnershipPolicy extends HostPolicy, ReadingRules {}

const noHosts: ReadonlySet<string> = new Set();

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
  readonly #hosts: HostIndex;
  #settled = false;
  /** Secrets to merge, and sources whose claims are to be renewed, at the end of a change. */
  readonly #unmerged = new Set<SecretClaims>();
  readonly #unclaimed = new Set<SourceRecord>();

  constructor(policy: OwnershipPolicy) {
    this.#policy = policy;
    this.#hosts = new HostIndex(policy);
  }

  /** Decides, from now on with each change. The age of a claim is that of its source before this, and the order of arrival after. */
  settle(now: number): void {
    this.#settled = true;
    this.#conclude(now);
  }

  source(key: SourceKey): SourceSpec | undefined {
    return this.#records.get(key)?.source;
  }

  keys(): Iterable<SourceKey> {
    return this.#records.keys();
  }

  /** Adds or updates a source. A difference in its status only is none. */
  set(source: SourceSpec, now: number): Affected {
    const key = sourceKey(source);
    const known = this.#records.get(key);
    if (known !== undefined && isSameObject(known.source, source)) {
      const same = isSameRequest(known.source, source);
      known.source = source;
      if (same) return new Set();
      this.#leave(known);
      known.reading = readSource(source, this.#policy);
      this.#join(known);
      return this.#conclude(now, key);
    }
    if (known !== undefined) this.#remove(key, known);
    const record: SourceRecord = { source, reading: readSource(source, this.#policy), claims: [] };
    this.#records.set(key, record);
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

  setNamespace(namespace: NamespaceSpec, now: number): Affected {
    if (this.#hosts.reservations.set(namespace)) this.#hosts.reserve();
    return this.#conclude(now);
  }

  deleteNamespace(name: string, now: number): Affected {
    if (this.#hosts.reservations.delete(name)) this.#hosts.reserve();
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
      if (secret.owner === own && secret.certificate !== undefined) desired.push(secret.certificate);
      notices.push(...noticesAbout(secret, own, wanted, this.#policy.mostNames));
    }
    return { desired, notices, retry: own.source.retry };
  }

  /** The key of the source that owns this Secret; undefined if none does. */
  ownerOf(namespace: string, secretName: string): SourceKey | undefined {
    const owner = this.#secrets.get(secretKey(namespace, secretName))?.owner;
    return owner === undefined ? undefined : sourceKey(owner.source);
  }

  /** Whom a host belongs to. For operators: an app team is not told whose it is. */
  hostOwner(host: string, now: number): HostOwner {
    return this.#hosts.ownerOf(host, now);
  }

  #remove(key: SourceKey, record: SourceRecord): void {
    this.#records.delete(key);
    this.#unclaimed.delete(record);
    this.#leave(record);
    this.#hosts.claim(record, new Map());
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

  /** Merges Secrets, then places claims, which depend on what was merged, then decides about hosts, which depends on claims. */
  #conclude(now: number, changed?: SourceKey): Affected {
    const affected = new Set<SourceKey>();
    if (!this.#settled) return affected;
    if (changed !== undefined) affected.add(changed);
    const merged = new Map([...this.#unmerged].map((secret) => [secret, this.#merge(secret, affected)]));
    this.#unmerged.clear();
    for (const record of this.#unclaimed) {
      const { namespace } = record.source;
      const refusedIn = (name: string) => this.#secrets.get(secretKey(namespace, name))?.refused ?? noHosts;
      this.#hosts.claim(record, kindsOfClaims(record, refusedIn));
    }
    this.#unclaimed.clear();
    for (const secret of this.#hosts.settle(now)) {
      if (!merged.has(secret)) this.#update(secret, secret.certificate?.hosts ?? [], now, affected);
    }
    for (const [secret, routes] of merged) this.#update(secret, routes, now, affected);
    return affected;
  }

  #merge(secret: SecretClaims, affected: Set<SourceKey>): Pick<HostRoute, 'host' | 'ingressClass'>[] {
    const { hosts: before, owner, refused: refusedBefore, namespace } = secret;
    const { kept, refused } = secret.merge(this.#policy.mostNames, (host) =>
      this.#hosts.isHeldBy(namespace, host),
    );
    secret.refused = refused;
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
    return [...kept].map(([host, { source }]) => ({ host, ingressClass: source.ingressClass }));
  }

  /** Keeps the certificate, as the same object, if nothing about it has changed. */
  #update(
    secret: SecretClaims,
    routes: readonly Pick<HostRoute, 'host' | 'ingressClass'>[],
    now: number,
    affected: Set<SourceKey>,
  ): void {
    const { owner, namespace, secretName } = secret;
    if (owner === undefined) return;
    const { keyType, profile, selfCheck } = owner.source;
    const certificate: DesiredCertificate = {
      namespace,
      secretName,
      hosts: routes.map(({ host, ingressClass }) => ({
        host,
        ingressClass,
        ...this.#standing(namespace, host, now),
      })),
      keyType: keyType !== undefined && isKeyType(keyType) ? keyType : undefined,
      profile,
      selfCheck: selfCheck?.toLowerCase() !== 'false',
      ...(hasRefusedSetting(owner.source) ? { settingsRefused: true } : {}),
    };
    const next = routes.length === 0 ? undefined : certificate;
    if (isEqual(next, secret.certificate)) return;
    secret.certificate = next;
    affected.add(sourceKey(owner.source));
  }

  #standing(namespace: string, host: string, now: number): { standing: Standing; until?: number } {
    const { by, namespace: owner, until } = this.#hosts.ownerOf(host, now);
    if (by === 'anyone' || owner === namespace) return { standing: 'ours' };
    switch (by) {
      case 'nobody':
        return { standing: 'not-reserved' };
      case 'reservation':
        return { standing: 'reserved' };
      case 'grace':
        return { standing: 'grace', ...(until === undefined ? {} : { until }) };
      default:
        return { standing: 'elsewhere' };
    }
  }
}

function noticesAbout(
  { secretName, owner, refused }: SecretClaims,
  record: SourceRecord,
  { hosts, heldOnly }: WantedSecret,
  mostNames: number,
): Failure[] {
  const notices: Failure[] = [];
  if (owner !== undefined && owner !== record) {
    const message = `Secret ${secretName} is owned by the older ${owner.source.kind} ${owner.source.name}.`;
    notices.push({ code: 'SecretOwnedByOther', message });
  }
  // An entry of which only some hosts are accepted has its own notice.
  const left = heldOnly || refused.size === 0 ? [] : hosts.filter((host) => refused.has(host));
  if (left.length === 0) return notices;
  const [refusal] = owner !== undefined && hasRefusedSetting(owner.source) ? owner.reading.notices : [];
  if (refusal !== undefined) {
    const message = `Secret ${secretName} gets no new hosts: a setting of the Ingress that owns it is refused.`;
    return [...notices, { code: refusal.code, message }];
  }
  const message = `Secret ${secretName} would need a certificate for more hosts than the CA allows, ${mostNames}. Left out: ${someOf(left)}.`;
  return [...notices, { code: 'TooManyHosts', message }];
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
