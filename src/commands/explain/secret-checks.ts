import { type CertificateEntry, isReasonCode, kindOfReason } from '../../../machines/ingress/status.ts';
import type { DesiredCertificate } from '../../../machines/ownership/desired-certificate.ts';
import { reasons } from '../../../machines/reasons/reasons.ts';
import { sentences } from '../../../machines/reasons/sentences.ts';
import { isLeftAlone, type SecretStanding } from '../reading/secret-standing.ts';
import { type Check, isoTime, timeAhead, withoutRemedy } from './explanation.ts';

/** The certificate in the Secret. */
export function checkSecret(desired: DesiredCertificate, standing: SecretStanding, now: number): Check {
  const about = `Secret ${desired.secretName}`;
  if (standing.kind === 'unknown') return { about, result: 'unknown', text: standing.message };
  const { facts, assessment } = standing;
  switch (assessment.kind) {
    case 'good': {
      const named =
        facts.kind === 'present' && facts.certificate.kind === 'readable' ? facts.certificate.issuer : '';
      const issuer = named === '' ? '' : ` of ${named}`;
      const window = facts.kind === 'present' ? facts.window : undefined;
      const wish =
        window === undefined
          ? ''
          : ` The CA suggests renewal between ${isoTime(window.start)} and ${isoTime(window.end)}.`;
      const whose = isLeftAlone(standing) ? ' kube-lego did not create it, and never renews it.' : '';
      const text = `Its certificate${issuer} covers all hosts and expires ${timeAhead(assessment.notAfter, now)}.${wish}${whose}`;
      const [notice, ...others] = assessment.notices.filter(({ code }) => reasons[code].about === 'Secret');
      if (notice === undefined) return { about, result: 'ok', text };
      const said = sentences(text, ...[notice, ...others].map(({ message }) => message));
      return { about, result: 'note', text: said, remedy: reasons[notice.code].remedy };
    }
    case 'due':
      return { about, result: 'note', text: assessment.message };
    case 'refused': {
      const { code, message } = assessment.failure;
      // Whoever runs the command has just read the Secret.
      const text = sentences(assessment.detail ?? '', message);
      return { about, result: 'problem', text, remedy: reasons[code].remedy };
    }
    default:
      return assessment satisfies never;
  }
}

/** The last recorded outcome of the Secret. */
export function checkOutcome(secretName: string, entry: CertificateEntry | undefined): Check {
  const about = `outcome ${secretName}`;
  if (entry === undefined) {
    return { about, result: 'note', text: 'kube-lego.io/status has no outcome yet.' };
  }
  const { state, since, reason = '', message = '', failures, blockedUntil } = entry;
  if (state === 'good') {
    const text = `Good since ${since}.`;
    const keystore = entry.notices?.find((notice) => notice.reason === 'KeystoreNotWritten');
    return keystore === undefined
      ? { about, result: 'ok', text }
      : { about, result: 'note', text: sentences(text, keystore.message) };
  }
  const times = failures === undefined || failures < 2 ? '' : `, ${failures} times in a row`;
  const blocked = blockedUntil === undefined ? '' : ` No attempt is allowed before ${blockedUntil}.`;
  const told = isReasonCode(reason) ? withoutRemedy(reason, message) : { text: message, remedy: undefined };
  return {
    about,
    result: state === 'waiting' ? 'note' : 'problem',
    text: `${reason} since ${since}${times}: ${told.text}${blocked}`,
    ...(told.remedy === undefined ? {} : { remedy: told.remedy }),
  };
}

/** When it is tried again. */
export function nextOf(entry: CertificateEntry, now: number, ofKind: string): string {
  const { state, reason, nextAttempt, blockedUntil } = entry;
  const kind = kindOfReason(reason);
  if (reason === 'OrderPending') return 'The certificate is stored when the CA has finished the order.';
  if (reason === 'DnsPending') return 'The CA is asked when the name servers have the records.';
  if (reason === 'RecordUnavailable') return 'It is ordered when the record can be read and written.';
  if (state === 'waiting') {
    const when = nextAttempt === undefined ? '' : `, ${timeAhead(Date.parse(nextAttempt), now)}`;
    const what = reason === 'CaUnavailable' ? 'the CA answers again' : 'the limit of the CA has room';
    return `It is ordered when ${what}${when}.`;
  }
  if (nextAttempt === undefined) {
    if (kind === 'check') return 'It is checked again every few minutes, after a day every half hour.';
    return kind === 'transient'
      ? 'It is tried again within minutes.'
      : `Nothing is tried until the ${ofKind} or the Secret changes.`;
  }
  const blocked = Date.parse(blockedUntil ?? '') > now;
  const allowed = blocked ? ' The CA or the API server asked to wait until then.' : '';
  return `It is tried again ${timeAhead(Date.parse(nextAttempt), now)}.${allowed}`;
}
