import { minute } from '../../../../machines/time/durations.ts';
import { doubledPause } from '../../../../machines/time/ladder.ts';
import type { Clock } from '../../../time/clock.ts';
import type { Validated } from './challenge-manifest.ts';

const longestPause = 5 * minute;
const nothing: Validated = { rules: new Map(), thumbprint: undefined };
/** Milliseconds: who has changed a challenge Ingress so long ago is no longer fought with. */
const memory = 10 * minute;

/**
 * How often a challenge Ingress was written again only because somebody had changed it: a mutating webhook or a controller that does so
 * each time must not make a loop of writes, each of which may reload the ingress controller.
 */
export class RuleRepairs {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #shortestPause: number;
  /** As of the last successful write. */
  #placed: Validated = nothing;
  #count = 0;
  #lastAt = Number.NEGATIVE_INFINITY;

  /** @param shortestPause milliseconds before the first repair */
  constructor(clock: Pick<Clock, 'monotonic'>, shortestPause: number) {
    this.#clock = clock;
    this.#shortestPause = shortestPause;
  }

  /** The API server has taken this. */
  placed({ rules, thumbprint }: Validated): void {
    this.#placed = { rules: new Map(rules), thumbprint };
  }

  /** There is no object any more. */
  removed(): void {
    this.#placed = nothing;
  }

  /** Whether this write would only repeat the last one. */
  isRepair({ rules, thumbprint }: Validated): boolean {
    return [...rules].every(([host, ruleHost]) => this.wasPlaced(host, ruleHost, thumbprint));
  }

  /** Whether this rule was in the last successful write, with this thumbprint. */
  wasPlaced(host: string, ruleHost: string, thumbprint: string | undefined): boolean {
    return this.#placed.thumbprint === thumbprint && this.#placed.rules.get(host) === ruleHost;
  }

  /** Milliseconds from the last write to the next repair. */
  get pause(): number {
    return doubledPause(this.#shortestPause, longestPause, this.#recent + 1);
  }

  begin(): void {
    this.#count = this.#recent + 1;
    this.#lastAt = this.#clock.monotonic();
  }

  get #recent(): number {
    return this.#clock.monotonic() - this.#lastAt > memory ? 0 : this.#count;
  }
}
