import type { RenewalWindow } from '../../machines/assessment/renewal.ts';
import type { PresentSecret } from '../../machines/assessment/secret-facts.ts';
import { hour, minute, second } from '../../machines/time/durations.ts';
import { nextBeat } from '../../machines/time/spread.ts';
import type { RenewalInfo, SuggestedWindow } from '../acme/order/renewal-info.ts';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import { KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import type { SecretStore } from '../kubernetes/records/secret-store.ts';
import { recordOf, renewalAnnotation, windowDiffers, writeRenewal } from '../secret/renewal-record.ts';
import type { Clock } from '../time/clock.ts';

export interface RenewalWatchOptions {
  /** While it is in trouble it is not asked, and what becomes of the questions says nothing about orders. */
  readonly ca: {
    readonly directoryUrl: string;
    readonly renewalInfo: Pick<CertificateAuthority['renewalInfo'], 'ask'>;
    readonly budget: Pick<CertificateAuthority['budget'], 'trouble'>;
    readonly clock: Pick<CertificateAuthority['clock'], 'now' | 'byMachine'>;
  };
  readonly secrets: Pick<SecretStore, 'annotate'>;
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
  /** Milliseconds since the epoch by the CA's clock, as all times here. */
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
    const { ca } = this.#options;
    const turn = this.#turnOf(id);
    const { window: suggested, askAt } =
      turn === undefined ? await this.#ask(id, signal) : { window: undefined, askAt: turn };
    const window = suggested && recordOf(id, suggested, undefined, ca.clock.now());
    this.#remember(uid, { id, askAt, unrecorded: window });
    return { window, askAt: ca.clock.byMachine(askAt) };
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
    const { ca, clock, secrets } = this.#options;
    const now = ca.clock.now();
    const isIssuedHere = ours && directory === ca.directoryUrl;
    if (certificate.kind !== 'readable' || certificate.id === undefined || !isIssuedHere) {
      this.#known.delete(uid);
      return { secret, askAt: undefined };
    }
    const { id, notAfter } = certificate;
    const last = this.#known.get(uid);
    const isNew = last?.id !== id;
    const known = isNew ? { id, askAt: nextBeat(uid, rhythm, now) } : this.#inTurn(last);
    const window = secret.window ?? known.unrecorded;
    const seen = known.unrecorded === undefined ? secret : { ...secret, window };
    const lookAt = known.refused?.writeAt ?? known.askAt;
    if (isNew || lookAt > now || notAfter <= clock.now()) {
      this.#remember(uid, known);
      return { secret: seen, askAt: ca.clock.byMachine(lookAt) };
    }
    const { window: suggested, askAt } =
      known.refused === undefined || known.askAt <= now
        ? await this.#ask(id, signal)
        : { window: known.refused.suggested, askAt: known.askAt };
    this.#remember(uid, { ...known, askAt, refused: undefined });
    if (suggested === undefined) return { secret: seen, askAt: ca.clock.byMachine(askAt) };
    const record = recordOf(id, suggested, window, now);
    if (!windowDiffers(secret.window, record)) return { secret, askAt: ca.clock.byMachine(askAt) };
    const annotations = { [renewalAnnotation]: writeRenewal(id, record) };
    try {
      const version = await secrets.annotate(namespace, secretName, secret, annotations, signal);
      this.#remember(uid, { id, askAt });
      return { secret: { ...secret, ...version, window: record }, askAt: ca.clock.byMachine(askAt) };
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      // Another window that is not recorded is not acted upon: somebody was faster, or does not let us write.
      const writeAt = now + pauseAfterRefusal;
      this.#remember(uid, { ...known, askAt, refused: { suggested, writeAt } });
      return { secret: seen, askAt: ca.clock.byMachine(writeAt) };
    }
  }

  /** With the question put off that is due while the CA is in trouble. */
  #inTurn(known: Known): Known {
    const turn = known.askAt > this.#options.ca.clock.now() ? undefined : this.#turnOf(known.id);
    return turn === undefined ? known : { ...known, askAt: turn };
  }

  /** When the CA may be asked about this certificate, if it may not be asked now. */
  #turnOf(id: string): number | undefined {
    const { budget, clock } = this.#options.ca;
    const trouble = budget.trouble(clock.now());
    return trouble && nextBeat(id, rhythm, trouble.until);
  }

  #remember(uid: string, known: Known): void {
    if (this.#known.size >= mostSecrets) this.#known.clear();
    this.#known.set(uid, known);
  }

  /** Without an answer in time it is asked again later. */
  async #ask(id: string, signal: AbortSignal): Promise<RenewalInfo> {
    const { ca, clock } = this.#options;
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(), askingLimit);
    try {
      return await ca.renewalInfo.ask(id, AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      if (signal.aborted || !limit.signal.aborted) throw error;
      return { window: undefined, askAt: nextBeat(id, rhythm, ca.clock.now()) };
    } finally {
      clock.clearTimeout(timer);
    }
  }
}
