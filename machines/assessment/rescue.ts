import { covers } from '../hosts/host-names.ts';
import type { Failure, ReasonCode } from '../reasons/reasons.ts';
import type { Validity } from './renewal.ts';

/** What is recorded on a Secret beside a certificate that was ordered without some of its hosts. */
export interface Omission {
  /** When an order was last made without hosts that failed, in milliseconds since the epoch. */
  readonly at: number;
  /** The hosts that are left out now; none when all have come back. */
  readonly hosts: readonly string[];
}

/** A certificate that serves, and is to be replaced. */
export interface Serving extends Validity {
  readonly dnsNames: readonly string[];
  /** When its replacement became due. */
  readonly renewAt: number;
  /** Its hosts have passed the self-check before it was ordered. */
  readonly selfChecked?: boolean | undefined;
  /** Until when the CA takes an order for exactly its names for a renewal; undefined where another CA issued it. */
  readonly sameSetUntil?: number | undefined;
}

/** Failures of hosts, not of the account, the Secret or the CA: an order without these hosts may succeed. */
const failuresOfHosts: readonly ReasonCode[] = [
  'SelfCheckFailed',
  'ChallengeFailed',
  'ChallengeRuleRefused',
  'NamePaused',
  'OrderFailed',
];

/** The hosts to blame for a failure; undefined if it says nothing of hosts. */
export function hostsToBlame({ code, host, hosts }: Failure): readonly string[] | undefined {
  if (!failuresOfHosts.includes(code)) return undefined;
  return hosts ?? (host === undefined ? undefined : [host]);
}

/**
 * A certificate of several hosts must not end because one of them is dead: when half of the time for its renewal is gone,
 * one order is made for those that it covers and that have not failed. Once in a third of its lifetime, whatever comes
 * of it, so that the subsets are never tried one after the other.
 *
 * @param failing the hosts that were to blame for the last failure
 * @param lastAt when such an order was last made, in milliseconds since the epoch
 * @returns the hosts to order for; undefined if all are to be ordered for, as always
 */
export function hostsToRescue(
  wanted: readonly string[],
  { notBefore, notAfter, dnsNames, renewAt }: Serving,
  failing: readonly string[],
  lastAt: number | undefined,
  now: number,
): readonly string[] | undefined {
  if (now < renewAt + (notAfter - renewAt) / 2) return undefined;
  // A time that is still to come is that of a clock that was wrong.
  if (lastAt !== undefined && lastAt <= now && now < lastAt + (notAfter - notBefore) / 3) return undefined;
  if (!wanted.some((host) => failing.includes(host))) return undefined;
  const kept = wanted.filter((host) => covers(dnsNames, host) && !failing.includes(host));
  return kept.length === 0 ? undefined : kept;
}

/** What is said of a host as long as it is left out. */
export function leftOut(host: string, secretName: string): Failure {
  const message = `Host ${host} is left out of the certificate in Secret ${secretName}: it failed when the certificate was about to expire.`;
  return { code: 'HostLeftOut', message, host };
}
