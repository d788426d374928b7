import { day } from '../time/durations.ts';
import { type RenewalWindow, renewalTime, type Validity } from './renewal.ts';

/** Milliseconds. If this machine's clock and the CA's differ by more, one of them is wrong: no time zone explains it. */
export const toleratedSkew = day;
/** By so much of the time that a renewal leaves, the CA's `Date` may move it. */
const believed = 2 / 3;

/** The readings of two clocks at one moment, in milliseconds since the epoch. */
export interface JudgingClocks {
  /** This machine's. */
  readonly now: number;
  /** The CA's, as far as it is known; else the same. */
  readonly caNow: number;
}

/** Both readings; this machine's alone while the two agree. */
export function judgingClocks(now: number, caNow: number): JudgingClocks {
  return { now, caNow: Math.abs(caNow - now) > toleratedSkew ? caNow : now };
}

/** A certificate has expired if both clocks say so. */
export function earlierOf({ now, caNow }: JudgingClocks): number {
  return Math.min(now, caNow);
}

/** A certificate is not valid yet if both clocks say so. */
export function laterOf({ now, caNow }: JudgingClocks): number {
  return Math.max(now, caNow);
}

/**
 * The time by which it is decided whether a certificate is due for renewal: the CA's. But a `Date` that is wrong moves a renewal by no more
 * than two thirds of the time that it leaves until the end: neither does a certificate end because of it, nor are all ordered at once.
 */
export function renewalClock(
  validity: Validity,
  minimumValidity: number,
  window: RenewalWindow | undefined,
  { now, caNow }: JudgingClocks,
): number {
  const most = Math.max(0, believed * (validity.notAfter - renewalTime(validity, minimumValidity, window)));
  return Math.min(Math.max(caNow, now - most), now + most);
}

/** The renewal time by this machine's clock. */
export function localRenewalTime(
  validity: Validity,
  minimumValidity: number,
  window: RenewalWindow | undefined,
  clocks: JudgingClocks,
): number {
  const ahead = clocks.now - renewalClock(validity, minimumValidity, window, clocks);
  return renewalTime(validity, minimumValidity, window) + ahead;
}
