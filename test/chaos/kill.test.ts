import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drawnPoints } from './kill.ts';
import { faultsOf } from './kill-judge.ts';
import { Lane } from './kill-lane.ts';
import { nameOf } from './kill-points.ts';

/** Always the same draws: fresh ones fail somebody else's change. */
const seed = 20_261_169;

describe('two replicas, of which the one that leads is killed', () => {
  const points = drawnPoints(seed, 3);
  it(`bring the certificate from one order, at ${points.map(nameOf).join(', ')}`, async (test) => {
    await using lane = await Lane.start(true);
    for (const point of points) await lane.run(point);
    const outcomes = await lane.outcomes();
    for (const { point, seconds } of outcomes) test.diagnostic(`${nameOf(point)}: ${seconds.toFixed(1)} s`);
    assert.ok(outcomes.some(({ reached }) => reached));
    const faults = [...outcomes.flatMap(faultsOf), ...(await lane.faults())];
    assert.deepEqual(faults, [], await lane.logs());
  });
});
