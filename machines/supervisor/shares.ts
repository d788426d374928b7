import { Heap, type HeapItem } from '../time/heap.ts';

interface Spent extends HeapItem {
  readonly limit: string;
  readonly namespace: string;
  /** When it no longer counts. */
  readonly until: number;
}

/** What each namespace has of a limit: its orders in progress, and those spent within the period of the limit. */
export class Shares {
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #spent = new Heap<Spent>((one, other) => one.until < other.until);
  readonly #onChange: (limit: string, namespace: string, change: 1 | -1) => void;

  /** @param onChange not called when the period of what was spent ends */
  constructor(onChange: (limit: string, namespace: string, change: 1 | -1) => void) {
    this.#onChange = onChange;
  }

  of(limit: string, namespace: string): number {
    return this.#counts.get(limit)?.get(namespace) ?? 0;
  }

  take(limit: string, namespace: string): void {
    this.#add(limit, namespace, 1);
    this.#onChange(limit, namespace, 1);
  }

  /** @param at when it no longer counts, in milliseconds since the epoch; undefined: at once */
  giveBack(limit: string, namespace: string, at?: number): void {
    if (at !== undefined) {
      this.#spent.add({ limit, namespace, until: at, heapIndex: 0 });
      return;
    }
    this.#add(limit, namespace, -1);
    this.#onChange(limit, namespace, -1);
  }

  expire(now: number): void {
    for (let { first } = this.#spent; first !== undefined && first.until <= now; { first } = this.#spent) {
      this.#spent.delete(first);
      this.#add(first.limit, first.namespace, -1);
    }
  }

  #add(limit: string, namespace: string, change: 1 | -1): void {
    const counts = this.#counts.get(limit) ?? new Map<string, number>();
    const count = (counts.get(namespace) ?? 0) + change;
    if (count > 0) counts.set(namespace, count);
    else counts.delete(namespace);
    if (counts.size > 0) this.#counts.set(limit, counts);
    else this.#counts.delete(limit);
  }
}
