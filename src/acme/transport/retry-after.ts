import { longestCaWait } from '../../../machines/time/ca-wait.ts';
import { second } from '../../../machines/time/durations.ts';

/**
 * The `Retry-After` header in milliseconds; undefined if absent or malformed. Reads both forms of RFC 9110 section 10.2.3.
 * @param caNow time of the answer by the CA's clock, so a date is right even if the local clock is wrong
 */
export function readRetryAfter(header: string | undefined, caNow: number): number | undefined {
  const text = header?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+$/.test(text)) return Math.min(Number(text) * second, longestCaWait);
  // `Date.parse` accepts many formats; an HTTP date ends in GMT.
  const at = text.endsWith('GMT') ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : clamp(at - caNow);
}

/**
 * The same from the detail of a rate limit, if the header was lost: Boulder ends its detail with
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
