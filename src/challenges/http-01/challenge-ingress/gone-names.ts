import { minute } from '../../../../machines/time/durations.ts';

/** Milliseconds: as long as `LEGO_PROPAGATION_DELAY` can be. */
const memory = 10 * minute;

/** When names were last seen to be gone, in monotonic milliseconds; for ten minutes. */
export class GoneNames {
  /** The longest ago first. */
  readonly #at = new Map<string, number>();

  note(names: Iterable<string>, now: number): void {
    for (const [name, at] of this.#at) {
      if (at > now - memory) break;
      this.#at.delete(name);
    }
    for (const name of names) {
      this.#at.delete(name);
      this.#at.set(name, now);
    }
  }

  get(name: string): number | undefined {
    return this.#at.get(name);
  }
}
