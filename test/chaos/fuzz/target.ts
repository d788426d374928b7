// Fuzzing: whatever comes in from outside in place of a document, an answer or a request, nothing crashes, hangs or is reflected. Real
// documents are damaged where their structure allows it (mutation.ts). A share of it runs in `npm test` (fuzz.test.ts), any length
// by `npm run test:chaos -- fuzz`.

import assert from 'node:assert/strict';
import process from 'node:process';
import * as fc from 'fast-check';

/** A kind of input, and what must hold whatever comes in its place. */
export interface FuzzTarget {
  readonly name: string;
  /** Checks that many inputs, the same ones for the same seed. @throws Error with the input that breaks the promise */
  run(seed: number, inputs: number): Promise<void>;
}

/** Milliseconds of CPU for one input: more counts as a hang. */
const mostCpu = 1000;
/** Milliseconds for the inputs of one run, and for finding a smaller one that fails too. */
const longestRun = 60_000;
/** Characters of a counterexample that are shown. */
const longestShown = 3000;
/** Characters of a sentence for the log, an Event or a metric. */
const longestSentence = 12_000;

/** @param check throws if the promise is broken */
export function fuzzTarget<T>(
  name: string,
  inputs: fc.Arbitrary<T>,
  check: (input: T) => void | Promise<void>,
): FuzzTarget {
  return fuzzTargetIn(name, inputs, () => Promise.resolve(nothing), check);
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.resolve() };

/** The same with something that is started once for all inputs. */
export function fuzzTargetIn<T, W extends AsyncDisposable>(
  name: string,
  inputs: fc.Arbitrary<T>,
  start: () => Promise<W>,
  check: (input: T, world: W) => void | Promise<void>,
): FuzzTarget {
  return {
    name,
    run: async (seed, numRuns) => {
      await using world = await start();
      const property = fc.asyncProperty(inputs, async (input) => {
        const before = process.threadCpuUsage();
        await check(input, world);
        const { user, system } = process.threadCpuUsage(before);
        assert.ok(user + system < 1000 * mostCpu, `It took ${(user + system) / 1000} ms of CPU.`);
      });
      const { counterexample, errorInstance, failed } = await fc.check(property, {
        seed,
        numRuns,
        interruptAfterTimeLimit: longestRun,
      });
      if (!failed) return;
      const shown = fc.stringify(counterexample).slice(0, longestShown);
      const why = String(errorInstance).slice(0, longestShown);
      throw new Error(`${name}: ${why}\nwith ${shown}`, { cause: errorInstance });
    },
  };
}

const secrets = new Set<string>();

/** Makes sure that nobody is told a part of this key, PEM. @returns the key */
export function kept(keyPem: string): string {
  for (const line of keyPem.split('\n')) if (line.length === 64) secrets.add(line.slice(20, 50));
  return keyPem;
}

/** A sentence that people are told: of bounded length, on one line, and nothing that the terminal or a viewer obeys. */
export function assertTellable(sentence: string): void {
  assert.ok(sentence.length <= longestSentence, `A sentence of ${sentence.length} characters.`);
  assert.doesNotMatch(sentence, /[\p{Cc}\p{Cf}]/u);
  for (const secret of secrets) assert.ok(!sentence.includes(secret), 'It repeats a part of a key.');
}

/** A time to wait for is neither NaN nor beyond what `Date` can write. */
export function assertTime(time: number | undefined): void {
  if (time === undefined) return;
  assert.ok(!Number.isNaN(new Date(time).getTime()), `${time} is no time.`);
}

/** The error of the work, which must be one of these; undefined if it succeeds. */
export async function expectedFailure(
  work: () => unknown,
  ...kinds: readonly (new (
    ...given: never[]
  ) => Error)[]
): Promise<Error | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof Error && kinds.some((kind) => error instanceof kind)) {
      assertTellable(error.message);
      return error;
    }
    throw error;
  }
}
