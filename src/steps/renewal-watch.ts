import type { RenewalWindow } from '../../machines/renewal.ts';
import type { PresentSecret } from '../../machines/secret-facts.ts';
import { nextBeat } from '../../machines/spread.ts';
import type { RenewalInfo, RenewalInfoSource } from '../acme/renewal-info.ts';
import { type Clock } from '../clock.ts';
import { KubernetesError } from '../kubernetes/kubernetes-error.ts';
import type { SecretStore } from '../kubernetes/secret-store.ts';
import { differs, recordOf, renewalAnnotation, writeRenewal } from './renewal-record.ts';

export interface RenewalWatchOptions {
  readonly source: Pick<RenewalInfoSource, 'ask'>;
  readonly secrets: Pick<SecretStore, 'annotate'>;
  /** The directory that certificates are ordered from. */
  readonly directory: string;
  readonly clock: Clock;
}

export interface FirstSuggestion {
  /** Undefined where the CA has said nothing yet. */
  readonly window: RenewalWindow | undefined;
  /** When the CA is to be asked again, in milliseconds since the epoch. */
  readonly askAt: number;
}

export interface Watched {
  /** With what the CA says now. */
  readonly secret: PresentSecret;
  /** When the CA is to be asked again, in milliseconds since the epoch; undefined for what it did not issue. */
  readonly askAt: number | undefined;
}

/** Let's Encrypt lets one ask every six hours; those that a restart has forgotten are spread over as many. */
const rhythm = 6 * 3_600_000;
/** Milliseconds. Neither a certificate in hand nor a check is kept waiting. */
const askingLimit = 2000;
const pauseAfterRefusal = 10 * 60_000;
/** Of Secrets that are gone nobody says so: beyond so many all are forgotten, and spread anew. */
const mostSecrets = 200_000;

/**
 * Asks the CA now and then when each certificate is to be renewed. When it was asked is not recorded anywhere: a restart asks nobody at
 * once, and writes nothing.
 */
export class RenewalWatch {
  readonly #options: RenewalWatchOptions;
  /** By the uid of the Secret. */
  readonly #askAt = new Map<string, { readonly id: string; readonly at: number }>();

  constructor(options: RenewalWatchOptions) {
    this.#options = options;
  }

  /**
   * Asks about a certificate that has just been issued; without an answer in time, later.
   * @throws the signal's reason
   */
  async first(id: string, signal: AbortSignal): Promise<FirstSuggestion> {
    const { window, askAt } = await this.#ask(id, signal);
    return { window: window && recordOf(id, window, undefined, this.#options.clock.now()), askAt };
  }

  /** The certificate lies in the Secret with this uid now, and is to be asked about then. */
  remember(uid: string, id: string, askAt: number): void {
    if (this.#askAt.size >= mostSecrets) this.#askAt.clear();
    this.#askAt.set(uid, { id, at: askAt });
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
    const { certificate, directory, ours, uid, window } = secret;
    const { clock, secrets } = this.#options;
    const now = clock.now();
    const isIssuedHere = ours && directory === this.#options.directory;
    if (certificate.kind !== 'readable' || certificate.id === undefined || !isIssuedHere) {
      this.#askAt.delete(uid);
      return { secret, askAt: undefined };
    }
    const { id, notAfter } = certificate;
    const known = this.#askAt.get(uid);
    if (known?.id !== id || known.at > now || notAfter <= now) {
      const at = known?.id === id ? known.at : nextBeat(uid, rhythm, now);
      this.remember(uid, id, at);
      return { secret, askAt: at };
    }
    const { window: suggested, askAt } = await this.#ask(id, signal);
    this.remember(uid, id, askAt);
    if (suggested === undefined) return { secret, askAt };
    const record = recordOf(id, suggested, window, now);
    if (!differs(window, record)) return { secret, askAt };
    const annotations = { [renewalAnnotation]: writeRenewal(id, record) };
    try {
      const version = await secrets.annotate(namespace, secretName, secret, annotations, signal);
      return { secret: { ...secret, ...version, window: record }, askAt };
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      // What is not recorded is not acted upon: somebody was faster, or does not let us write.
      const again = now + pauseAfterRefusal;
      this.remember(uid, id, again);
      return { secret, askAt: again };
    }
  }

  /** Without an answer in time it is asked again later. */
  async #ask(id: string, signal: AbortSignal): Promise<RenewalInfo> {
    const { clock, source } = this.#options;
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(), askingLimit);
    try {
      return await source.ask(id, AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      if (signal.aborted || !limit.signal.aborted) throw error;
      return { window: undefined, askAt: nextBeat(id, rhythm, clock.now()) };
    } finally {
      clock.clearTimeout(timer);
    }
  }
}
