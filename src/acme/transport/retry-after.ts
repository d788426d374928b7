import { longestCaWait } from '../../../machines/time/ca-wait.ts';
import { second } from '../../../machines/time/durations.ts';

/**
 * How long a `Retry-After` header asks to wait, in milliseconds; undefined if the header is absent or makes no sense.
 * Both forms of RFC 9110 section 10.2.3 are read, and `caNow` is the time of the answer by the CA's own clock
 * (its `Date` header), so that a date is right whatever the clock here says.
 */
export function readRetryAfter(header: string | undefined, caNow: number): number | undefined {
  const text = header?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+$/.test(text)) return Math.min(Number(text) * second, longestCaWait);
  // `Date.parse` reads many odd texts; a date of HTTP ends in GMT.
  const at = text.endsWith('GMT') ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : clamp(at - caNow);
}

/**
 * The same from the words of a rate limit, for an answer whose header was lost on the way: Boulder ends its detail with
 * `retry after 2026-08-07 12:00:00 UTC`, formerly `Retry after 2023-08-04T12:00:00Z`.
 */
export function readRetryAfterWords(detail: string, caNow: number): number | undefined {
  const match = /retry after (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?: UTC|Z)/i.exec(detail);
  if (match === null) return undefined;
  const at = Date.parse(`${match[1]}T${match[2]}Z`);
  return Number.isNaN(at) ? undefined : clamp(at - caNow);
}

function clamp(ms: number): number {
  return Math.min(Math.max(ms, 0), longestCaWait);
}
