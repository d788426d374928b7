// What `kube-lego revoke` and `kube-lego account rollover` share: an operator's consent, and a request that the process which leads
// works off.

import { minute, second } from '../../machines/time/durations.ts';
import type { CommandOptions } from './command-options.ts';

/** Milliseconds between two looks at the progress. */
export const lookInterval = 2 * second;
/** Milliseconds; the controller looks for requests every ten seconds. */
const takenUpWithin = minute;

export interface Consent {
  /** `--yes`. */
  readonly yes: boolean;
  readonly question: string;
  /** What `--yes` agrees to; a clause. */
  readonly wish: string;
  /** Text after a refusal. */
  readonly refused: string;
}

/**
 * Asks the operator, unless that was done on the command line.
 * @returns the exit code without consent: 1 it was refused, 2 nobody could be asked; undefined: go on
 */
export async function exitWithoutConsent(
  { yes, question, wish, refused }: Consent,
  say: (text: string) => void,
  { ask, complain }: Pick<CommandOptions, 'ask' | 'complain'>,
): Promise<number | undefined> {
  if (yes) return undefined;
  if (ask === undefined) {
    complain(`This is no terminal, so nobody can be asked: add --yes if ${wish}.`);
    return 2;
  }
  if (/^y(es)?$/i.test((await ask(question)).trim())) return undefined;
  say(refused);
  return 1;
}

/** How long a command follows a request, and what it says meanwhile. */
export class Following {
  readonly #options: Pick<CommandOptions, 'clock' | 'complain'>;
  readonly #begun: number;
  readonly #timeLimit: number;
  readonly #again: string;
  #warned = false;

  /**
   * @param timeLimit milliseconds
   * @param again what is to be run to see how far the request is
   */
  constructor(timeLimit: number, again: string, options: Pick<CommandOptions, 'clock' | 'complain'>) {
    this.#options = options;
    this.#begun = options.clock.monotonic();
    this.#timeLimit = timeLimit;
    this.#again = again;
  }

  /** Whether the time is over, which is said; also, once, that nobody has taken the request up yet. */
  isOver(takenUp: boolean): boolean {
    const { clock, complain } = this.#options;
    const waited = clock.monotonic() - this.#begun;
    if (waited > this.#timeLimit) {
      complain(`kube-lego goes on with it; run ${this.#again} to see how far it is.`);
      return true;
    }
    if (!takenUp && !this.#warned && waited > takenUpWithin) {
      this.#warned = true;
      complain('No process of kube-lego has taken it up yet: check that one runs and leads, and its log.');
    }
    return false;
  }
}
