import { type ReasonCode, reasons } from '../../../machines/reasons/reasons.ts';
import { sentences } from '../../../machines/reasons/sentences.ts';
import type { IngressDetail } from '../../inspector/protocol.ts';
import { durationText, printable } from '../terminal-text.ts';

/** One check on the way from the annotation to the certificate. */
export interface Check {
  readonly about: string;
  /** `note`: information, no obstacle; `unknown`: could not be checked from here. */
  readonly result: 'ok' | 'problem' | 'note' | 'unknown';
  readonly text: string;
  readonly remedy?: string;
}

/** The result of `kube-lego explain`. */
export interface Explanation {
  /** `NAMESPACE/NAME`; of another source than an Ingress `KIND NAMESPACE/NAME`. */
  readonly ingress: string;
  /** `waiting`: no failure, but no certificate yet. */
  readonly verdict: 'good' | 'waiting' | 'failing' | 'not-served';
  readonly why: string;
  readonly next: string;
  readonly remedy?: string;
  readonly checks: readonly Check[];
  /** The controller's view, if it is reachable. */
  readonly live?: IngressDetail;
}

/** A message and its remedy, separated. */
export interface Told {
  readonly text: string;
  readonly remedy: string | undefined;
}

/** Splits a message of `describeFailure`, which ends with the remedy of its reason. A remedy of its own stays in the text. */
export function withoutRemedy(code: ReasonCode, message: string): Told {
  const { remedy } = reasons[code];
  const text = message.endsWith(remedy) ? message.slice(0, -remedy.length).trimEnd() : message;
  return { text, remedy };
}

export function isProblem({ result }: Check): boolean {
  return result === 'problem';
}

const marks = { ok: 'ok', problem: 'PROBLEM', note: 'note', unknown: '?' } as const;

/** The explanation as text, the conclusion first. */
export function explanationText({ ingress, verdict, why, next, remedy, checks }: Explanation): string {
  const width = Math.max(...checks.map(({ about }) => about.length));
  const walk = checks.map((check) => {
    const own = check.remedy === undefined || check.text.endsWith(check.remedy) ? '' : check.remedy;
    return `  ${marks[check.result].padEnd(7)}  ${check.about.padEnd(width)}  ${printable(sentences(check.text, own))}`;
  });
  return [
    `${ingress.includes(' ') ? ingress : `Ingress ${ingress}`}: ${verdict}`,
    '',
    `Why:   ${printable(why)}`,
    `Next:  ${printable(next)}`,
    ...(remedy === undefined ? [] : [`Do:    ${printable(remedy)}`]),
    '',
    ...walk,
  ].join('\n');
}

/** A time and how far away it is. */
export function timeAhead(at: number, now: number): string {
  const time = isoTime(at);
  return at <= now ? `at once (${time})` : `at ${time} (in ${durationText(at - now)})`;
}

/** RFC 3339 with whole seconds. */
export function isoTime(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
