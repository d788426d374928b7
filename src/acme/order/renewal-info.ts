import { day, hour, minute } from '../../../machines/time/durations.ts';
import { spread } from '../../../machines/time/spread.ts';
import { recordField, stringField } from '../../process/json.ts';
import type { Clock } from '../../time/clock.ts';
import { AcmeProblem } from '../transport/problem.ts';
import type { AcmeTransport } from '../transport/transport.ts';

/** When the CA wants a certificate renewed (RFC 9773 section 4.2); times in milliseconds since the epoch. */
export interface SuggestedWindow {
  readonly start: number;
  readonly end: number;
  /** Where the CA explains itself: http or https. */
  readonly url: string | undefined;
}

export interface RenewalInfo {
  /** Undefined where the CA gives no usable answer for this certificate. */
  readonly window: SuggestedWindow | undefined;
  /** When to ask again, in milliseconds since the epoch by the CA's clock. */
  readonly askAt: number;
}

/** RFC 9773 section 4.3.3: what has failed for longer is asked again after 6 hours. */
const otherwise = 6 * hour;
const afterTrouble = hour;
const longestUrl = 500;

export interface RenewalInfoOptions {
  readonly transport: Pick<AcmeTransport, 'directory' | 'get'>;
  readonly directoryUrl: string;
  /** The CA's. */
  readonly clock: Pick<Clock, 'now'>;
}

/** Asks the CA when certificates are to be renewed. */
export class RenewalInfoSource {
  readonly #options: RenewalInfoOptions;

  constructor(options: RenewalInfoOptions) {
    this.#options = options;
  }

  /**
   * One request, which is not signed.
   *
   * @param id of the certificate (RFC 9773 section 4.1)
   * @returns without a window where the CA has none for it, or cannot be asked now
   * @throws the signal's reason
   */
  async ask(id: string, signal: AbortSignal): Promise<RenewalInfo> {
    const { transport, directoryUrl, clock } = this.#options;
    try {
      const { renewalInfo } = await transport.directory(directoryUrl, signal);
      if (renewalInfo === undefined) return { window: undefined, askAt: clock.now() + day };
      const url = `${renewalInfo.replace(/\/$/, '')}/${id}`;
      const { value, retryAfter } = await transport.get(signal, 'renewal-info', url);
      const window = readWindow(value);
      const wait = window === undefined || retryAfter === undefined ? otherwise : retryAfter;
      return { window, askAt: clock.now() + Math.min(Math.max(wait, minute), day) };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof AcmeProblem)) throw error;
      // As long as it says: unlike the rhythm of good answers, this is a refusal. Many may have been told of the same end.
      const asked = (error.retryAfter ?? 0) + spread(id) * hour;
      const wait = Math.max(asked, error.transient ? afterTrouble : otherwise);
      return { window: undefined, askAt: clock.now() + wait };
    }
  }
}

/** @returns undefined for what is no window, such as one that ends before it begins */
function readWindow(value: unknown): SuggestedWindow | undefined {
  const window = recordField(value, 'suggestedWindow');
  const start = Date.parse(stringField(window, 'start') ?? '');
  const end = Date.parse(stringField(window, 'end') ?? '');
  if (!(start < end)) return undefined;
  return { start, end, url: readUrl(stringField(value, 'explanationURL')) };
}

function readUrl(text: string | undefined): string | undefined {
  if (text === undefined || text.length > longestUrl || !URL.canParse(text)) return undefined;
  const { href, protocol } = new URL(text);
  return protocol === 'https:' || protocol === 'http:' ? href : undefined;
}
