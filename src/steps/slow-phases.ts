import { second } from '../../machines/time/durations.ts';
import type { OrderPhase } from '../acme/order/order.ts';
import type { Clock } from '../time/clock.ts';

/** Milliseconds. CAs and name servers need seconds for a phase; a longer one is shown. */
const slowAfter = 30 * second;

/** `spreading`: the CA waits for us, and we for name servers. */
export type SlowPhase = OrderPhase | 'spreading';

/** Tells of the phases in which an order takes long, each once. */
export class SlowPhases {
  readonly #clock: Clock;
  readonly #tell: (phase: SlowPhase) => void;
  #timer: unknown;

  constructor(clock: Clock, tell: (phase: SlowPhase) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** The order has entered this phase. Before it is made it waits for others, not for the CA. */
  enter(phase: SlowPhase): void {
    this.end();
    if (phase === 'ordering') return;
    this.#timer = this.#clock.setTimeout(() => this.#tell(phase), slowAfter);
  }

  end(): void {
    this.#clock.clearTimeout(this.#timer);
  }
}
