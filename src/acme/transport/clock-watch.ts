import type { Logger } from 'pino';

/** Says that the clock here and that of the CA disagree: once, and again only after they have agreed in between. */
export class ClockWatch {
  readonly #log: Pick<Logger, 'warn'>;
  #told = false;

  constructor(log: Pick<Logger, 'warn'>) {
    this.#log = log;
  }

  /** @param warning as it is after the CA's latest answer; undefined while the clocks agree */
  observe(warning: string | undefined): void {
    if (warning !== undefined && !this.#told) this.#log.warn(warning);
    this.#told = warning !== undefined;
  }
}
