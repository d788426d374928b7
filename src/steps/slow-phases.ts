import { second } from '../../machines/time/durations.ts';
import type { OrderPhase } from '../acme/order/order.ts';
import type { Clock } from '../time/clock.ts';

/** Milliseconds. CAs need seconds for a phase; whoever waits for longer is told. */
const slowAfter = 30 * second;

/** Tells of the phases in which the CA takes long over an order, each once. */
export class SlowPhases {
  readonly #clock: Clock;
  readonly #tell: (phase: OrderPhase) => void;
  #timer: unknown;

  constructor(clock: Clock, tell: (phase: OrderPhase) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** The order has entered this phase. Before it is made it waits for others, not for the CA. */
  enter(phase: OrderPhase): void {
    this.end();
    if (phase === 'ordering') return;
    this.#timer = this.#clock.setTimeout(() => this.#tell(phase), slowAfter);
  }

  end(): void {
    this.#clock.clearTimeout(this.#timer);
  }
}
