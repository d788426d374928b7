import { longestOrderWait } from '../../../machines/authority/order-wait.ts';
import { minute, second } from '../../../machines/time/durations.ts';
import { doubledPause } from '../../../machines/time/ladder.ts';
import { type Clock, sleep } from '../../time/clock.ts';
import type { CaClock } from '../transport/ca-clock.ts';
import { AcmeProblem } from '../transport/problem.ts';
import type { CallResult } from '../transport/transport.ts';

/** Milliseconds between polls without Retry-After; the last one repeats. */
const ownWaits = [20, 50, 130, 330, 800, 2000, 4000, 7000, 10_000];
/** Milliseconds after a failure of the CA or the network; doubled with each that follows. */
const failureWait = 500;
/** In a row; one more is thrown. */
const maxFailures = 5;
/** Milliseconds until the next look where a Retry-After is not meant, if there is time. */
const shortLook = minute;
/** Milliseconds: shorter waits are over before a process has started again. */
const leastTold = 10 * second;
/** Node's timers may fire a little early; a Retry-After must never be undercut. */
const timerError = 5;

/** The CA's, by whose monotonic part an order's time runs out: a `Date` that is wrong ends no order. */
export type OrderClock = Pick<CaClock, keyof Clock>;

export interface Polling {
  readonly clock: OrderClock;
  readonly signal: AbortSignal;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  /** The CA asks to wait so many milliseconds with the next question. */
  readonly onWait?: ((ms: number) => void) | undefined;
  /** The error if the next poll is after the deadline; with the CA's Retry-After, if that is the cause. */
  readonly outOfTime: (retryAfter: number | undefined) => Error;
}

/**
 * Polls a resource until it is settled. A Retry-After of up to an hour is kept to the millisecond, without one the waits grow from 20 ms
 * to 10 s. After a longer one the resource is read once more.
 * POST-as-GET has no side effects, so network errors, 5xx and 429 are retried a few times.
 * @param settle the result, or undefined to poll further; its error ends the polling
 * @param firstWait milliseconds before the first read; undefined for the usual schedule
 * @throws AcmeProblem, also if its Retry-After exceeds the deadline; what `settle` and `outOfTime` throw; or the signal's reason
 */
export async function poll<T, R>(
  polling: Polling,
  firstWait: number | undefined,
  read: () => Promise<CallResult<T>>,
  settle: (value: T) => R | undefined | Promise<R | undefined>,
): Promise<R> {
  let asked = firstWait;
  let failures = 0;
  let trouble: AcmeProblem | undefined;
  let looksLast = false;
  for (let round = 0; ; round += 1) {
    if (round > 0 || firstWait !== 0) {
      if (asked !== undefined && asked >= leastTold) polling.onWait?.(Math.min(asked, longestOrderWait));
      const absurd: boolean =
        trouble === undefined && !looksLast && asked !== undefined && asked > longestOrderWait;
      await waitTurn(polling, absurd ? shortLook : asked, round, trouble);
      looksLast ||= absurd;
    }
    try {
      const { value, retryAfter } = await read();
      failures = 0;
      trouble = undefined;
      asked = retryAfter;
      const result = await settle(value);
      if (result !== undefined) return result;
    } catch (error) {
      if (!(error instanceof AcmeProblem) || !(error.transient || error.status === 429)) throw error;
      failures += 1;
      if (failures > maxFailures) throw error;
      trouble = error;
      asked = Math.max(error.retryAfter ?? 0, doubledPause(failureWait, Number.POSITIVE_INFINITY, failures));
    }
  }
}

/**
 * Waits before the next request for a resource.
 *
 * @param asked the CA's Retry-After in milliseconds; undefined for the usual schedule
 * @param round number of requests before
 * @param trouble the error of the last request
 * @throws `trouble` or the error of `outOfTime` if the wait exceeds the deadline; or the signal's reason
 */
export async function waitTurn(
  { clock, deadline, outOfTime, signal }: Polling,
  asked: number | undefined,
  round: number,
  trouble?: AcmeProblem,
): Promise<void> {
  // `Retry-After: 0` allows an immediate retry, not a busy loop.
  const own = ownWaits[Math.min(round, ownWaits.length - 1)] ?? 10_000;
  const wait = asked === undefined || asked === 0 ? own : asked + timerError;
  if (clock.monotonic() + wait > deadline) throw trouble ?? outOfTime(asked);
  await sleep(clock, wait, signal);
}
