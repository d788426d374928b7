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
/** What comes and goes is told so many times at once, then ever more seldom, until it stays for an hour as it is. */
const promptChanges = 2;
const [shortestCalm, longestCalm] = [minute, 30 * minute];

/** What a waiter is told; undefined: it waits for no record any more. */
export interface RecordNotice<Waiter> {
  readonly waiter: Waiter;
  readonly finding: Failure | undefined;
}

/**
 * Tells all that wait which record cannot be read or written, and when it can again: each once, a part at a time. One that comes and goes
 * is told ever more seldom: each time costs an Event and a write for each that waits.
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
  /** Of what is told, in a row: after an hour without one it begins anew. */
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

  /** When to call `take` next; undefined if nobody needs to be told anything. */
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

  /** Whether what some have been told still is so: nobody else is told what is over. */
  get #isTrue(): boolean {
    const told = this.#told;
    return told === undefined || this.#troubles.some((trouble) => isStill(told, trouble));
  }

  /** Before that, what is told stays. */
  get #changeAt(): number {
    const beyond = this.#changes - promptChanges + 1;
    return beyond <= 0 ? this.#changedAt : this.#changedAt + doubledPause(shortestCalm, longestCalm, beyond);
  }

  /** The oldest trouble that has lasted; but what many are told stays as long as it is true. */
  #worthTelling(now: number): RecordTrouble | undefined {
    if (this.#told !== undefined && this.#isTrue) return this.#told;
    return this.#troubles.find((trouble) => isTellable(trouble) && trouble.since + grace <= now);
  }
}

/** While the API server does not answer, no Ingress can be told. */
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
