import type { Presenter } from '../acme/order/authorization.ts';
import { untilAborted } from '../time/clock.ts';

/** The slots of orders, which `LEGO_MAX_ORDERS_IN_FLIGHT` limits. */
export interface OrderSlots {
  lendSlot(round: string): void;
  /** Resolves when the round has a slot again, or rejects with the signal's reason. */
  reclaimSlot(round: string, signal: AbortSignal): Promise<void>;
}

/** The slot of one order. */
export interface LendableSlot {
  lend(): void;
  reclaim(): Promise<void>;
}

/**
 * Lends the slot of an order while records of its hosts spread in the DNS, which takes a minute and more with some providers: the CA has
 * nothing to do then, and other orders need not wait for name servers. The challenges are answered when all records have spread and the
 * order has a slot again.
 */
export class LentSlot {
  readonly #slot: LendableSlot;
  #spreading = 0;
  /** From when it is lent until it is there again. */
  #back: PromiseWithResolvers<void> | undefined;
  #isReclaimed = false;

  constructor(slot: LendableSlot) {
    this.#slot = slot;
  }

  /** The presenter, during whose work the slot is lent if it takes long. */
  around(presenter: Presenter): Presenter {
    if (!presenter.spreads) return presenter;
    return {
      ...presenter,
      present: (challenge, signal) => this.#during(() => presenter.present(challenge, signal), signal),
    };
  }

  async #during(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    if (this.#back === undefined) {
      this.#back = Promise.withResolvers();
      // Nobody waits for it if every host fails.
      this.#back.promise.catch(() => undefined);
      this.#slot.lend();
    }
    const { promise } = this.#back;
    this.#spreading += 1;
    try {
      await work();
    } finally {
      this.#spreading -= 1;
      if (this.#spreading === 0) this.#reclaim();
    }
    await untilAborted(promise, signal);
  }

  #reclaim(): void {
    const back = this.#back;
    if (back === undefined || this.#isReclaimed) return;
    this.#isReclaimed = true;
    this.#slot
      .reclaim()
      .then(back.resolve, back.reject)
      .finally(() => {
        this.#back = undefined;
        this.#isReclaimed = false;
      });
  }
}
