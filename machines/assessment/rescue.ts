import { covers } from '../hosts/host-names.ts';
import { type Failure, isSelfCheckFailure, type ReasonCode } from '../reasons/reasons.ts';
import { hour } from '../time/durations.ts';
import type { Validity } from './renewal.ts';

/** Recorded on the Secret of a certificate that was ordered without some of its hosts. */
export interface Omission {
  /** Time of the last order without failing hosts, in milliseconds since the epoch. */
  readonly at: number;
  /** The hosts left out now; empty when all are added again. */
  readonly hosts: readonly string[];
}

/** A certificate that is in use and due for replacement. */
export interface Serving extends Validity {
  readonly dnsNames: readonly string[];
  /** When the replacement became due. */
  readonly renewAt: number;
  /** It is proved that kube-lego was issued it, see `isIssued`. */
  readonly issued: boolean;
  /** Its hosts had passed the self-check before the order. */
  readonly selfChecked?: boolean | undefined;
  /** Until when the CA counts an order for exactly its names as a renewal; undefined if that is not proved. */
  readonly sameSetUntil?: number | undefined;
}

/** Failures of hosts, not of the account, the Secret or the CA: an order without these hosts may succeed. */
const failuresOfHosts: readonly ReasonCode[] = [
  'ChallengeFailed',
  'ChallengeRuleRefused',
  'ChallengeRuleRemoved',
  'DnsNotWritable',
  'DnsPropagation',
  'DnsUnavailable',
  'DnsUpdateFailed',
  'DnsZoneNotFound',
  'HostHasNoRule',
  'NamePaused',
  'NoDnsZone',
  'OrderFailed',
];

/** The failing hosts; undefined for a failure that is not about hosts. */
export function hostsToBlame({ code, host, hosts }: Failure): readonly string[] | undefined {
  if (!failuresOfHosts.includes(code) && !isSelfCheckFailure(code)) return undefined;
  return hosts ?? (host === undefined ? undefined : [host]);
}

/**
 * A certificate of several hosts must not expire because one of them is dead: when half of the time for its renewal has passed, one
 * order is made for its hosts that do not fail. Only once per third of its lifetime, successful or not, to prevent a series of orders
 * for ever smaller subsets.
 *
 * @param failing the hosts that caused the last failure
 * @param lastAt time of the last such order, in milliseconds since the epoch
 * @returns the hosts to order; undefined: all, as usual
 */
export function hostsToRescue(
  wanted: readonly string[],
  { notBefore, notAfter, dnsNames, renewAt }: Serving,
  failing: readonly string[],
  lastAt: number | undefined,
  now: number,
): readonly string[] | undefined {
  if (now < renewAt + (notAfter - renewAt) / 2) return undefined;
  // A time in the future comes from a wrong clock.
  if (lastAt !== undefined && lastAt <= now && now < lastAt + (notAfter - notBefore) / 3) return undefined;
  if (!wanted.some((host) => failing.includes(host))) return undefined;
  const kept = wanted.filter((host) => covers(dnsNames, host) && !failing.includes(host));
  return kept.length === 0 ? undefined : kept;
}

/** Milliseconds between two orders that leave out failing hosts for the sake of others. */
const separationInterval = hour;

/**
 * A certificate whose hosts several people have named: hosts that fail do not hold up those that have none yet. What the certificate in
 * use covers is never given up for that.
 *
 * @param covered DNS names of the certificate in use
 * @param failing the hosts that caused the last failure
 * @param lastAt time of the last order without failing hosts, in milliseconds since the epoch
 * @returns the hosts to order; undefined: all, as usual
 */
export function hostsToSeparate(
  wanted: readonly string[],
  covered: readonly string[],
  failing: readonly string[],
  lastAt: number | undefined,
  now: number,
): readonly string[] | undefined {
  if (lastAt !== undefined && lastAt <= now && now < lastAt + separationInterval) return undefined;
  const out = wanted.filter((host) => failing.includes(host));
  if (out.length === 0 || out.some((host) => covers(covered, host))) return undefined;
  const kept = wanted.filter((host) => !failing.includes(host));
  return kept.some((host) => !covers(covered, host)) ? kept : undefined;
}

/** The notice about a host that is left out. */
export function leftOut(host: string, secretName: string): Failure {
  const message = `Host ${host} is left out of the certificate in Secret ${secretName}: it failed while the certificate for the others could not wait.`;
  return { code: 'HostLeftOut', message, host };
}
