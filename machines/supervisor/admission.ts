import type { BudgetChange, OrderBudget, PlannedOrder } from '../authority/order-budget.ts';
import type { Hold } from '../ledger/hold.ts';
import { minute, second } from '../time/durations.ts';
import { Schedule } from '../time/schedule.ts';

/** One attempt to obtain a certificate. */
export interface Round extends PlannedOrder {
  readonly namespace: string;
  /** When visitors begin to be affected, in milliseconds since the epoch. */
  readonly harmAt: number;
}

export interface AdmissionLimits {
  /** Maximum number of hosts in admitted rounds. */
  readonly hosts: number;
  /** `LEGO_MAX_ORDERS_IN_FLIGHT`. */
  readonly ordersInFlight: number;
}

type Stage = 'waiting' | 'held' | 'admitted' | 'awaiting-slot' | 'ordering';

interface Progress {
  readonly round: Round;
  readonly identifiers: string;
  /** Order of arrival. */
  readonly serial: number;
  stage: Stage;
  /** As last reported. */
  hold: Hold | undefined;
}

/** What a round may do now, or why it must wait. */
export type Grant =
  | { readonly id: string; readonly grant: 'admission' | 'slot' }
  | { readonly id: string; readonly grant: 'none'; readonly hold: Hold };

/** Milliseconds. Batches freed capacity: with thousands of waiting rounds, each recheck is expensive. */
const recheckDelay = 5 * second;
/** Milliseconds per waiting round: rechecks take at most 1 % of the time. */
const recheckDelayEach = 3;
/** Ignore changes of a time under a minute or 10 % of what is left. */
const minimumChange = minute;

/**
 * Decides which rounds may prepare challenges (admission, limited by hosts) and which may order (slots). The two are separate: hosts
 * that never respond occupy no slot. At most one round is admitted per exact set of identifiers, because the CA returns the
 * same order for the second (Boulder reuses orders). A round that exceeds the CA's limits is held until it fits, and does
 * not block others.
 */
export class Admission {
  readonly limits: AdmissionLimits;
  readonly #budget: OrderBudget;
  /** When each held round fits into the limits. */
  readonly #schedule = new Schedule();
  #recheckAt: number | undefined;
  /** Demand of the held rounds on the CA's limits, as of the last recheck. */
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

  /** Rounds not yet admitted. */
  get backlog(): Round[] {
    const { waiting, held } = this.#byStage;
    return [...held, ...waiting].map(({ round }) => round);
  }

  /** Number of rounds in each stage, and of admitted hosts. */
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

  /** The order has ended, or is no longer needed. */
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

  /** `room`: schedules a recheck of the held rounds. `health`: the next `grants` sees it. */
  roomChanged(change: BudgetChange, now: number): void {
    if (change === 'room') this.#recheckSoon(now);
  }

  /** When to call `grants` next if no event comes before. */
  next(now: number): number | undefined {
    const trouble = this.#byStage['awaiting-slot'].size === 0 ? undefined : this.#budget.trouble(now)?.until;
    const recheck = this.#byStage.held.size === 0 ? undefined : this.#recheckAt;
    const times = [this.#schedule.next(), recheck, trouble].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Grants what is free: fair among namespaces, then earliest harm first. */
  grants(now: number): Grant[] {
    const woken = new Set(this.#schedule.takeDue(now).flatMap((id) => this.#rounds.get(id) ?? []));
    for (const progress of woken) this.#move(progress, 'waiting');
    const all = this.#recheckAt !== undefined && this.#recheckAt <= now;
    return [...(all ? this.#admitFromAll(now) : this.#admissions(woken, now)), ...this.#slots(now)];
  }

  /** Reconsiders all held rounds. */
  #admitFromAll(now: number): Grant[] {
    for (const progress of this.#byStage.held) {
      this.#schedule.delete(progress.round.id);
      this.#move(progress, 'waiting');
    }
    this.#recheckAt = undefined;
    return this.#admissions(new Set(), now);
  }

  /** @param woken held rounds whose time has come */
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
        // It is now last in the queue; a recheck may move it up, by harm or fairness, or because others have left.
        if (heldBefore > 0) this.#recheckSoon(now);
        // Another round took the capacity that this one waited for: it gets the next, ahead of the queue.
        const wait = woken.has(progress) ? (this.#budget.hold(progress.round, new Map(), now) ?? hold) : hold;
        this.#move(progress, 'held');
        this.#schedule.set(id, wait.until);
        grants.push(...holdGrants(progress, wait, now));
        continue;
      }
      // A certificate with more hosts than the limit is admitted alone.
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
    // Includes rounds not admitted because others wait for the CA.
    const stuck = [...this.#byStage['awaiting-slot'], ...this.#byStage.waiting];
    return [...grants, ...stuck.flatMap((progress) => holdGrants(progress, trouble, now))];
  }

  #recheckSoon(now: number): void {
    this.#recheckAt ??= now + Math.max(recheckDelay, recheckDelayEach * this.#byStage.held.size);
  }

  #move(progress: Progress, stage: Stage): void {
    this.#byStage[progress.stage].delete(progress);
    progress.stage = stage;
    this.#byStage[stage].add(progress);
  }

  /** The namespace with the fewest rounds in progress first; then the earliest harm. */
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

/** Reports why a round waits, unless almost the same was reported before. */
function holdGrants(progress: Progress, hold: Hold, now: number): Grant[] {
  const before = progress.hold;
  const known =
    before?.cause === hold.cause &&
    before.scope === hold.scope &&
    Math.abs(before.until - hold.until) < Math.max(minimumChange, (before.until - now) / 10);
  if (known) return [];
  progress.hold = hold;
  return [{ id: progress.round.id, grant: 'none', hold }];
}
