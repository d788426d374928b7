import type { Assessment } from './assessment.ts';
import type { CertificateInput } from './certificate.ts';
import type { CertificateRecord, IngressContext } from './ingress-context.ts';
import { hostsToRescue, type Omission } from './rescue.ts';

type Due = Extract<Assessment, { kind: 'due' }>;

/**
 * The round for a due Secret: for all hosts that it is to cover, or, where its certificate is about to end, for those that have
 * not failed.
 *
 * @param serial tells the rounds of an Ingress apart
 * @param at milliseconds since the epoch
 */
export function planRound(
  { key, uid }: Pick<IngressContext, 'key' | 'uid'>,
  record: CertificateRecord,
  assessment: Due,
  serial: number,
  at: number,
): CertificateInput {
  const { desired } = record;
  const { hosts, reason, found, harmAt, exemption, predecessor, omission } = assessment;
  const id = `${uid}/${desired.secretName}/${serial}`;
  const round = { id, ingress: key, ingressUid: uid, desired, hosts, reason, found, harmAt, exemption };
  if (reason === 'host-left-out' && omission !== undefined) {
    const { rescuedAt, passes = 0 } = record;
    const until = rescuedAt === undefined ? 0 : rescuedAt + lifetimeOf(assessment) / 3;
    const barredUntil = passes === 0 && until > at ? until : undefined;
    const returning = { hosts: omission.hosts, passes, barredUntil };
    return { ...round, returning, omission: { at: omission.at, hosts: [] } };
  }
  const rescue = planRescue(record, assessment, at);
  return rescue === undefined ? { ...round, predecessor, omission } : { ...round, ...rescue };
}

function planRescue(
  { failing = [], rescuedAt }: CertificateRecord,
  { hosts, serving, omission }: Due,
  at: number,
): Pick<CertificateInput, 'hosts' | 'omission' | 'rescue' | 'exemption'> | undefined {
  if (serving === undefined) return undefined;
  const wanted = hosts.map(({ host }) => host);
  const lastAt = Math.max(omission?.at ?? 0, rescuedAt ?? 0);
  const kept = hostsToRescue(wanted, serving, failing, lastAt === 0 ? undefined : lastAt, at);
  if (kept === undefined) return undefined;
  const out = wanted.filter((host) => failing.includes(host));
  const after: Omission = { at, hosts: [...(omission?.hosts ?? []), ...out] };
  return {
    hosts: hosts.filter(({ host }) => kept.includes(host)),
    omission: after,
    rescue: true,
    exemption: 'none',
  };
}

function lifetimeOf({ serving }: Due): number {
  return serving === undefined ? 0 : serving.notAfter - serving.notBefore;
}
