import { day, minute, second } from '../../../machines/time/durations.ts';
import type { Zone, Zones } from '../../../machines/zones/zone.ts';
import { type Clock, sleep, untilAborted } from '../../time/clock.ts';
import { retry } from '../../time/retry.ts';
import { LookupError, type NameServers } from './lookup/name-servers.ts';
import { idOf, type PresentedValue, type PresentedValues } from './presented-values.ts';
import { ProviderError } from './providers/provider.ts';
import type { Providers } from './providers/providers.ts';

export interface ValueKeeperOptions {
  readonly values: PresentedValues;
  readonly providers: Pick<Providers, 'of'>;
  readonly names: Pick<NameServers, 'zoneOf'>;
  readonly zones: () => Zones;
  readonly clock: Clock;
  /** Ends all work. */
  readonly signal: AbortSignal;
  /** A value cannot be removed, and is tried on. */
  readonly onTrouble: (error: unknown, value: PresentedValue) => void;
  /** It is not tried any more: nobody has listed its zone again. */
  readonly onGivenUp: (value: PresentedValue) => void;
}

interface Kept {
  readonly value: PresentedValue;
  /** Rounds whose order needs it. */
  readonly rounds: Set<string>;
  /** What goes on with it in the DNS, one thing at a time. */
  work: Promise<void>;
  /** Ends the pause of a removal that has failed, as a round needs the value again. */
  needed: AbortController;
  /** The answer to its addition is missing: what was sent may still get there. */
  isUnsure: boolean;
}

const removalPauses = { shortestPause: second, longestPause: 5 * minute };
/** Milliseconds for the operator to list again a zone that has gone from the zones document, whose values only its settings can remove. */
const patience = day;
/** Milliseconds that what an earlier process has left is given for its order to be taken up again. */
const leftoverDelay = 2 * minute;
/** Milliseconds after which an addition without an answer does not get to the provider any more. */
const longestDelivery = 2 * minute;

/** Adds values to the DNS for rounds, and removes each when no round needs it any more, however long that takes. */
export class ValueKeeper {
  readonly #options: ValueKeeperOptions;
  readonly #kept = new Map<string, Kept>();
  /** By record name: the round that has it alone, as it has room for few values. */
  readonly #holders = new Map<
    string,
    { readonly round: string; readonly freed: PromiseWithResolvers<void> }
  >();

  constructor(options: ValueKeeperOptions) {
    this.#options = options;
  }

  /** Number of values in the DNS. */
  get size(): number {
    return this.#kept.size;
  }

  /**
   * Resolves when values can be written down.
   * @throws KubernetesError, or the signal's reason
   */
  ready(signal: AbortSignal): Promise<void> {
    return this.#options.values.ready(signal);
  }

  /** Removes, after a while, what an earlier process has left. Rejects only with the signal's reason. */
  async removeLeftovers(): Promise<void> {
    const { clock, signal, values } = this.#options;
    const left = await values.restore();
    for (const value of left) this.#entry(value);
    await sleep(clock, leftoverDelay, signal);
    for (const value of left) this.#removeUnlessNeeded(value);
  }

