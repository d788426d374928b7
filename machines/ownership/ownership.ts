import { type NameSpace, validateHost } from '../hosts/host-names.ts';
import type { Failure } from '../reasons/reasons.ts';
import { type Claim, Claimants, type Claims } from './claimants.ts';
import {
  type Assignment,
  type DesiredCertificate,
  type HostRoute,
  isKeyType,
} from './desired-certificate.ts';
import { type IngressSpec, ingressKey, type TlsEntry } from './ingress-spec.ts';

export interface OwnershipPolicy {
  /** `oldest`: the namespace with the oldest Ingress for a host orders; `any`: every namespace does. */
  readonly hostOwnership: 'oldest' | 'any';
  /** Undefined: every class. */
  readonly supportedClasses: readonly string[] | undefined;
  /** Which names the CA may certify: a private one knows `.internal` and the like too. */
  readonly names: NameSpace;
  /** The class of an Ingress that names none, for `supportedClasses`. */
  readonly defaultClass: string | undefined;
}

/** Let's Encrypt, docs/profiles: the classic profile takes 100 names. */
const maxHosts = 100;

/**
 * Which Ingress owns which Secret, with which hosts, and which namespace owns a host. Among several the oldest one
 * owns. Holds the enabled Ingresses only; each change names the Ingresses whose assignment may differ now.
 */
export class Ownership {
  readonly #policy: OwnershipPolicy;
  readonly #claims = new Map<string, Claims>();
  readonly #bySecret = new Map<string, Claimants>();
  readonly #byHost = new Map<string, Claimants>();

  constructor(policy: OwnershipPolicy) {
    this.#policy = policy;
  }

