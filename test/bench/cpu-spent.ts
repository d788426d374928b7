import type { FloorResult } from './floor.ts';
import type { Row } from './table.ts';
import { cpuOfFamily, ProcessUsage } from './usage.ts';

/** Seconds of CPU. */
export interface CpuSpent {
  readonly controller: number;
  /** All other processes of the benchmark, its own among them, by their programs. */
  readonly others: ReadonlyMap<string, number>;
}

/**
 * @param pid of the controller
 * @returns to be called at the end: what has been spent since
 */
export async function measureCpu(pid: number): Promise<() => Promise<CpuSpent>> {
  const usage = new ProcessUsage(pid);
  const othersBefore = await cpuOfFamily(pid);
  const before = await usage.cpuSeconds();
  return async () => {
    const controller = (await usage.cpuSeconds()) - before;
    const now = await cpuOfFamily(pid);
    const others = Array.from(
      now,
      ([program, spent]) => [program, spent - (othersBefore.get(program) ?? 0)] as const,
    );
    return { controller, others: new Map(others) };
  };
}

/**
 * CPU for each certificate, beside that of the bare loop.
 * @param most of the controller, × the bare loop's; undefined without a goal
 */
export function cpuRows(
  { controller, others }: CpuSpent,
  fleet: number,
  floor: Pick<FloorResult, 'cpuEach'>,
  most?: number,
): Row[] {
  const each = (seconds: number): number => (seconds * 1000) / fleet;
  const ratio = (seconds: number): number => each(seconds) / floor.cpuEach;
  const all = others.values().reduce((sum, spent) => sum + spent, 0);
  const [server = 0, etcd = 0] = ['kube-apiserver', 'etcd'].map((program) => others.get(program));
  return [
    {
      what: `CPU of the controller for each of ${fleet} at once`,
      peer: '–',
      goal: most === undefined ? '–' : `≤ ${most} × that of the bare loop`,
      measured: `${each(controller).toFixed(1)} ms = ${ratio(controller).toFixed(1)} × ${floor.cpuEach.toFixed(1)} ms`,
      met: most === undefined || ratio(controller) <= most,
    },
    {
      what: `CPU of all others (API server, etcd, edge, CA, bench) for each of ${fleet} at once`,
      peer: '–',
      goal: '–',
      measured: `${each(all).toFixed(1)} ms = ${ratio(all).toFixed(1)} × that of the bare loop; of these API server ${each(server).toFixed(1)} ms, etcd ${each(etcd).toFixed(1)} ms`,
      met: true,
    },
  ];
}
