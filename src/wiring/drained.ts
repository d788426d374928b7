import { second } from '../../machines/time/durations.ts';
import type { AccountSecretStore } from '../acme/account/account-secret.ts';
import type { Draining } from '../authority/draining.ts';
import { isDenied } from '../kubernetes/client/kubernetes-error.ts';
import { type Clock, settleWithin, sleep } from '../time/clock.ts';

/** Milliseconds within the pod's grace period of 30 seconds: then the rules are removed. */
const drainLimit = 20 * second;
/** Milliseconds between two looks whether this process may still read its account. */
const lookInterval = second;
/** Milliseconds that work of which each part is tried once takes, as a rule. */
const usualWork = 0.5 * second;

/**
 * Resolves when no order is at the CA any more, or after twenty seconds; at once, if this process has lost its rights, because what it
 * is installed with is being deleted: it could not store a certificate.
 */
export async function drained(
  clock: Clock,
  draining: Draining,
  account: Pick<AccountSecretStore, 'read'>,
): Promise<void> {
  draining.begin();
  if (draining.isIdle) return;
  const over = new AbortController();
  const { signal } = over;
  await settleWithin(clock, drainLimit, () => [
    Promise.race([draining.settled(signal), untilDenied(clock, account, signal)]),
  ]);
  over.abort();
}

/**
 * Waits until all work has settled, or this process has lost its rights: a refused request would be repeated without hope. The signal of
 * the work is aborted with the given one, and at the end.
 */
export async function settleWhilePermitted(
  clock: Clock,
  account: Pick<AccountSecretStore, 'read'>,
  limit: AbortSignal,
  begin: (signal: AbortSignal) => readonly Promise<unknown>[],
): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([limit, over.signal]);
  const denied = sleep(clock, usualWork, signal).then(() => untilDenied(clock, account, signal));
  // It rejects with the signal's reason.
  await Promise.race([Promise.allSettled(begin(signal)), denied.catch(() => undefined)]);
  over.abort();
}

async function untilDenied(
  clock: Clock,
  account: Pick<AccountSecretStore, 'read'>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await account.read(signal);
    } catch (error) {
      signal.throwIfAborted();
      // Without the ServiceAccount its token is not accepted either.
      if (isDenied(error)) return;
    }
    await sleep(clock, lookInterval, signal);
  }
}
