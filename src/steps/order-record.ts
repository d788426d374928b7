import { longestOrderWait } from '../../machines/authority/order-wait.ts';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { KeyType } from '../../machines/ownership/desired-certificate.ts';
import { someOf } from '../../machines/reasons/foreign-text.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import { OrderError } from '../acme/protocol/order-error.ts';
import type { CaClock } from '../acme/transport/ca-clock.ts';
import { AcmeProblem, isRefusedReading } from '../acme/transport/problem.ts';
import type { OrderJournaling } from '../authority/ca-order.ts';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import type { JournalEntry } from '../journal/journal-entry.ts';
import type { Beginning, OrderJournal } from '../journal/order-journal.ts';

export interface JournalOptions {
  readonly journal: OrderJournal;
  readonly ca: Pick<CertificateAuthority, 'directoryUrl' | 'profile'> & {
    readonly clock: Pick<CaClock, 'now' | 'byMachine'>;
  };
  /** Default for Ingresses without one. */
  readonly keyType: KeyType;
}

/** The unfinished order that this round can go on with: for the same Secret, hosts and settings. */
export function unfinishedOrder(
  options: JournalOptions,
  input: Pick<CertificateInput, 'desired' | 'hosts'>,
): JournalEntry | undefined {
  return entryFor(options.journal, wantedOrder(options, input));
}

/** Likewise, as worked out already. */
export function entryFor(
  journal: Pick<OrderJournal, 'find'>,
  wanted: Omit<Beginning, 'keyPem' | 'exemption'>,
): JournalEntry | undefined {
  const entry = journal.find(wanted);
  const fits =
    entry?.namespace === wanted.namespace &&
    entry.secretName === wanted.secretName &&
    entry.keyType === wanted.keyType;
  return fits ? entry : undefined;
}

/** From rate limits: an order that the CA has made is counted, and waits for none. */
export function exemptionOf(
  unfinished: JournalEntry | undefined,
  { exemption }: Pick<CertificateInput, 'exemption'>,
): CertificateInput['exemption'] {
  return unfinished?.orderUrl === undefined ? exemption : 'ari';
}

/**
 * Whether the round needs no proof of its hosts any more: the certificate of its unfinished order has been asked for.
 * @throws StepError if the CA has asked to wait with the question; what the CA or its account throws; or the signal's reason
 */
export async function isFinalized(
  options: JournalOptions & { readonly ca: Pick<CertificateAuthority, 'progressOf'> },
  input: CertificateInput,
  signal: AbortSignal,
): Promise<boolean> {
  const entry = unfinishedOrder(options, input);
  if (entry?.orderUrl === undefined) return false;
  const { ca, journal } = options;
  const { waitUntil = 0 } = entry;
  if (waitUntil > ca.clock.now()) {
    const hosts = input.hosts.map(({ host }) => host);
    throw new StepError({
      code: 'OrderUnfinished',
      message: `The CA has not finished the order for ${someOf(hosts)}, and asks to wait.`,
      retryAt: ca.clock.byMachine(waitUntil),
    });
  }
  const { finalized, retryAfter } = await ca.progressOf(input.id, entry.orderUrl, signal);
  if (retryAfter !== undefined) {
    const wait = Math.min(retryAfter, longestOrderWait);
    journal.defer(entry, ca.clock.now() + wait, wait);
  }
  return finalized;
}

/** The order of this round, without a key. */
export function wantedOrder(
  { ca, keyType }: JournalOptions,
  { desired, hosts }: Pick<CertificateInput, 'desired' | 'hosts'>,
): Omit<Beginning, 'keyPem' | 'exemption'> {
  const { namespace, secretName } = desired;
  return {
    directoryUrl: ca.directoryUrl,
    profile: desired.profile ?? ca.profile,
    hosts: hosts.map(({ host }) => host).toSorted(),
    keyType: desired.keyType ?? keyType,
    namespace,
    secretName,
  };
}

/** One order in the journal. */
export class OrderRecord implements OrderJournaling {
  readonly #journal: OrderJournal;
  readonly #beginning: Omit<Beginning, 'exemption'>;
  #entry: JournalEntry | undefined;
  /** The CA may have the order of the entry. */
  #sent: boolean;
  /** This round has begun an order, or has taken up one without a URL. */
  #begun = false;

  /** @param earlier the entry to go on with */
  constructor(
    journal: OrderJournal,
    beginning: Omit<Beginning, 'exemption'>,
    earlier: JournalEntry | undefined,
  ) {
    this.#journal = journal;
    this.#beginning = beginning;
    this.#entry = earlier;
    this.#sent = earlier !== undefined;
  }

  get earlierOrder(): OrderJournaling['earlierOrder'] {
    const { orderUrl: url, waitUntil = 0 } = this.#entry ?? {};
    return url === undefined ? undefined : { url, waitUntil };
  }

  async begin(exemption: Beginning['exemption'], signal: AbortSignal): Promise<boolean> {
    // Without a URL: the answer was lost, and the CA may answer with the same order.
    if (this.#entry !== undefined && this.#entry.orderUrl === undefined) {
      const repeats = !this.#begun;
      this.#begun = true;
      return repeats;
    }
    if (this.#entry !== undefined) this.#journal.letGo(this.#entry, 'the CA does not have it any more');
    this.#entry = await this.#journal.begin({ ...this.#beginning, exemption }, signal);
    this.#begun = true;
    this.#sent = false;
    return false;
  }

  send(): void {
    this.#sent = true;
  }

  async place(orderUrl: string, signal: AbortSignal): Promise<void> {
    if (this.#entry !== undefined) await this.#journal.place(this.#entry, orderUrl, signal);
  }

  wait(until: number, ms: number): void {
    if (this.#entry !== undefined) this.#journal.defer(this.#entry, until, ms);
  }

  /** The round has failed: the entry stays if the order may still become a certificate. */
  failed(error: unknown): void {
    if (this.#entry !== undefined && (!this.#sent || isOver(error))) this.#journal.end(this.#entry);
  }
}

/** Whether there will certainly be no certificate of this order: an answer that refuses to tell of it does not mean that. */
function isOver(error: unknown): boolean {
  if (!(error instanceof OrderError) || error.transient || error.kind === 'out-of-time') return false;
  const { cause } = error;
  if (!(cause instanceof AcmeProblem)) return true;
  return cause.type !== 'invalidResponse' && !isRefusedReading(cause);
}
