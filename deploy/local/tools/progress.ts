const terminalInterval = 1_000;
const logInterval = 30_000;

/**
 * What a long step is at: on a terminal one line that changes every second, elsewhere (a CI's log) a line at its
 * beginning, every half a minute and at its end.
 */
export class Progress {
  readonly #output: NodeJS.WriteStream;
  readonly #title: string;
  readonly #state: () => string;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;

  /**
   * @param title what is being done, as the beginning of a line
   * @param state how far it is, as the end of one
   */
  constructor(output: NodeJS.WriteStream, title: string, state: () => string) {
    this.#output = output;
    this.#title = title;
    this.#state = state;
    this.#show();
    this.#timer = setInterval(() => this.#show(), output.isTTY ? terminalInterval : logInterval);
  }

  /** The last line of the step: it was done, or it failed. */
  end(outcome: 'done' | 'failed', detail = ''): void {
    clearInterval(this.#timer);
    const time = duration(performance.now() - this.#startedAt);
    const line = `${this.#title}: ${outcome} after ${time}${detail === '' ? '' : ` (${detail})`}`;
    this.#output.write(this.#output.isTTY ? `\r\u001B[K${line}\n` : `${line}\n`);
  }

  #show(): void {
    const line = `${this.#title}: ${this.#state()}`;
    // Cut to the terminal's width: a line that wraps could not be overwritten.
    this.#output.write(
      this.#output.isTTY ? `\r\u001B[K${line.slice(0, this.#output.columns - 1)}` : `${line}\n`,
    );
  }
}

/** A time that has passed. */
export function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 60) return `${seconds} s`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** A time that is estimated, no more precise than that is. */
export function roughly(milliseconds: number): string {
  const step = milliseconds < 60_000 ? 10_000 : milliseconds < 5 * 60_000 ? 30_000 : 60_000;
  return `about ${duration(Math.max(Math.round(milliseconds / step), 1) * step)}`;
}
