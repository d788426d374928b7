import type { OrderReport } from '../../machines/authority/order-report.ts';
import type { Hold } from '../../machines/ledger/hold.ts';
import type { Round } from '../../machines/supervisor/round.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { Rounds } from '../../src/actors/rounds.ts';

export interface RoundsWitness {
  reported(report: OrderReport): void;
  roundStarted(round: Round): void;
  roundAdmitted(id: string): void;
  roundHeld(id: string, hold: Hold): void;
  slotRequested(id: string): void;
  slotGranted(id: string): void;
  slotReturned(id: string): void;
  roundEnded(id: string): void;
}

/** The product's rounds, and somebody who watches them. */
export class ObservedRounds extends Rounds {
  readonly #witness: RoundsWitness;

  constructor(
    tellSupervisor: (event: SupervisorEvent) => void,
    release: (id: string) => void,
    witness: RoundsWitness,
  ) {
    super((event) => {
      if (event.type === 'ROUND_STARTED') witness.roundStarted(event.round);
      if (event.type === 'SLOT_REQUESTED') witness.slotRequested(event.id);
      if (event.type === 'SLOT_RETURNED') witness.slotReturned(event.id);
      if (event.type === 'ROUND_ENDED') witness.roundEnded(event.id);
      tellSupervisor(event);
    }, release);
    this.#witness = witness;
  }

  override admit(id: string, at: number): void {
    this.#witness.roundAdmitted(id);
    super.admit(id, at);
  }

  override hold(id: string, hold: Hold, at: number): void {
    this.#witness.roundHeld(id, hold);
    super.hold(id, hold, at);
  }

  override grantSlot(id: string, at: number): void {
    this.#witness.slotGranted(id);
    super.grantSlot(id, at);
  }
}
