import { second } from '../../machines/time/durations.ts';
import { isForbidden } from '../kubernetes/client/kubernetes-error.ts';

/** Milliseconds: a new RoleBinding takes effect with a delay. */
const denialPatience = 5 * second;

/** A denial by the API server; it stands after `denialPatience` without any other answer. */
export class Denial {
  stands = false;
  #since: number | undefined;

  /**
   * @param now monotonic milliseconds
   * @returns whether it stands since this error
   */
  beginsWith(error: unknown, now: number): boolean {
    this.#since = isForbidden(error) ? (this.#since ?? now) : undefined;
    const stood = this.stands;
    this.stands = this.#since !== undefined && now - this.#since >= denialPatience;
    return this.stands && !stood;
  }

  end(): void {
    this.stands = false;
    this.#since = undefined;
  }
}
