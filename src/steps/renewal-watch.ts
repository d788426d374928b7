import type { RenewalWindow } from '../../machines/assessment/renewal.ts';
import { isForeign, type PresentSecret } from '../../machines/assessment/secret-facts.ts';
import { day, hour, minute, second } from '../../machines/time/durations.ts';
import { nextBeat } from '../../machines/time/spread.ts';
import type { RenewalInfo } from '../acme/order/renewal-info.ts';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import { KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import type { SecretStore } from '../kubernetes/records/secret-store.ts';
import {
  isSuggested,
  recordOf,
  renewalAnnotation,
  type Suggestion,
  windowDiffers,
  writeRenewal,
} from '../secret/renewal-record.ts';
import { type Clock, untilAborted } from '../time/clock.ts';

export interface RenewalWatchOptions {
  /** Not asked while its breaker is open; errors of ARI do not affect the breaker. */
  readonly ca: {
    readonly directoryUrl: string;
    readonly renewalInfo: Pick<CertificateAuthority['renewalInfo'], 'ask'>;
    readonly budget: Pick<CertificateAuthority['budget'], 'trouble'>;
    readonly clock: Pick<CertificateAuthority['clock'], 'now' | 'byMachine'>;
  };
  readonly secrets: Pick<SecretStore, 'annotate'>;
  readonly clock: Clock;
  /** Ends all requests. */
  readonly signal: AbortSignal;
}

interface FirstSuggestion {
  /** Undefined without an answer yet. */
  readonly window: RenewalWindow | undefined;
  /** The next ARI request, in milliseconds since the epoch. */
  readonly askAt: number;
}

export interface Watched {
  /** With the current window. */
  readonly secret: PresentSecret;
  /** The window that the Secret records now. */
  readonly recorded: RenewalWindow | undefined;
  /** The next `poll`, in milliseconds since the epoch; undefined for a certificate of another CA. */
  readonly askAt: number | undefined;
}

export interface Polled {
  /** The answer is not what the Secret records: it is to be checked. */
  readonly isNews: boolean;
  /** The next `poll`, in milliseconds since the epoch. */
  readonly askAt: number;
}

/** Let's Encrypt's interval for ARI is six hours; requests after a restart or an outage are spread over it. */
const rhythm = 6 * hour;
/** Milliseconds. A request must delay neither the end of a round nor a check: its answer may come later. */
const askingLimit = 2 * second;
const pauseAfterRefusal = 10 * minute;
/**
 * Milliseconds after its turn that a certificate is remembered. Nobody reports one that is replaced; one whose turn comes late is spread
 * again as after a start.
 */
const patience = day;
/** Beyond it, a tenth is forgotten: those that have not been looked at for longest. */
const mostCertificates = 200_000;
const sweepInterval = hour;

interface Known {
  /** Milliseconds since the epoch by the CA's clock, like all times here. */
  readonly askAt: number;
  /** The CA's last answer to this process; if it was recorded, the record, so that a hundred thousand certificates keep one of both. */
  readonly suggested?: Suggestion | undefined;
  /** A window that is not on the Secret yet. */
  readonly unrecorded?: RenewalWindow | undefined;
  /**
   * The last answer, if it is not written because that failed or nobody waited for it, and the time of the next write: ARI may not be
   * requested again so soon.
   */
  readonly refused?: { readonly suggested: Suggestion; readonly writeAt: number } | undefined;
}

/**
 * Polls ARI for each certificate. The time of the last request is not stored: a restart spreads the requests and writes nothing. The
 * window of a new certificate is used at once, but stored only after the next request: a write for each would come in the middle of a
 * rush. A restart before that requests it again.
 */
export class RenewalWatch {
  readonly #options: RenewalWatchOptions;
  /** By certificate, not by Secret: a Retry-After also holds when somebody deletes the Secret and creates it again. Longest unchanged first. */
  readonly #known = new Map<string, Known>();
  /** In monotonic milliseconds. */
  #sweepAt = 0;

  constructor(options: RenewalWatchOptions) {
    this.#options = options;
  }

  /**
   * The first request, after a certificate was stored; postponed if there is no answer in time.
   * @param id of the certificate (RFC 9773 section 4.1)
   * @throws the signal's reason
   */
  async first(id: string, signal: AbortSignal): Promise<FirstSuggestion> {
    const { ca } = this.#options;
    const turn = this.#turnOf(id);
    const { window: suggested, askAt } =
      turn === undefined ? await this.#ask(id, signal) : { window: undefined, askAt: turn };
    const window = suggested && recordOf(id, suggested, undefined, ca.clock.now());
    this.#remember(id, { askAt, suggested, unrecorded: window });
    return { window, askAt: ca.clock.byMachine(askAt) };
  }

  /**
   * Requests ARI if it is due, and stores a changed window on the Secret.
   * @throws the signal's reason
   */
  async check(
    { namespace, secretName }: { readonly namespace: string; readonly secretName: string },
    secret: PresentSecret,
    signal: AbortSignal,
  ): Promise<Watched> {
    const { certificate, directory } = secret;
    const { ca, clock, secrets } = this.#options;
    const now = ca.clock.now();
    const isIssuedHere = !isForeign(secret) && directory === ca.directoryUrl;
    if (certificate.kind !== 'readable' || certificate.id === undefined || !isIssuedHere) {
      return { secret, recorded: undefined, askAt: undefined };
    }
    const { id, notAfter } = certificate;
    const isNew = !this.#known.has(id);
    const known = this.#recall(id, now);
    const window = secret.window ?? known.unrecorded;
    const confirmed =
      window !== undefined && known.suggested !== undefined && isSuggested(window, known.suggested, now);
    const recorded = known.unrecorded === undefined ? secret : { ...secret, window };
    const seen = confirmed ? { ...recorded, windowConfirmed: true } : recorded;
    const checkAt = known.refused?.writeAt ?? known.askAt;
    // A tenant may have written the record: before anything is done because of it, the CA is asked.
    const isClaim =
      window !== undefined && !confirmed && window.at <= now && (isNew || known.suggested !== undefined);
    const turn = isClaim ? this.#turnOf(id) : checkAt;
    if ((isNew && !isClaim) || (turn !== undefined && turn > now) || notAfter <= clock.now()) {
      this.#remember(id, known);
      return { secret: seen, recorded: secret.window, askAt: ca.clock.byMachine(turn ?? checkAt) };
    }
    // An answer holds until its Retry-After, whatever a tenant writes meanwhile.
    const answer = known.askAt > now ? (known.refused?.suggested ?? known.suggested) : undefined;
    const { window: suggested, askAt } =
      answer === undefined ? await this.#ask(id, signal) : { window: answer, askAt: known.askAt };
    this.#remember(id, { ...known, askAt, suggested, refused: undefined });
    if (suggested === undefined) {
      return { secret: seen, recorded: secret.window, askAt: ca.clock.byMachine(askAt) };
    }
    const record = recordOf(id, suggested, window, now);
    if (!windowDiffers(secret.window, record)) {
      const found = { ...secret, windowConfirmed: true };
      return { secret: found, recorded: secret.window, askAt: ca.clock.byMachine(askAt) };
    }
    const annotations = { [renewalAnnotation]: writeRenewal(id, record) };
    try {
      const version = await secrets.annotate(namespace, secretName, secret, annotations, signal);
      this.#remember(id, { askAt, suggested: record });
      const found = { ...secret, ...version, window: record, windowConfirmed: true };
      return { secret: found, recorded: record, askAt: ca.clock.byMachine(askAt) };
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      // A changed window that cannot be stored is not used: a conflict, or no permission.
      const writeAt = now + pauseAfterRefusal;
      this.#remember(id, { ...known, askAt, refused: { suggested, writeAt } });
      return { secret: seen, recorded: secret.window, askAt: ca.clock.byMachine(writeAt) };
    }
  }

  /**
   * Requests ARI if it is due, without a look at the Secret. An answer that differs is kept for the check that is to follow. Nobody waits
   * for it: the time limits of the request are enough.
   * @param recorded the window that the Secret recorded when it was last read
   * @throws the signal's reason
   */
  async poll(id: string, recorded: RenewalWindow | undefined): Promise<Polled> {
    const { ca, signal } = this.#options;
    const now = ca.clock.now();
    const known = this.#recall(id, now);
    const { refused } = known;
    const turn = refused?.writeAt ?? known.askAt;
    if (turn > now) {
      this.#remember(id, known);
      return { isNews: false, askAt: ca.clock.byMachine(turn) };
    }
    if (refused !== undefined) return { isNews: true, askAt: ca.clock.byMachine(now + pauseAfterRefusal) };
    // Meanwhile a check does not ask as well.
    this.#remember(id, { ...known, askAt: nextBeat(id, rhythm, now) });
    const { window: suggested, askAt } = await ca.renewalInfo.ask(id, signal);
    const answeredAt = ca.clock.now();
    const meanwhile = this.#known.get(id) ?? known;
    const record = suggested && recordOf(id, suggested, recorded ?? meanwhile.unrecorded, answeredAt);
    if (suggested === undefined || record === undefined || !windowDiffers(recorded, record)) {
      this.#remember(id, { ...meanwhile, askAt, suggested: suggested && recorded });
      return { isNews: false, askAt: ca.clock.byMachine(askAt) };
    }
    this.#remember(id, { ...meanwhile, askAt, refused: { suggested, writeAt: answeredAt } });
    return { isNews: true, askAt: ca.clock.byMachine(answeredAt + pauseAfterRefusal) };
  }

  /** What is known of it; a certificate that this process does not know gets its turn as after a start. */
  #recall(id: string, now: number): Known {
    const last = this.#known.get(id);
    return last === undefined ? { askAt: nextBeat(id, rhythm, now) } : this.#inTurn(id, last);
  }

  /** Postpones a due request while the CA's breaker is open. */
  #inTurn(id: string, known: Known): Known {
    const turn = known.askAt > this.#options.ca.clock.now() ? undefined : this.#turnOf(id);
    return turn === undefined ? known : { ...known, askAt: turn };
  }

  /** The next permitted request for this certificate; undefined: now. */
  #turnOf(id: string): number | undefined {
    const { budget, clock } = this.#options.ca;
    const trouble = budget.trouble(clock.now());
    return trouble && nextBeat(id, rhythm, trouble.until);
  }

  #remember(id: string, known: Known): void {
    this.#known.delete(id);
    this.#known.set(id, known);
    if (this.#known.size > mostCertificates || this.#options.clock.monotonic() >= this.#sweepAt)
      this.#sweep();
  }

  /** Not at each call: to find the oldest one, a Map passes all that were deleted before it since it last grew. */
  #sweep(): void {
    const { ca, clock } = this.#options;
    this.#sweepAt = clock.monotonic() + sweepInterval;
    const now = ca.clock.now();
    const most = this.#known.size > mostCertificates ? 0.9 * mostCertificates : mostCertificates;
    for (const [oldest, { askAt, refused }] of this.#known) {
      const isCurrent = Math.max(askAt, refused?.writeAt ?? 0) + patience > now;
      if (isCurrent && this.#known.size <= most) break;
      this.#known.delete(oldest);
    }
  }

  /** One request; postponed if there is no answer in time. It goes on then: the answer may have a Retry-After. */
  async #ask(id: string, signal: AbortSignal): Promise<RenewalInfo> {
    const { ca, clock } = this.#options;
    signal.throwIfAborted();
    const outOfTime = Promise.withResolvers<undefined>();
    const timer = clock.setTimeout(() => outOfTime.resolve(undefined), askingLimit);
    const asking = ca.renewalInfo.ask(id, this.#options.signal);
    try {
      const answer = await untilAborted(Promise.race([asking, outOfTime.promise]), signal);
      return answer ?? { window: undefined, askAt: this.#awaitLate(id, asking) };
    } catch (error) {
      if (signal.aborted) this.#awaitLate(id, asking);
      signal.throwIfAborted();
      throw error;
    } finally {
      clock.clearTimeout(timer);
    }
  }

  /** @returns the next check, in milliseconds since the epoch */
  #awaitLate(id: string, asking: Promise<RenewalInfo>): number {
    const askAt = nextBeat(id, rhythm, this.#options.ca.clock.now());
    asking.then(
      (late) => this.#takeLate(id, late, askAt),
      // The process ends.
      () => undefined,
    );
    return askAt;
  }

  /** @param checkAt the next check */
  #takeLate(id: string, { askAt, window }: RenewalInfo, checkAt: number): void {
    const known = this.#known.get(id);
    const refused = window && { suggested: window, writeAt: checkAt };
    this.#remember(id, { ...known, askAt: Math.max(askAt, known?.askAt ?? 0), refused });
  }
}
