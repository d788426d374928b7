import { caOptions } from './options/ca-options.ts';
import { certificateOptions } from './options/certificate-options.ts';
import { challengeOptions } from './options/challenge-options.ts';
import { ingressOptions } from './options/ingress-options.ts';
import { leadershipOptions } from './options/leadership-options.ts';
import { objectOptions } from './options/object-options.ts';
import type { Option } from './options/option.ts';
import { processOptions } from './options/process-options.ts';

/** All settings by group; parsing, `--help` and docs/configuration.md use this table. */
export const optionGroups = {
  'CA and account': caOptions,
  Certificates: certificateOptions,
  Ingresses: ingressOptions,
  'Challenge and self-check': challengeOptions,
  'Objects that kube-lego writes': objectOptions,
  'Leader election': leadershipOptions,
  'Ports and logs': processOptions,
};

/** Obsolete variables of the kube-lego of 2016, and why. */
export const obsoleteVariables: Readonly<Record<string, string>> = {
  LEGO_POD_IP: 'challenges come through the Service',
  LEGO_SERVICE_SELECTOR: 'the Service is part of the manifests',
  LEGO_SERVICE_NAME_GCE: 'there is no special treatment of GCE',
  LEGO_INGRESS_NAME_GCE: 'there is no special treatment of GCE',
  LEGO_SUPPORTED_INGRESS_PROVIDER: 'the class of an Ingress says what is needed',
  LEGO_DEFAULT_INGRESS_PROVIDER: 'the class of an Ingress says what is needed',
  LEGO_KUBE_API_URL: "the pod's ServiceAccount or the KUBECONFIG file says where the API server is",
  LEGO_EXPONENTIAL_BACKOFF_MAX_ELAPSED_TIME: 'the CA says how long to wait',
  LEGO_EXPONENTIAL_BACKOFF_MAX_INITIAL_INTERVAL: 'the CA says how long to wait',
  LEGO_EXPONENTIAL_BACKOFF_MAX_MULTIPLIER: 'the CA says how long to wait',
};

/** `--check-interval` for `LEGO_CHECK_INTERVAL`. */
export function flagOf(variable: string): string {
  return `--${variable.slice('LEGO_'.length).toLowerCase().replaceAll('_', '-')}`;
}

/** All settings of all groups. */
export function allOptions(): Option<unknown>[] {
  return Object.values(optionGroups).flatMap((group) => Object.values<Option<unknown>>(group));
}
