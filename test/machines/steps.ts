import { Session } from 'node:inspector';

/** Searches and moves inside of an array, which V8 does not count: each takes as many steps as the array is long. */
const searches = ['includes', 'indexOf', 'lastIndexOf', 'splice', 'unshift', 'shift'] as const;

const lists: object = Array.prototype;

/**
 * The steps of a program, counted and not timed: how often V8 executes its blocks, and the length of each array that is searched.
 * Deterministic, whatever else the machine does.
 */
export function countSteps(work: () => void): number {
  const session = new Session();
  session.connect();
  let steps = 0;
  const undo = searches.map((name) => {
    const original = Array.prototype[name];
    const counted = function (this: unknown[], ...values: unknown[]): unknown {
      const [start] = values;
      steps += name === 'splice' ? this.length - Number(start) : this.length;
      return Reflect.apply(original, this, values);
    };
    Object.defineProperty(lists, name, { value: counted, configurable: true, writable: true });
    return () => Object.defineProperty(lists, name, { value: original, configurable: true, writable: true });
  });
  try {
    session.post('Profiler.enable');
    session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    work();
    session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error !== null) throw error;
      for (const { url, functions } of coverage.result) {
        if (!url.includes('/machines/') && !url.includes('/src/')) continue;
        for (const { ranges } of functions) for (const { count } of ranges) steps += count;
      }
    });
  } finally {
    for (const restore of undo) restore();
    session.post('Profiler.stopPreciseCoverage');
    session.disconnect();
  }
  return steps;
}
