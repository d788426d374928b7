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
  /** The CA's explanation: http or https. */
  readonly url: string | undefined;
}

export interface RenewalInfo {
  /** Undefined if the CA has no usable answer for this certificate. */
  readonly window: SuggestedWindow | undefined;
  /** The next request, in milliseconds since the epoch by the CA's clock. */
  readonly askAt: number;
}

/** RFC 9773 section 4.3.3: retry long-term errors after 6 hours. */
const otherwise = 6 * hour;
const afterTrouble = hour;
const longestUrl = 500;

export interface RenewalInfoOptions {
  readonly transport: Pick<AcmeTransport, 'directory' | 'get'>;
  readonly directoryUrl: string;
  /** The CA's. */
  readonly clock: Pick<Clock, 'now'>;
}

/** The CA's renewal information (ARI). */
export class RenewalInfoSource {
  readonly #options: RenewalInfoOptions;

  constructor(options: RenewalInfoOptions) {
    this.#options = options;
  }

  /**
   * One unsigned request.
   *
   * @param id of the certificate (RFC 9773 section 4.1)
   * @returns without a window if the CA has none for it, or does not answer now
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
      // A Retry-After of a refusal is not capped like that of a good answer. Spread: many may have got the same end.
      const asked = (error.retryAfter ?? 0) + spread(id) * hour;
      const wait = Math.max(asked, error.transient ? afterTrouble : otherwise);
      return { window: undefined, askAt: clock.now() + wait };
    }
  }
}

/** @returns undefined if it is no valid window, such as one that ends before it begins */
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
