import type { BudgetChange, OrderBudget, PlannedOrder } from '../authority/order-budget.ts';
import type { Hold } from '../ledger/ledger.ts';
import { minute, second } from '../time/durations.ts';
import { Schedule } from './schedule.ts';

/** A certificate that wants to be worked on. */
export interface Round extends PlannedOrder {
  readonly namespace: string;
  /** When visitors begin to see the harm, in milliseconds since the epoch. */
  readonly harmAt: number;
}

export interface AdmissionLimits {
  /** How many hosts are prepared and validated at a time. */
  readonly hosts: number;
  /** `LEGO_MAX_ORDERS_IN_FLIGHT`. */
  readonly ordersInFlight: number;
}

type Stage = 'waiting' | 'held' | 'admitted' | 'awaiting-slot' | 'ordering';

interface Progress {
  readonly round: Round;
  readonly identifiers: string;
  /** Counts the rounds as they come. */
  readonly serial: number;
  stage: Stage;
  /** As it was last told. */
  hold: Hold | undefined;
}

/** What a round may do now, or why it has to wait. */
export type Grant =
  | { readonly id: string; readonly grant: 'admission' | 'slot' }
  | { readonly id: string; readonly grant: 'none'; readonly hold: Hold };

/** Milliseconds. What others give back is looked for together: with thousands that wait each look costs. */
const recheckDelay = 5 * second;
/** The same for each one that waits: a look at all takes a hundredth of the time at most. */
const recheckDelayEach = 3;
/** A time that moves less is not told, nor one that moves by less than a tenth of what is left. */
const worthTelling = minute;

/**
 * Who may prepare its challenges (admission, bounded by hosts) and who may order (a slot). Apart, so that ten hosts which
 * never answer hold up nobody: they have no slot. At most one round is admitted for an exact set of identifiers,
 * because the CA answers a second order with the first (Boulder reuses orders). Who finds no room in the CA's limits is
 * held until there is some, and stands in nobody's way.
 */
