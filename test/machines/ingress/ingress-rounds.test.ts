import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import { assignment, desiredCertificate, now, route } from '../builders.ts';
import { dueResult, goodResult, settled, validity } from '../issuance.ts';
import { advance, dead, finish, leaves, phases, type Run, start, startDue } from './ingress-run.ts';

/** The assignment of `a`, but with another host, and `b`. */
const otherHost: Assignment = {
  ...assignment([]),
  desired: [
    desiredCertificate({ secretName: 'a', hosts: [route('other.example.com')] }),
    ...assignment(['b']).desired,
  ],
};

/** The effect of the phase that runs for this Secret; none in the queue. */
function inFlight({ world }: Run, secretName: string, phase: (typeof phases)[number]) {
  const steps = {
    queued: undefined,
    'provisioning-challenge': world.provisions,
    validating: world.orders,
    storing: world.writes,
  };
  return steps[phase]?.of(secretName);
}

describe('a change of the assignment', () => {
  for (const phase of phases) {
    it(`of a Secret in ${phase} ends its round cleanly, once, and starts over`, async () => {
      const run = await startDue(['a']);
      await advance(run, 'a', phase);
      assert.equal(run.state(), phase);
      const step = inFlight(run, 'a', phase);
      await run.assign(otherHost, now + 1);
      assert.notEqual(step?.signal.aborted, false, 'the request in flight is told to end');
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

    it(`of its sibling leaves the round of a Secret in ${phase} alone`, async () => {
      const run = await startDue(['kept', 'a']);
      await advance(run, 'kept', phase);
      const step = inFlight(run, 'kept', phase);
      const desired = [...assignment(['kept']).desired, ...otherHost.desired];
      await run.assign({ ...otherHost, desired }, now + 1);
      assert.notEqual(step?.signal.aborted, true);
      assert.equal(leaves(run, 'kept'), 0);
      assert.equal(leaves(run, 'a'), 1);
      assert.equal(run.world.log.at(-1), 'check a b', 'what is worked on is not read');
      await run.checked([dueResult(run.desired('a')), goodResult(run.desired('b'))], now + 2);
      assert.equal(run.state(), 'queued');
      await finish(run, 'kept', phase);
      assert.deepEqual(run.world.log.filter((line) => line === 'enter kept').length, 1);
      assert.deepEqual(run.world.roundEnds, [
        { secretName: 'kept', outcome: { kind: 'stored', reason: 'missing', validity } },
      ]);
      run.stop();
    });
  }

  const changes: Record<string, Partial<Assignment>> = {
    'of what is to be said of the Ingress': {
      notices: [{ code: 'HostNotInTls', message: 'Host b.example.com is not in spec.tls.' }],
    },
    'that asks for another try': { retry: 'now' },
  };
  for (const [what, change] of Object.entries(changes)) {
    for (const phase of phases) {
      it(`${what} ends no round in ${phase}`, async () => {
        const run = await startDue(['a']);
        await advance(run, 'a', phase);
        await run.assign(assignment(['a'], change), now + 1);
        assert.equal(leaves(run, 'a'), 0);
        await run.checked([], now + 2);
        assert.equal(run.state(), phase);
        await finish(run, 'a', phase);
        assert.equal(run.state(), 'idle');
        assert.equal(run.world.orders.count, 1);
        run.stop();
      });
    }
  }

  it('while a round stores its chain does not lose the chain when the check ends after it', async () => {
    const run = await startDue(['a']);
    await advance(run, 'a', 'storing');
    await run.assign(assignment(['a', 'b']), now + 1);
    await run.stored('a');
    assert.equal(run.state(), 'checking');
    await run.checked([goodResult(run.desired('b'))], now + 2);
    assert.equal(run.state(), 'idle');
    assert.deepEqual(
      run.context().certificates.map(({ status }) => status.kind),
      ['good', 'good'],
    );
    run.stop();
  });

  it('is not undone by the late answer of the round that it ended', async () => {
    const run = await startDue(['a']);
    await advance(run, 'a', 'storing');
    const late = run.world.writes.of('a');
    await run.assign(otherHost, now + 1);
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

  it('lets go of a Secret that is no longer named, and of no other', async () => {
    const run = await startDue(['a', 'b']);
    await run.admitted('a');
    await run.assign(assignment(['b']), now + 1);
    assert.equal(leaves(run, 'a'), 1);
    assert.equal(leaves(run, 'b'), 0);
    assert.equal(run.world.provisions.of('a').signal.aborted, true);
    await run.checked([], now + 2);
    assert.equal(run.state(), 'queued');
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
