import { parseSourceKey, type SourceKey } from '../../../machines/ownership/source-key.ts';
import { second } from '../../../machines/time/durations.ts';
import { doubledPause } from '../../../machines/time/ladder.ts';
import { type Clock, sleep } from '../../time/clock.ts';
import { asAsked, type KubernetesError } from '../client/kubernetes-error.ts';

export interface Repetition<T> {
  readonly clock: Clock;
  /** Ends it, also in a pause; not aborted yet. */
  readonly signal: AbortSignal;
  /** Milliseconds between two tries. */
  readonly longestPause: number;
  /** Keys that must wait. */
  readonly writing?: ReadonlyMap<SourceKey, unknown>;
  /** @returns the error of a write that may succeed later */
  readonly write: (key: SourceKey, item: T) => Promise<KubernetesError | undefined>;
}

const shortestPause = second;
/** Namespaces in trouble of which nothing waits: they may be gone. */
const mostIdle = 1000;

/**
 * What waits to be written, by key. Namespaces take turns, so that none is kept waiting by the thousands of another one; one whose writes
 * fail, for example because of a webhook there, waits apart from the others.
 */
export class WriteQueue<T> {
  /** By namespace, in the order of their turns; none is empty. The oldest of each comes first. */
  readonly #lanes = new Map<string, Map<SourceKey, T>>();
  /** Of which a write has failed, the last one last. */
  readonly #troubled = new Set<string>();
  #size = 0;
  #repeating: Promise<void> | undefined;

  get size(): number {
    return this.#size;
  }

  /** Something waits of a namespace without trouble. */
  get hasWaiting(): boolean {
    return this.#lanes.keys().some((namespace) => !this.#troubled.has(namespace));
  }

  /** Something waits of a namespace in trouble. */
  get hasTroubled(): boolean {
    return this.#lanes.keys().some((namespace) => this.#troubled.has(namespace));
  }

  get(key: SourceKey): T | undefined {
    return this.#lanes.get(namespaceOf(key))?.get(key);
  }

  set(key: SourceKey, item: T): void {
    const namespace = namespaceOf(key);
    const lane = this.#lanes.get(namespace) ?? new Map<SourceKey, T>();
    this.#lanes.set(namespace, lane);
    if (!lane.has(key)) this.#size += 1;
    lane.set(key, item);
  }

  delete(key: SourceKey): void {
    const namespace = namespaceOf(key);
    const lane = this.#lanes.get(namespace);
    if (lane === undefined || !lane.delete(key)) return;
    this.#size -= 1;
    if (lane.size === 0) this.#lanes.delete(namespace);
  }

  /** Takes the next one of a namespace without trouble. @param writing keys that must wait */
  take(writing?: ReadonlyMap<SourceKey, unknown>): [SourceKey, T] | undefined {
    return this.#take(writing, false);
  }

  /** Likewise of a namespace in trouble. */
  takeTroubled(writing?: ReadonlyMap<SourceKey, unknown>): [SourceKey, T] | undefined {
    return this.#take(writing, true);
  }

  /** While `repeatTroubled` goes on. */
  get repeating(): Promise<void> | undefined {
    return this.#repeating;
  }

  /** Writes again what waits of namespaces in trouble, one after the other, first after a pause. At most one at a time goes on. */
  repeatTroubled(repetition: Repetition<T>): Promise<void> {
    this.#repeating ??= this.#repeat(repetition);
    return this.#repeating;
  }

  /** Takes the youngest of the namespace that has most. */
  takeSurplus(): [SourceKey, T] | undefined {
    let largest: Map<SourceKey, T> | undefined;
    for (const lane of this.#lanes.values()) if (lane.size > (largest?.size ?? 0)) largest = lane;
    const youngest = [...(largest ?? [])].at(-1);
    if (youngest !== undefined) this.delete(youngest[0]);
    return youngest;
  }

  /** A write to this namespace has failed, for what may be over later. */
  failed(key: SourceKey): void {
    const namespace = namespaceOf(key);
    this.#troubled.delete(namespace);
    this.#troubled.add(namespace);
    for (const other of this.#troubled) {
      if (this.#troubled.size <= mostIdle + this.#lanes.size) break;
      if (!this.#lanes.has(other)) this.#troubled.delete(other);
    }
  }

  /** A write to this namespace has been answered. */
  answered(key: SourceKey): void {
    this.#troubled.delete(namespaceOf(key));
  }

  async #repeat({ clock, signal, longestPause, writing, write }: Repetition<T>): Promise<void> {
    let [failures, pause] = [1, shortestPause];
    do {
      if (pause > 0) await sleep(clock, pause, signal).catch(() => undefined);
      const next = signal.aborted ? undefined : this.takeTroubled(writing);
      if (next === undefined) break;
      const error = await write(...next);
      failures = error === undefined ? 0 : failures + 1;
      pause = error === undefined ? 0 : asAsked(error, doubledPause(shortestPause, longestPause, failures));
    } while (!signal.aborted);
    // In the same turn as the last look: what comes later begins another one.
    this.#repeating = undefined;
  }

  #take(writing: ReadonlyMap<SourceKey, unknown> | undefined, troubled: boolean): [SourceKey, T] | undefined {
    for (const [namespace, lane] of this.#lanes) {
      if (this.#troubled.has(namespace) !== troubled) continue;
      const found = lane.entries().find(([key]) => writing?.has(key) !== true);
      if (found === undefined) continue;
      this.delete(found[0]);
      // The others have their turn first.
      if (this.#lanes.delete(namespace)) this.#lanes.set(namespace, lane);
      return found;
    }
    return undefined;
  }
}

function namespaceOf(key: SourceKey): string {
  return parseSourceKey(key).namespace;
}
