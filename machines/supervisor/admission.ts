import type { Backlog } from '../authority/backlog.ts';
import type { BudgetChange, OrderBudget } from '../authority/order-budget.ts';
import type { Hold } from '../ledger/hold.ts';
import type { Forecast, SharedLimit } from '../ledger/order-check.ts';
import { minute } from '../time/durations.ts';
import { earliest } from '../time/earliest.ts';
import { Outlook } from './outlook.ts';
import { admissionShare, Queues } from './queues.ts';
import type { Grant, Progress, Round } from './round.ts';
import { Shares } from './shares.ts';
import { Slots } from './slots.ts';

export interface AdmissionLimits {
  /** Maximum number of hosts in admitted rounds. */
  readonly hosts: number;
  /** `LEGO_MAX_ORDERS_IN_FLIGHT`. */
  readonly ordersInFlight: number;
}

/** Admissions at a time: some milliseconds, with what they set off. */
const mostAtOnce = 20;
/** Ignore changes of a time under a minute or 10 % of what is left. */
const minimumChange = minute;
const accountLimit = 'orders-per-account';

/**
 * Decides which rounds may prepare challenges (admission, limited by hosts) and which may order (slots). The two are separate: hosts
 * that never respond occupy no slot. At most one round is admitted per exact set of identifiers, because the CA returns the
 * same order for the second (Boulder reuses orders). A round that exceeds the CA's limits is held until it fits, and does
 * not block others.
 *
 * Admission is fair among namespaces by what each was granted in the period of the limit that they wait for, slots by what each has.
 * It is not known after a restart: then all are equal.
 */
export class Admission {
  readonly limits: AdmissionLimits;
  readonly #budget: OrderBudget;
  readonly #rounds = new Map<string, Progress>();
  readonly #shares = new Shares((...change) => this.#queues.changeShare(...change));
  readonly #queues: Queues;
  readonly #slots: Slots;
  readonly #outlook = new Outlook();
  readonly #setsAdmitted = new Set<string>();
  #serial = 0;
  #hostsAdmitted = 0;
  #hostsRepeating = 0;
  /** Number of waiting rounds with a hold. */
  #held = 0;
  /** The last `grants` has left some that may be admitted. */
  #goesOn = false;
  #trouble: Hold | undefined;
  /** Rounds whose hold has changed in this call of `grants`. */
  readonly #told = new Set<Progress>();

