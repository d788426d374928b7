import { drawRenewal, type RenewalWindow } from '../../machines/assessment/renewal.ts';
import { parsedJson, stringField } from '../process/json.ts';

/** Annotation on a Secret: the CA's renewal window and the time chosen in it. */
export const renewalAnnotation = 'kube-lego.io/renewal';

/** @param id of the certificate (RFC 9773 section 4.1): a record for another one is ignored */
export function writeRenewal(id: string, { start, end, at, url }: RenewalWindow): string {
  const [from, to, drawn] = [start, end, at].map((time) => new Date(time).toISOString());
  return JSON.stringify({ certificate: id, start: from, end: to, at: drawn, url });
}

/** @returns undefined for a text that is not about this certificate */
export function readRenewal(text: string | undefined, id: string | undefined): RenewalWindow | undefined {
  if (text === undefined || id === undefined) return undefined;
  const found = parsedJson(text);
  if (stringField(found, 'certificate') !== id) return undefined;
  const time = (field: string): number => Date.parse(stringField(found, field) ?? '');
  const window = { start: time('start'), end: time('end'), at: time('at'), url: stringField(found, 'url') };
  return window.start < window.end && !Number.isNaN(window.at) ? window : undefined;
}

/** What an answer of the CA, and the record of it, say alike. */
export type Suggestion = Omit<RenewalWindow, 'at'>;

/** The record after an ARI answer: the chosen time is kept while the window stays the same. */
export function recordOf(
  id: string,
  suggested: Suggestion,
  before: RenewalWindow | undefined,
  now: number,
): RenewalWindow {
  const { start, end, url } = suggested;
  if (before !== undefined && isSuggested(before, suggested, now)) return { ...before, url };
  return { start, end, at: drawRenewal(id, start, end, now), url };
}

/** Whether the CA has named this window: one in the past that moves with the time counts as unchanged. */
export function isSuggested({ start, end }: RenewalWindow, suggested: Suggestion, now: number): boolean {
  return (end <= now && suggested.end <= now) || (suggested.start === start && suggested.end === end);
}

/** Whether the difference matters to a reader or a renewal. */
export function windowDiffers(before: RenewalWindow | undefined, after: RenewalWindow): boolean {
  return (
    before?.start !== after.start ||
    before.end !== after.end ||
    before.at !== after.at ||
    before.url !== after.url
  );
}
