import type { RenewalWindow } from '../../machines/assessment/renewal.ts';
import type { PresentSecret } from '../../machines/assessment/secret-facts.ts';
import type { OrderBudget } from '../../machines/ca/order-budget.ts';
import { hour, minute, second } from '../../machines/time/durations.ts';
import { nextBeat } from '../../machines/time/spread.ts';
import type { RenewalInfo, RenewalInfoSource, SuggestedWindow } from '../acme/order/renewal-info.ts';
import { KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import type { SecretStore } from '../kubernetes/records/secret-store.ts';
import { recordOf, renewalAnnotation, windowDiffers, writeRenewal } from '../secret/renewal-record.ts';
import type { Clock } from '../time/clock.ts';

export interface RenewalWatchOptions {
  readonly source: Pick<RenewalInfoSource, 'ask'>;
  readonly secrets: Pick<SecretStore, 'annotate'>;
  /** The directory that certificates are ordered from. */
  readonly directory: string;
  /** Whether the CA is in trouble: it is not asked then, and what becomes of the questions says nothing about orders. */
  readonly budget: Pick<OrderBudget, 'trouble'>;
  /** By which the CA's waits are counted, so that a jump of the other one ends none too early. */
  readonly ledgerClock: Pick<Clock, 'now'>;
  readonly clock: Clock;
}

interface FirstSuggestion {
  /** Undefined where the CA has said nothing yet. */
  readonly window: RenewalWindow | undefined;
  /** When the CA is to be asked again, in milliseconds since the epoch. */
  readonly askAt: number;
}

export interface Watched {
  /** With what the CA says now. */
  readonly secret: PresentSecret;
  /** When it is to be looked at again, in milliseconds since the epoch; undefined for what the CA did not issue. */
  readonly askAt: number | undefined;
}

/** Let's Encrypt lets one ask every six hours; what a restart has forgotten, or a time of trouble put off, is spread over as many. */
const rhythm = 6 * hour;
/** Milliseconds. Neither the end of a round nor a check is kept waiting. */
const askingLimit = 2 * second;
const pauseAfterRefusal = 10 * minute;
/** Of Secrets that are gone nobody says so: beyond so many all are forgotten, and spread anew. */
const mostSecrets = 200_000;

interface Known {
  /** Of the certificate (RFC 9773 section 4.1). */
  readonly id: string;
  /** Milliseconds since the epoch by the ledger's clock, as all times here. */
  readonly askAt: number;
  /** What the CA has said that is not on the Secret yet. */
  readonly unrecorded?: RenewalWindow | undefined;
  /** What it has said last and could not be written, and when that is tried again: the CA may not be asked for it anew so soon. */
  readonly refused?: { readonly suggested: SuggestedWindow; readonly writeAt: number } | undefined;
}

/**
 * Asks the CA now and then when each certificate is to be renewed. When it was asked is not recorded anywhere: a restart asks nobody at
 * once, and writes nothing. What it says of a new certificate is acted upon at once, but recorded when it is asked next: a write of its
 * own for each would come in the midst of a rush. A restart before that asks anew.
 */
export class RenewalWatch {
  readonly #options: RenewalWatchOptions;
  /** By the uid of the Secret. */
  readonly #known = new Map<string, Known>();

  constructor(options: RenewalWatchOptions) {
    this.#options = options;
  }

  /**
   * Asks about a certificate that has just been stored; without an answer in time, later.
   * @param stored uid of the Secret, and id of the certificate (RFC 9773 section 4.1)
   * @throws the signal's reason
   */
  async first(
    { uid, id }: { readonly uid: string; readonly id: string },
    signal: AbortSignal,
  ): Promise<FirstSuggestion> {
    const { clock } = this.#options;
    const turn = this.#turnOf(id);
    const { window: suggested, askAt } =
      turn === undefined ? await this.#ask(id, signal) : { window: undefined, askAt: turn };
    const window = suggested && recordOf(id, suggested, undefined, clock.now());
    this.#remember(uid, { id, askAt, unrecorded: window });
    return { window, askAt: this.#byOurClock(askAt) };
  }

  /**
   * Asks if it is time to, and records another window on the Secret that was read.
   * @throws the signal's reason
   */
  async look(
    { namespace, secretName }: { readonly namespace: string; readonly secretName: string },
    secret: PresentSecret,
    signal: AbortSignal,
  ): Promise<Watched> {
    const { certificate, directory, ours, uid } = secret;
    const { clock, ledgerClock, secrets } = this.#options;
    const [now, caNow] = [clock.now(), ledgerClock.now()];
    const isIssuedHere = ours && directory === this.#options.directory;
    if (certificate.kind !== 'readable' || certificate.id === undefined || !isIssuedHere) {
      this.#known.delete(uid);
      return { secret, askAt: undefined };
    }
    const { id, notAfter } = certificate;
    const last = this.#known.get(uid);
    const isNew = last?.id !== id;
    const known = isNew ? { id, askAt: nextBeat(uid, rhythm, caNow) } : this.#inTurn(last);
    const window = secret.window ?? known.unrecorded;
    const seen = known.unrecorded === undefined ? secret : { ...secret, window };
    const lookAt = known.refused?.writeAt ?? known.askAt;
    if (isNew || lookAt > caNow || notAfter <= now) {
      this.#remember(uid, known);
      return { secret: seen, askAt: this.#byOurClock(lookAt) };
    }
    const { window: suggested, askAt } =
      known.refused === undefined || known.askAt <= caNow
        ? await this.#ask(id, signal)
        : { window: known.refused.suggested, askAt: known.askAt };
    this.#remember(uid, { ...known, askAt, refused: undefined });
    if (suggested === undefined) return { secret: seen, askAt: this.#byOurClock(askAt) };
    const record = recordOf(id, suggested, window, now);
    if (!windowDiffers(secret.window, record)) return { secret, askAt: this.#byOurClock(askAt) };
    const annotations = { [renewalAnnotation]: writeRenewal(id, record) };
    try {
      const version = await secrets.annotate(namespace, secretName, secret, annotations, signal);
      this.#remember(uid, { id, askAt });
      return { secret: { ...secret, ...version, window: record }, askAt: this.#byOurClock(askAt) };
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      // Another window that is not recorded is not acted upon: somebody was faster, or does not let us write.
      const writeAt = caNow + pauseAfterRefusal;
      this.#remember(uid, { ...known, askAt, refused: { suggested, writeAt } });
      return { secret: seen, askAt: this.#byOurClock(writeAt) };
    }
  }

  /** With the question put off that is due while the CA is in trouble. */
  #inTurn(known: Known): Known {
    const turn = known.askAt > this.#options.ledgerClock.now() ? undefined : this.#turnOf(known.id);
    return turn === undefined ? known : { ...known, askAt: turn };
  }

  /** When the CA may be asked about this certificate, if it may not be asked now. */
  #turnOf(id: string): number | undefined {
    const { budget, ledgerClock } = this.#options;
    const trouble = budget.trouble(ledgerClock.now());
    return trouble && nextBeat(id, rhythm, trouble.until);
  }

  #byOurClock(at: number): number {
    const { clock, ledgerClock } = this.#options;
    return at - ledgerClock.now() + clock.now();
  }

  #remember(uid: string, known: Known): void {
    if (this.#known.size >= mostSecrets) this.#known.clear();
    this.#known.set(uid, known);
  }

  /** Without an answer in time it is asked again later. @returns when, by the ledger's clock */
  async #ask(id: string, signal: AbortSignal): Promise<RenewalInfo> {
    const { clock, ledgerClock, source } = this.#options;
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(), askingLimit);
    try {
      const info = await source.ask(id, AbortSignal.any([signal, limit.signal]));
      return { ...info, askAt: info.askAt - clock.now() + ledgerClock.now() };
    } catch (error) {
      if (signal.aborted || !limit.signal.aborted) throw error;
      return { window: undefined, askAt: nextBeat(id, rhythm, ledgerClock.now()) };
    } finally {
      clock.clearTimeout(timer);
    }
  }
}