  /** Takes up the Ingress as it is now; returns the keys of all whose assignment may have changed, its own included. */
  set(ingress: IngressSpec): ReadonlySet<string> {
    const key = ingressKey(ingress);
    const affected = new Set(this.delete(key));
    const claims = { ingress, ...this.#readClaims(ingress) };
    this.#claims.set(key, claims);
    for (const [index, entry] of this.#indexEntries(claims)) {
      const claimants = index.get(entry) ?? new Claimants();
      claimants.add(claims);
      index.set(entry, claimants);
    }
    for (const other of this.#concernedBy(claims)) affected.add(other);
    return affected.add(key);
  }

  /** Forgets the Ingress; returns the keys of the others whose assignment may have changed. */
  delete(key: string): ReadonlySet<string> {
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

  /** What this Ingress has to see to; undefined for one that is not held here. */
  assignment(key: string): Assignment | undefined {
    const own = this.#claims.get(key);
    if (own === undefined) return undefined;
    const desired: DesiredCertificate[] = [];
    const notices = [...own.notices];
    for (const { secretName } of own.claims) {
      const owner = this.#bySecret.get(secretKey(own.ingress.namespace, secretName))?.oldest;
      if (owner?.ingress === own.ingress) {
        const certificate = this.#merge(own.ingress, secretName);
        if (certificate.hosts.length <= maxHosts) desired.push(certificate);
        else notices.push(tooManyHosts(certificate));
      } else if (owner !== undefined) {
        const message = `Secret ${secretName} is owned by the older Ingress ${owner.ingress.name}.`;
        notices.push({ code: 'SecretOwnedByOther', message });
      }
    }
    return { desired, notices, retry: own.ingress.retry };
  }

  /** The key of the Ingress that sees to this Secret; undefined if none does. */
  ownerOf(namespace: string, secretName: string): string | undefined {
    const owner = this.#bySecret.get(secretKey(namespace, secretName))?.oldest;
    return owner === undefined ? undefined : ingressKey(owner.ingress);
  }

  #merge(owner: IngressSpec, secretName: string): DesiredCertificate {
    const { namespace, adopt, keyType, profile, selfCheck } = owner;
    const routes = new Map<string, HostRoute>();
    const claimants = this.#bySecret.get(secretKey(namespace, secretName))?.oldestFirst() ?? [];
    for (const { ingress, claims } of claimants) {
      for (const host of claims.find((claim) => claim.secretName === secretName)?.hosts ?? []) {
        if (routes.has(host)) continue;
        const ownedElsewhere = this.#ownedElsewhere(namespace, host);
        routes.set(host, { host, ingressClass: ingress.ingressClass, ownedElsewhere });
      }
    }
    return {
      namespace,
      secretName,
      hosts: [...routes.values()],
      adopt,
      keyType: keyType !== undefined && isKeyType(keyType) ? keyType : undefined,
      profile,
      selfCheck: selfCheck?.toLowerCase() !== 'false',
    };
  }

  #ownedElsewhere(namespace: string, host: string): boolean {
    if (this.#policy.hostOwnership === 'any') return false;
    const owner = this.#byHost.get(host)?.oldest;
    return owner !== undefined && owner.ingress.namespace !== namespace;
  }

  /** Those who name one of the Secrets, or whose Secrets one of the hosts is merged into. */
  #concernedBy({ ingress, claims }: Claims): Set<string> {
    // The Secrets first, each once: where many Ingresses share host and Secret, each of them leads to all of them.
    const secrets = new Set(claims.map(({ secretName }) => secretKey(ingress.namespace, secretName)));
    for (const host of claims.flatMap(({ hosts }) => hosts)) {
      for (const other of this.#byHost.get(host)?.values() ?? []) {
        const merged = other.claims.filter((claim) => claim.hosts.includes(host));
        for (const { secretName } of merged) secrets.add(secretKey(other.ingress.namespace, secretName));
      }
    }
    const concerned = new Set<string>();
    for (const secret of secrets) {
      for (const key of this.#bySecret.get(secret)?.keys() ?? []) concerned.add(key);
    }
    return concerned;
  }

  *#indexEntries({ ingress, claims }: Claims): Generator<[Map<string, Claimants>, string]> {
    for (const { secretName, hosts } of claims) {
      yield [this.#bySecret, secretKey(ingress.namespace, secretName)];
      for (const host of hosts) yield [this.#byHost, host];
    }
  }

  #readClaims(ingress: IngressSpec): Pick<Claims, 'claims' | 'notices'> {
    const refusal = this.#refusalOf(ingress);
    if (refusal !== undefined) return { claims: [], notices: [refusal] };
    const notices: Failure[] = [];
    const claims = new Map<string, Claim>();
    for (const entry of ingress.tls) {
      const claim = readTlsEntry(entry, this.#policy.names, notices);
      if (claim === undefined) continue;
      if (claims.has(claim.secretName)) {
        const message = `Secret ${claim.secretName} is named by more than one entry of spec.tls; only the first counts.`;
        notices.push({ code: 'DuplicateSecretName', message });
      } else claims.set(claim.secretName, claim);
    }
    const inTls = new Set(ingress.tls.flatMap(({ hosts }) => hosts));
    for (const host of ingress.ruleHosts.filter((host) => host !== '' && !inTls.has(host))) {
      const message = `Host ${host} has a rule but is not in spec.tls, so it gets no certificate.`;
      notices.push({ code: 'HostNotInTls', message, host });
    }
    return { claims: [...claims.values()], notices };
  }

  #refusalOf(ingress: IngressSpec): Failure | undefined {
    if (ingress.certManager) {
      const message = 'The Ingress carries an issuer annotation of cert-manager as well.';
      return { code: 'ManagedByCertManager', message };
    }
    const { ingressClass, keyType } = ingress;
    const className = ingressClass.form === 'none' ? this.#policy.defaultClass : ingressClass.name;
    const supported = this.#policy.supportedClasses;
    if (supported !== undefined && (className === undefined || !supported.includes(className))) {
      const message =
        className === undefined
          ? 'The Ingress names no class, and only some are supported.'
          : `The Ingress is of class ${className}, which is not a supported one.`;
      return { code: 'UnsupportedIngressClass', message };
    }
    if (keyType !== undefined && !isKeyType(keyType)) {
      return { code: 'UnsupportedKeyType', message: `There is no key type ${keyType}.` };
    }
    return undefined;
  }
}

function readTlsEntry(
  { secretName, hosts }: TlsEntry,
  names: NameSpace,
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
    const invalid = validateHost(host, names);
    if (invalid !== undefined) notices.push({ ...invalid, host });
    return invalid === undefined;
  });
  return provable.length === 0 ? undefined : { secretName, hosts: provable };
}

function tooManyHosts({ secretName, hosts }: DesiredCertificate): Failure {
  const message = `Secret ${secretName} would need a certificate for ${hosts.length} hosts; the CA takes ${maxHosts}.`;
  return { code: 'TooManyHosts', message };
}

function secretKey(namespace: string, secretName: string): string {
  return `${namespace}/${secretName}`;
}
