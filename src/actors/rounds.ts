import { type CallbackActorLogic, fromCallback } from 'xstate';
import { type CertificateInput, roundOf } from '../../machines/ingress/certificate.ts';
import type { Hold } from '../../machines/ledger/hold.ts';
import type { Failure } from '../../machines/reasons/reasons.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { untilAborted } from '../time/clock.ts';

type Request = { readonly type: 'REQUEST_SLOT' } | { readonly type: 'RETURN_SLOT' };
type Permit =
  | { readonly type: 'ADMITTED' | 'SLOT_GRANTED'; readonly at: number }
  | { readonly type: 'HELD'; readonly hold: Hold; readonly at: number }
  | { readonly type: 'PENDING'; readonly finding: Failure | undefined; readonly at: number };

/**
 * The running rounds: passes their requests to the supervisor and its permits back, and releases a round's resources at its end in
 * any case.
 */
export class Rounds {
  readonly #running = new Map<string, (permit: Permit) => void>();
  /** Called when the slot that a round has lent is its own again. */
  readonly #reclaims = new Map<string, () => void>();
  readonly #tellSupervisor: (event: SupervisorEvent) => void;
  readonly #release: (id: string) => void;

  /** @param release frees the resources of a round: challenge rules, key, chain */
  constructor(tellSupervisor: (event: SupervisorEvent) => void, release: (id: string) => void) {
    this.#tellSupervisor = tellSupervisor;
    this.#release = release;
  }

  admit(id: string, at: number): void {
    this.#running.get(id)?.({ type: 'ADMITTED', at });
  }

  hold(id: string, hold: Hold, at: number): void {
    this.#running.get(id)?.({ type: 'HELD', hold, at });
  }

  /** The CA takes long over its order, or it waits for a record of kube-lego; undefined: it does not any more. */
  pending(id: string, finding: Failure | undefined, at: number): void {
    this.#running.get(id)?.({ type: 'PENDING', finding, at });
  }

  grantSlot(id: string, at: number): void {
    const reclaimed = this.#reclaims.get(id);
    if (reclaimed !== undefined) {
      this.#reclaims.delete(id);
      reclaimed();
      return;
    }
    this.#running.get(id)?.({ type: 'SLOT_GRANTED', at });
  }

  /** The CA has nothing to do for the order of this round: another one may be made meanwhile. */
  lendSlot(id: string): void {
    this.#tellSupervisor({ type: 'SLOT_LENT', id });
  }

  /**
   * Resolves when the round has a slot again.
   * @throws the signal's reason
   */
  async reclaimSlot(id: string, signal: AbortSignal): Promise<void> {
    const granted = Promise.withResolvers<void>();
    this.#reclaims.set(id, granted.resolve);
    try {
      this.#tellSupervisor({ type: 'SLOT_RECLAIMED', id });
      await untilAborted(granted.promise, signal);
    } finally {
      this.#reclaims.delete(id);
    }
  }

  /**
   * The logic of the actor `round` of a certificate.
   * @param exemptionOf from rate limits, as of now
   */
  logic(
    exemptionOf: (input: CertificateInput) => CertificateInput['exemption'],
  ): CallbackActorLogic<Request, CertificateInput> {
    return fromCallback<Request, CertificateInput>(({ input, sendBack, receive }) => {
      const round = { ...roundOf(input), exemption: exemptionOf(input) };
      const { id } = round;
      this.#running.set(id, sendBack);
      receive((request) => {
        this.#tellSupervisor({
          type: request.type === 'REQUEST_SLOT' ? 'SLOT_REQUESTED' : 'SLOT_RETURNED',
          id,
        });
      });
      this.#tellSupervisor({ type: 'ROUND_STARTED', round });
      return () => {
        this.#running.delete(id);
        this.#reclaims.delete(id);
        this.#release(id);
        this.#tellSupervisor({ type: 'ROUND_ENDED', id });
      };
    });
  }
}
