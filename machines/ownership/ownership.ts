// Which source owns which Secret and which namespace owns a host. The supervisor keeps one `Ownership` of all enabled sources and
// gives each actor its `Assignment`; src/sources fills in `SourceSpec`.

import { type HostRules, validateHost } from '../hosts/host-names.ts';
import type { Failure } from '../reasons/reasons.ts';
import { adoptAnnotation, adoptCommand } from './adoption.ts';
import { type Claim, Claimants, type Claims } from './claimants.ts';
import {
  type Assignment,
  type DesiredCertificate,
  type HostRoute,
  isKeyType,
  type Standing,
} from './desired-certificate.ts';
import type { Holder, NamespaceSpec } from './holders.ts';
import { type SourceKey, sourceKey } from './source-key.ts';
import type { SourceSpec, TlsEntry } from './source-spec.ts';

export interface OwnershipPolicy extends HostRules {
  /** `oldest`: only the namespace with the oldest source for a host orders; `any`: every namespace does. */
  readonly hostOwnership: 'oldest' | 'any';
  /** Milliseconds that a host stays with its holder after no Ingress of it names the host any more, `LEGO_HOST_GRACE`. */
  readonly hostGrace: number;
  /** Only hosts that `kube-lego.io/domains` reserves for a namespace get a certificate, `LEGO_REQUIRE_DOMAINS`. */
  readonly requireDomains: boolean;
  /** Undefined: every class. */
  readonly supportedClasses: readonly string[] | undefined;
  /** The class of an Ingress without one, for `supportedClasses`. */
  readonly defaultClass: string | undefined;
}

/** Let's Encrypt, docs/profiles: the classic profile allows 100 names. */
const maxHosts = 100;

/**
 * Index of the enabled sources. The oldest source owns a Secret, and its namespace a host. Each change returns the sources whose
 * assignment may have changed.
 */
export class Ownership {
  readonly #policy: OwnershipPolicy;
  readonly #claims = new Map<SourceKey, Claims>();
  readonly #bySecret = new Map<string, Claimants>();
  readonly #byHost = new Map<string, Claimants>();
  #holders = new Map<string, Holder>();

  constructor(policy: OwnershipPolicy) {
    this.#policy = policy;
  }

