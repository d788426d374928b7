import { Schedule } from '../time/schedule.ts';
import { FairQueue } from './fair-queue.ts';
import { kindOf, kinds, type Lane, type Progress } from './round.ts';

/** All lanes. A lane is opened when its limit may have room, or in a sweep through all of them: its first round is looked at again. */
export class Lanes {
  readonly #shareOf: (limit: string, namespace: string) => number;
  readonly #lanes = new Map<string, Lane>();
  readonly #schedule = new Schedule();
  #sweep: Iterator<Lane> | undefined;

  /** @param shareOf what a namespace has of a limit */
  constructor(shareOf: (limit: string, namespace: string) => number) {
    this.#shareOf = shareOf;
  }

  get size(): number {
    return this.#lanes.size;
  }

  /** When a lane opens next; 0 during a sweep. */
  get next(): number | undefined {
    return this.#sweep === undefined ? this.#schedule.next() : 0;
  }

  values(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** The limit among these for which others of its kind wait. */
  findAwaited({ round }: Progress, limits: readonly string[]): string | undefined {
    return limits.find((limit) => (this.#lanes.get(keyOf(limit, kindOf(round)))?.queue.size ?? 0) > 0);
  }

  /** @param until when the lane opens if nobody waits in it; undefined: not by itself */
  add(progress: Progress, limit: string, until: number | undefined): Lane {
    const key = keyOf(limit, kindOf(progress.round));
    const lane = this.#lanes.get(key) ?? this.#newLane(key, limit);
    if (lane.queue.size === 0 && until !== undefined) this.#schedule.set(key, until);
    progress.lane = lane;
    lane.queue.add(progress);
    return lane;
  }

  delete(progress: Progress): void {
    const { lane } = progress;
    progress.lane = undefined;
    lane?.queue.delete(progress);
    if (lane !== undefined) this.#tidy(lane);
  }

  /** Its first round goes on, because the limit has room. */
  letAhead(progress: Progress, lane: Lane): void {
    lane.ahead += 1;
    progress.from = lane;
    this.delete(progress);
  }

  /** The round is admitted, held again, or gone: the lane may have room for the next one. */
  replace(progress: Progress, now: number): void {
    const { from } = progress;
    if (from === undefined) return;
    progress.from = undefined;
    from.ahead -= 1;
    this.open(from, now);
    this.#tidy(from);
  }

  open(lane: Lane, at: number): void {
    if (lane.queue.size > 0) this.#schedule.set(lane.key, at);
  }

  openAll(limit: string, at: number): void {
    for (const kind of kinds) {
      const lane = this.#lanes.get(keyOf(limit, kind));
      if (lane !== undefined) this.open(lane, at);
    }
  }

  /** Opens all lanes, one after the other. */
  sweep(): void {
    this.#sweep = this.#lanes.values();
  }

  /** The next lane that is open now. */
  takeOpen(now: number): Lane | undefined {
    const key = this.#schedule.takeOne(now);
    if (key !== undefined) return this.#lanes.get(key);
    const swept = this.#sweep?.next();
    if (swept?.done === true) this.#sweep = undefined;
    return swept?.done === true ? undefined : swept?.value;
  }

  changeShare(limit: string, namespace: string, change: 1 | -1): void {
    for (const kind of kinds) this.#lanes.get(keyOf(limit, kind))?.queue.changeShare(namespace, change);
  }

  #newLane(key: string, limit: string): Lane {
    const queue = new FairQueue<Progress>((namespace) => this.#shareOf(limit, namespace));
    const lane = { key, limit, queue, ahead: 0 };
    this.#lanes.set(key, lane);
    return lane;
  }

  #tidy(lane: Lane): void {
    if (lane.queue.size > 0) return;
    this.#schedule.delete(lane.key);
    if (lane.ahead === 0) this.#lanes.delete(lane.key);
  }
}

function keyOf(limit: string, kind: string): string {
  return `${kind} ${limit}`;
}
