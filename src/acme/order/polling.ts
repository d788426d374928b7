import { doubledPause } from '../../../machines/time/ladder.ts';
import { type Clock, sleep } from '../../time/clock.ts';
import { AcmeProblem } from '../transport/problem.ts';
import type { CallResult } from '../transport/transport.ts';

/** Waits between polls of an object for which the CA asks no particular time, in milliseconds; the last one repeats. */
const ownWaits = [30, 70, 180, 400, 1000, 2000, 4000, 7000, 10_000];
/** First wait after a failure that is the CA's or the network's; doubled with each that follows. */
const failureWait = 500;
/** So many of them in a row are ridden out. */
const maxFailures = 5;
/** Timers of Node may fire a little early; a Retry-After is never undercut. */
const timerError = 5;

export interface Polling {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** The error when the deadline would pass; with the wait that the CA asks for, if it is that which is too long. */
  readonly outOfTime: (retryAfter: number | undefined) => Error;
}

/**
 * Reads an object of the CA's until it is settled. A Retry-After is kept to the millisecond, without one the waits grow from
 * 30 ms to 10 s. Reading changes nothing at the CA (POST-as-GET), so network trouble, 5xx and 429 are ridden out a few times.
 * @param settle the result, or undefined to go on; what it throws ends the polling
 * @param firstWait milliseconds before the first read; undefined for the usual schedule
 * @throws AcmeProblem, also where that asks to wait for longer than there is time; what `settle` and `outOfTime` make; or the signal's reason
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
  for (let round = 0; ; round += 1) {
    if (round > 0 || firstWait !== 0) await waitTurn(polling, asked, round, trouble);
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
 * Waits before a request about an object of the CA's.
 *
 * @param asked what the CA asked to wait, in milliseconds; undefined for the usual schedule
 * @param round how often it was asked before
 * @param trouble the failure of the last request
 * @throws `trouble`, or what `outOfTime` makes, where there is no time for it; or the signal's reason
 */
export async function waitTurn(
  { clock, deadline, outOfTime, signal }: Polling,
  asked: number | undefined,
  round: number,
  trouble?: AcmeProblem,
): Promise<void> {
  // `Retry-After: 0` is leave to ask again at once, not to ask without end.
  const own = ownWaits[Math.min(round, ownWaits.length - 1)] ?? 10_000;
  const wait = asked === undefined || asked === 0 ? own : asked + timerError;
  if (clock.now() + wait > deadline) throw trouble ?? outOfTime(asked);
  await sleep(clock, wait, signal);
}
