import { minute } from '../../../machines/time/durations.ts';
import { isOlder } from '../../kubernetes/watch/versions.ts';
import type { Clock } from '../../time/clock.ts';

/** Milliseconds after which an open watch must have shown what was read or written otherwise. */
const echoLimit = minute;

interface Versioned {
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Objects that were read by a refresh, or written by this process, and that their watch may not have shown yet. */
export class NotedObjects<T extends Versioned> {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #byKey = new Map<string, { readonly observed: T; readonly at: number }>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  get(key: string): T | undefined {
    return this.#byKey.get(key)?.observed;
  }

  note(key: string, observed: T): void {
    this.#byKey.set(key, { observed, at: this.#clock.monotonic() });
  }

  noteDeletion(uid: string): void {
    for (const [key, { observed }] of this.#byKey) if (observed.uid === uid) this.#byKey.delete(key);
  }

  clear(): void {
    this.#byKey.clear();
  }

  /**
   * Each object once, as of its newest known version.
   *
   * @param watched what the watch has shown
   * @param watching whether it is open
   */
  *newest(watched: Iterable<[string, T]>, watching: boolean): Generator<T> {
    const oldest = watching ? this.#clock.monotonic() - echoLimit : Number.NEGATIVE_INFINITY;
    for (const [key, { at }] of this.#byKey) if (at < oldest) this.#byKey.delete(key);
    const noted = new Map(this.#byKey);
    for (const [key, one] of watched) {
      const other = noted.get(key)?.observed;
      noted.delete(key);
      yield other !== undefined && isOlder(one.resourceVersion, other.resourceVersion) ? other : one;
    }
    for (const { observed } of noted.values()) yield observed;
  }
}
