const terminalInterval = 1_000;
const logInterval = 10_000;

/**
 * Shows that a long step is alive: on a terminal one line that changes every second, elsewhere (a CI's log) a new line
 * every ten seconds.
 */
export class BuildProgress {
  readonly #output: NodeJS.WriteStream;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #title: string;
  readonly #expected: number;
  #detail = '';

  /**
   * @param title what is being done, as the beginning of a sentence
   * @param expected about how long it takes, in milliseconds
   */
  constructor(output: NodeJS.WriteStream, title: string, expected: number) {
    this.#output = output;
    this.#title = title;
    this.#expected = expected;
    this.#show('');
    this.#timer = setInterval(() => this.#show(this.#detail), output.isTTY ? terminalInterval : logInterval);
  }

  /** What the next line says beside the time. */
  set detail(detail: string) {
    this.#detail = detail;
  }

  end(outcome: string): void {
    clearInterval(this.#timer);
    const line = `${this.#title}: ${outcome} after ${duration(this.#elapsed())}`;
    this.#output.write(this.#output.isTTY ? `\r\u001B[K${line}\n` : `${line}\n`);
  }

  #show(detail: string): void {
    const elapsed = this.#elapsed();
    const time =
      elapsed < 1_000
        ? `about ${duration(this.#expected)} on 2 cores`
        : `${duration(elapsed)} of about ${duration(this.#expected)}`;
    const line = `${this.#title}: ${time}${detail === '' ? '' : `, ${detail}`}`;
    // Cut to the terminal's width: a line that wraps could not be overwritten.
    this.#output.write(
      this.#output.isTTY ? `\r\u001B[K${line.slice(0, this.#output.columns - 1)}` : `${line}\n`,
    );
  }

  #elapsed(): number {
    return performance.now() - this.#startedAt;
  }
}

function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 60) return `${seconds} s`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
