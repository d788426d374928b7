import { type ReasonCode, reasons } from '../../machines/reasons/reasons.ts';
import type { IngressDetail } from '../inspector/protocol.ts';
import { durationText, printable } from './terminal-text.ts';

/** One look at one thing on the way from the annotation to the certificate. */
export interface Check {
  readonly about: string;
  /** `note`: to be known, in the way of nothing; `unknown`: it could not be looked at from here. */
  readonly result: 'ok' | 'problem' | 'note' | 'unknown';
  readonly text: string;
  readonly remedy?: string;
}

/** The story of one Ingress. */
export interface Explanation {
  readonly ingress: string;
  /** `waiting`: nothing has gone wrong, and the certificate is not there yet. */
  readonly verdict: 'good' | 'waiting' | 'failing' | 'not-served';
  readonly why: string;
  readonly next: string;
  readonly remedy?: string;
  readonly checks: readonly Check[];
  /** As the controller sees it, where it can be asked. */
  readonly live?: IngressDetail;
}

/** What happened, and apart from it what to do. */
export interface Told {
  readonly text: string;
  readonly remedy: string | undefined;
}

/** A message with the remedy of its reason at its end, as `describeFailure` makes them. A remedy of its own stays in the text. */
export function withoutRemedy(code: ReasonCode, message: string): Told {
  const { remedy } = reasons[code];
  const text = message.endsWith(remedy) ? message.slice(0, -remedy.length).trimEnd() : message;
  return { text, remedy };
}

export function isProblem({ result }: Check): boolean {
  return result === 'problem';
}

const marks = { ok: 'ok', problem: 'PROBLEM', note: 'note', unknown: '?' } as const;

/** The explanation for people, the conclusion first. */
export function explanationText({ ingress, verdict, why, next, remedy, checks }: Explanation): string {
  const width = Math.max(...checks.map(({ about }) => about.length));
  const walk = checks.map((check) => {
    const own = check.remedy === undefined || check.text.endsWith(check.remedy) ? '' : ` ${check.remedy}`;
    return `  ${marks[check.result].padEnd(7)}  ${check.about.padEnd(width)}  ${printable(check.text + own)}`;
  });
  return [
    `Ingress ${ingress}: ${verdict}`,
    '',
    `Why:   ${printable(why)}`,
    `Next:  ${printable(next)}`,
    ...(remedy === undefined ? [] : [`Do:    ${printable(remedy)}`]),
    '',
    ...walk,
  ].join('\n');
}

/** A moment for people, with how far away it is. */
export function timeAhead(at: number, now: number): string {
  const time = isoTime(at);
  return at <= now ? `at once (${time})` : `at ${time} (in ${durationText(at - now)})`;
}

/** In whole seconds. */
export function isoTime(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
