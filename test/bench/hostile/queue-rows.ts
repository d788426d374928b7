import { presetLimits } from '../../../machines/authority/known-cas.ts';
import { OrderBudget } from '../../../machines/authority/order-budget.ts';
import { Admission } from '../../../machines/supervisor/admission.ts';
import { createLedger } from '../../../src/ledger/ledger-keeper.ts';
import { minute, now } from '../../machines/builders.ts';
import { cpuTime } from '../../time/cpu-time.ts';
import type { Row } from '../table.ts';

/** Milliseconds of CPU. */
const goal = 100;
const directory = 'https://acme-v02.api.letsencrypt.org/directory';

/**
 * The longest step of the supervisor while so many rounds come, half of them for one domain, and in the two minutes after that, in which
 * orders are made, room is freed, and all are told their time; by Let's Encrypt's limits.
 */
export function queueRows(): Row[] {
  return [5000, 20_000, 100_000].map((count) => {
    const budget = new OrderBudget(createLedger(presetLimits(directory), directory));
    const admission = new Admission({ hosts: 500, ordersInFlight: 10 }, budget);
    const costs: number[] = [];
    const admitted: string[] = [];
    const step = (at: number, before: () => void): void => {
      const cost = cpuTime(() => {
        before();
        for (const { id, grant } of admission.grants(at)) if (grant === 'admission') admitted.push(id);
      });
      costs.push(cost);
    };
    for (let index = 0; index < count; index += 1) step(now, () => admission.enter(round(index), now));
    for (let at = now; at < now + 2 * minute; at = Math.max(admission.next(at) ?? at, at + 20)) {
      const ended = admitted.pop();
      step(at, () => {
        if (ended !== undefined) admission.leave(ended, at);
      });
    }
    const longest = costs.reduce((most, cost) => Math.max(most, cost), 0);
    return {
      what: `a step of the queue while ${count.toLocaleString('en')} rounds come and wait`,
      peer: '–',
      goal: `≤ ${goal} ms of CPU`,
      measured: `${longest.toFixed(1)} ms at most, ${median(costs).toFixed(2)} ms as a rule`,
      met: longest <= goal,
    };
  });
}

function round(index: number) {
  const namespace = `tenant-${index % 100}`;
  const hosts = [index % 2 === 0 ? `r${index}.example.com` : `www.site-${index}.example`];
  return { id: `r${index}`, namespace, hosts, harmAt: now, purpose: 'first', exemption: 'none' } as const;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
