import { lastingText } from '../reasons/status-text.ts';
import {
  type CertificateEntry,
  entryNamed,
  kindOfReason,
  type StatusDocument,
  type StatusNotice,
} from './status.ts';

/**
 * Whether the annotation must be written: any difference except in times that moved by less than 10 % of what is left, and in
 * messages of transient failures.
 *
 * @param now milliseconds since the epoch
 */
export function statusDiffers(before: StatusDocument, after: StatusDocument, now: number): boolean {
  const names = Object.keys(after.secrets);
  return (
    before.ingress !== after.ingress ||
    before.retry !== after.retry ||
    before.omitted !== after.omitted ||
    lastingNotices(before.notices) !== lastingNotices(after.notices) ||
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
  const transient = kindOfReason(reason) === 'transient';
  // The message of a transient failure varies with each attempt.
  const text = transient || message === undefined ? undefined : lastingText(message);
  return JSON.stringify([
    state,
    reason,
    host,
    failures,
    notAfter,
    input,
    rescued,
    lastingNotices(notices),
    text,
  ]);
}

function lastingNotices(notices: readonly StatusNotice[] = []): string {
  return JSON.stringify(notices.map(({ reason, message }) => [reason, lastingText(message)]));
}

function moved(before: string | undefined, after: string | undefined, now: number): boolean {
  if (before === undefined || after === undefined) return before !== after;
  const time = Date.parse(before);
  return Math.abs(Date.parse(after) - time) > Math.max(Math.abs(time - now) / 10, 1000);
}
