import { type HostRules, validateHost } from '../hosts/host-names.ts';
import { someOf } from '../reasons/foreign-text.ts';
import type { Failure, ReasonCode } from '../reasons/reasons.ts';
import { isChallengeType, type Zones } from '../zones/zone.ts';
import { adoptAnnotation, adoptCommand } from './adoption.ts';
import { type Choice, choose } from './challenge-choice.ts';
import { isKeyType } from './desired-certificate.ts';
import { extended } from './extended.ts';
import { isKeystore, readKeystore } from './keystore.ts';
import { retryAnnotation, type Share, type SourceSpec, type TlsEntry } from './source-spec.ts';

export interface ReadingRules extends HostRules {
  /** Names that the CA allows in one certificate. */
  readonly mostNames: number;
  /** Undefined: every class. */
  readonly supportedClasses: readonly string[] | undefined;
  /** The class of an Ingress without one, for `supportedClasses`. */
  readonly defaultClass: string | undefined;
}

/** One accepted entry of `spec.tls`. */
export interface WantedSecret {
  readonly secretName: string;
  /** Distinct and valid. */
  readonly hosts: readonly string[];
  /** Only hosts that have a certificate already keep it: something about the entry is refused. */
  readonly heldOnly: boolean;
  /** Likewise these of its hosts: no challenge can prove them. */
  readonly unprovable?: readonly string[];
  /** See `TlsEntry`. */
  readonly separable?: true;
  readonly shares?: readonly Share[];
}

/** What a source asks kube-lego for. */
export interface SourceReading {
  /** One for each Secret. */
  readonly wanted: readonly WantedSecret[];
  /** About what was not accepted. */
  readonly notices: readonly Failure[];
  /** It asks for nothing, but serves its hosts: not enabled, of a class that is not ours, or managed by cert-manager. */
  readonly bystander: boolean;
  /** Its class is not ours: maybe another kube-lego's, which tells its state. */
  readonly outside?: true;
}

/** One for all. */
const none: readonly never[] = Object.freeze([]);
const nothing: SourceReading = Object.freeze({ wanted: none, notices: none, bystander: true });

/** Notices of one kind for one source: the rest is only counted. */
const mostAlike = 20;

/** @param zones the operator's DNS zones; undefined without DNS-01 */
export function readSource(source: SourceSpec, rules: ReadingRules, zones: Zones | undefined): SourceReading {
  if (!source.enabled) return nothing;
  const foreign = foreignTo(source, rules);
  if (foreign !== undefined) {
    const outside = foreign.code === 'UnsupportedIngressClass' ? ({ outside: true } as const) : {};
    return { ...nothing, notices: [foreign], ...outside };
  }
  const notices = new Notices();
  for (const refusal of [...refusedAnnotations(source), ...excessOf(source), ...(source.notices ?? [])])
    notices.add(refusal);
  const keystore = readKeystore(source.keystore);
  if (keystore !== undefined && !isKeystore(keystore)) notices.add(keystore);
  const unclear = hasRefusedSetting(source);
  const wanted: WantedSecret[] = [];
  for (const entry of mergedEntries(source.tls)) {
    const read = readEntry(entry, rules, notices, (host) => choose(source, host, zones));
    if (read !== undefined) wanted.push(unclear ? { ...read, heldOnly: true } : read);
  }
  const inTls = new Set(source.tls.flatMap(({ hosts }) => hosts));
  for (const host of source.gateway === true ? [] : source.ruleHosts) {
    if (host === '' || inTls.has(host)) continue;
    const message = `Host ${host} has a rule but is not in spec.tls, so it gets no certificate.`;
    notices.add({ code: 'HostNotInTls', message, host });
  }
  if (source.misplacedAdopt && wanted.length > 0) {
    notices.add(
      misplacedAdopt(
        source,
        wanted.map(({ secretName }) => secretName),
      ),
    );
  }
  // A copy has no room to grow.
  return { wanted: wanted.slice(), notices: notices.list(), bystander: false };
}

function foreignTo(
  { certManager, gateway, kind, ingressClass }: SourceSpec,
  { supportedClasses, defaultClass }: ReadingRules,
): Failure | undefined {
  if (certManager) {
    return {
      code: 'ManagedByCertManager',
      message: `The ${kind} also has an issuer annotation of cert-manager.`,
    };
  }
  const className = ingressClass.form === 'none' ? defaultClass : ingressClass.name;
  if (supportedClasses === undefined || gateway === true) return undefined;
  if (className !== undefined && supportedClasses.includes(className)) return undefined;
  const message =
    className === undefined
      ? `The ${kind} names no class, and only some classes are supported.`
      : `The ${kind} is of class ${className}, which is not supported.`;
  return { code: 'UnsupportedIngressClass', message };
}

/** Whether a setting cannot be met: this must neither cause an order without it nor end the care for a good certificate. */
export function hasRefusedSetting(source: SourceSpec): boolean {
  return refusedSettings(source).length > 0;
}

/** The settings of the certificate that cannot be met. */
export function refusedSettings({ keyType, excess, challenge }: SourceSpec): Failure[] {
  const refused = (excess?.annotations ?? []).filter((key) => key !== retryAnnotation).map(tooLong);
  if (keyType !== undefined && !isKeyType(keyType)) {
    refused.push({ code: 'UnsupportedKeyType', message: `Key type ${keyType} is unknown.` });
  }
  if (challenge !== undefined && !isChallengeType(challenge)) {
    refused.push({ code: 'UnsupportedChallenge', message: `Challenge type ${challenge} is unknown.` });
  }
  return refused;
}

