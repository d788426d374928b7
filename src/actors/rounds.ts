import { type CallbackActorLogic, fromCallback } from 'xstate';
import type { Hold } from '../../machines/ledger/hold.ts';
import type { Round } from '../../machines/supervisor/round.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor.ts';

type Request = { readonly type: 'REQUEST_SLOT' } | { readonly type: 'RETURN_SLOT' };
type Permit =
  | { readonly type: 'ADMITTED' | 'SLOT_GRANTED'; readonly at: number }
  | { readonly type: 'HELD'; readonly hold: Hold; readonly at: number };

interface Running {
  permit(permit: Permit): void;
  /** It has held a slot, so it may have an order at the CA: the shutdown waits for it. */
  ordered: boolean;
}

/**
 * The running rounds: passes their requests to the supervisor and its permits back, and releases a round's resources at its end in
 * any case.
 */
export class Rounds {
  readonly #running = new Map<string, Running>();
  readonly #tellSupervisor: (event: SupervisorEvent) => void;
  readonly #release: (id: string) => void;

  /** @param release frees the resources of a round: challenge rules, key, chain */
  constructor(tellSupervisor: (event: SupervisorEvent) => void, release: (id: string) => void) {
    this.#tellSupervisor = tellSupervisor;
    this.#release = release;
  }

  /** Number of running rounds that have begun an order. */
  get ordered(): number {
    return [...this.#running.values()].filter(({ ordered }) => ordered).length;
  }

  admit(id: string, at: number): void {
    this.#running.get(id)?.permit({ type: 'ADMITTED', at });
  }

  hold(id: string, hold: Hold, at: number): void {
    this.#running.get(id)?.permit({ type: 'HELD', hold, at });
  }

  grantSlot(id: string, at: number): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.ordered = true;
    running.permit({ type: 'SLOT_GRANTED', at });
  }

  /** The logic of the actor `round` of a certificate. */
  logic(): CallbackActorLogic<Request, Round> {
    return fromCallback<Request, Round>(({ input: round, sendBack, receive }) => {
      const { id } = round;
      this.#running.set(id, { permit: sendBack, ordered: false });
      receive((request) => {
        this.#tellSupervisor({
          type: request.type === 'REQUEST_SLOT' ? 'SLOT_REQUESTED' : 'SLOT_RETURNED',
          id,
        });
      });
      this.#tellSupervisor({ type: 'ROUND_STARTED', round });
      return () => {
        this.#running.delete(id);
        this.#release(id);
        this.#tellSupervisor({ type: 'ROUND_ENDED', id });
      };
    });
  }
}
