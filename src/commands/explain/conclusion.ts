import type { CertificateEntry } from '../../../machines/ingress/status.ts';
import { adoptCommand } from '../../../machines/ownership/adoption.ts';
import type { DesiredCertificate } from '../../../machines/ownership/desired-certificate.ts';
import { sentences } from '../../../machines/reasons/sentences.ts';
import type { CertificateDetail, IngressDetail } from '../../inspector/protocol.ts';
import { isLeftAlone, type SecretStanding } from '../reading/secret-standing.ts';
import { type Check, type Explanation, isProblem, timeAhead } from './explanation.ts';
import { liveHold, liveTrouble } from './live-checks.ts';
import { checkOutcome, checkSecret, nextOf } from './secret-checks.ts';

/** A Secret of the source: its desired and current content, and its recorded outcome. */
export interface DesiredStanding {
  readonly desired: DesiredCertificate;
  readonly standing: SecretStanding;
  readonly entry: CertificateEntry | undefined;
  /** The controller's current view, if it is reachable. */
  readonly live?: CertificateDetail | undefined;
}

type Conclusion = Pick<Explanation, 'verdict' | 'why' | 'next' | 'remedy'>;

/** The conclusion. What the controller says or has recorded takes precedence over the checks made here. */
export function conclude(
  standings: readonly DesiredStanding[],
  wish: readonly Check[],
  live: IngressDetail['row'] | undefined,
  checks: readonly Check[],
  now: number,
  /** Of the source. */
  kind = 'Ingress',
): Conclusion {
  const bad = standings.filter((standing) => !isGood(standing));
  const refusedWish = wish.find(isProblem);
  const refused = bad.find(
    ({ standing }) => standing.kind === 'read' && standing.assessment.kind === 'refused',
  );
  if (refused !== undefined) {
    const { text, remedy } = checkSecret(refused.desired, refused.standing, now);
    return problem(text, `Nothing is tried until the ${kind} or the Secret changes.`, remedy);
  }
  const working = live !== undefined && live.state !== 'idle' && live.state !== 'backing-off';
  const liveNext = working ? `kube-lego is ${live.state}: ${live.next?.action ?? 'at work'}.` : undefined;
  const failure = bad.map((standing) => failureOf(standing, now, kind)).find((found) => found !== undefined);
  if (failure !== undefined) {
    const hint = checks.find((check) => isProblem(check) && /^(?:DNS|path|class)/.test(check.about));
    return problem(failure.why, liveNext ?? failure.next, hint?.remedy ?? failure.remedy);
  }
  const [due] = bad;
  if (due !== undefined) return waiting(due, checks, liveNext, now, kind);
  if (refusedWish !== undefined) {
    return problem(refusedWish.text, `It is not tried until the ${kind} changes.`, refusedWish.remedy);
  }
  const why = 'All its Secrets hold a good certificate.';
  return { verdict: 'good', why, next: renewalOf(standings, now) };
}

function renewalOf(standings: readonly DesiredStanding[], now: number): string {
  const foreign = standings.find(({ standing }) => isLeftAlone(standing));
  if (foreign !== undefined) {
    const { namespace, secretName } = foreign.desired;
    return `kube-lego does not renew Secret ${secretName}, which it did not create: renew it yourself, or let kube-lego do so: ${adoptCommand(namespace, secretName)}`;
  }
  const renewals = standings.flatMap(({ standing }) =>
    standing.kind === 'read' && standing.assessment.kind === 'good' ? [standing.assessment.renewAt] : [],
  );
  const soonest = Math.min(...renewals);
  return Number.isFinite(soonest)
    ? `It is renewed ${timeAhead(soonest, now)}.`
    : 'It will be renewed in time.';
}

/** The controller takes precedence over the annotation, which may lag behind or be missing; only `since` comes from the annotation. */
function failureOf({ desired, entry, live }: DesiredStanding, now: number, kind: string) {
  const trouble = live === undefined ? undefined : liveTrouble(live);
  const told = entry?.state === 'failed' ? entry : undefined;
  if (trouble !== undefined && told?.reason !== live?.error?.code) {
    const at = live?.nextAttemptAt;
    const next =
      at === undefined
        ? `Nothing is tried until the ${kind} or the Secret changes.`
        : `It is tried again ${timeAhead(at, now)}.`;
    return { why: trouble.text, next, remedy: trouble.remedy };
  }
  if (told === undefined) return undefined;
  const { text, remedy } = checkOutcome(desired.secretName, told);
  const at = told.nextAttempt === undefined ? live?.nextAttemptAt : undefined;
  const next = at === undefined ? nextOf(told, now, kind) : `It is tried again ${timeAhead(at, now)}.`;
  return { why: text, next, remedy };
}

/** The conclusion if no failure is known. */
function waiting(
  { desired, standing, entry, live }: DesiredStanding,
  checks: readonly Check[],
  liveNext: string | undefined,
  now: number,
  kind: string,
): Conclusion {
  const { text } = checkSecret(desired, standing, now);
  const hold = live === undefined ? undefined : liveHold(live, now);
  if (hold !== undefined) {
    return { verdict: 'waiting', why: sentences(text, hold), next: liveNext ?? 'The order is made then.' };
  }
  if (entry?.state === 'waiting') {
    const why = sentences(text, entry.message ?? '');
    return { verdict: 'waiting', why, next: liveNext ?? nextOf(entry, now, kind) };
  }
  const wait = checks.find(({ about }) => about === 'CA');
  if (wait !== undefined) {
    return {
      verdict: 'waiting',
      why: sentences(text, wait.text),
      next: sentences('The order is made then.', wait.remedy ?? ''),
    };
  }
  const obstacle = checks.find(isProblem);
  const next =
    liveNext ??
    `kube-lego handles it within seconds; if not, see its log: it may not be running, or not see the ${kind}.`;
  if (obstacle === undefined || liveNext !== undefined) return { verdict: 'waiting', why: text, next };
  return { ...problem(sentences(text, obstacle.text), next, obstacle.remedy), verdict: 'waiting' };
}

function problem(why: string, next: string, remedy: string | undefined) {
  return { verdict: 'failing', why, next, ...(remedy === undefined ? {} : { remedy }) } as const;
}

/** Whether the Secret needs no action. */
export function isGood({ standing, entry, live }: DesiredStanding): boolean {
  if (standing.kind === 'read') return standing.assessment.kind === 'good';
  return (live ?? entry)?.state === 'good';
}
