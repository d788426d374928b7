import { type HostRules, validateHost } from '../hosts/host-names.ts';
import { someOf } from '../reasons/foreign-text.ts';
import type { Failure, ReasonCode } from '../reasons/reasons.ts';
import { adoptAnnotation, adoptCommand } from './adoption.ts';
import { isKeyType } from './desired-certificate.ts';
import { retryAnnotation, type SourceSpec, type TlsEntry } from './source-spec.ts';

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
}

/** What a source asks kube-lego for. */
export interface SourceReading {
  /** One for each Secret. */
  readonly wanted: readonly WantedSecret[];
  /** About what was not accepted. */
  readonly notices: readonly Failure[];
  /** It asks for nothing, but serves its hosts: not enabled, of a class that is not ours, or managed by cert-manager. */
  readonly bystander: boolean;
}

const nothing: SourceReading = Object.freeze({ wanted: [], notices: [], bystander: true });

/** Notices of one kind for one source: the rest is only counted. */
const mostAlike = 20;

export function readSource(source: SourceSpec, rules: ReadingRules): SourceReading {
  if (!source.enabled) return nothing;
  const foreign = foreignTo(source, rules);
  if (foreign !== undefined) return { ...nothing, notices: [foreign] };
  const notices = new Notices();
  for (const refusal of [...refusedAnnotations(source), ...excessOf(source)]) notices.add(refusal);
  const unclear = hasRefusedSetting(source);
  const wanted = new Map<string, WantedSecret>();
  for (const entry of source.tls) {
    const read = readEntry(entry, rules, notices);
    if (read === undefined) continue;
    if (wanted.has(read.secretName)) {
      const message = `Secret ${read.secretName} is named by more than one entry of spec.tls; only the first counts.`;
      notices.add({ code: 'DuplicateSecretName', message });
    } else wanted.set(read.secretName, unclear ? { ...read, heldOnly: true } : read);
  }
  const inTls = new Set(source.tls.flatMap(({ hosts }) => hosts));
  for (const host of source.ruleHosts) {
    if (host === '' || inTls.has(host)) continue;
    const message = `Host ${host} has a rule but is not in spec.tls, so it gets no certificate.`;
    notices.add({ code: 'HostNotInTls', message, host });
  }
  if (source.misplacedAdopt && wanted.size > 0) notices.add(misplacedAdopt(source, [...wanted.keys()]));
  return { wanted: [...wanted.values()], notices: notices.list(), bystander: false };
}

function foreignTo(
  { certManager, kind, ingressClass }: SourceSpec,
  { supportedClasses, defaultClass }: ReadingRules,
): Failure | undefined {
  if (certManager) {
    return {
      code: 'ManagedByCertManager',
      message: `The ${kind} also has an issuer annotation of cert-manager.`,
    };
  }
  const className = ingressClass.form === 'none' ? defaultClass : ingressClass.name;
  if (supportedClasses === undefined) return undefined;
  if (className !== undefined && supportedClasses.includes(className)) return undefined;
  const message =
    className === undefined
      ? `The ${kind} names no class, and only some classes are supported.`
      : `The ${kind} is of class ${className}, which is not supported.`;
  return { code: 'UnsupportedIngressClass', message };
}

/** Whether a setting cannot be met: this must neither cause an order without it nor end the care for a good certificate. */
export function hasRefusedSetting({ keyType, excess }: SourceSpec): boolean {
  const tooLong = excess?.annotations.some((key) => key !== retryAnnotation) ?? false;
  return tooLong || (keyType !== undefined && !isKeyType(keyType));
}

function refusedAnnotations({ keyType, excess }: SourceSpec): Failure[] {
  const tooLong = (excess?.annotations ?? []).map(
    (key): Failure => ({
      code: 'AnnotationTooLong',
      message: `The value of the annotation ${key} is too long.`,
    }),
  );
  return keyType === undefined || isKeyType(keyType)
    ? tooLong
    : [...tooLong, { code: 'UnsupportedKeyType', message: `Key type ${keyType} is unknown.` }];
}

function excessOf({ kind, excess }: SourceSpec): Failure[] {
  const { entries = 0, tlsHosts = 0, ruleHosts = 0 } = excess ?? {};
  const counts = [
    [entries, 'entries of spec.tls'],
    [tlsHosts, 'hosts under spec.tls'],
    [ruleHosts, 'hosts of spec.rules'],
  ] as const;
  const parts = counts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  if (parts.length === 0) return [];
  return [{ code: 'TooLarge', message: `The ${kind} is too large: ${parts.join(', ')} were not read.` }];
}

function readEntry(
  { secretName, hosts, incomplete }: TlsEntry,
  rules: ReadingRules,
  notices: Notices,
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
    if (invalid !== undefined) notices.add({ ...invalid, host });
    return invalid === undefined;
  });
  if (provable.length === 0) return undefined;
  const tooMany = provable.length > rules.mostNames;
  if (tooMany) {
    const message = `Secret ${secretName} would need a certificate for ${provable.length} hosts; the CA allows ${rules.mostNames}.`;
    notices.add({ code: 'TooManyHosts', message });
  }
  return { secretName, hosts: provable, heldOnly: tooMany || incomplete === true };
}

/** For the first few Secrets: a cut command would be a wrong one. */
function misplacedAdopt({ kind, namespace }: SourceSpec, secretNames: readonly string[]): Failure {
  const command = adoptCommand(namespace, ...secretNames.slice(0, 3));
  const message = `${adoptAnnotation} has no effect on an ${kind}. ${command} lets kube-lego replace the certificate there.`;
  return { code: 'AdoptMisplaced', message };
}

/** Collects notices; of those that are alike, the first ones. */
class Notices {
  readonly #list: Failure[] = [];
  readonly #counts = new Map<ReasonCode, number>();

  add(notice: Failure): void {
    const count = (this.#counts.get(notice.code) ?? 0) + 1;
    this.#counts.set(notice.code, count);
    if (count <= mostAlike) this.#list.push(notice);
  }

  list(): Failure[] {
    const rest = [...this.#counts].flatMap(([code, count]): Failure[] =>
      count > mostAlike ? [{ code, message: `There are ${count - mostAlike} more like these.` }] : [],
    );
    return [...this.#list, ...rest];
  }
}
