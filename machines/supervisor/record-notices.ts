import type { Failure } from '../reasons/reasons.ts';
import { describeTrouble, type RecordTrouble } from '../records/record-troubles.ts';
import { hour, minute, second } from '../time/durations.ts';
import { earliest } from '../time/earliest.ts';
import { doubledPause } from '../time/ladder.ts';

/** Milliseconds: what passes sooner is not worth an Event for each. */
const grace = 15 * second;
/** Waiters at a time, some milliseconds with what they set off; and milliseconds until the next ones. */
const slice = 100;
const pace = 300;
/** A flapping record is reported so many times at once, then with doubling pauses, until it has been stable for an hour. */
const promptChanges = 2;
const [shortestCalm, longestCalm] = [minute, 30 * minute];

/** A notice to a waiter; undefined: it waits for no record any more. */
export interface RecordNotice<Waiter> {
  readonly waiter: Waiter;
  readonly finding: Failure | undefined;
}

/**
 * Reports to each waiter which record cannot be read or written, and when it can again: once, in slices. A flapping record is reported
 * with growing pauses: each report costs an Event and a write for each waiter.
 */
export class RecordNotices<Waiter> {
  #troubles: readonly RecordTrouble[] = [];
  #told: RecordTrouble | undefined;
  /** The same in words. */
  #finding: Failure | undefined;
  /** With what each was told last. */
  readonly #waiters = new Map<Waiter, Failure | undefined>();
  readonly #untold = new Set<Waiter>();
  #nextAt = Number.NEGATIVE_INFINITY;
  /** Reported changes in a row: the count starts over after an hour without one. */
  #changes = 0;
  #changedAt = Number.NEGATIVE_INFINITY;

  /** Whether no order may be begun. */
  get blocked(): boolean {
    return this.#troubles.length > 0;
  }

  /** @param troubles all of them */
  set(troubles: readonly RecordTrouble[]): void {
    const known = this.#troubles;
    // One that stands is as old as it was, also if the clock was set since.
    this.#troubles = troubles.map((trouble) => {
      const { since } = known.find((one) => isSame(one, trouble)) ?? trouble;
      return { ...trouble, since };
    });
  }

  /** The clock was set by so many milliseconds. */
  move(by: number): void {
    this.#nextAt += by;
    this.#changedAt += by;
    this.#troubles = this.#troubles.map((trouble) => ({ ...trouble, since: trouble.since + by }));
  }

  /** It waits, and has been told nothing. */
  add(waiter: Waiter): void {
    this.#waiters.set(waiter, undefined);
    if (this.#finding !== undefined) this.#untold.add(waiter);
  }

  /** It does not wait any more. */
  delete(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    this.#untold.delete(waiter);
  }

  /** Nobody waits any more. */
  clear(): void {
    this.#waiters.clear();
    this.#untold.clear();
  }

  /** When to call `take` next; undefined if there is nothing to report. */
  next(now: number): number | undefined {
    if (this.#untold.size > 0 && this.#isTrue) return Math.max(this.#nextAt, now);
    if (this.#waiters.size === 0) return undefined;
    if (this.#worthTelling(now) !== this.#told) return Math.max(this.#changeAt, now);
    if (this.#told !== undefined) return undefined;
    return earliest(this.#troubles.filter(isTellable).map(({ since }) => since + grace));
  }

  /** @param now milliseconds since the epoch */
  take(now: number): RecordNotice<Waiter>[] {
    this.#judge(now);
    if (this.#untold.size === 0 || now < this.#nextAt || !this.#isTrue) return [];
    this.#nextAt = now + pace;
    const notices = [...this.#untold.values().take(slice)].map((waiter) => ({
      waiter,
      finding: this.#finding,
    }));
    for (const { waiter, finding } of notices) {
      this.#untold.delete(waiter);
      this.#waiters.set(waiter, finding);
    }
    return notices;
  }

  #judge(now: number): void {
    const trouble = this.#worthTelling(now);
    if (trouble === this.#told || now < this.#changeAt) return;
    this.#changes = now < this.#changedAt + hour ? this.#changes + 1 : 1;
    this.#changedAt = now;
    this.#told = trouble;
    this.#finding = trouble && describeTrouble(trouble);
    for (const [waiter, told] of this.#waiters) {
      if (told === this.#finding) this.#untold.delete(waiter);
      else this.#untold.add(waiter);
    }
  }

  /** Whether the reported trouble still exists: one that is over is reported to nobody else. */
  get #isTrue(): boolean {
    const told = this.#told;
    return told === undefined || this.#troubles.some((trouble) => isStill(told, trouble));
  }

  /** The report does not change before that. */
  get #changeAt(): number {
    const beyond = this.#changes - promptChanges + 1;
    return beyond <= 0 ? this.#changedAt : this.#changedAt + doubledPause(shortestCalm, longestCalm, beyond);
  }

  /** The oldest lasting trouble; but the reported one as long as it exists. */
  #worthTelling(now: number): RecordTrouble | undefined {
    if (this.#told !== undefined && this.#isTrue) return this.#told;
    return this.#troubles.find((trouble) => isTellable(trouble) && trouble.since + grace <= now);
  }
}

/** While the API server does not answer, no Ingress can be written to. */
function isTellable({ cause }: RecordTrouble): boolean {
  return cause !== 'unreachable';
}

/** Also if it is another object of the record now. */
function isStill(told: RecordTrouble, trouble: RecordTrouble): boolean {
  return isOfSameKind(trouble, told) && (trouble.cause === told.cause || !isTellable(trouble));
}

function isSame(one: RecordTrouble, other: RecordTrouble): boolean {
  return isOfSameKind(one, other) && one.object === other.object;
}

function isOfSameKind(one: RecordTrouble, other: RecordTrouble): boolean {
  return one.record === other.record && one.operation === other.operation;
}
