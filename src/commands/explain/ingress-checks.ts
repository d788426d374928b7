import type { ChallengeRule } from '../../../machines/ownership/challenge-rules.ts';
import type { ClassStanding } from '../../../machines/ownership/classes/class-standing.ts';
import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import type { SourceReference } from '../../../machines/ownership/source-key.ts';
import type { IngressClassReference } from '../../../machines/ownership/source-spec.ts';
import { someOf } from '../../../machines/reasons/foreign-text.ts';
import { failureKind, reasons } from '../../../machines/reasons/reasons.ts';
import type { Config } from '../../config/config.ts';
import { arrayField, recordField, stringField } from '../../process/json.ts';
import type { Check } from './explanation.ts';

/** Whether kube-lego manages the object. @param object as sent by the API server */
export function checkGate(
  { kind, namespace }: SourceReference,
  enabled: boolean,
  object: unknown,
  config: Config,
): Check[] {
  const { annotationKey, watchNamespaces } = config;
  const metadata = recordField(object, 'metadata');
  const value = stringField(recordField(metadata, 'annotations'), annotationKey);
  const about = 'annotation';
  const checks: Check[] = [];
  if (metadata?.['deletionTimestamp'] !== undefined) {
    const text = `The ${kind} is being deleted, so kube-lego does nothing for it.`;
    checks.push({ about: 'deletion', result: 'problem', text, remedy: 'Nothing, or create it again.' });
  } else if (enabled) {
    checks.push({ about, result: 'ok', text: `${annotationKey} is "true".` });
  } else {
    const text =
      value === undefined
        ? `The ${kind} has no annotation ${annotationKey}, so kube-lego ignores it.`
        : `The annotation ${annotationKey} is "${value}", not "true", so kube-lego ignores the ${kind}.`;
    checks.push({ about, result: 'problem', text, remedy: `Set ${annotationKey}: "true".` });
  }
  if (watchNamespaces.length > 0 && !watchNamespaces.includes(namespace)) {
    const text = `kube-lego watches only ${watchNamespaces.join(', ')}, not namespace ${namespace}.`;
    const remedy = 'Add the namespace to LEGO_WATCH_NAMESPACE.';
    checks.push({ about: 'namespace', result: 'problem', text, remedy });
  }
  return checks;
}

/** Whether kube-lego looks at such objects at all. */
export function checkOption({ kind }: SourceReference, { gatewayApi }: Pick<Config, 'gatewayApi'>): Check[] {
  if (kind === 'Ingress' || gatewayApi) return [];
  const text = `LEGO_GATEWAY_API is not on here, so nothing is known of a ${kind}.`;
  const remedy = 'Set LEGO_GATEWAY_API=on, for the controller and for this command.';
  return [{ about: 'option', result: 'problem', text, remedy }];
}

/** What the object requests. */
export function checkWish({ desired, notices }: Assignment, kind = 'Ingress'): Check[] {
  const about = kind === 'Ingress' ? 'spec.tls' : 'listeners';
  const findings = notices.map((notice): Check => {
    const result = failureKind(notice) === 'notice' ? 'note' : 'problem';
    return { about: notice.code, result, text: notice.message, remedy: reasons[notice.code].remedy };
  });
  const wishes = desired.flatMap(({ secretName, hosts }): Check[] => {
    if (hosts.length === 0) return [];
    const text = `Secret ${secretName} should hold a certificate for ${hosts.map(({ host }) => host).join(', ')}.`;
    return [{ about, result: 'ok', text }];
  });
  if (findings.length + wishes.length > 0) return [...findings, ...wishes];
  const isIngress = kind === 'Ingress';
  const remedy = isIngress
    ? 'List hosts and a secretName under spec.tls.'
    : 'Give it a listener with protocol HTTPS, tls.mode Terminate and a Secret in tls.certificateRefs.';
  const text = isIngress
    ? 'The Ingress has no spec.tls, so it gets no certificate.'
    : `The ${kind} has no listener that terminates TLS, so it gets no certificate.`;
  return [{ about, result: 'problem', text, remedy }];
}

/** Which ingress controllers serve the hosts, and whether a challenge Ingress works with them. */
export function checkClasses(
  references: readonly IngressClassReference[],
  standingOf: (ingressClass: IngressClassReference) => ClassStanding,
  /** Undefined if they may not be listed. */
  existing: readonly string[] | undefined,
): Check[] {
  const classes = references.map((reference) => ({ reference, ...standingOf(reference) }));
  // One that works is enough, if that is where the DNS leads to.
  const works = classes.some(
    ({ reference, exists, nonMerging }) =>
      reference.form !== 'none' && exists !== false && nonMerging === undefined,
  );
  const result = works ? 'note' : 'problem';
  return classes.map(({ reference, exists, nonMerging }): Check => {
    const about = 'class';
    if (reference.form === 'none') {
      const text =
        'The Ingress names no class: it is served by ingress controllers that take such an Ingress, if there are any.';
      return { about, result: 'note', text };
    }
    const { form, name } = reference;
    if (nonMerging !== undefined) {
      const text = `The ingress controller of class ${name}, ${nonMerging}, gives a host to one Ingress only.`;
      return { about, result, text, remedy: reasons.IngressControllerDoesNotMerge.remedy };
    }
    if (exists !== false) return { about, result: 'ok', text: `The Ingress is of class ${name}.` };
    const others = existing === undefined ? '' : `, only ${someOf(existing, 10) || 'none at all'}`;
    const text = `The Ingress is of class ${name}, and there is no IngressClass of this name${others}.`;
    const { remedy } = reasons.IngressClassNotFound;
    // Without the object, some controllers serve a class by its name in the annotation.
    return { about, result: form === 'field' ? result : 'note', text, remedy };
  });
}

/** The address that an ingress controller has given the Ingress. @param object as sent by the API server */
export function checkAddress(object: unknown): Check {
  const balancer = recordField(recordField(object, 'status'), 'loadBalancer');
  const addresses = arrayField(balancer, 'ingress').flatMap(
    (entry) => stringField(entry, 'ip') ?? stringField(entry, 'hostname') ?? [],
  );
  const text =
    addresses.length === 0
      ? 'No ingress controller has given the Ingress an address yet; some never do.'
      : `Its ingress controller gave it the address ${addresses.join(', ')}.`;
  return { about: 'address', result: addresses.length === 0 ? 'note' : 'ok', text };
}

/** How the challenge rules of the hosts are spelt, where they do not name them, and hosts that can have none. */
export function checkRules(rules: readonly ChallengeRule[]): Check[] {
  const foreign = rules.filter((rule) => rule.foreign === true).map(({ host }) => host);
  const unserved = [...new Set(foreign)].map((host): Check => {
    const text = `${host}: has no rule in this namespace, and a wildcard or a rule without host of another namespace serves it.`;
    return { about: 'rule', result: 'problem', text, remedy: reasons.HostHasNoRule.remedy };
  });
  const spelt = Map.groupBy(
    rules.filter((rule) => rule.foreign !== true && rule.host !== rule.ruleHost),
    ({ ruleHost }) => ruleHost,
  );
  const spellings = [...spelt].map(([ruleHost, of]): Check => {
    const rule = ruleHost === '' ? 'a rule without host' : `a rule for ${ruleHost}`;
    const hosts = someOf([...new Set(of.map(({ host }) => host))]);
    return {
      about: 'rule',
      result: 'note',
      text: `${hosts}: served by ${rule}, so the challenge rule is one, too.`,
    };
  });
  return [...unserved, ...spellings];
}
