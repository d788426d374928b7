import { renewalsAhead } from '../../../machines/assessment/renewal-forecast.ts';
import type { Lifetime } from '../../../machines/authority/known-cas.ts';
import type { IngressContext } from '../../../machines/ingress/ingress-context.ts';
import { day, second } from '../../../machines/time/durations.ts';
import type { SupervisorView } from '../protocol.ts';

/** Milliseconds. Computing it takes some with thousands of certificates, and it changes by days. */
const freshness = 15 * second;
const daysAhead = 90;

/** The renewals of the coming ninety days. */
export class RenewalCalendar {
  readonly #ingresses: () => Iterable<Pick<IngressContext, 'certificates'>>;
  readonly #lifetimes: readonly Lifetime[];
  #renewals: SupervisorView['renewals'] = [];
  #freshUntil = Number.NEGATIVE_INFINITY;

  /** @param lifetimes of the CA's certificates, if known */
  constructor(
    ingresses: () => Iterable<Pick<IngressContext, 'certificates'>>,
    lifetimes: readonly Lifetime[],
  ) {
    this.#ingresses = ingresses;
    this.#lifetimes = lifetimes;
  }

  /**
   * At most 15 seconds old.
   *
   * @param now milliseconds since the epoch
   */
  at(now: number): SupervisorView['renewals'] {
    if (now < this.#freshUntil) return this.#renewals;
    this.#freshUntil = now + freshness;
    const renewable = [...this.#ingresses()].flatMap(({ certificates }) =>
      certificates.flatMap(({ status }) => (status.kind === 'good' ? [status] : [])),
    );
    const ahead = renewalsAhead(renewable, this.#lifetimes, now, now - (now % day) + daysAhead * day);
    this.#renewals = [...ahead]
      .toSorted(([one], [other]) => one - other)
      .map(([date, count]) => ({ day: date, count }));
    return this.#renewals;
  }
}
