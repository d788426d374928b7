import type { OrderBudget } from '../authority/order-budget.ts';
import type { Gate } from '../ledger/hold.ts';
import { second } from '../time/durations.ts';
import { earliest } from '../time/earliest.ts';
import { Lanes } from './lanes.ts';
import type { Lane, Progress } from './round.ts';
import { TurnQueues } from './turn-queues.ts';

export interface QueuesOptions {
  readonly budget: Pick<OrderBudget, 'gate' | 'sharedLimits'>;
  /** What a namespace has of a limit, or of `admissionShare`. */
  readonly shareOf: (limit: string, namespace: string) => number;
  /** Whether a round with this exact set is admitted. */
  readonly isSetAdmitted: (identifiers: string) => boolean;
  /** The round waits for this limit. */
  readonly onHeld: (progress: Progress, gate: Gate, now: number) => void;
}

/** A namespace's rounds in progress, and those that the account's limit counts. */
export const admissionShare = 'admission';

/** How often the budget is asked at a time: some milliseconds. */
const looksAtOnce = 500;
/** Milliseconds. Batches freed capacity; for each lane, so that looking at all takes about 1 % of the time. */
const sweepDelay = 5 * second;
const sweepDelayEach = 3;

/**
 * The rounds that wait for admission: in their turn, or in a lane while a narrower limit than the account's holds them. No step looks
 * at all of them: to choose one costs log n, and what needs more is done a part at a time (see `next`).
 */
export class Queues {
  readonly #options: QueuesOptions;
  /** Not yet looked at. */
  readonly #arrived = new Set<Progress>();
  readonly #turns: TurnQueues;
  readonly #lanes: Lanes;
  #sweepAt: number | undefined;
  #looksLeft = looksAtOnce;

  constructor(options: QueuesOptions) {
    const { shareOf } = options;
    this.#options = options;
    this.#turns = new TurnQueues((namespace) => shareOf(admissionShare, namespace));
    this.#lanes = new Lanes(shareOf);
  }

  /** Whether `refresh` has something to look at. */
  get hasArrivals(): boolean {
    return this.#arrived.size > 0;
  }

  add(progress: Progress): void {
    this.#arrived.add(progress);
  }

  /** It is admitted, or gone. */
  delete(progress: Progress, now: number): void {
    if (this.#arrived.delete(progress)) return;
    if (progress.lane === undefined) this.#turns.delete(progress);
    else this.#lanes.delete(progress);
    this.#lanes.replace(progress, now);
  }

  changeShare(limit: string, namespace: string, change: 1 | -1): void {
    if (limit === admissionShare) this.#turns.changeShare(namespace, change);
    else this.#lanes.changeShare(limit, namespace, change);
  }

  /** Capacity was freed in some limit. */
  roomChanged(now: number): void {
    this.#turns.openAll();
    if (this.#lanes.size > 0) this.#sweepAt ??= now + Math.max(sweepDelay, sweepDelayEach * this.#lanes.size);
  }

  /** No round with this exact set is admitted any more. */
  setLeft(identifiers: string, now: number): void {
    this.#lanes.openAll(setLimit(identifiers), now);
  }

  /** When `first` may have another result if nothing happens before. */
  next(now: number): number | undefined {
    if (this.#looksLeft <= 0) return now;
    return earliest([this.#turns.next(now), this.#lanes.next, this.#sweepAt]);
  }

  /** Looks at those that have come. To be called before `first`; some are left to the next time if there are many. */
  refresh(now: number): void {
    this.#looksLeft = looksAtOnce;
    for (const progress of this.#arrived) {
      if (!this.#mayLook()) return;
      this.#arrived.delete(progress);
      this.#join(progress, now);
    }
    if (this.#sweepAt === undefined || this.#sweepAt > now) return;
    this.#sweepAt = undefined;
    this.#lanes.sweep();
  }

  /** Whose turn it is, and nothing holds. */
  first(now: number): Progress | undefined {
    for (;;) {
      this.#openLanes(now);
      const first = this.#turns.first(now);
      if (first === undefined || !this.#mayLook()) return undefined;
      if (this.#options.isSetAdmitted(first.identifiers)) {
        this.#hold(first, setLimit(first.identifiers), undefined, now);
        continue;
      }
      const gate = this.#options.budget.gate(first.round, now);
      if (gate === undefined) return first;
      if (gate.ofAccount) this.#turns.close(first, gate.until);
      else this.#hold(first, gate.key, gate.until, now);
      this.#options.onHeld(first, gate, now);
    }
  }

  /** All, in the order in which they may go, but for those that have just come. */
  *inOrder(): Generator<Progress, void> {
    yield* this.#turns.inOrder();
    for (const { queue } of this.#lanes.values()) yield* queue.inTurn();
  }

  #join(progress: Progress, now: number): void {
    const { budget, onHeld } = this.#options;
    const { round } = progress;
    const gate = budget.gate(round, now);
    // Nobody goes ahead of those that wait for a limit of which something is left.
    const limit = gate === undefined || gate.ofAccount ? this.#awaitedBefore(progress) : gate.key;
    const queue =
      limit === undefined
        ? this.#turns.add(progress)
        : this.#lanes.add(progress, limit, gate?.until ?? now).queue;
    if (gate === undefined) this.#turns.open(progress);
    else {
      const before = new Map([[gate.key, queue.mostBefore(round.namespace)]]);
      onHeld(progress, budget.gate(round, now, before) ?? gate, now);
    }
  }

  #awaitedBefore(progress: Progress): string | undefined {
    const limits = this.#options.budget.sharedLimits(progress.round);
    return this.#lanes.findAwaited(
      progress,
      limits.map(({ key }) => key),
    );
  }

  /** Moves the first round of each lane whose limit has room to its turn. */
  #openLanes(now: number): void {
    for (let lane = this.#lanes.takeOpen(now); lane !== undefined; lane = this.#lanes.takeOpen(now)) {
      const { first } = lane.queue;
      if (first === undefined) continue;
      if (!this.#mayLook()) {
        this.#lanes.open(lane, now);
        return;
      }
      this.#openLane(lane, first, now);
    }
  }

  #openLane(lane: Lane, first: Progress, now: number): void {
    const { budget, isSetAdmitted, onHeld } = this.#options;
    if (lane.limit === setLimit(first.identifiers)) {
      if (lane.ahead > 0 || isSetAdmitted(first.identifiers)) return;
    } else {
      const gate = budget.gate(first.round, now, new Map([[lane.limit, lane.ahead]]));
      if (gate?.key === lane.limit) {
        this.#lanes.open(lane, gate.until);
        return;
      }
      this.#lanes.open(lane, now);
      if (gate !== undefined && !gate.ofAccount) {
        this.#hold(first, gate.key, gate.until, now);
        onHeld(first, gate, now);
        return;
      }
    }
    this.#lanes.letAhead(first, lane);
    this.#turns.add(first);
  }

  /** Moves it into the lane of this limit. */
  #hold(progress: Progress, limit: string, until: number | undefined, now: number): void {
    this.delete(progress, now);
    this.#lanes.add(progress, limit, until);
  }

  #mayLook(): boolean {
    this.#looksLeft -= 1;
    return this.#looksLeft >= 0;
  }
}

function setLimit(identifiers: string): string {
  return `set ${identifiers}`;
}
