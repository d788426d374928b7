import { type CallbackActorLogic, fromCallback } from 'xstate';
import { type CertificateInput, roundOf } from '../../machines/ingress/certificate.ts';
import type { Hold } from '../../machines/ledger/hold.ts';
import type { Failure } from '../../machines/reasons/reasons.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';

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
    this.#running.get(id)?.({ type: 'SLOT_GRANTED', at });
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
        this.#release(id);
        this.#tellSupervisor({ type: 'ROUND_ENDED', id });
      };
    });
  }
}
