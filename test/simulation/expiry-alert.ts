import { readRules } from '../../docs/generators/metrics.ts';
import { certificateSamples, type IngressStanding } from '../../src/metrics/certificate-samples.ts';
import type { Sample } from '../../src/metrics/samples.ts';
import { minute, second } from './time-units.ts';

const alertName = 'KubeLegoCertificateExpiresSoon';
/** The form of its expression that `expiryAlert` knows how to evaluate; N stands for seconds. */
const knownForm =
  '( max by (namespace, secret) (kube_lego_certificate_not_after_timestamp_seconds) - time() < N and on (namespace, secret) ' +
  'max by (namespace, secret) (kube_lego_certificate_failures) > 0 ) or ' +
  'max by (namespace, secret) (kube_lego_certificate_not_after_timestamp_seconds) - time() < N';

export interface ExpiryAlert {
  /** Milliseconds for which the condition has to hold before the alert fires. */
  readonly pending: number;
  /**
   * Whether the condition holds for this Secret.
   * @param secret `namespace/name`
   * @param now milliseconds since the epoch
   */
  holds(standing: IngressStanding, secret: string, now: number): boolean;
}

/**
 * The alert of deploy/components/prometheus/prometheus-rule.yaml, on the samples of src/metrics.
 * @throws where the rule has another form than is known here
 */
export function readExpiryAlert(): ExpiryAlert {
  const rules = readRules().groups.flatMap((group) => group.rules);
  const rule = rules.find(({ alert }) => alert === alertName);
  const expression = rule?.expr.replaceAll(/\s+/g, ' ').trim() ?? '';
  const bound = /< (\d+(?: \* \d+)*)/g;
  const [failing, any] = [...expression.matchAll(bound)].map(([, product = '']) =>
    product.split(' * ').reduce((value, factor) => value * Number(factor), 1),
  );
  const [, minutes] = /^(\d+)m$/.exec(rule?.for ?? '') ?? [];
  if (expression.replaceAll(bound, '< N') !== knownForm || failing === undefined || any === undefined) {
    throw new Error(`The simulation cannot evaluate ${alertName}: ${expression}`);
  }
  if (minutes === undefined)
    throw new Error(`The simulation cannot read for how long ${alertName} is pending`);
  return {
    pending: Number(minutes) * minute,
    holds: (standing, secret, now) => {
      const { notAfter, failures } = certificateSamples([standing], now);
      const end = valueFor(notAfter, secret);
      if (end === undefined) return false;
      const left = end - now / second;
      return left < any || (left < failing && (valueFor(failures, secret) ?? 0) > 0);
    },
  };
}

function valueFor(samples: readonly Sample[], secret: string): number | undefined {
  return samples.find(({ labels }) => `${labels['namespace']}/${labels['secret']}` === secret)?.value;
}
