import type { PresentSecret } from '../../machines/secret-facts.ts';
import { nextBeat } from '../../machines/spread.ts';
import type { RenewalInfoSource } from '../acme/renewal-info.ts';
import type { Clock } from '../clock.ts';
import type { SecretStore } from '../kubernetes/secret-store.ts';
import { differs, recordOf, renewalAnnotation, writeRenewal } from './renewal-record.ts';

export interface RenewalWatchOptions {
  readonly source: Pick<RenewalInfoSource, 'ask'>;
  readonly secrets: Pick<SecretStore, 'annotate'>;
  /** The directory that certificates are ordered from. */
  readonly directory: string;
  readonly clock: Pick<Clock, 'now'>;
}

export interface Watched {
  /** With what the CA says now. */
  readonly secret: PresentSecret;
  /** When the CA is to be asked again, in milliseconds since the epoch; undefined for what it did not issue. */
  readonly askAt: number | undefined;
}

/** Let's Encrypt lets one ask every six hours; those that a restart has forgotten are spread over as many. */
const rhythm = 6 * 3_600_000;

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
   * Asks if it is time to, and records another window on the Secret that was read.
   * @throws KubernetesError where that cannot be written, or the signal's reason
   */
  async look(
    { namespace, secretName }: { readonly namespace: string; readonly secretName: string },
    secret: PresentSecret,
    signal: AbortSignal,
  ): Promise<Watched> {
    const { certificate, directory, ours, uid, window } = secret;
    const { clock, secrets, source } = this.#options;
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
      this.#askAt.set(uid, { id, at });
      return { secret, askAt: at };
    }
    const { window: suggested, askAt } = await source.ask(id, signal);
    this.#askAt.set(uid, { id, at: askAt });
    if (suggested === undefined) return { secret, askAt };
    const record = recordOf(id, suggested, window, now);
    if (!differs(window, record)) return { secret, askAt };
    const annotations = { [renewalAnnotation]: writeRenewal(id, record) };
    const version = await secrets.annotate(namespace, secretName, secret, annotations, signal);
    return { secret: { ...secret, ...version, window: record }, askAt };
  }
}
