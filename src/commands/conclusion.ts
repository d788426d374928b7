import type { DesiredCertificate } from '../../machines/desired-certificate.ts';
import type { IngressView } from '../../machines/ingress-view.ts';
import type { CertificateEntry } from '../../machines/status.ts';
import { type Check, type Explanation, isProblem, moment } from './explanation.ts';
import { checkOutcome, checkSecret, nextOf } from './secret-checks.ts';
import type { SecretStanding } from './secret-standing.ts';

/** A Secret of the Ingress: what it should hold, what it holds, and what was told of it. */
export interface DesiredStanding {
  readonly desired: DesiredCertificate;
  readonly standing: SecretStanding;
  readonly entry: CertificateEntry | undefined;
}

/** Why it is as it is: what the controller told counts before what can be seen from here. */
export function conclude(
  standings: readonly DesiredStanding[],
  wish: readonly Check[],
  live: IngressView | undefined,
  checks: readonly Check[],
  now: number,
): Pick<Explanation, 'verdict' | 'why' | 'next' | 'remedy'> {
  const bad = standings.filter((standing) => !isGood(standing));
  const refusedWish = wish.find(isProblem);
  const failed = bad.find(({ entry }) => entry?.state === 'failed');
  const refused = bad.find(
    ({ standing }) => standing.kind === 'read' && standing.assessment.kind === 'refused',
  );
  const working = live !== undefined && live.state !== 'idle' && live.state !== 'backing-off';
  const liveNext = working ? `kube-lego is ${live.state}: ${live.next.action}.` : undefined;

  if (refused !== undefined) {
    const { text, remedy } = checkSecret(refused.desired, refused.standing, now);
    return problem(text, 'Nothing is tried until the Ingress or the Secret changes.', remedy);
  }
  if (failed?.entry !== undefined) {
    const { text, remedy } = checkOutcome(failed.desired.secretName, failed.entry);
    const hint = checks.find((check) => isProblem(check) && /^(?:DNS|path|class)/.test(check.about));
    return problem(text, liveNext ?? nextOf(failed.entry, now), hint?.remedy ?? remedy);
  }
  const [due] = bad;
  if (due !== undefined) {
    const { text } = checkSecret(due.desired, due.standing, now);
    if (due.entry?.state === 'waiting') {
      const why = `${text} ${due.entry.message ?? ''}`.trim();
      return { verdict: 'waiting', why, next: liveNext ?? nextOf(due.entry, now) };
    }
    const obstacle = checks.find(isProblem);
    const next =
      liveNext ??
      'kube-lego gets to it in seconds; if not, see its log: it may not run, or not see the Ingress.';
    if (obstacle === undefined || working) return { verdict: 'waiting', why: text, next };
    return { ...problem(`${text} ${obstacle.text}`, next, obstacle.remedy), verdict: 'waiting' };
  }
  if (refusedWish !== undefined) {
    return problem(
      refusedWish.text,
      'Nothing of this is tried until the Ingress changes.',
      refusedWish.remedy,
    );
  }
  const renewals = standings.flatMap(({ standing }) =>
    standing.kind === 'read' && standing.assessment.kind === 'good' ? [standing.assessment.renewAt] : [],
  );
  const soonest = Math.min(...renewals);
  return {
    verdict: 'good',
    why: 'Every Secret that it names holds a good certificate.',
    next: Number.isFinite(soonest) ? `It is renewed ${moment(soonest, now)}.` : 'It is renewed in time.',
  };
}

function problem(why: string, next: string, remedy: string | undefined) {
  return { verdict: 'failing', why, next, ...(remedy === undefined ? {} : { remedy }) } as const;
}

/** Whether nothing is to be done for the Secret. */
export function isGood({ standing, entry }: DesiredStanding): boolean {
  return standing.kind === 'read' ? standing.assessment.kind === 'good' : entry?.state === 'good';
}
