import type { Assessment } from '../assessment/assessment.ts';
import { renewals } from '../assessment/defects.ts';
import {
  hostsToBlame,
  hostsToRescue,
  hostsToSeparate,
  type Omission,
  type Serving,
} from '../assessment/rescue.ts';
import type { DesiredCertificate } from '../ownership/desired-certificate.ts';
import { failureKind } from '../reasons/reasons.ts';
import type { CertificateInput } from './certificate.ts';
import type { CertificateRecord } from './certificate-record.ts';
import type { IngressContext } from './ingress-context.ts';

type Due = Extract<Assessment, { kind: 'due' }>;

/**
 * The round for a due Secret: for all its hosts, or, if its certificate is about to expire, for those that have not failed.
 *
 * @param serial unique among the rounds of an Ingress
 * @param at milliseconds since the epoch
 */
export function planRound(
  { key, uid }: Pick<IngressContext, 'key' | 'uid'>,
  record: CertificateRecord,
  assessment: Due,
  serial: number,
  at: number,
): CertificateInput {
  const desired = settledSettings(record, assessment);
  const { hosts, reason, found, harmAt, purpose, exemption, predecessor, omission, serving } = assessment;
  const id = `${uid}/${desired.secretName}/${serial}`;
  const secret = { id, source: key, sourceUid: uid, desired, found };
  const answered = [...(record.answered ?? []), ...(serving?.selfChecked === true ? serving.dnsNames : [])];
  const unready = unreadyHosts(record);
  const round = {
    ...secret,
    hosts,
    reason,
    harmAt,
    purpose,
    exemption,
    answered,
    ...(unready === undefined ? {} : { unready }),
    ...earlyOf(record, at),
  };
  if (reason === 'host-left-out' && omission !== undefined) {
    const { rescuedAt, passed: known = [] } = record;
    const passed = omission.hosts.filter((host) => known.includes(host));
    // A failing host does not keep out those that have passed.
    const rest = passed.length === 0 ? [] : omission.hosts.filter((host) => !passed.includes(host));
    const until = rescuedAt === undefined ? 0 : rescuedAt + lifetimeOf(assessment) / 3;
    const barredUntil = passed.length === 0 && until > at ? until : undefined;
    const back = omission.hosts.filter((host) => !rest.includes(host));
    return {
      ...round,
      hosts: hosts.filter(({ host }) => !rest.includes(host)),
      returning: { hosts: back, passed: passed.length > 0, barredUntil },
      omission: { at: omission.at, hosts: rest },
    };
  }
  const rescue = planRescue(record, assessment, at);
  return rescue === undefined ? { ...round, predecessor, omission } : { ...round, ...rescue };
}

/**
 * A setting that is refused, here or by the CA, does not end the renewals: they go on with what was valid last
 * (docs/decisions/009-refused-settings.md).
 */
function settledSettings(
  { desired, status }: CertificateRecord,
  { lastSettings, reason }: Due,
): DesiredCertificate {
  if (lastSettings === undefined) return desired;
  const { keyType = lastSettings.keyType, profile = lastSettings.profile } = desired;
  if (desired.refusedSetting !== undefined) return { ...desired, keyType, profile };
  const notOffered = status.kind === 'failed' && status.failure.code === 'ProfileNotOffered';
  return notOffered && renewals.has(reason) ? { ...desired, profile: lastSettings.profile } : desired;
}

/** It goes ahead of its time, because a host has appeared. */
function earlyOf({ status }: CertificateRecord, at: number): Pick<CertificateInput, 'early'> {
  if (status.kind !== 'failed' || status.lookAt === undefined || (status.nextAttemptAt ?? 0) <= at) return {};
  const { kind, failure, nextAttemptAt } = status;
  return { early: { kind, failure, nextAttemptAt } };
}

function unreadyHosts({ status }: CertificateRecord): readonly string[] | undefined {
  if (status.kind !== 'failed' || failureKind(status.failure) !== 'check') return undefined;
  return hostsToBlame(status.failure) ?? [];
}

function planRescue(
  { desired, failing = [], rescuedAt }: CertificateRecord,
  { hosts, serving, omission }: Due,
  at: number,
): Pick<CertificateInput, 'hosts' | 'omission' | 'rescue' | 'purpose' | 'exemption'> | undefined {
  const wanted = hosts.map(({ host }) => host);
  const latest = Math.max(omission?.at ?? 0, rescuedAt ?? 0);
  const lastAt = latest === 0 ? undefined : latest;
  const rescued = serving && hostsToRescue(wanted, serving, failing, lastAt, at);
  const kept =
    rescued ??
    (desired.separable === true
      ? hostsToSeparate(wanted, serving?.dnsNames ?? [], failing, lastAt, at)
      : undefined);
  if (kept === undefined) return undefined;
  const out = wanted.filter((host) => failing.includes(host));
  const after: Omission = { at, hosts: [...(omission?.hosts ?? []), ...out] };
  return {
    hosts: hosts.filter(({ host }) => kept.includes(host)),
    omission: after,
    rescue: true,
    purpose: rescued !== undefined && serving?.issued === true ? 'renewal' : 'first',
    exemption: serving !== undefined && isSameSet(kept, serving, at) ? 'same-set' : 'none',
  };
}

/** Whether the CA has recently issued a certificate for exactly these names. */
function isSameSet(hosts: readonly string[], { dnsNames, sameSetUntil = 0 }: Serving, at: number): boolean {
  const names = new Set(dnsNames);
  return at < sameSetUntil && names.size === hosts.length && hosts.every((host) => names.has(host));
}

function lifetimeOf({ serving }: Due): number {
  return serving === undefined ? 0 : serving.notAfter - serving.notBefore;
}