  /** Adds or updates a source; returns the keys of all whose assignment may have changed, including its own. */
  set(source: SourceSpec): ReadonlySet<SourceKey> {
    const key = sourceKey(source);
    const affected = new Set(this.delete(key));
    const claims = { source, ...this.#readClaims(source) };
    this.#claims.set(key, claims);
    for (const [index, entry] of this.#indexEntries(claims)) {
      const claimants = index.get(entry) ?? new Claimants();
      claimants.add(claims);
      index.set(entry, claimants);
    }
    for (const other of this.#concernedBy(claims)) affected.add(other);
    return affected.add(key);
  }

  /** Removes a source; returns the keys of the others whose assignment may have changed. */
  delete(key: SourceKey): ReadonlySet<SourceKey> {
    const claims = this.#claims.get(key);
    if (claims === undefined) return new Set();
    this.#claims.delete(key);
    for (const [index, entry] of this.#indexEntries(claims)) {
      const claimants = index.get(entry);
      claimants?.delete(key);
      if (claimants?.size === 0) index.delete(entry);
    }
    return this.#concernedBy(claims);
  }

  /** Replaces all holders. */
  replaceHolders(holders: ReadonlyMap<string, Holder>): void {
    this.#holders = new Map(holders);
  }

  /** A certificate for these hosts is recorded; returns the keys of the sources whose assignment may have changed. */
  setHolder(hosts: readonly string[], holder: Holder): ReadonlySet<SourceKey> {
    for (const host of hosts) this.#holders.set(host, holder);
    return this.#naming(hosts);
  }

  pruneHolders(hosts: readonly string[]): ReadonlySet<SourceKey> {
    for (const host of hosts) this.#holders.delete(host);
    return this.#naming(hosts);
  }

  setNamespace(_namespace: NamespaceSpec): ReadonlySet<SourceKey> {
    return new Set();
  }

  deleteNamespace(_name: string): ReadonlySet<SourceKey> {
    return new Set();
  }

  #naming(hosts: readonly string[]): Set<SourceKey> {
    return new Set(hosts.flatMap((host) => [...(this.#byHost.get(host)?.keys() ?? [])]));
  }

  /** Undefined for an unknown source. */
  assignment(key: SourceKey): Assignment | undefined {
    const own = this.#claims.get(key);
    if (own === undefined) return undefined;
    const desired: DesiredCertificate[] = [];
    const notices = [...own.notices];
    for (const { secretName } of own.claims) {
      const owner = this.#bySecret.get(secretKey(own.source.namespace, secretName))?.oldest;
      if (owner?.source === own.source) {
        const certificate = this.#merge(own.source, secretName);
        if (certificate.hosts.length <= maxHosts) desired.push(certificate);
        else notices.push(tooManyHosts(certificate));
      } else if (owner !== undefined) {
        const message = `Secret ${secretName} is owned by the older ${owner.source.kind} ${owner.source.name}.`;
        notices.push({ code: 'SecretOwnedByOther', message });
      }
    }
    return { desired, notices, retry: own.source.retry };
  }

  /** The key of the source that owns this Secret; undefined if none does. */
  ownerOf(namespace: string, secretName: string): SourceKey | undefined {
    const owner = this.#bySecret.get(secretKey(namespace, secretName))?.oldest;
    return owner === undefined ? undefined : sourceKey(owner.source);
  }

  #merge(owner: SourceSpec, secretName: string): DesiredCertificate {
    const { namespace, keyType, profile, selfCheck } = owner;
    const routes = new Map<string, HostRoute>();
    const claimants = this.#bySecret.get(secretKey(namespace, secretName))?.oldestFirst() ?? [];
    for (const { source, claims } of claimants) {
      for (const host of claims.find((claim) => claim.secretName === secretName)?.hosts ?? []) {
        if (routes.has(host)) continue;
        routes.set(host, {
          host,
          ingressClass: source.ingressClass,
          standing: this.#standing(namespace, host),
        });
      }
    }
    return {
      namespace,
      secretName,
      hosts: [...routes.values()],
      keyType: keyType !== undefined && isKeyType(keyType) ? keyType : undefined,
      profile,
      selfCheck: selfCheck?.toLowerCase() !== 'false',
    };
  }

  #standing(namespace: string, host: string): Standing {
    if (this.#policy.hostOwnership === 'any') return 'ours';
    const owner = this.#holders.get(host)?.namespace ?? this.#byHost.get(host)?.oldest?.source.namespace;
    return owner === undefined || owner === namespace ? 'ours' : 'elsewhere';
  }

  /** The sources that name one of the Secrets, or a Secret that one of the hosts is merged into. */
  #concernedBy({ source, claims }: Claims): Set<SourceKey> {
    // Collect distinct Secrets first: if n sources share host and Secret, iterating their sources at once would take n² steps.
    const secrets = new Set(claims.map(({ secretName }) => secretKey(source.namespace, secretName)));
    for (const host of claims.flatMap(({ hosts }) => hosts)) {
      for (const other of this.#byHost.get(host)?.values() ?? []) {
        const merged = other.claims.filter((claim) => claim.hosts.includes(host));
        for (const { secretName } of merged) secrets.add(secretKey(other.source.namespace, secretName));
      }
    }
    const concerned = new Set<SourceKey>();
    for (const secret of secrets) {
      for (const key of this.#bySecret.get(secret)?.keys() ?? []) concerned.add(key);
    }
    return concerned;
  }

  *#indexEntries({ source, claims }: Claims): Generator<[Map<string, Claimants>, string]> {
    for (const { secretName, hosts } of claims) {
      yield [this.#bySecret, secretKey(source.namespace, secretName)];
      for (const host of hosts) yield [this.#byHost, host];
    }
  }

  #readClaims(source: SourceSpec): Pick<Claims, 'claims' | 'notices'> {
    const refusal = this.#refusalOf(source);
    if (refusal !== undefined) return { claims: [], notices: [refusal] };
    const notices: Failure[] = [];
    const claims = new Map<string, Claim>();
    for (const entry of source.tls) {
      const claim = readTlsEntry(entry, this.#policy, notices);
      if (claim === undefined) continue;
      if (claims.has(claim.secretName)) {
        const message = `Secret ${claim.secretName} is named by more than one entry of spec.tls; only the first counts.`;
        notices.push({ code: 'DuplicateSecretName', message });
      } else claims.set(claim.secretName, claim);
    }
    const inTls = new Set(source.tls.flatMap(({ hosts }) => hosts));
    for (const host of source.ruleHosts.filter((host) => host !== '' && !inTls.has(host))) {
      const message = `Host ${host} has a rule but is not in spec.tls, so it gets no certificate.`;
      notices.push({ code: 'HostNotInTls', message, host });
    }
    if (source.misplacedAdopt && claims.size > 0) notices.push(misplacedAdopt(source, [...claims.keys()]));
    return { claims: [...claims.values()], notices };
  }

  #refusalOf(source: SourceSpec): Failure | undefined {
    if (source.certManager) {
      const message = `The ${source.kind} also has an issuer annotation of cert-manager.`;
      return { code: 'ManagedByCertManager', message };
    }
    const { ingressClass, keyType } = source;
    const className = ingressClass.form === 'none' ? this.#policy.defaultClass : ingressClass.name;
    const supported = this.#policy.supportedClasses;
    if (supported !== undefined && (className === undefined || !supported.includes(className))) {
      const message =
        className === undefined
          ? `The ${source.kind} names no class, and only some classes are supported.`
          : `The ${source.kind} is of class ${className}, which is not supported.`;
      return { code: 'UnsupportedIngressClass', message };
    }
    if (keyType !== undefined && !isKeyType(keyType)) {
      return { code: 'UnsupportedKeyType', message: `Key type ${keyType} is unknown.` };
    }
    return undefined;
  }
}

function readTlsEntry(
  { secretName, hosts }: TlsEntry,
  rules: HostRules,
  notices: Failure[],
): Claim | undefined {
  if (secretName === undefined || secretName === '') {
    const message = `An entry of spec.tls (${hosts.join(', ') || 'no hosts'}) names no Secret.`;
    notices.push({ code: 'MissingSecretName', message });
    return undefined;
  }
  if (hosts.length === 0) {
    notices.push({
      code: 'MissingHosts',
      message: `The entry of spec.tls for Secret ${secretName} lists no hosts.`,
    });
    return undefined;
  }
  const provable = [...new Set(hosts)].filter((host) => {
    const invalid = validateHost(host, rules);
    if (invalid !== undefined) notices.push({ ...invalid, host });
    return invalid === undefined;
  });
  return provable.length === 0 ? undefined : { secretName, hosts: provable };
}

/** For the first few Secrets: a cut command would be a wrong one. */
function misplacedAdopt({ kind, namespace }: SourceSpec, secretNames: readonly string[]): Failure {
  const command = adoptCommand(namespace, ...secretNames.slice(0, 3));
  const message = `${adoptAnnotation} has no effect on an ${kind}. ${command} lets kube-lego replace the certificate there.`;
  return { code: 'AdoptMisplaced', message };
}

function tooManyHosts({ secretName, hosts }: DesiredCertificate): Failure {
  const message = `Secret ${secretName} would need a certificate for ${hosts.length} hosts; the CA allows ${maxHosts}.`;
  return { code: 'TooManyHosts', message };
}

function secretKey(namespace: string, secretName: string): string {
  return `${namespace}/${secretName}`;
}
