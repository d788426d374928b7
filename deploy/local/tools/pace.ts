/** Fewer packages or less time than that are no basis for an estimate. */
const basis = { packages: 20, milliseconds: 3_000 };

/** How long the rest of a build takes, by how long its beginning took on this machine. */
export class Pace {
  readonly #total: number;
  readonly #startedAt: number;
  #done = 0;

  /**
   * @param total packages to compile
   * @param now monotonic milliseconds
   */
  constructor(total: number, now: number) {
    this.#total = total;
    this.#startedAt = now;
  }

  /** One more is done. */
  add(packages = 1): void {
    this.#done += packages;
  }

  /** Milliseconds; undefined as long as there is no basis for it. */
  left(now: number): number | undefined {
    const elapsed = now - this.#startedAt;
    if (this.#done < basis.packages || elapsed < basis.milliseconds) return undefined;
    return (elapsed / this.#done) * Math.max(this.#total - this.#done, 0);
  }
}
