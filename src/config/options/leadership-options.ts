import { hour, second } from '../../../machines/time/durations.ts';
import * as values from '../values.ts';
import type { Option } from './option.ts';

/** Milliseconds. */
export const longestLease = hour;

export const leadershipOptions = {
  podName: {
    variable: 'LEGO_POD_NAME',
    placeholder: 'NAME',
    description:
      'Name of the pod, by which the Lease kube-lego tells processes apart. The Deployment sets it. Unset: the host name and a ' +
      'random part.',
    parse: values.objectName,
  },
  leaseDuration: {
    variable: 'LEGO_LEASE_DURATION',
    placeholder: 'DURATION',
    description:
      'When another process may take over from one that does not renew the Lease; one that stops hands over at once. The leader ' +
      'acts no more after two thirds of it without the API server.',
    fallback: '60s',
    parse: values.durationWithin(3 * second, longestLease),
  },
} as const satisfies Record<string, Option<unknown>>;