  constructor(limits: AdmissionLimits, budget: OrderBudget) {
    this.limits = limits;
    this.#budget = budget;
    this.#slots = new Slots(limits.ordersInFlight);
    this.#queues = new Queues({
      budget,
      shareOf: (limit, namespace) => this.#shares.of(limit, namespace),
      isSetAdmitted: (identifiers) => this.#setsAdmitted.has(identifiers),
      onHeld: (progress, hold, now) => {
        if (this.#tell(progress, hold, now)) this.#outlook.changed(now);
      },
    });
  }

  get ordersInFlight(): number {
    return this.#slots.ordering;
  }

  /** Hosts in admitted rounds that repeat a check. */
  get hostsRepeating(): number {
    return this.#hostsRepeating;
  }

  /** Number of rounds in each stage, and of admitted hosts. */
  get occupancy() {
    const admitted = this.#setsAdmitted.size;
    const awaitingSlot = this.#slots.awaiting.size;
    const { lent, ordering } = this.#slots;
    return {
      waiting: this.#waiting - this.#held,
      held: this.#held,
      admitted: admitted - awaitingSlot - lent - ordering,
      awaitingSlot,
      lent,
      ordering,
      hosts: this.#hostsAdmitted,
    };
  }

  /** Of the rounds not yet admitted, as last computed; undefined if there are none. */
  backlog(now: number): Backlog | undefined {
    const orders = this.#waiting;
    if (orders === 0) return undefined;
    const { beyondDay, lastAt } = this.#outlook.result ?? { beyondDay: 0, lastAt: now };
    return { orders, withinDay: Math.max(orders - beyondDay, 0), lastAt };
  }

  /** It is looked at with all that come in this turn of the event loop, see `next`. */
  enter(round: Round, now: number): void {
    this.leave(round.id, now);
    const { id, hosts } = round;
    this.#serial += 1;
    const progress: Progress = {
      round,
      serial: this.#serial,
      identifiers: hosts.toSorted().join(),
      stage: 'waiting',
      occupies: 0,
      lane: undefined,
      from: undefined,
      hold: undefined,
      shared: [],
      heapIndex: 0,
    };
    this.#rounds.set(id, progress);
    this.#queues.add(progress);
    if (this.#trouble !== undefined) this.#outlook.changed(now);
  }

  requestSlot(id: string): void {
    const progress = this.#rounds.get(id);
    if (progress !== undefined) this.#slots.request(progress);
  }

  /** The CA has nothing to do for this order now: another one may have its slot meanwhile. */
  lendSlot(id: string): void {
    const progress = this.#rounds.get(id);
    if (progress !== undefined) this.#slots.lend(progress);
  }

  reclaimSlot(id: string): void {
    const progress = this.#rounds.get(id);
    if (progress !== undefined) this.#slots.reclaim(progress);
  }

  /**
   * The order has ended, or is no longer needed. The certificate may wait for an hour until its Secret can be written: that holds up no
   * other one.
   */
  returnSlot(id: string): void {
    const progress = this.#rounds.get(id);
    if (progress !== undefined && this.#slots.return(progress)) this.#freeHosts(progress);
  }

  leave(id: string, now: number): void {
    const progress = this.#rounds.get(id);
    if (progress === undefined) return;
    this.#slots.return(progress);
    this.#rounds.delete(id);
    if (progress.stage === 'admitted') {
      this.#returnAdmission(progress, now);
      return;
    }
    this.#queues.delete(progress, now);
    this.#unhold(progress);
    if (this.#waiting === 0) this.#outlook.end();
    else this.#outlook.changed(now);
  }

  /** `room`: held rounds are looked at again. `health`: the next `grants` sees it. */
  roomChanged(change: BudgetChange, now: number): void {
    if (change !== 'room') return;
    this.#queues.roomChanged(now);
    if (this.#held > 0) this.#outlook.changed(now);
  }

  /** When to call `grants` next if no event comes before. */
  next(now: number): number | undefined {
    const trouble = this.#slots.awaiting.size === 0 ? undefined : this.#budget.trouble(now)?.until;
    const waits = this.#waiting > 0;
    if (!waits) return trouble;
    if (this.#goesOn || this.#queues.hasArrivals) return now;
    const turn = this.#hasRoom() ? this.#queues.next(now) : undefined;
    return earliest([trouble, turn, this.#outlook.next]);
  }

  /** Grants free slots to orders that have lent theirs: they are at the CA already, and wait for nothing else. */
  givesBack(): Grant[] {
    return this.#slots.giveBack().map(({ round }) => ({ id: round.id, grant: 'slot' }));
  }

  /** Grants what is free after `givesBack`, and says what holds others. What would take long is done a part at a time, see `next`. */
  grants(now: number): Grant[] {
    const grants: Grant[] = [];
    this.#shares.expire(now);
    this.#queues.refresh(now);
    let first = this.#first(now);
    for (; first !== undefined && grants.length < mostAtOnce; first = this.#first(now)) {
      this.#admit(first, now);
      grants.push({ id: first.round.id, grant: 'admission' });
    }
    this.#goesOn = first !== undefined;
    // Less room is left for those that have not been told.
    if (grants.length > 0 && this.#waiting > this.#held) this.#outlook.changed(now);
    for (const progress of this.#slots.give(({ round }) => this.#budget.enter(round.id, now))) {
      progress.hold = undefined;
      grants.push({ id: progress.round.id, grant: 'slot' });
    }
    this.#tellOfTrouble(now);
    this.#outlook.walkOn(
      now,
      () => this.#queues.inOrder(),
      (progress, taken) => this.#foresee(progress, taken, now),
    );
    // First what holds others: they are passed because of that.
    const holds = [...this.#told].flatMap(({ round, hold }): Grant[] =>
      hold === undefined ? [] : [{ id: round.id, grant: 'none', hold }],
    );
    this.#told.clear();
    return [...holds, ...grants];
  }

  get #waiting(): number {
    return this.#rounds.size - this.#setsAdmitted.size;
  }

  #hasRoom(): boolean {
    return this.#hostsAdmitted < this.limits.hosts;
  }

  /** The next one to be admitted. */
  #first(now: number): Progress | undefined {
    if (!this.#hasRoom()) return undefined;
    const first = this.#queues.first(now);
    // A certificate with more hosts than the limit is admitted alone.
    const fits =
      this.#hostsAdmitted === 0 ||
      (first !== undefined && this.#hostsAdmitted + first.round.hosts.length <= this.limits.hosts);
    return fits ? first : undefined;
  }

  #admit(progress: Progress, now: number): void {
    const { round, identifiers } = progress;
    this.#unhold(progress);
    progress.stage = 'admitted';
    progress.occupies = round.hosts.length;
    this.#hostsAdmitted += round.hosts.length;
    if (round.repeats) this.#hostsRepeating += round.hosts.length;
    this.#setsAdmitted.add(identifiers);
    this.#budget.reserve(round, now);
    const limits = this.#budget.sharedLimits(round).filter(({ limit }) => limit !== accountLimit);
    progress.shared = limits.map(({ key }) => key);
    for (const share of [admissionShare, ...progress.shared]) this.#shares.take(share, round.namespace);
    this.#queues.delete(progress, now);
    if (this.#waiting === 0) this.#outlook.end();
  }

  #freeHosts(progress: Progress): void {
    this.#hostsAdmitted -= progress.occupies;
    if (progress.round.repeats) this.#hostsRepeating -= progress.occupies;
    progress.occupies = 0;
  }

  #returnAdmission(progress: Progress, now: number): void {
    const { round, identifiers, shared } = progress;
    const { namespace } = round;
    this.#freeHosts(progress);
    this.#setsAdmitted.delete(identifiers);
    this.#queues.setLeft(identifiers, now);
    const { freed, spent } = this.#budget.release(round.id, now);
    const untilOf = (found: SharedLimit | undefined) =>
      found === undefined ? undefined : now + found.period;
    const account = spent.find(({ limit }) => limit === accountLimit);
    this.#shares.giveBack(admissionShare, namespace, untilOf(account));
    for (const key of shared)
      this.#shares.giveBack(key, namespace, untilOf(spent.find((limit) => limit.key === key)));
    if (freed) this.roomChanged('room', now);
  }

  /** Tells those that are ready to order; the others wait for it, too, and are told by the walk. */
  #tellOfTrouble(now: number): void {
    const trouble = this.#budget.trouble(now);
    if (trouble?.until !== this.#trouble?.until && this.#waiting > 0) this.#outlook.changed(now);
    this.#trouble = trouble;
    if (trouble === undefined) return;
    for (const progress of this.#slots.awaiting) this.#tell(progress, trouble, now);
  }

  #foresee(progress: Progress, taken: Map<string, number>, now: number): Forecast | undefined {
    if (progress.stage !== 'waiting' || this.#rounds.get(progress.round.id) !== progress) return undefined;
    const forecast = this.#budget.foresee(progress.round, taken, now);
    const hold = forecast.hold ?? this.#trouble;
    if (hold !== undefined) this.#tell(progress, hold, now);
    return forecast;
  }

  /** @returns false if almost the same was told before */
  #tell(progress: Progress, { cause, scope, until }: Hold, now: number): boolean {
    const before = progress.hold;
    const known =
      before?.cause === cause &&
      before.scope === scope &&
      Math.abs(before.until - until) < Math.max(minimumChange, (before.until - now) / 10);
    if (known) return false;
    if (before === undefined && progress.stage === 'waiting') this.#held += 1;
    progress.hold = { cause, scope, until };
    this.#told.add(progress);
    return true;
  }

  /** @param progress waits, or waited until now */
  #unhold(progress: Progress): void {
    if (progress.hold !== undefined) this.#held -= 1;
    progress.hold = undefined;
  }
}
