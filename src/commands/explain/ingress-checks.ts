import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import type { IngressClassReference, SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { failureKind, reasons } from '../../../machines/reasons/reasons.ts';
import { IngressClasses } from '../../challenges/http-01/ingress-class.ts';
import type { Config } from '../../config/config.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { arrayField, recordField, stringField } from '../../process/json.ts';
import type { Clock } from '../../time/clock.ts';
import type { Check } from './explanation.ts';

/** Whether kube-lego manages the Ingress. @param object as sent by the API server */
export function checkGate(spec: SourceSpec, object: unknown, config: Config): Check[] {
  const { annotationKey, watchNamespaces } = config;
  const metadata = recordField(object, 'metadata');
  const value = stringField(recordField(metadata, 'annotations'), annotationKey);
  const about = 'annotation';
  const checks: Check[] = [];
  if (metadata?.['deletionTimestamp'] !== undefined) {
    const text = 'The Ingress is being deleted, so kube-lego does nothing for it.';
    checks.push({ about: 'deletion', result: 'problem', text, remedy: 'Nothing, or create it again.' });
  } else if (spec.enabled) {
    checks.push({ about, result: 'ok', text: `${annotationKey} is "true".` });
  } else {
    const text =
      value === undefined
        ? `The Ingress has no annotation ${annotationKey}, so kube-lego ignores it.`
        : `The annotation ${annotationKey} is "${value}", not "true", so kube-lego ignores the Ingress.`;
    checks.push({ about, result: 'problem', text, remedy: `Set ${annotationKey}: "true".` });
  }
  if (watchNamespaces.length > 0 && !watchNamespaces.includes(spec.namespace)) {
    const text = `kube-lego watches only ${watchNamespaces.join(', ')}, not namespace ${spec.namespace}.`;
    const remedy = 'Add the namespace to LEGO_WATCH_NAMESPACE.';
    checks.push({ about: 'namespace', result: 'problem', text, remedy });
  }
  return checks;
}

/** What the Ingress requests. */
export function checkWish({ desired, notices }: Assignment): Check[] {
  const findings = notices.map((notice): Check => {
    const result = failureKind(notice) === 'notice' ? 'note' : 'problem';
    return { about: notice.code, result, text: notice.message, remedy: reasons[notice.code].remedy };
  });
  const wishes = desired.map(({ secretName, hosts }): Check => {
    const text = `Secret ${secretName} should hold a certificate for ${hosts.map(({ host }) => host).join(', ')}.`;
    return { about: 'spec.tls', result: 'ok', text };
  });
  if (findings.length + wishes.length > 0) return [...findings, ...wishes];
  const remedy = 'List hosts and a secretName under spec.tls.';
  const text = 'The Ingress has no spec.tls, so it gets no certificate.';
  return [{ about: 'spec.tls', result: 'problem', text, remedy }];
}

/** Which ingress controller serves the Ingress, and whether a challenge Ingress works with it. */
export async function checkClass(
  client: KubernetesClient,
  reference: IngressClassReference,
  object: unknown,
  clock: Clock,
  signal: AbortSignal,
): Promise<Check[]> {
  const about = 'class';
  const checks: Check[] = [];
  if (reference.form === 'none') {
    const text = 'The Ingress names no class: the default class serves it, or every ingress controller.';
    checks.push({ about, result: 'note', text });
  } else {
    const controller = await new IngressClasses({ client, clock }).nonMergingController(reference, signal);
    if (controller === undefined) {
      checks.push({ about, result: 'ok', text: `The Ingress is of class ${reference.name}.` });
    } else {
      const text = `The ingress controller of class ${reference.name}, ${controller}, gives a host to one Ingress only.`;
      const { remedy } = reasons.IngressControllerDoesNotMerge;
      checks.push({ about, result: 'problem', text, remedy });
    }
  }
  const balancer = recordField(recordField(object, 'status'), 'loadBalancer');
  const addresses = arrayField(balancer, 'ingress').flatMap(
    (entry) => stringField(entry, 'ip') ?? stringField(entry, 'hostname') ?? [],
  );
  const text =
    addresses.length === 0
      ? 'No ingress controller has given the Ingress an address yet; some never do.'
      : `Its ingress controller gave it the address ${addresses.join(', ')}.`;
  checks.push({ about: 'address', result: addresses.length === 0 ? 'note' : 'ok', text });
  return checks;
}
