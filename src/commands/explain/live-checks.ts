import { isReasonCode } from '../../../machines/ingress/status.ts';
import { sentences } from '../../../machines/reasons/sentences.ts';
import type { CertificateDetail, HostProgress, HostStep, IngressDetail } from '../../inspector/protocol.ts';
import { type Check, isoTime, type Told, timeAhead, withoutRemedy } from './explanation.ts';

const stepNames: Readonly<Record<HostStep, string>> = {
  dns: 'DNS',
  route: 'challenge route',
  'self-check': 'self-check',
  record: 'DNS record',
  challenge: 'challenge',
  authorization: 'authorization',
  order: 'order',
  secret: 'Secret',
};
const stepWords = {
  running: 'running',
  done: 'done',
  failed: 'failed',
  unknown: 'unknown',
} as const;
/** Maximum of timeline entries shown. */
const mostEntries = 6;

/** The controller's view of the Ingress. @param now milliseconds since the epoch */
export function liveChecks({ row, certificates, timeline }: IngressDetail, now: number): Check[] {
  const when = row.next?.at === undefined ? '' : ` ${timeAhead(row.next.at, now)}`;
  const next = row.next === undefined ? '' : `; next: ${row.next.action}${when}`;
  const entries = timeline.slice(-mostEntries).map(({ at, text }) => `${timeOf(at, now)} ${text}`);
  const history =
    entries.length === 0
      ? 'The history is recorded only while the inspector page is open (port 9403).'
      : `${entries.join('; ')}.`;
  return [
    { about: 'controller', result: 'ok', text: `It is ${row.state} since ${timeOf(row.since, now)}${next}.` },
    ...certificates.flatMap((certificate) => [
      ...certificateChecks(certificate, now),
      ...certificate.hosts.flatMap((host) => hostCheck(host, now)),
    ]),
    { about: 'history', result: 'note', text: history },
  ];
}

/** The controller's error for the certificate, if any. */
export function liveTrouble({ state, error, failures }: CertificateDetail): Told | undefined {
  if (state !== 'failed' || error === undefined) return undefined;
  const times = failures < 2 ? '' : `, ${failures} times in a row`;
  const { text, remedy } = toldOf(error);
  return { text: `${error.code}${times}: ${text}`, remedy };
}

/** What the order of the certificate waits for, if anything. */
export function liveHold({ hold, error }: CertificateDetail, now: number): string | undefined {
  if (hold === undefined) return undefined;
  const what = error === undefined ? `The order waits (${hold.scope}).` : toldOf(error).text;
  return sentences(what, `It is made ${timeAhead(hold.until, now)}.`);
}

function certificateChecks(certificate: CertificateDetail, now: number): Check[] {
  const about = `now ${certificate.secret}`;
  const hold = liveHold(certificate, now);
  if (hold !== undefined) return [{ about, result: 'note', text: hold }];
  const trouble = liveTrouble(certificate);
  if (trouble === undefined) return [];
  const { text, remedy } = trouble;
  return [{ about, result: 'problem', text, ...(remedy === undefined ? {} : { remedy }) }];
}

/** The progress of the host in the running round, or in the last failed one. */
function hostCheck({ host, steps }: HostProgress, now: number): Check[] {
  const reached = steps.flatMap(({ step, state, at, detail }) => {
    if (state === 'waiting') return [];
    const when = at === undefined ? '' : ` ${timeOf(at, now)}`;
    const why = detail === undefined ? '' : ` (${detail.replace(/\.$/, '')})`;
    return [`${stepNames[step]} ${stepWords[state]}${when}${why}`];
  });
  if (reached.length === 0) return [];
  const result = steps.some(({ state }) => state === 'failed') ? 'problem' : 'note';
  return [{ about: `host ${host}`, result, text: `${reached.join(', ')}.` }];
}

function toldOf({ code, message }: { readonly code: string; readonly message: string }): Told {
  return isReasonCode(code) ? withoutRemedy(code, message) : { text: message, remedy: undefined };
}

/** Only the time for today's entries, to keep lines short. */
function timeOf(at: number, now: number): string {
  const time = isoTime(at);
  return time.slice(0, 10) === isoTime(now).slice(0, 10) ? time.slice(11) : time;
}
