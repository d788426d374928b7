import { Admission } from '../../../machines/supervisor/admission.ts';
import { now, orderBudget } from '../../machines/builders.ts';
import { cpuTime } from '../../time/cpu-time.ts';
import type { Row } from '../table.ts';

/** Milliseconds of CPU. */
const goal = 100;
const samples = 30;

/** What one order more costs the supervisor, and another tenant. */
export function queueRows(): Row[] {
  return [...[5000, 20_000, 100_000].map(costAmong), turnAmong(3000)];
}

/** Mallory's orders that begin after alice has come and before hers does. */
function turnAmong(count: number): Row {
  const admission = new Admission({ hosts: 500, ordersInFlight: 10 }, orderBudget());
  for (let index = 0; index < count; index += 1) admission.enter(round(`r${index}`, 'mallory'), now);
  const admitted = admission.grants(now).map(({ id }) => id);
  admission.enter(round('alice', 'alice'), now);
  let before = 0;
  for (const id of admitted) {
    admission.leave(id, now);
    const granted = admission.grants(now).map((grant) => grant.id);
    if (granted.includes('alice')) break;
    before += granted.length;
  }
  return {
    what: `turn of another namespace's first order, while ${count.toLocaleString('en')} of one are queued`,
    peer: '–',
    goal: '≤ 1 order before it',
    measured: `${before} orders`,
    met: before <= 1,
  };
}

function costAmong(count: number): Row {
  const admission = new Admission({ hosts: 500, ordersInFlight: 10 }, orderBudget());
  for (let index = 0; index < count; index += 1)
    admission.enter(round(`r${index}`, `tenant-${index % 100}`), now);
  admission.grants(now);
  const costs = Array.from({ length: samples }, (_, index) =>
    cpuTime(() => {
      admission.leave(`r${index}`, now);
      admission.enter(round(`s${index}`, 'mallory'), now);
      admission.grants(now);
    }),
  );
  const longest = Math.max(...costs);
  return {
    what: `an order ends and one comes while ${count.toLocaleString('en')} rounds wait`,
    peer: '–',
    goal: `≤ ${goal} ms of CPU`,
    measured: `${longest.toFixed(1)} ms at most, ${median(costs).toFixed(1)} ms as a rule`,
    met: longest <= goal,
  };
}

function round(id: string, namespace: string) {
  const hosts = [`${id}.example.com`];
  return { id, namespace, hosts, harmAt: now, purpose: 'first', exemption: 'none' } as const;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
