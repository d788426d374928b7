// What objects, hosts and answers of attackers cost everybody else: a row for each. The shipped controller at a real API server, except
// for what only the queue of orders decides.

import type { Bench } from '../stage.ts';
import type { Row } from '../table.ts';
import { type Attack, attacks } from './attacks.ts';
import { type Cost, HostileStage } from './hostile-stage.ts';
import { queueRows } from './queue-rows.ts';

/** Milliseconds, by the clock, of one turn of the event loop. */
const longestStall = 100;
/** Of the pod in deploy/base. */
const memoryLimit = 512 * 1024 * 1024;

export async function measureHostile({ progress }: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  await using stage = await HostileStage.create();
  for (const attack of attacks) {
    progress(attack.what);
    rows.push(await measured(stage, attack));
    await stage.clear();
  }
  progress('the queue of orders');
  return [...rows, ...queueRows()];
}

/** The cost while the attack begins and, if it is by objects that stay, of a start of the controller among them. */
async function measured(stage: HostileStage, attack: Attack): Promise<Row> {
  const costs: Cost[] = [];
  const remarks: string[] = [];
  try {
    await stage.start();
    costs.push(
      await stage.costOf(async () => {
        remarks.push(await attack.begin(stage));
      }),
    );
    if (attack.stays) {
      await stage.stop();
      costs.push(await stage.costOf(() => stage.start()));
    }
  } catch (error) {
    remarks.push(error instanceof Error ? error.message : String(error));
  }
  const [began, started] = costs.map(
    ({ stall }) => `${stall.clock.toFixed(0)} ms (${stall.cpu.toFixed(0)} of CPU)`,
  );
  const probes = costs.map((cost) => cost.probes);
  const asked = probes.reduce((sum, probe) => sum + probe.asked, 0);
  const failed = probes.reduce((sum, probe) => sum + probe.failed, 0);
  const slowest = Math.max(0, ...probes.map((probe) => probe.slowest));
  const peak = Math.max(0, ...costs.map(({ peakBytes }) => peakBytes));
  const complete = costs.length === (attack.stays ? 2 : 1);
  return {
    what: attack.what,
    peer: '–',
    goal: `stall ≤ ${longestStall} ms, ≤ ${megabytes(memoryLimit)} MB, probes answered`,
    measured: [
      `stall ${began ?? 'unknown'}`,
      ...(started === undefined ? [] : [`${started} at a start`]),
      `${megabytes(peak)} MB`,
      `${asked - failed} of ${asked} probes answered, the slowest in ${slowest.toFixed(0)} ms`,
      ...remarks,
    ].join('; '),
    met:
      complete &&
      failed === 0 &&
      peak <= memoryLimit &&
      costs.every(({ stall }) => stall.clock <= longestStall),
  };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
