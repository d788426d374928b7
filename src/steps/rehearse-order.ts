import { inRehearsal, isRehearsed } from '../../machines/assessment/rehearsal.ts';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import { day } from '../../machines/time/durations.ts';
import type { AccountStore } from '../acme/account/account.ts';
import type { OrderInput } from '../acme/order/order.ts';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import { generateKey } from '../certificate/key.ts';
import { type CommonName, createCsr } from '../certificate/making/csr.ts';
import type { Clock } from '../time/clock.ts';
import { failureOf } from './failures.ts';
import { LentSlot, type OrderSlots, untilKeyChanged } from './lent-slot.ts';

export interface RehearsalOptions {
  /** The staging CA. Its account has the same key as the production CA's: the responder answers for both. */
  readonly ca: Pick<CertificateAuthority, 'admit' | 'order' | 'release'> & {
    readonly account: Pick<AccountStore, 'afterKeyChange'>;
  };
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly commonName?: CommonName | undefined;
  /** The staging CA has paused a name; only the Ingress's owner may see the link that unpauses it. */
  readonly onPause: (link: string, input: CertificateInput) => void;
}

/** Milliseconds that a rehearsal is valid: an order that fails in production is not rehearsed before each retry. */
const countsFor = day;
const mostSets = 10_000;

/** Orders at the staging CA first: a misconfigured host then does not count for the production CA's limits. */
export class Rehearsal {
  readonly #options: RehearsalOptions;
  /** Time of the last successful rehearsal, by set of hosts. */
  readonly #passed = new Map<string, number>();

  constructor(options: RehearsalOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the order may be sent to the production CA.
   * @param presenterOf the presenter of a host of the round
   * @param slots that of the round is lent while the CA has nothing to do for it
   * @throws StepError with the failure, or the signal's reason
   */
  async rehearse(
    input: CertificateInput,
    presenterOf: OrderInput['presenterOf'],
    slots: OrderSlots,
    signal: AbortSignal,
  ): Promise<void> {
    if (!isRehearsed(input.reason)) return;
    const { clock } = this.#options;
    const hosts = input.hosts.map(({ host }) => host);
    const set = hosts.toSorted().join();
    if ((this.#passed.get(set) ?? Number.NEGATIVE_INFINITY) > clock.monotonic() - countsFor) return;
    try {
      await untilKeyChanged(this.#options.ca.account, slots, input.id, signal);
      await this.#order(input, hosts, lending(presenterOf, slots, input.id, signal), signal);
    } catch (error) {
      signal.throwIfAborted();
      // The queue is that of the other CA, and does not wait for this one.
      const { held: _held, ...failure } = failureOf(error, clock.now());
      throw new StepError({ ...failure, message: inRehearsal(failure.message) }, { cause: error });
    }
    this.#remember(set, clock.monotonic());
  }

  /** The certificate is discarded. */
  async #order(
    input: CertificateInput,
    hosts: readonly string[],
    presenterOf: OrderInput['presenterOf'],
    signal: AbortSignal,
  ): Promise<void> {
    const { ca, commonName, onPause } = this.#options;
    const { id, desired } = input;
    const exemption = 'none';
    const csr = createCsr(hosts, await generateKey('ec-p256'), commonName);
    ca.admit({ id, namespace: desired.namespace, hosts, purpose: 'first', exemption });
    try {
      const onPauseLink = (link: string): void => onPause(link, input);
      const { profile } = desired;
      await ca.order({ id, hosts, presenterOf, csr, profile, exemption, onPauseLink }, signal).obtain();
    } finally {
      ca.release(id);
    }
  }

  #remember(set: string, at: number): void {
    this.#passed.delete(set);
    this.#passed.set(set, at);
    const [oldest] = this.#passed.keys();
    if (this.#passed.size > mostSets && oldest !== undefined) this.#passed.delete(oldest);
  }
}

/** The same presenters, during whose work the slot of the round is lent if it takes long. */
function lending(
  presenterOf: OrderInput['presenterOf'],
  slots: OrderSlots,
  round: string,
  signal: AbortSignal,
): OrderInput['presenterOf'] {
  const slot = new LentSlot({
    lend: () => slots.lendSlot(round),
    reclaim: () => slots.reclaimSlot(round, signal),
  });
  return (host) => {
    const presenter = presenterOf(host);
    return presenter && slot.around(presenter);
  };
}
