import type { Admission } from '../../machines/admission.ts';
import type { Backlog } from '../../machines/backlog.ts';
import type { IngressContext } from '../../machines/ingress-context.ts';
import type { OrderBudget } from '../../machines/order-budget.ts';
import type { Ledger } from '../../machines/rate-limits.ts';
import { type Lifetime, renewalsAhead } from '../../machines/renewal-forecast.ts';
import type { SupervisorState } from '../../machines/supervisor.ts';
import type { SupervisorView } from './protocol.ts';

export interface SupervisorSources {
  readonly state: Pick<SupervisorState, 'synced' | 'draining'> & {
    readonly admission: Pick<Admission, 'occupancy' | 'limits'>;
  };
  readonly ledger: Pick<Ledger, 'forecast' | 'blocks'>;
  readonly budget: Pick<OrderBudget, 'trouble'>;
  readonly backlog: Backlog | undefined;
  readonly ingresses: Iterable<Pick<IngressContext, 'certificates'>>;
  /** Of the CA's certificates, as far as that is known. */
  readonly lifetimes: readonly Lifetime[];
  /** Milliseconds since the epoch; `caNow` by the CA's clock, by which its limits are counted. */
  readonly now: number;
  readonly caNow: number;
}

const day = 86_400_000;
const daysAhead = 90;
/** Those that come first: with thousands of names in use nobody reads further. */
const mostBudgets = 50;
const mostBlocks = 50;

/** What all Ingresses share: the queue, what the CA has left for us, and what is to come. */
export function supervisorView(sources: SupervisorSources): SupervisorView {
  const { state, ledger, budget, backlog, ingresses, lifetimes, now, caNow } = sources;
  const { synced, draining, admission } = state;
  const { hosts, ...queue } = admission.occupancy;
  const { limits } = admission;
  const trouble = budget.trouble(caNow);
  const blocks = [...(trouble === undefined ? [] : [trouble]), ...ledger.blocks(caNow)];
  return {
    synced,
    draining,
    queue,
    ...(backlog === undefined ? {} : { backlog }),
    permits: [
      { name: 'hosts', used: hosts, limit: limits.hosts },
      { name: 'orders', used: queue.ordering, limit: limits.ordersInFlight },
    ],
    blocks: blocks.slice(0, mostBlocks).map(({ cause, scope, until }) => ({ cause, scope, until })),
    budgets: ledger
      .forecast(caNow)
      .toSorted((one, other) => one.level / one.capacity - other.level / other.capacity)
      .slice(0, mostBudgets),
    renewals: renewalsByDay(ingresses, lifetimes, now),
  };
}

function renewalsByDay(
  ingresses: SupervisorSources['ingresses'],
  lifetimes: readonly Lifetime[],
  now: number,
): SupervisorView['renewals'] {
  const renewable = [...ingresses].flatMap(({ certificates }) =>
    certificates.flatMap(({ status }) => (status.kind === 'good' ? [status] : [])),
  );
  const ahead = renewalsAhead(renewable, lifetimes, now, now - (now % day) + daysAhead * day);
  return [...ahead].toSorted(([one], [other]) => one - other).map(([date, count]) => ({ day: date, count }));
}
