import type { Backlog } from '../../../machines/authority/backlog.ts';
import type { OrderBudget } from '../../../machines/authority/order-budget.ts';
import { describeCause } from '../../../machines/ledger/hold.ts';
import type { Ledger } from '../../../machines/ledger/ledger.ts';
import type { Admission } from '../../../machines/supervisor/admission.ts';
import type { SupervisorState } from '../../../machines/supervisor/supervisor.ts';
import type { CaClock } from '../../acme/transport/ca-clock.ts';
import type { SupervisorView } from '../protocol.ts';

export interface SupervisorSources {
  readonly state: Pick<SupervisorState, 'unread' | 'draining'> & {
    readonly admission: Pick<Admission, 'occupancy' | 'limits'>;
  };
  readonly ca: {
    readonly clock: Pick<CaClock, 'now' | 'byMachine'>;
    readonly ledger: Pick<Ledger, 'forecast' | 'blocks'>;
    readonly budget: Pick<OrderBudget, 'trouble'>;
  };
  readonly backlog: Backlog | undefined;
  readonly renewals: SupervisorView['renewals'];
}

/** Only the first ones are shown, even of thousands. */
const mostListed = 40;

/** Queue, remaining limits and upcoming renewals; all times by the machine's clock. */
export function supervisorView(sources: SupervisorSources): SupervisorView {
  const { state, backlog, renewals } = sources;
  const { budget, clock, ledger } = sources.ca;
  const now = clock.now();
  const { unread, draining, admission } = state;
  const { hosts, ...queue } = admission.occupancy;
  const { limits } = admission;
  const trouble = budget.trouble(now);
  const blocks = [...(trouble === undefined ? [] : [trouble]), ...ledger.blocks(now)];
  const budgets = ledger.forecast(now);
  return {
    synced: unread.size === 0,
    draining,
    queue,
    ...(backlog === undefined ? {} : { backlog }),
    permits: [
      { name: 'hosts', used: hosts, limit: limits.hosts },
      { name: 'orders', used: queue.ordering, limit: limits.ordersInFlight },
    ],
    blocks: blocks.slice(0, mostListed).map(({ cause, scope, until }) => ({
      cause: describeCause(cause),
      scope,
      until: clock.byMachine(until),
    })),
    blockCount: blocks.length,
    budgets: budgets.slice(0, mostListed).map((one) => ({
      ...one,
      nextFirst: clock.byMachine(one.nextFirst),
      nextRenewal: clock.byMachine(one.nextRenewal),
    })),
    budgetCount: budgets.length,
    renewals,
  };
}
