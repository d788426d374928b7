import { Session } from 'node:inspector';
import { setFlagsFromString } from 'node:v8';

/** Searches and moves inside of an array, which V8 does not count: each takes as many steps as the array is long. */
const searches = ['includes', 'indexOf', 'lastIndexOf', 'splice', 'unshift', 'shift'] as const;

const lists: object = Array.prototype;

/**
 * Begun with the process and never ended: V8 throws compiled code away at both, which costs more than most of what is counted. Nothing is
 * optimized, as optimized code does not count what it has inlined.
 */
const coverage = new Session();
for (const flag of ['--no-opt', '--no-maglev']) setFlagsFromString(flag);
coverage.connect();
coverage.post('Profiler.enable');
coverage.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

/** How often blocks of the product were executed since the last call. */
function takeExecutions(): number {
  let executions = 0;
  coverage.post('Profiler.takePreciseCoverage', (error, { result }) => {
    if (error !== null) throw error;
    for (const { url, functions } of result) {
      if (!url.includes('/machines/') && !url.includes('/src/')) continue;
      for (const { ranges } of functions) for (const { count } of ranges) executions += count;
    }
  });
  return executions;
}

/**
 * The steps of a program, counted and not timed: how often V8 executes its blocks, and the length of each array that is searched.
 * Deterministic, whatever else the machine does.
 */
export function countSteps(work: () => void): number {
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
    takeExecutions();
    work();
    steps += takeExecutions();
  } finally {
    for (const restore of undo) restore();
  }
  return steps;
}
