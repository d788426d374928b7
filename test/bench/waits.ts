import { setTimeout as delay } from 'node:timers/promises';
import { CaRecorder, type Exchange } from './ca-recorder.ts';
import { members } from './fleet.ts';
import { type Bench, Stage } from './stage.ts';
import type { Row } from './table.ts';

const samples = 3;
const pauseBetween = 1500;
/** Pebble's own default, in seconds. */
const retryAfter = { authz: 3, order: 5 };
/** Upper bound of pebble's random validation time, in seconds: without it hardly an authorization is pending. */
const validationSleep = 2;
const allowance = 500;

interface Outcome {
  readonly excess: number;
  readonly early: number;
  readonly waits: number;
  readonly total: number;
}

/** Pebble with its default Retry-After: no request earlier than allowed, and no time lost beyond it. */
export async function measureWaits(bench: Bench): Promise<Row[]> {
  const quick = await measure(undefined, bench);
  const slow = await measure(validationSleep, bench);
  const outcomes = [...quick, ...slow];
  const early = outcomes.reduce((sum, outcome) => sum + outcome.early, 0);
  const waits = outcomes.reduce((sum, outcome) => sum + outcome.waits, 0);
  const worst = Math.max(...outcomes.map(({ excess }) => excess));
  const times = outcomes.map(({ total }) => (total / 1000).toFixed(1)).join(', ');
  return [
    {
      what: 'Retry-After 3 s and 5 s: requests earlier than allowed',
      peer: '–',
      goal: '0',
      measured: `${early}, with ${waits} waits asked for`,
      met: early === 0 && waits > 0,
    },
    {
      what: 'Retry-After 3 s and 5 s: time beyond the waits asked for',
      peer: '–',
      goal: '≤ 0.5 s',
      measured: `at most ${(worst / 1000).toFixed(2)} s (${samples} certificates with validation at once, ${samples} with a slow one: ${times} s in all)`,
      met: worst <= allowance,
    },
  ];
}

async function measure(sleep: number | undefined, bench: Bench): Promise<Outcome[]> {
  let recorder: CaRecorder | undefined;
  const pebble = { retryAfter, ...(sleep === undefined ? {} : { validationSleep: sleep }) };
  await using stage = await Stage.start(bench, { pebble }, async (world) => {
    recorder = await CaRecorder.start(world.pebble, world.session.directory);
    return { LEGO_URL: recorder.directoryUrl, LEGO_CA_BUNDLE: recorder.caBundle };
  });
  await using recording = recorder;
  if (recording === undefined) throw new Error('the recorder was not started');
  const outcomes: Outcome[] = [];
  for (const member of members(1, samples)) {
    await delay(pauseBetween);
    bench.progress(
      `Retry-After ${retryAfter.authz} s and ${retryAfter.order} s: ${outcomes.length + 1} of ${samples}`,
    );
    const before = recording.exchanges.length;
    const total = await stage.issue(member);
    outcomes.push(judge(recording.exchanges.slice(before), total));
  }
  return outcomes;
}

/** An answer's Retry-After counts as a wait when something was asked after it; it ends before the next question. */
function judge(exchanges: readonly Exchange[], total: number): Outcome {
  let [early, waits, asked] = [0, 0, 0];
  exchanges.forEach(({ notBefore, answeredAt }, index) => {
    const next = exchanges[index + 1];
    if (notBefore === undefined || next === undefined) return;
    waits += 1;
    asked += Math.max(0, notBefore - answeredAt);
    if (next.receivedAt < notBefore) early += 1;
  });
  return { early, waits, total, excess: total - asked };
}