  /**
   * Resolves when the provider has taken the value.
   * @param alone names of the records that the round needs for itself, of all its values
   * @throws ProviderError, KubernetesError, or the signal's reason
   */
  async add(
    round: string,
    value: PresentedValue,
    alone: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { providers, values } = this.#options;
    const provider = await providers.of(this.#zoneOf(value), signal);
    // In one order for all rounds: two that share two records would else wait for each other.
    for (const name of alone.toSorted()) await this.#hold(name, round, signal);
    const kept = this.#entry(value);
    kept.rounds.add(round);
    kept.needed.abort();
    await untilAborted(kept.work, signal);
    await values.add(value, signal);
    kept.isUnsure = true;
    try {
      await provider.add(value, signal);
      kept.isUnsure = false;
    } catch (error) {
      kept.isUnsure = !(error instanceof ProviderError) || error.code === 'unreachable';
      throw error;
    }
  }

  /** No order of this round needs its values any more. */
  release(round: string): void {
    for (const [name, holder] of this.#holders) {
      if (holder.round !== round) continue;
      this.#holders.delete(name);
      holder.freed.resolve();
    }
    for (const { rounds, value } of this.#kept.values()) {
      if (rounds.delete(round)) this.#removeUnlessNeeded(value);
    }
  }

  /** Resolves when all that is being removed has been, or when the signal is aborted. */
  async settled(signal: AbortSignal): Promise<void> {
    const unneeded = [...this.#kept.values()].filter(({ rounds }) => rounds.size === 0);
    await untilAborted(Promise.all(unneeded.map(({ work }) => work)), signal);
  }

  #zoneOf({ domain }: PresentedValue): Zone {
    const zone = this.#options.zones().of(domain);
    if (zone?.domain === domain) return zone;
    throw new ProviderError(
      'refused',
      `The DNS zone ${domain} is gone from the zones document, or has a mistake there.`,
      'Have it listed for as long as kube-lego has values in it.',
    );
  }

  async #hold(name: string, round: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const holder = this.#holders.get(name);
      if (holder?.round === round) return;
      if (holder === undefined) {
        this.#holders.set(name, { round, freed: Promise.withResolvers() });
        return;
      }
      await untilAborted(holder.freed.promise, signal);
    }
  }

  #entry(value: PresentedValue): Kept {
    const id = idOf(value);
    const known = this.#kept.get(id);
    if (known !== undefined) return known;
    const kept: Kept = {
      value,
      rounds: new Set(),
      work: Promise.resolve(),
      needed: new AbortController(),
      isUnsure: false,
    };
    this.#kept.set(id, kept);
    return kept;
  }

  #removeUnlessNeeded(value: PresentedValue): void {
    const kept = this.#kept.get(idOf(value));
    if (kept === undefined || kept.rounds.size > 0) return;
    // It ends with the process; the next one finds the value in the record.
    kept.work = kept.work.then(() => this.#remove(kept)).catch(() => undefined);
  }

  async #remove(kept: Kept): Promise<void> {
    const { clock, onGivenUp, onTrouble, providers, signal, values, zones } = this.#options;
    const { value, rounds } = kept;
    const begun = clock.monotonic();
    const needed = new AbortController();
    kept.needed = needed;
    let failed = false;
    const onFailure = (error: unknown): void => {
      if (!failed) onTrouble(error, value);
      failed = true;
    };
    const attempt = async (): Promise<boolean> => {
      if (rounds.size > 0) return false;
      if (zones().lacks(value.domain) && clock.monotonic() - begun >= patience) {
        onGivenUp(value);
        kept.isUnsure = false;
        return true;
      }
      const provider = await providers.of(this.#zoneOf(value), signal);
      await provider.remove(failed ? await this.#asItIsNow(value) : value, signal);
      return true;
    };
    const either = AbortSignal.any([signal, needed.signal]);
    const isOver = await retry(attempt, { clock, signal: either, ...removalPauses, onFailure }).catch(() => {
      signal.throwIfAborted();
      return false;
    });
    if (!isOver || rounds.size > 0) return;
    if (kept.isUnsure) {
      kept.isUnsure = false;
      void this.#removeLater(value);
      return;
    }
    this.#kept.delete(idOf(value));
    values.remove(value);
  }

  /** The zone may have moved to other servers, or been cut anew, since the value was added. */
  async #asItIsNow(value: PresentedValue): Promise<PresentedValue> {
    const { names, signal } = this.#options;
    try {
      const zone = await names.zoneOf(value.record.name, signal);
      return { ...value, record: { ...value.record, ...zone } };
    } catch (error) {
      if (error instanceof LookupError) return value;
      throw error;
    }
  }

  /** Once more. It ends with the process; the next one finds the value in the record. */
  async #removeLater(value: PresentedValue): Promise<void> {
    const { clock, signal } = this.#options;
    await sleep(clock, longestDelivery, signal).catch(() => undefined);
    if (!signal.aborted) this.#removeUnlessNeeded(value);
  }
}
