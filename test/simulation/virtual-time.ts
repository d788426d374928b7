import type { Clock } from '../../src/time/clock.ts';

interface Timer {
  readonly at: number;
  /** Timers of one moment fire in the order in which they were set. */
  readonly turn: number;
  run: (() => void) | undefined;
}

/**
 * Time that jumps: from one timer to the next, as soon as everything that the last one set off has come to rest. So years
 * pass in seconds, and what happens depends on nothing but what was put in.
 */
export class VirtualTime {
  #now: number;
  #turn = 0;
  readonly #heap: Timer[] = [];

  /** @param start milliseconds since the epoch */
  constructor(start: number) {
    this.#now = start;
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return this.#now;
  }

  /** @param delay milliseconds */
  after(delay: number, run: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, Math.ceil(delay)), turn: this.#turn, run };
    this.#turn += 1;
    this.#push(timer);
    return timer;
  }

  at(time: number, run: () => void): Timer {
    return this.after(time - this.#now, run);
  }

  /** @param goOn asked before each jump: whether the rest is wanted */
  async runUntil(end: number, goOn: () => boolean = () => true): Promise<void> {
    await rest();
    for (let next = this.#next; next !== undefined && next.at <= end && goOn(); next = this.#next) {
      this.#now = next.at;
      for (let due = this.#heap[0]; due !== undefined && due.at <= this.#now; due = this.#heap[0]) {
        this.#pop();
        const { run } = due;
        due.run = undefined;
        run?.();
      }
      await rest();
    }
    if (goOn()) this.#now = Math.max(this.#now, end);
    // Signals, output and the test runner's limit have their turn between two days.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }

  /** The next timer that was not cleared: for one that was, nothing has to come to rest. */
  get #next(): Timer | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].run === undefined) this.#pop();
    return this.#heap[0];
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.push(timer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, timer)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const takeRight = right !== undefined && isBefore(right, left);
      const below = takeRight ? right : left;
      if (isBefore(last, below)) break;
      heap[index] = below;
      index = 2 * index + (takeRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

/**
 * The clock of one process. It goes wrong when it is told to; its timers do not mind, as those of Node don't; and with the
 * process they end.
 */
export class ProcessClock implements Clock {
  readonly #time: VirtualTime;
  readonly #error: () => number;
  #stopped = false;

  /** @param error milliseconds that the machine's clock is ahead of the true time */
  constructor(time: VirtualTime, error: () => number) {
    this.#time = time;
    this.#error = error;
  }

  now(): number {
    return this.#time.now + this.#error();
  }

  monotonic(): number {
    return this.#time.now;
  }

  setTimeout(run: () => void, ms: number): unknown {
    return this.#time.after(ms, () => {
      if (!this.#stopped) run();
    });
  }

  clearTimeout(handle: unknown): void {
    if (isTimer(handle)) handle.run = undefined;
  }

  /** No timer of this clock fires any more. */
  stop(): void {
    this.#stopped = true;
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.at < other.at || (one.at === other.at && one.turn < other.turn);
}

function isTimer(handle: unknown): handle is Timer {
  return typeof handle === 'object' && handle !== null && 'turn' in handle && 'run' in handle;
}

/**
 * A tick comes after every promise that is settled, and after all that follow from those: between two ticks Node empties the
 * queue of microtasks. An immediate would, too, but asks the operating system each time what has happened meanwhile.
 */
export function rest(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
