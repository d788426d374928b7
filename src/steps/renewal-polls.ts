import type { RenewalWindow } from '../../machines/assessment/renewal.ts';
import type { PresentSecret, SecretFacts } from '../../machines/assessment/secret-facts.ts';
import { hour } from '../../machines/time/durations.ts';
import { Heap, type HeapItem } from '../../machines/time/heap.ts';
import type { Clock } from '../time/clock.ts';
import type { RenewalWatch } from './renewal-watch.ts';

interface Place {
  readonly namespace: string;
  readonly secretName: string;
}

export interface RenewalPollsOptions {
  readonly watch: Pick<RenewalWatch, 'first' | 'check' | 'poll'>;
  readonly clock: Clock;
  /** Ends all. */
  readonly signal: AbortSignal;
  /** Whether somebody still asks for this Secret. */
  readonly isWanted: (place: Place) => boolean;
  /** The CA suggests another time: the Secret is to be checked. */
  readonly onNews: (place: Place) => void;
  /** A poll threw (a bug). */
  readonly onTrouble: (error: unknown) => void;
}

interface PolledCertificate {
  /** RFC 9773 section 4.1. */
  readonly id: string;
  /** Milliseconds since the epoch: an expired one is not asked about (RFC 9773 section 4.3). */
  readonly notAfter: number;
}

interface Followed extends Place, HeapItem {
  id: string;
  notAfter: number;
  /** The window that the Secret records. */
  recorded: RenewalWindow | undefined;
  /** The next poll, in monotonic milliseconds; infinite while it runs. */
  at: number;
}

const pollsAtOnce = 16;
/** Milliseconds. */
const pauseAfterTrouble = 6 * hour;

/**
 * Polls ARI for the certificates in Secrets while their Ingresses are idle: these are only checked if the answer changes something. When
 * Secrets are read again does not depend on the CA: every `LEGO_CHECK_INTERVAL`.
 */
export class RenewalPolls {
  readonly #options: RenewalPollsOptions;
  /** By `namespace/secretName`. */
  readonly #followed = new Map<string, Followed>();
  readonly #turns = new Heap<Followed>((one, other) => one.at < other.at);
  #running = 0;
  #timer: unknown;
  /** In monotonic milliseconds. */
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(options: RenewalPollsOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => options.clock.clearTimeout(this.#timer), { once: true });
  }

  /**
   * After a certificate was stored.
   * @returns undefined without an answer yet
   * @throws the signal's reason
   */
  async first(
    place: Place,
    certificate: PolledCertificate,
    signal: AbortSignal,
  ): Promise<RenewalWindow | undefined> {
    const { window, askAt } = await this.#options.watch.first(certificate.id, signal);
    this.#follow(place, certificate, undefined, askAt);
    return window;
  }

  /**
   * The Secret with its window.
   * @throws the signal's reason
   */
  async check(place: Place, facts: SecretFacts, signal: AbortSignal): Promise<SecretFacts> {
    if (facts.kind === 'absent') {
      this.#forget(place);
      return facts;
    }
    const { secret, recorded, askAt } = await this.#options.watch.check(place, facts, signal);
    const certificate = polledIn(secret);
    if (certificate === undefined || askAt === undefined) this.#forget(place);
    else this.#follow(place, certificate, recorded, askAt);
    return secret;
  }

  #follow(
    { namespace, secretName }: Place,
    { id, notAfter }: PolledCertificate,
    recorded: RenewalWindow | undefined,
    askAt: number,
  ): void {
    const key = keyOf({ namespace, secretName });
    const at = this.#monotonic(askAt);
    const known = this.#followed.get(key);
    if (known === undefined) {
      const added = { namespace, secretName, id, notAfter, recorded, at, heapIndex: 0 };
      this.#followed.set(key, added);
      this.#turns.add(added);
    } else {
      known.id = id;
      known.notAfter = notAfter;
      known.recorded = recorded;
      known.at = at;
      this.#turns.moved(known);
    }
    this.#arm();
  }

  #forget(place: Place): void {
    const key = keyOf(place);
    const followed = this.#followed.get(key);
    if (followed === undefined) return;
    this.#followed.delete(key);
    this.#turns.delete(followed);
  }

  #arm(): void {
    const { clock, signal } = this.#options;
    const at = this.#turns.first?.at ?? Number.POSITIVE_INFINITY;
    if (signal.aborted || this.#running >= pollsAtOnce || at >= this.#timerAt) return;
    clock.clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = clock.setTimeout(
      () => {
        this.#timerAt = Number.POSITIVE_INFINITY;
        this.#run();
      },
      Math.max(0, at - clock.monotonic()),
    );
  }

  #run(): void {
    const { clock, isWanted, signal } = this.#options;
    if (signal.aborted) return;
    const now = clock.monotonic();
    while (this.#running < pollsAtOnce) {
      const { first } = this.#turns;
      if (first === undefined || first.at > now) break;
      if (isWanted(first) && first.notAfter > clock.now()) void this.#poll(first);
      else this.#forget(first);
    }
    this.#arm();
  }

  async #poll(followed: Followed): Promise<void> {
    const { clock, onNews, onTrouble, signal, watch } = this.#options;
    this.#running += 1;
    followed.at = Number.POSITIVE_INFINITY;
    this.#turns.moved(followed);
    try {
      const { isNews, askAt } = await watch.poll(followed.id, followed.recorded);
      this.#again(followed, this.#monotonic(askAt));
      if (isNews) onNews(followed);
    } catch (error) {
      if (!signal.aborted) onTrouble(error);
      this.#again(followed, clock.monotonic() + pauseAfterTrouble);
    } finally {
      this.#running -= 1;
      this.#run();
    }
  }

  /** Unless a check has said meanwhile when the next one is. */
  #again(followed: Followed, at: number): void {
    if (followed.at !== Number.POSITIVE_INFINITY || this.#followed.get(keyOf(followed)) !== followed) return;
    followed.at = at;
    this.#turns.moved(followed);
  }

  /**
   * In whole milliseconds, and not now: else a fraction that two clocks differ by would have it asked over and over whether it is time.
   * @param at milliseconds since the epoch
   */
  #monotonic(at: number): number {
    const { clock } = this.#options;
    return clock.monotonic() + Math.max(1, Math.ceil(at - clock.now()));
  }
}

function keyOf({ namespace, secretName }: Place): string {
  return `${namespace}/${secretName}`;
}

function polledIn({ certificate }: PresentSecret): PolledCertificate | undefined {
  if (certificate.kind !== 'readable' || certificate.id === undefined) return undefined;
  return { id: certificate.id, notAfter: certificate.notAfter };
}