function refusedAnnotations(source: SourceSpec): Failure[] {
  const retryTooLong = source.excess?.annotations.includes(retryAnnotation) ?? false;
  return [...refusedSettings(source), ...(retryTooLong ? [tooLong(retryAnnotation)] : [])];
}

function tooLong(annotation: string): Failure {
  return { code: 'AnnotationTooLong', message: `The value of the annotation ${annotation} is too long.` };
}

function excessOf({ kind, gateway, excess }: SourceSpec): Failure[] {
  const { entries = 0, tlsHosts = 0, ruleHosts = 0 } = excess ?? {};
  const counts = [
    [entries, gateway === true ? 'listeners and certificateRefs' : 'entries of spec.tls'],
    [tlsHosts, 'hosts under spec.tls'],
    [ruleHosts, 'hosts of spec.rules'],
  ] as const;
  const parts = counts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  if (parts.length === 0) return [];
  return [{ code: 'TooLarge', message: `The ${kind} is too large: ${parts.join(', ')} were not read.` }];
}

/** The entries of one Secret as one, with the hosts of all. Those without a Secret stay apart. */
function mergedEntries(entries: readonly TlsEntry[]): TlsEntry[] {
  const named = Map.groupBy(
    entries.filter(({ secretName }) => secretName !== undefined && secretName !== ''),
    ({ secretName }) => secretName,
  );
  const merged = [...named].map(([secretName, same]): TlsEntry => {
    const [first, ...others] = same;
    if (first !== undefined && others.length === 0) return first;
    const hosts = [...new Set(same.flatMap((entry) => entry.hosts))];
    return {
      secretName,
      hosts,
      ...(same.some(({ incomplete }) => incomplete) ? { incomplete: true } : {}),
      ...(same.some(({ separable }) => separable) ? { separable: true } : {}),
      ...(same.some(({ shares }) => shares) ? { shares: same.flatMap(({ shares = [] }) => shares) } : {}),
    };
  });
  return [...merged, ...entries.filter(({ secretName }) => secretName === undefined || secretName === '')];
}

function readEntry(
  { secretName, hosts, incomplete, separable, shares }: TlsEntry,
  rules: ReadingRules,
  notices: Notices,
  choice: (host: string) => Choice,
): WantedSecret | undefined {
  if (secretName === undefined || secretName === '') {
    const message = `An entry of spec.tls (${someOf(hosts) || 'no hosts'}) names no Secret.`;
    notices.add({ code: 'MissingSecretName', message });
    return undefined;
  }
  if (hosts.length === 0 && incomplete !== true) {
    const message = `The entry of spec.tls for Secret ${secretName} lists no hosts.`;
    notices.add({ code: 'MissingHosts', message });
    return undefined;
  }
  const provable = [...new Set(hosts)].filter((host) => {
    const invalid = validateHost(host, rules);
    const chosen = choice(host);
    const refusal =
      invalid ?? (typeof chosen !== 'string' && chosen.code === 'WildcardHost' ? chosen : undefined);
    if (refusal !== undefined) notices.add({ ...refusal, host });
    return refusal === undefined;
  });
  if (provable.length === 0) return undefined;
  // Where several people have named them, nobody's mistake holds up all.
  const tooMany = separable !== true && provable.length > rules.mostNames;
  if (tooMany) {
    const message = `Secret ${secretName} would need a certificate for ${provable.length} hosts; the CA allows ${rules.mostNames}.`;
    notices.add({ code: 'TooManyHosts', message });
  }
  const unprovable = provable.filter((host) => {
    const chosen = choice(host);
    if (typeof chosen !== 'string') notices.add({ ...chosen, host });
    return typeof chosen !== 'string';
  });
  const wanted: WantedSecret = {
    secretName,
    // Those of the source itself if it can be; a copy has no room to grow.
    hosts: provable.length === hosts.length ? hosts : provable.slice(),
    heldOnly: tooMany || incomplete === true,
  };
  return extended(wanted, {
    ...(unprovable.length === 0 ? {} : { unprovable }),
    ...(separable === true ? { separable } : {}),
    ...(shares === undefined ? {} : { shares }),
  });
}

/** For the first few Secrets: a cut command would be a wrong one. */
function misplacedAdopt({ kind, namespace }: SourceSpec, secretNames: readonly string[]): Failure {
  const command = adoptCommand(namespace, ...secretNames.slice(0, 3));
  const message = `${adoptAnnotation} has no effect on the ${kind}. ${command} lets kube-lego replace the certificate there.`;
  return { code: 'AdoptMisplaced', message };
}

/** Collects notices; the first few of each kind. */
class Notices {
  readonly #list: Failure[] = [];
  readonly #counts = new Map<ReasonCode, number>();

  add(notice: Failure): void {
    const count = (this.#counts.get(notice.code) ?? 0) + 1;
    this.#counts.set(notice.code, count);
    if (count <= mostAlike) this.#list.push(notice);
  }

  list(): readonly Failure[] {
    if (this.#list.length === 0) return none;
    const rest = [...this.#counts].flatMap(([code, count]): Failure[] =>
      count > mostAlike ? [{ code, message: `There are ${count - mostAlike} more like these.` }] : [],
    );
    return [...this.#list, ...rest];
  }
}
