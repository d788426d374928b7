/** A certificate that wants to be worked on. */
export interface Round {
  readonly id: string;
  readonly namespace: string;
  readonly hosts: readonly string[];
  /** When visitors begin to see the harm, in milliseconds since the epoch. */
  readonly harmAt: number;
}

export interface AdmissionLimits {
  /** How many hosts are prepared and validated at a time. */
  readonly hosts: number;
  /** `LEGO_MAX_ORDERS_IN_FLIGHT`. */
  readonly ordersInFlight: number;
}

type Stage = 'waiting' | 'admitted' | 'awaiting-slot' | 'ordering';

interface Progress {
  readonly round: Round;
  readonly identifiers: string;
  stage: Stage;
}

/** What a round may do now. */
export interface Grant {
  readonly id: string;
  readonly grant: 'admission' | 'slot';
}

/**
 * Who may prepare its challenges (admission, bounded by hosts) and who may order (a slot). Apart, so that ten hosts which
 * never answer hold up nobody: they have no slot. At most one order is in flight for an exact set of identifiers,
 * because the CA answers a second one with the first (Boulder reuses orders).
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #rounds = new Map<string, Progress>();
  readonly #byStage: Record<Stage, Set<Progress>> = {
    waiting: new Set(),
    admitted: new Set(),
    'awaiting-slot': new Set(),
    ordering: new Set(),
  };
  #hostsAdmitted = 0;
  readonly #setsInFlight = new Set<string>();

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get ordersInFlight(): number {
    return this.#byStage.ordering.size;
  }

  enter(round: Round): void {
    this.leave(round.id);
    const progress: Progress = { round, identifiers: round.hosts.toSorted().join(), stage: 'waiting' };
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
    if (progress === undefined || progress.stage === 'waiting') return;
    if (progress.stage === 'ordering') this.#setsInFlight.delete(progress.identifiers);
    this.#move(progress, 'admitted');
  }

  leave(id: string): void {
    const progress = this.#rounds.get(id);
    if (progress === undefined) return;
    this.returnSlot(id);
    if (progress.stage !== 'waiting') this.#hostsAdmitted -= progress.round.hosts.length;
    this.#byStage[progress.stage].delete(progress);
    this.#rounds.delete(id);
  }

  /** Hands out what is free, fair among namespaces, the earliest harm first. */
  grants(): Grant[] {
    const grants: Grant[] = [];
    if (this.#hostsAdmitted < this.#limits.hosts) {
      for (const progress of this.#inTurn('waiting')) {
        const { id, hosts } = progress.round;
        // A certificate with more hosts than the limit still gets its turn, alone.
        if (this.#hostsAdmitted > 0 && this.#hostsAdmitted + hosts.length > this.#limits.hosts) break;
        this.#move(progress, 'admitted');
        this.#hostsAdmitted += hosts.length;
        grants.push({ id, grant: 'admission' });
      }
    }
    if (this.ordersInFlight < this.#limits.ordersInFlight) {
      for (const progress of this.#inTurn('awaiting-slot')) {
        if (this.ordersInFlight >= this.#limits.ordersInFlight) break;
        if (this.#setsInFlight.has(progress.identifiers)) continue;
        this.#move(progress, 'ordering');
        this.#setsInFlight.add(progress.identifiers);
        grants.push({ id: progress.round.id, grant: 'slot' });
      }
    }
    return grants;
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
      .toSorted((one, other) => one.round.harmAt - other.round.harmAt)
      .map((progress) => {
        const turn = underWay.get(progress.round.namespace) ?? 0;
        underWay.set(progress.round.namespace, turn + 1);
        return { progress, turn };
      })
      .toSorted((one, other) => one.turn - other.turn)
      .map(({ progress }) => progress);
  }
}
