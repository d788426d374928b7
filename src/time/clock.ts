// Time and retries. Used by all rooms.

/** Time as a parameter: `systemClock` in production, a controlled clock in tests. */
export interface Clock {
  /**
   * Milliseconds since the Unix epoch; can be set, also backwards. For what others write or read: certificates, records, messages.
   */
  now(): number;
  /** Milliseconds since some moment of this process, never set. For every interval within the process. */
  monotonic(): number;
  /** Calls `fn` once after `ms` milliseconds, of any length; the result is for `clearTimeout` only. */
  setTimeout(fn: () => void, ms: number): unknown;
  /** Does nothing for a handle that has fired, was cleared, or came from another clock. */
  clearTimeout(handle: unknown): void;
}

/** Node fires a longer timer after 1 ms (`timers` documentation, TimeoutOverflowWarning). */
const longestTimer = 2 ** 31 - 1;

/** A timer of any length, made of several of Node's. */
class Timer {
  #timeout: NodeJS.Timeout;

  constructor(fn: () => void, ms: number) {
    this.#timeout = this.#arm(fn, ms);
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  #arm(fn: () => void, ms: number): NodeJS.Timeout {
    if (ms <= longestTimer) return setTimeout(fn, Math.max(0, ms));
    return setTimeout(() => {
      this.#timeout = this.#arm(fn, ms - longestTimer);
    }, longestTimer);
  }
}

/** The system clock. Its timers keep the process alive, as Node's do. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (fn, ms) => new Timer(fn, ms),
  clearTimeout: (handle) => {
    if (handle instanceof Timer) handle.cancel();
  },
};

/**
 * Resolves after `ms` milliseconds of the given clock.
 * @throws the signal's reason, at once, when the signal is or becomes aborted; the timer is cleared then
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const abort = (): void => {
      clock.clearTimeout(handle);
      reject(signal?.reason);
    };
    const handle = clock.setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/**
 * The outcome of the work, which is not aborted.
 * @throws what the work throws, or the signal's reason as soon as it is aborted
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined);
    throw signal.reason;
  }
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/**
 * Runs work with a signal that is aborted after so many milliseconds, unless it has ended.
 * @param reason of the abort
 */
export async function workWithin<T>(
  clock: Clock,
  limit: number,
  reason: () => unknown,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = clock.setTimeout(() => late.abort(reason()), limit);
  try {
    return await work(late.signal);
  } finally {
    clock.clearTimeout(timer);
  }
}

/**
 * Waits until all work has settled, but no longer than `ms` milliseconds of the given clock; then the signal is aborted, and
 * work that ignores it is no longer waited for.
 */
export async function settleWithin(
  clock: Clock,
  ms: number,
  begin: (signal: AbortSignal) => readonly Promise<unknown>[],
): Promise<void> {
  const limit = new AbortController();
  const outOfTime = Promise.withResolvers<void>();
  const timer = clock.setTimeout(() => {
    limit.abort();
    outOfTime.resolve();
  }, ms);
  await Promise.race([Promise.allSettled(begin(limit.signal)), outOfTime.promise]);
  clock.clearTimeout(timer);
}
