import { day, hour, second } from '../../../machines/time/durations.ts';
import { rateLimits } from '../rate-limit-setting.ts';
import * as values from '../values.ts';
import type { Option } from './option.ts';

export const certificateOptions = {
  checkInterval: {
    variable: 'LEGO_CHECK_INTERVAL',
    placeholder: 'DURATION',
    description: 'How often each Secret is checked, in addition to every change of its Ingress or Gateway.',
    fallback: '8h',
    parse: values.durationWithin(second, 720 * hour),
  },
  secretWatch: {
    variable: 'LEGO_SECRET_WATCH',
    placeholder: 'SWITCH',
    description:
      'on: the metadata of TLS Secrets is watched, so that a deleted or damaged one is repaired within seconds. Needs ' +
      'deploy/components/secret-watch (deploy/namespaced/secret-watch for chosen namespaces), whose verbs allow reading ' +
      'all Secrets there. off: a Secret is read by its name, at changes of its Ingress or Gateway and every LEGO_CHECK_INTERVAL.',
    fallback: 'off',
    parse: values.oneOf('on', 'off'),
  },
  minimumValidity: {
    variable: 'LEGO_MINIMUM_VALIDITY',
    placeholder: 'DURATION',
    description:
      'A certificate is renewed when less than this is left, or less than a third of its lifetime (half for lifetimes ' +
      'under 10 days), whichever is shorter.',
    fallback: '720h',
    parse: values.durationWithin(hour, 365 * day),
  },
  keyType: {
    variable: 'LEGO_KEY_TYPE',
    placeholder: 'TYPE',
    description: 'Key of new certificates: ec-p256 (the default), rsa-2048, rsa-3072 or rsa-4096.',
    parse: values.oneOf('ec-p256', 'rsa-2048', 'rsa-3072', 'rsa-4096'),
  },
  rsaKeySize: {
    variable: 'LEGO_RSA_KEYSIZE',
    placeholder: 'BITS',
    description: 'RSA key size, 2048, 3072 or 4096. Older form of LEGO_KEY_TYPE.',
    parse: values.oneOf('2048', '3072', '4096'),
  },
  commonName: {
    variable: 'LEGO_COMMON_NAME',
    placeholder: 'WHICH',
    description:
      'first: the first host of at most 64 characters is the common name that the CA is asked for, which some CAs insist on. none: ' +
      'there is none.',
    fallback: 'none',
    parse: values.oneOf('first', 'none'),
  },
  maxOrdersInFlight: {
    variable: 'LEGO_MAX_ORDERS_IN_FLIGHT',
    placeholder: 'NUMBER',
    description: 'Orders in flight at the CA at a time, besides those that wait for name servers (DNS-01).',
    fallback: '10',
    parse: values.wholeNumber(1, 100),
  },
  rehearse: {
    variable: 'LEGO_REHEARSE',
    placeholder: 'WHEN',
    description:
      'first: a set of hosts without a certificate is ordered from the staging CA (LEGO_REHEARSAL_URL) first, and from LEGO_URL ' +
      'when that succeeded, so that misconfigured hosts use up no limits. never: directly from LEGO_URL.',
    fallback: 'never',
    parse: values.oneOf('first', 'never'),
  },
  rehearsalUrl: {
    variable: 'LEGO_REHEARSAL_URL',
    placeholder: 'URL',
    description:
      "Directory of the staging CA for LEGO_REHEARSE. Unset: Let's Encrypt's, if LEGO_URL is Let's Encrypt's.",
    parse: values.directoryUrl,
  },
  rateLimits: {
    variable: 'LEGO_RATE_LIMITS',
    placeholder: 'JSON',
    description:
      "What differs from the limits that kube-lego knows of Let's Encrypt, or those of another CA, such as " +
      '{"orders-per-account": {"burst": 300, "period": "3h"}}; null lifts a limit. Also certificates-per-registered-domain, ' +
      'certificates-per-exact-set, authorization-failures, consecutive-authorization-failures; and reserve, the share ' +
      'kept for renewals (0.2).',
    parse: rateLimits,
  },
} as const satisfies Record<string, Option<unknown>>;