export class Admission {
  readonly limits: AdmissionLimits;
  readonly #budget: OrderBudget;
  /** When the turn of each of those that are held comes. */
  readonly #schedule = new Schedule();
  #recheckAt: number | undefined;
  /** What those that are held are going to take from the CA's limits, as of the last look at all of them. */
  #queue = new Map<string, number>();
  readonly #rounds = new Map<string, Progress>();
  readonly #byStage: Record<Stage, Set<Progress>> = {
    waiting: new Set(),
    held: new Set(),
    admitted: new Set(),
    'awaiting-slot': new Set(),
    ordering: new Set(),
  };
  #serial = 0;
  #hostsAdmitted = 0;
  readonly #setsAdmitted = new Set<string>();

  constructor(limits: AdmissionLimits, budget: OrderBudget) {
    this.limits = limits;
    this.#budget = budget;
  }

  get ordersInFlight(): number {
    return this.#byStage.ordering.size;
  }

  /** The rounds that have not been admitted. */
  get backlog(): Round[] {
    const { waiting, held } = this.#byStage;
    return [...held, ...waiting].map(({ round }) => round);
  }

  /** How many rounds stand where, and how many hosts are admitted with them. */
  get occupancy() {
    const { waiting, held, admitted, 'awaiting-slot': awaitingSlot, ordering } = this.#byStage;
    return {
      waiting: waiting.size,
      held: held.size,
      admitted: admitted.size,
      awaitingSlot: awaitingSlot.size,
      ordering: ordering.size,
      hosts: this.#hostsAdmitted,
    };
  }

  enter(round: Round, now: number): void {
    this.leave(round.id, now);
    const identifiers = round.hosts.toSorted().join();
    this.#serial += 1;
    const progress: Progress = {
      round,
      identifiers,
      serial: this.#serial,
      stage: 'waiting',
      hold: undefined,
    };
    this.#rounds.set(round.id, progress);
    this.#byStage.waiting.add(progress);
  }

  requestSlot(id: string): void {
    const progress = this.#rounds.get(id);
    if (progress?.stage === 'admitted') this.#move(progress, 'awaiting-slot');
  }

  /** The order is final, or no longer wanted. */
  returnSlot(id: string): void {
    const progress = this.#rounds.get(id);
    if (progress !== undefined && isAdmitted(progress)) this.#move(progress, 'admitted');
  }

  leave(id: string, now: number): void {
    const progress = this.#rounds.get(id);
    if (progress === undefined) return;
    if (isAdmitted(progress)) {
      this.#hostsAdmitted -= progress.round.hosts.length;
      this.#setsAdmitted.delete(progress.identifiers);
    }
    this.#schedule.delete(id);
    this.#byStage[progress.stage].delete(progress);
    this.#rounds.delete(id);
    if (this.#budget.release(id, now)) this.#recheckSoon(now);
  }

  /** Those who wait are to be looked at again: at once if the CA may answer again, together with others if there may be room. */
  roomChanged(change: BudgetChange, now: number): void {
    if (change === 'room') this.#recheckSoon(now);
  }

  /** When somebody who waits may go on although nobody does anything. */
  next(now: number): number | undefined {
    const trouble = this.#byStage['awaiting-slot'].size === 0 ? undefined : this.#budget.trouble(now)?.until;
    const recheck = this.#byStage.held.size === 0 ? undefined : this.#recheckAt;
    const times = [this.#schedule.next(), recheck, trouble].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Hands out what is free, fair among namespaces, the earliest harm first. */
  grants(now: number): Grant[] {
    const woken = new Set(this.#schedule.takeDue(now).flatMap((id) => this.#rounds.get(id) ?? []));
    for (const progress of woken) this.#move(progress, 'waiting');
    const all = this.#recheckAt !== undefined && this.#recheckAt <= now;
    return [...(all ? this.#admitFromAll(now) : this.#admissions(woken, now)), ...this.#slots(now)];
  }

  /** Gives all that are held a turn anew. */
  #admitFromAll(now: number): Grant[] {
    for (const progress of this.#byStage.held) {
      this.#schedule.delete(progress.round.id);
      this.#move(progress, 'waiting');
    }
    this.#recheckAt = undefined;
    return this.#admissions(new Set(), now);
  }

  /** @param woken those whose turn has come */
  #admissions(woken: ReadonlySet<Progress>, now: number): Grant[] {
    const grants: Grant[] = [];
    if (this.#hostsAdmitted >= this.limits.hosts) return grants;
    const heldBefore = this.#byStage.held.size;
    if (heldBefore === 0) this.#queue = new Map();
    for (const progress of this.#inTurn('waiting')) {
      const { id, hosts } = progress.round;
      if (this.#setsAdmitted.has(progress.identifiers)) continue;
      const hold = this.#budget.hold(progress.round, this.#queue, now);
      if (hold !== undefined) {
        // Its turn is the last one; by harm, and in fairness to its namespace, or as others have left, it may be an earlier one.
        if (heldBefore > 0) this.#recheckSoon(now);
        // Somebody took the room of one whose turn has come: the next room is for that one.
        const wait = woken.has(progress) ? (this.#budget.hold(progress.round, new Map(), now) ?? hold) : hold;
        this.#move(progress, 'held');
        this.#schedule.set(id, wait.until);
        grants.push(...tell(progress, wait, now));
        continue;
      }
      // A certificate with more hosts than the limit still gets its turn, alone.
      if (this.#hostsAdmitted > 0 && this.#hostsAdmitted + hosts.length > this.limits.hosts) break;
      this.#move(progress, 'admitted');
      progress.hold = undefined;
      this.#hostsAdmitted += hosts.length;
      this.#setsAdmitted.add(progress.identifiers);
      this.#budget.reserve(progress.round, now);
      grants.push({ id, grant: 'admission' });
    }
    return grants;
  }

  #slots(now: number): Grant[] {
    const grants: Grant[] = [];
    if (this.ordersInFlight < this.limits.ordersInFlight) {
      for (const progress of this.#inTurn('awaiting-slot')) {
        if (this.ordersInFlight >= this.limits.ordersInFlight) break;
        if (!this.#budget.enter(progress.round.id, now)) break;
        this.#move(progress, 'ordering');
        progress.hold = undefined;
        grants.push({ id: progress.round.id, grant: 'slot' });
      }
    }
    const trouble = this.#budget.trouble(now);
    if (trouble === undefined) return grants;
    // Also those who are kept from admission by so many who wait for the CA.
    const stuck = [...this.#byStage['awaiting-slot'], ...this.#byStage.waiting];
    return [...grants, ...stuck.flatMap((progress) => tell(progress, trouble, now))];
  }

  #recheckSoon(now: number): void {
    this.#recheckAt ??= now + Math.max(recheckDelay, recheckDelayEach * this.#byStage.held.size);
  }

  #move(progress: Progress, stage: Stage): void {
    this.#byStage[progress.stage].delete(progress);
    progress.stage = stage;
    this.#byStage[stage].add(progress);
  }

  /** The namespace with the least under way first; within it, and among equals, the earliest harm. */
  #inTurn(stage: 'waiting' | 'awaiting-slot'): Progress[] {
    if (this.#byStage[stage].size === 0) return [];
    const underWay = new Map<string, number>();
    const holding: Stage[] = stage === 'waiting' ? ['admitted', 'awaiting-slot', 'ordering'] : ['ordering'];
    for (const { round } of holding.flatMap((held) => [...this.#byStage[held]])) {
      underWay.set(round.namespace, (underWay.get(round.namespace) ?? 0) + 1);
    }
    return [...this.#byStage[stage]]
      .toSorted((one, other) => one.round.harmAt - other.round.harmAt || one.serial - other.serial)
      .map((progress) => {
        const turn = underWay.get(progress.round.namespace) ?? 0;
        underWay.set(progress.round.namespace, turn + 1);
        return { progress, turn };
      })
      .toSorted((one, other) => one.turn - other.turn)
      .map(({ progress }) => progress);
  }
}

function isAdmitted({ stage }: Progress): boolean {
  return stage !== 'waiting' && stage !== 'held';
}

/** Tells why it waits, unless it has been told much the same. */
function tell(progress: Progress, hold: Hold, now: number): Grant[] {
  const before = progress.hold;
  const known =
    before?.cause === hold.cause &&
    before.scope === hold.scope &&
    Math.abs(before.until - hold.until) < Math.max(worthTelling, (before.until - now) / 10);
  if (known) return [];
  progress.hold = hold;
  return [{ id: progress.round.id, grant: 'none', hold }];
}
