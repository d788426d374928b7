import type { Backlog } from '../../machines/ca/backlog.ts';
import type { OrderBudget } from '../../machines/ca/order-budget.ts';
import { byClock, describeCause } from '../../machines/ingress/hold.ts';
import type { Ledger } from '../../machines/ledger/ledger.ts';
import type { Admission } from '../../machines/supervisor/admission.ts';
import type { SupervisorState } from '../../machines/supervisor/supervisor.ts';
import type { SupervisorView } from './protocol.ts';

export interface SupervisorSources {
  readonly state: Pick<SupervisorState, 'synced' | 'draining'> & {
    readonly admission: Pick<Admission, 'occupancy' | 'limits'>;
  };
  readonly ledger: Pick<Ledger, 'forecast' | 'blocks'>;
  readonly budget: Pick<OrderBudget, 'trouble'>;
  readonly backlog: Backlog | undefined;
  readonly renewals: SupervisorView['renewals'];
  /** Milliseconds since the epoch; `caNow` by the CA's clock, by which its limits are counted. */
  readonly now: number;
  readonly caNow: number;
}

/** Only the first ones are shown, even of thousands. */
const mostListed = 40;

/** Queue, remaining limits and upcoming renewals; all times by the clock of `now`. */
export function supervisorView(sources: SupervisorSources): SupervisorView {
  const { state, ledger, budget, backlog, renewals, now, caNow } = sources;
  const { synced, draining, admission } = state;
  const { hosts, ...queue } = admission.occupancy;
  const { limits } = admission;
  const trouble = budget.trouble(caNow);
  const blocks = [...(trouble === undefined ? [] : [trouble]), ...ledger.blocks(caNow)];
  const budgets = ledger.forecast(caNow);
  const ahead = now - caNow;
  return {
    synced,
    draining,
    queue,
    ...(backlog === undefined ? {} : { backlog: { ...backlog, lastAt: backlog.lastAt + ahead } }),
    permits: [
      { name: 'hosts', used: hosts, limit: limits.hosts },
      { name: 'orders', used: queue.ordering, limit: limits.ordersInFlight },
    ],
    blocks: blocks.slice(0, mostListed).map((hold) => {
      const { cause, scope, until } = byClock(hold, caNow, now);
      return { cause: describeCause(cause), scope, until };
    }),
    blockCount: blocks.length,
    budgets: budgets.slice(0, mostListed).map((one) => ({
      ...one,
      nextFirst: one.nextFirst + ahead,
      nextRenewal: one.nextRenewal + ahead,
    })),
    budgetCount: budgets.length,
    renewals,
  };
}
