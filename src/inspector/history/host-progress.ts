import type { OrderReport } from '../../../machines/authority/order-report.ts';
import type { CertificateInput } from '../../../machines/ingress/certificate.ts';
import type { AuthorizationReport } from '../../acme/order/authorization.ts';
import type { RoundObserver } from '../../actors/round-observer.ts';
import type { PreparationReport } from '../../challenges/challenge-solver.ts';
import { failureOf } from '../../steps/failures.ts';
import type { HostJournal } from './host-journal.ts';

type Work<Value> = () => Promise<Value>;

/** Records the progress of a round's steps in the journal. */
export class HostProgressWriter implements RoundObserver {
  readonly #journal: Pick<HostJournal, 'begin' | 'note' | 'failed'>;

  constructor(journal: Pick<HostJournal, 'begin' | 'note' | 'failed'>) {
    this.#journal = journal;
  }

  provisioning<Value>(input: CertificateInput, work: Work<Value>): Promise<Value> {
    this.#journal.begin(input);
    this.#journal.note(input.id, undefined, 'route', 'running');
    return this.#follow(input, work);
  }

  obtaining<Value>(input: CertificateInput, work: Work<Value>): Promise<Value> {
    this.#journal.note(input.id, undefined, 'order', 'running');
    return this.#follow(input, work);
  }

  async storing<Value>(input: CertificateInput, work: Work<Value>): Promise<Value> {
    this.#journal.note(input.id, undefined, 'secret', 'running');
    const value = await this.#follow(input, work);
    this.#journal.note(input.id, undefined, 'secret', 'done');
    return value;
  }

  preparation(round: string, { host, step, state, detail }: PreparationReport): void {
    this.#journal.note(round, [host], step, state, detail);
  }

  /** The result of the order, for all its hosts. */
  order({ id, type }: OrderReport): void {
    const all = undefined;
    switch (type) {
      case 'ORDER_MADE':
        this.#journal.note(id, all, 'challenge', 'running');
        this.#journal.note(id, all, 'order', 'waiting');
        break;
      case 'HOSTS_PROVEN':
        this.#journal.note(id, all, 'challenge', 'done');
        this.#journal.note(id, all, 'authorization', 'done');
        this.#journal.note(id, all, 'order', 'running');
        break;
      case 'CERTIFICATE_ISSUED':
        this.#journal.note(id, all, 'order', 'done');
        break;
      default:
    }
  }

  /** The status of a host's authorization. */
  authorization(id: string, { host, status, detail }: AuthorizationReport): void {
    this.#journal.note(id, [host], 'challenge', 'done');
    const state = { answered: 'running', valid: 'done', invalid: 'failed' } as const;
    this.#journal.note(id, [host], 'authorization', state[status], detail);
  }

  async #follow<Value>(input: CertificateInput, work: Work<Value>): Promise<Value> {
    try {
      return await work();
    } catch (error) {
      // Only the time of the next attempt depends on the current time.
      this.#journal.failed(input.id, failureOf(error, 0).message);
      throw error;
    }
  }
}
