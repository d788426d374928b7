import { minute, second } from '../../../machines/time/durations.ts';
import { type Clock, sleep } from '../../time/clock.ts';
import type { AccountStore } from './account.ts';
import type { RolloverState } from './account-secret.ts';
import { patience } from './account-uses.ts';

export interface KeyRolloverOptions {
  readonly account: AccountStore;
  /** Those that have the same key at other CAs. */
  readonly borrowers: readonly AccountStore[];
  readonly clock: Clock;
  /** Ends all work. */
  readonly signal: AbortSignal;
  readonly onOutcome: (outcome: RolloverState) => void;
  /** It is tried again. */
  readonly onTrouble: (error: unknown) => void;
}

/** Milliseconds between two looks for a request, and after a trouble. */
const interval = 10 * second;
const pause = minute;
/**
 * Milliseconds for all of it, while no order begins: for orders in flight at the CA and at the staging CA, which are interrupted after
 * that, and for the change.
 */
const longestChange = 2 * patience + 2 * minute;

/**
 * Changes the account's key when an operator has requested it in the account Secret: no order begins, those in flight end with the
 * old key, so that no challenge is pending when the CA switches, unless the CA takes longer over it than they are waited for; then orders go on with the new one, whose thumbprint is published with the
 * challenges of each.
 */
export class KeyRollover {
  readonly #options: KeyRolloverOptions;

  constructor(options: KeyRolloverOptions) {
    this.#options = options;
  }

  /** Looks for requests until the signal is aborted; never rejects. */
  async tend(): Promise<void> {
    const { clock, onTrouble, signal } = this.#options;
    let reported = '';
    while (!signal.aborted) {
      let next = interval;
      try {
        await this.workOff();
        reported = '';
      } catch (error) {
        if (!signal.aborted && reported !== String(error)) onTrouble(error);
        reported = String(error);
        next = pause;
      }
      await sleep(clock, next, signal).catch(() => undefined);
    }
  }

  /** Changes the key if that is requested. @throws what the change throws, or an Error if orders in flight do not end in time */
  async workOff(): Promise<void> {
    const { account, borrowers, clock, onOutcome, signal } = this.#options;
    if (!(await account.announceKeyChange(signal))) return;
    const limit = new AbortController();
    const timer = clock.setTimeout(
      () =>
        limit.abort(
          new Error(
            'orders in flight have not ended within 12 minutes, so the account key is not changed yet',
          ),
        ),
      longestChange,
    );
    try {
      const all = AbortSignal.any([signal, limit.signal]);
      const change = borrowers.reduce<() => Promise<RolloverState | undefined>>(
        (work, borrower) => () => borrower.alone(all, work),
        () => account.changeKey(all),
      );
      const outcome = await change();
      if (outcome !== undefined) onOutcome(outcome);
    } finally {
      clock.clearTimeout(timer);
    }
  }
}
