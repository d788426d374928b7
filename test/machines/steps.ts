import { Session } from 'node:inspector';
import { setFlagsFromString } from 'node:v8';

/** Searches and moves inside of an array, which V8 does not count: each takes as many steps as the array is long. */
const searches = ['includes', 'indexOf', 'lastIndexOf', 'splice', 'unshift', 'shift'] as const;

const lists: object = Array.prototype;

let begun: Session | undefined;

/**
 * V8's coverage, from the first count to the end of the process: V8 throws compiled code away at both ends, which costs more than most of
 * what is counted. Nothing is optimized from then on, as optimized code does not count what it has inlined.
 */
function coverage(): Session {
  if (begun !== undefined) return begun;
  for (const flag of ['--no-opt', '--no-maglev']) setFlagsFromString(flag);
  begun = new Session();
  begun.connect();
  begun.post('Profiler.enable');
  begun.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return begun;
}

/** How often blocks of the product were executed since the coverage was last taken. */
function takeExecutions(): number {
  let executions = 0;
  coverage().post('Profiler.takePreciseCoverage', (error, taken) => {
    if (error !== null) throw error;
    for (const { url, functions } of taken.result) {
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
    // Unread: the loop over what was counted before would be counted, too.
    coverage().post('Profiler.takePreciseCoverage');
    work();
    steps += takeExecutions();
  } finally {
    for (const restore of undo) restore();
  }
  return steps;
}
