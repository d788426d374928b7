import type { AccountStore } from '../acme/account/account.ts';
import type { Presenter } from '../acme/order/authorization.ts';
import { untilAborted } from '../time/clock.ts';

/** The slots of orders, which `LEGO_MAX_ORDERS_IN_FLIGHT` limits. */
export interface OrderSlots {
  lendSlot(round: string): void;
  /** Resolves when the round has a slot again, or rejects with the signal's reason. */
  reclaimSlot(round: string, signal: AbortSignal): Promise<void>;
}

/**
 * Resolves when the key of the account is not being changed. The slot of the round is lent meanwhile: the change waits for the orders in
 * flight, and those that have lent theirs need them back to end.
 * @throws the signal's reason
 */
export async function untilKeyChanged(
  account: Pick<AccountStore, 'afterKeyChange'>,
  slots: OrderSlots,
  round: string,
  signal: AbortSignal,
): Promise<void> {
  const change = account.afterKeyChange(signal);
  if (change === undefined) return;
  slots.lendSlot(round);
  await change;
  await slots.reclaimSlot(round, signal);
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
