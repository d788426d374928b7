import { second } from '../../../../machines/time/durations.ts';
import { sleep } from '../../../time/clock.ts';
import { type SelfCheckSettings, selfCheck, type Verdict } from './self-check.ts';

export interface ReachabilitySettings extends SelfCheckSettings {
  /** Milliseconds, `LEGO_SELF_CHECK_TIMEOUT`. */
  readonly timeLimit: number;
  /** The host has failed before, and may be somebody else's server: it gets few requests. */
  readonly repeated?: boolean;
  /** Called with each verdict before the last one. */
  readonly onVerdict?: (verdict: Verdict) => void;
}

/**
 * A reloading ingress controller may still answer from old workers after the first good answer. A direct answer and one after a
 * redirect are not two in a row: both can be good although one instance does not have the rule yet, if its redirect reaches one that
 * has it.
 */
const goodAnswersInARow = 2;

/** Milliseconds. Growing by half, the waits overshoot the moment a rule takes effect by a third at most. */
const pauses = { first: 20, longest: 2 * second, growth: 1.5 };
const pausesOfRepeated = { first: second, longest: 8 * second, growth: 2 };

/**
 * Waits until our answer arrives from the host twice in a row, on new connections. Ingress controllers need up to some seconds for a
 * rule, so a wrong answer counts only if it is the last one at the time limit.
 *
 * @throws the signal's reason
 */
export async function awaitReachable(
  host: string,
  settings: ReachabilitySettings,
  signal: AbortSignal,
): Promise<Verdict> {
  const { clock, timeLimit, repeated = false } = settings;
  const { first, longest, growth } = repeated ? pausesOfRepeated : pauses;
  const limit = new AbortController();
  const timer = clock.setTimeout(() => limit.abort(), timeLimit);
  const either = AbortSignal.any([signal, limit.signal]);
  const undialable = new Set<string>();
  const message = `Host ${host} gave no answer within ${timeLimit / 1000} s when asked from inside the cluster.`;
  let last: Verdict = { kind: 'inconclusive', message };
  let good = 0;
  let redirected: true | undefined;
  let changing: true | undefined;
  let pause = first;
  try {
    for (;;) {
      const verdict = await selfCheck(host, settings, either, undialable);
      const reachable = verdict.kind === 'reachable';
      const disagrees = reachable && good > 0 && verdict.redirected !== redirected;
      good = reachable ? (disagrees ? 1 : good + 1) : 0;
      if (reachable) {
        redirected = verdict.redirected;
        changing = true;
      }
      if (good === goodAnswersInARow) return verdict;
      if (reachable && !disagrees) continue;
      last = verdict;
      settings.onVerdict?.(verdict);
      await sleep(clock, pause, either);
      pause = Math.min(pause * growth, longest);
    }
  } catch (error) {
    if (signal.aborted || !limit.signal.aborted) throw error;
    return last.kind === 'wrong-answer' && changing ? { ...last, changing } : last;
  } finally {
    clock.clearTimeout(timer);
  }
}
