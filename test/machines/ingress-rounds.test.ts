import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assignment, now } from './builders.ts';
import { advance, dead, leaves, phases, type Run, start, startDue } from './ingress-run.ts';
import { dueResult, goodResult, settled, validity } from './issuance.ts';

describe('a change of the assignment', () => {
  for (const phase of phases) {
    it(`in ${phase} ends the round cleanly, once, and starts over`, async () => {
      const run = await startDue(['a']);
      await advance(run, 'a', phase);
      assert.equal(run.state(), phase);
      const { provisions, orders, writes } = run.world;
      const inFlight = {
        queued: undefined,
        'provisioning-challenge': provisions,
        validating: orders,
        storing: writes,
      };
      const signal = inFlight[phase]?.of('a').signal;
      await run.assign(assignment(['a', 'b']), now + 1);
      assert.notEqual(signal?.aborted, false, 'the request in flight is told to end');
      assert.equal(leaves(run, 'a'), 1);
      assert.equal(run.state(), 'checking');
      assert.equal(run.world.log.at(-1), 'check a b');
      await run.checked([dueResult(run.desired('a')), goodResult(run.desired('b'))], now + 2);
      assert.equal(run.state(), 'queued');
      assert.equal(run.world.log.at(-1), 'enter a');
      await run.admitted('a');
      assert.equal(run.state(), 'provisioning-challenge');
      assert.equal(leaves(run, 'a'), 1);
      assert.deepEqual(run.world.errors, []);
      run.stop();
      assert.equal(leaves(run, 'a'), 2);
    });
  }

  it('is not undone by the late answer of the round that it ended', async () => {
    const run = await startDue(['a']);
    await advance(run, 'a', 'storing');
    const late = run.world.writes.of('a');
    await run.assign(assignment(['a']), now + 1);
    late.resolve({ kind: 'done', at: now + 2, value: validity });
    await settled();
    assert.deepEqual(run.world.roundEnds, []);
    assert.equal(run.context().certificates[0]?.status.kind, 'unchecked');
    run.stop();
  });

  it('during a check ends that check and reads what is wanted now', async () => {
    const run = await start(assignment(['a']));
    const { signal } = run.world.check;
    await run.assign(assignment(['b']), now + 1);
    assert.equal(signal.aborted, true);
    assert.deepEqual(run.world.log, ['check a', 'check b']);
    await run.checked([goodResult(run.desired('b'))]);
    assert.equal(run.state(), 'idle');
    run.stop();
  });

  it('lets go of a Secret that is no longer named', async () => {
    const run = await startDue(['a', 'b']);
    await run.admitted('a');
    await run.assign(assignment(['b']), now + 1);
    assert.equal(leaves(run, 'a'), 1);
    assert.equal(run.world.provisions.of('a').signal.aborted, true);
    assert.equal(run.world.log.at(-1), 'check b');
    run.stop();
  });

  it('to nothing at all leaves an idle Ingress that is still looked at', async () => {
    const run = await start(assignment(['a']));
    await run.assign(assignment([]), now + 1);
    await run.checked([]);
    assert.equal(run.state(), 'idle');
    assert.ok((run.world.wakeTimes.at(-1) ?? 0) > now);
    run.stop();
  });
});

describe('a round gives back what it holds, once', () => {
  const endings: Record<string, (run: Run) => Promise<void>> = {
    'when its Secret is stored': async (run) => {
      await advance(run, 'a', 'storing');
      await run.stored('a');
    },
    'when its hosts do not reach us': async (run) => {
      await advance(run, 'a', 'provisioning-challenge');
      run.world.provisions.of('a').resolve({ kind: 'failed', at: now, failure: dead });
    },
    'when its order fails': async (run) => {
      await advance(run, 'a', 'validating');
      run.world.orders.of('a').resolve({ kind: 'failed', at: now, failure: dead });
    },
    'when its Secret cannot be written': async (run) => {
      await advance(run, 'a', 'storing');
      run.world.writes.of('a').resolve({ kind: 'failed', at: now, failure: dead });
    },
    'when an effect breaks': async (run) => {
      await advance(run, 'a', 'validating');
      run.world.orders.of('a').reject(new Error('a bug'));
    },
    ...Object.fromEntries(
      phases.map((phase) => [
        `when its Ingress is deleted in ${phase}`,
        async (run: Run) => {
          await advance(run, 'a', phase);
          run.stop();
        },
      ]),
    ),
  };
  for (const [when, end] of Object.entries(endings)) {
    it(when, async () => {
      const run = await startDue(['a']);
      await end(run);
      await settled();
      assert.equal(leaves(run, 'a'), 1);
      const entered = run.world.log.filter((line) => line === 'request-slot a').length;
      const returned = run.world.log.filter((line) => line === 'return-slot a').length;
      assert.ok(returned <= entered);
      run.stop();
      await settled();
      assert.equal(leaves(run, 'a'), 1);
    });
  }

  it('and the slot as soon as the order has failed', async () => {
    const run = await startDue(['a']);
    await advance(run, 'a', 'validating');
    run.world.orders.of('a').resolve({ kind: 'failed', at: now, failure: dead });
    await settled();
    assert.deepEqual(run.world.log.slice(-2), ['return-slot a', 'leave a']);
    run.stop();
  });

  it('and keeps nothing in the Ingress', async () => {
    const run = await startDue(['a']);
    await advance(run, 'a', 'storing');
    await run.stored('a');
    assert.deepEqual(Object.keys(run.ingress.getSnapshot().children), []);
    run.stop();
  });
});
