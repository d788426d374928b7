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
 * rule, so a wrong answer counts only if it is the last one at the time limit, and comes once more after it: a process that stood still
 * has missed what changed meanwhile.
 *
 * @throws the signal's reason
 */
export async function awaitReachable(
  host: string,
  settings: ReachabilitySettings,
  signal: AbortSignal,
): Promise<Verdict> {
  const looks = new Looks(host, settings);
  await withinLimit(settings, signal, (limit) => looks.repeat(limit));
  if (looks.last === undefined || looks.last.kind === 'wrong-answer') {
    await withinLimit(settings, signal, (limit) => looks.look(limit));
  }
  return looks.verdict;
}

async function withinLimit(
  { clock, timeLimit }: ReachabilitySettings,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const limit = new AbortController();
  const timer = clock.setTimeout(() => limit.abort(), timeLimit);
  try {
    await work(AbortSignal.any([signal, limit.signal]));
  } catch (error) {
    if (signal.aborted || !limit.signal.aborted) throw error;
  } finally {
    clock.clearTimeout(timer);
  }
}

class Looks {
  readonly #host: string;
  readonly #settings: ReachabilitySettings;
  readonly #undialable = new Set<string>();
  #good = 0;
  #redirected: true | undefined;
  #changing: true | undefined;
  #last: Verdict | undefined;

  constructor(host: string, settings: ReachabilitySettings) {
    this.#host = host;
    this.#settings = settings;
  }

  /** What the last look has ended with; undefined without one. */
  get last(): Verdict | undefined {
    return this.#last;
  }

  get verdict(): Verdict {
    const { timeLimit } = this.#settings;
    const message = `Host ${this.#host} gave no answer within ${timeLimit / 1000} s when asked from inside the cluster.`;
    const verdict: Verdict = this.#last ?? { kind: 'inconclusive', message };
    return verdict.kind === 'wrong-answer' && this.#changing ? { ...verdict, changing: true } : verdict;
  }

  /** Looks, with pauses, until the host is reachable. */
  async repeat(signal: AbortSignal): Promise<void> {
    const { clock, onVerdict, repeated = false } = this.#settings;
    const { first, longest, growth } = repeated ? pausesOfRepeated : pauses;
    for (let pause = first; !(await this.look(signal)); pause = Math.min(pause * growth, longest)) {
      if (this.#last !== undefined) onVerdict?.(this.#last);
      await sleep(clock, pause, signal);
    }
  }

  /** Asks again while the answers are good and agree. @returns whether there are enough of them */
  async look(signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const verdict = await selfCheck(this.#host, this.#settings, signal, this.#undialable);
      const reachable = verdict.kind === 'reachable';
      const disagrees = reachable && this.#good > 0 && verdict.redirected !== this.#redirected;
      this.#good = reachable ? (disagrees ? 1 : this.#good + 1) : 0;
      if (reachable) {
        this.#redirected = verdict.redirected;
        this.#changing = true;
      }
      const isEnough = this.#good === goodAnswersInARow;
      if (reachable && !disagrees && !isEnough) continue;
      this.#last = verdict;
      return isEnough;
    }
  }
}
