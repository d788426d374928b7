import { reasons } from '../reasons/reasons.ts';
import { type CertificateEntry, entryNamed, isReasonCode, type StatusDocument } from './status.ts';

/**
 * Whether another outcome is to be written: another code, scope or count, or a time that moved by more than a tenth of what
 * is left until then.
 *
 * @param now milliseconds since the epoch
 */
export function statusDiffers(before: StatusDocument, after: StatusDocument, now: number): boolean {
  const names = Object.keys(after.secrets);
  return (
    before.ingress !== after.ingress ||
    before.retry !== after.retry ||
    before.omitted !== after.omitted ||
    JSON.stringify(before.notices) !== JSON.stringify(after.notices) ||
    names.length !== Object.keys(before.secrets).length ||
    names.some((name) => {
      const [one, other] = [entryNamed(before.secrets, name), entryNamed(after.secrets, name)];
      return one === undefined || other === undefined || entriesDiffer(one, other, now);
    })
  );
}

function entriesDiffer(before: CertificateEntry, after: CertificateEntry, now: number): boolean {
  return (
    lasting(before) !== lasting(after) ||
    moved(before.nextAttempt, after.nextAttempt, now) ||
    moved(before.renewAt, after.renewAt, now)
  );
}

function lasting({
  state,
  reason,
  host,
  failures,
  notAfter,
  input,
  rescued,
  notices,
  message,
}: CertificateEntry): string {
  const transient = reason !== undefined && isReasonCode(reason) && reasons[reason].kind === 'transient';
  // What happened to whom in mid-trouble changes with each try.
  const words = transient ? undefined : message;
  return JSON.stringify([state, reason, host, failures, notAfter, input, rescued, notices, words]);
}

function moved(before: string | undefined, after: string | undefined, now: number): boolean {
  if (before === undefined || after === undefined) return before !== after;
  const time = Date.parse(before);
  return Math.abs(Date.parse(after) - time) > Math.max(Math.abs(time - now) / 10, 1000);
}
