import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Failure } from '../../../machines/reasons/reasons.ts';
import { assignment, desiredCertificate, hour, minute, now, route } from '../builders.ts';
import { dueResult, goodResult, settled, validity } from '../issuance.ts';
import { advance, dead, leaves, start, startDue } from './ingress-run.ts';

describe('an Ingress with a due Secret', () => {
  it('goes through all states to idle, and says when it wants to be woken', async () => {
    const run = await start(assignment(['a']));
    assert.equal(run.state(), 'checking');
    await run.checked([dueResult(run.desired('a'))], now + 1);
    assert.equal(run.state(), 'queued');
    await run.admitted('a', now + 2);
    assert.equal(run.state(), 'provisioning-challenge');
    await run.provisioned('a', now + 3);
    assert.equal(run.state(), 'validating');
    await run.ordered('a', now + 4);
    assert.equal(run.state(), 'storing');
    await run.stored('a', now + 5);
    assert.equal(run.state(), 'idle');
    assert.equal(run.context().since, now + 5);
    assert.deepEqual(run.world.roundEnds, [
      { secretName: 'a', outcome: { kind: 'stored', reason: 'missing', validity } },
    ]);
    const { nextCheckAt } = run.context();
    assert.ok(nextCheckAt !== undefined && nextCheckAt > now);
    assert.equal(run.world.wakeTimes.at(-1), nextCheckAt, 'before its renewal it is checked');
    run.stop();
  });

  it('does not say so before its check has ended, when the clock is set meanwhile', async () => {
    const run = await start(assignment(['a']));
    run.ingress.send({ type: 'CLOCK_SET', by: hour, at: now + hour });
    await settled();
    assert.deepEqual(run.world.wakeTimes, []);
    await run.checked([goodResult(run.desired('a'))], now + hour);
    assert.equal(run.world.wakeTimes.length, 1);
    run.stop();
  });

  it('asks for a slot only when its hosts reach us, and returns it with the order', async () => {
    const run = await startDue(['a']);
    await run.admitted('a');
    assert.deepEqual(run.world.log, ['check a', 'enter a']);
    await run.provisioned('a');
    assert.deepEqual(run.world.log.slice(2), ['request-slot a']);
    await run.ordered('a');
    assert.deepEqual(run.world.log.slice(3), ['return-slot a']);
    await run.stored('a');
    assert.deepEqual(run.world.log.slice(4), ['leave a']);
    run.stop();
  });

  it('orders nothing before it has a slot', async () => {
    const run = await startDue(['a']);
    await run.admitted('a');
    run.world.provisions.of('a').resolve({ kind: 'done', at: now, value: undefined });
    await settled();
    assert.equal(run.state(), 'validating');
    assert.equal(run.world.orders.count, 0);
    run.stop();
  });

  it('backs off when a round fails, and is idle when only a change helps', async () => {
    const run = await startDue(['a']);
    await run.admitted('a');
    run.world.provisions.of('a').resolve({ kind: 'failed', at: now, failure: dead });
    await settled();
    assert.equal(run.state(), 'backing-off');
    assert.deepEqual(run.world.roundEnds, [{ secretName: 'a', outcome: { kind: 'failed', failure: dead } }]);
    const wakeAt = run.world.wakeTimes.at(-1) ?? 0;
    assert.ok(Math.abs(wakeAt - now - minute) < 0.2 * minute);
    await run.wake(wakeAt);
    await run.checked([dueResult(run.desired('a'))], wakeAt);
    await run.admitted('a');
    const terminal: Failure = { code: 'IngressControllerDoesNotMerge', message: 'It does not merge hosts.' };
    run.world.provisions.of('a').resolve({ kind: 'failed', at: now, failure: terminal });
    await settled();
    assert.equal(run.state(), 'idle');
    run.stop();
  });
});

describe('a Secret', () => {
  it('that is stuck or fails never delays its sibling', async () => {
    const run = await startDue(['stuck', 'failing', 'good']);
    for (const name of ['stuck', 'failing', 'good']) await run.admitted(name);
    await run.provisioned('stuck');
    run.world.provisions.of('failing').resolve({ kind: 'failed', at: now, failure: dead });
    await settled();
    await run.provisioned('good');
    await run.ordered('good');
    assert.equal(run.state(), 'validating', 'the stuck one is the least advanced');
    await run.stored('good');
    const good = run.context().certificates.find(({ desired }) => desired.secretName === 'good');
    assert.equal(good?.status.kind, 'good');
    assert.equal(run.state(), 'validating');
    run.stop();
  });

  it('whose back-off ends is checked and begun while the round of its sibling goes on untouched', async () => {
    const run = await startDue(['slow', 'retried']);
    await run.admitted('slow');
    await run.admitted('retried');
    run.world.provisions.of('retried').resolve({ kind: 'failed', at: now, failure: dead });
    await settled();
    await run.provisioned('slow');
    const order = run.world.orders.of('slow');
    await run.wake(now + 2 * minute);
    assert.equal(run.state(), 'checking');
    assert.equal(run.world.log.at(-1), 'check retried', 'what is worked on is not read');
    await run.checked([dueResult(run.desired('retried'))], now + 2 * minute);
    assert.equal(run.state(), 'queued');
    assert.equal(order.signal.aborted, false);
    assert.equal(run.world.log.filter((line) => line === 'enter slow').length, 1);
    assert.equal(leaves(run, 'slow'), 0);
    await run.admitted('retried');
    assert.equal(run.world.provisions.count, 3);
    run.stop();
  });

  it('that is stored while a check runs is not lost', async () => {
    const run = await startDue(['a', 'b']);
    await advance(run, 'a', 'storing');
    await run.admitted('b');
    run.world.provisions.of('b').resolve({ kind: 'failed', at: now, failure: dead });
    await settled();
    await run.wake(now + 2 * minute);
    await run.stored('a');
    assert.equal(run.state(), 'checking');
    await run.checked([goodResult(run.desired('b'))]);
    assert.equal(run.state(), 'idle');
    assert.deepEqual(
      run.context().certificates.map(({ status }) => status.kind),
      ['good', 'good'],
    );
    run.stop();
  });
});

describe('a wake-up', () => {
  it('checks again what was good', async () => {
    const run = await start(assignment(['a']));
    await run.checked([goodResult(run.desired('a'))]);
    assert.equal(run.state(), 'idle');
    await run.wake(now + hour);
    assert.equal(run.state(), 'checking');
    await run.checked([dueResult(run.desired('a'))], now + hour);
    assert.equal(run.state(), 'queued');
    run.stop();
  });

  it('that comes during a check begins it anew: what it is about may have happened after the reading', async () => {
    const run = await start(assignment(['a']));
    const { signal } = run.world.check;
    await run.wake(now + 1);
    assert.equal(signal.aborted, true);
    assert.equal(run.world.checks.count, 2);
    await run.checked([goodResult(run.desired('a'))]);
    assert.equal(run.state(), 'idle');
    assert.ok(run.world.wakeTimes.at(-1) !== undefined);
    run.stop();
  });

  it('that comes during a round neither ends nor repeats it, and is answered when it has ended', async () => {
    const run = await startDue(['a']);
    await advance(run, 'a', 'storing');
    const write = run.world.writes.of('a');
    await run.wake(now + 1);
    await run.checked([], now + 1);
    assert.equal(run.state(), 'storing');
    assert.equal(write.signal.aborted, false);
    await run.stored('a', now + 2);
    assert.equal(run.state(), 'idle');
    const lookAt = run.world.wakeTimes.at(-1) ?? 0;
    assert.equal(lookAt, now + 1002);
    await run.wake(lookAt);
    await run.checked([goodResult(run.desired('a'))], lookAt);
    assert.ok((run.world.wakeTimes.at(-1) ?? 0) > lookAt + minute, 'once');
    assert.equal(run.world.orders.count, 1);
    run.stop();
  });

  it('that comes during the back-off orders nothing before its time', async () => {
    const run = await startDue(['a']);
    await advance(run, 'a', 'validating');
    run.world.orders.of('a').resolve({ kind: 'failed', at: now, failure: dead });
    await settled();
    const nextAttemptAt = run.world.wakeTimes.at(-1) ?? 0;
    await run.wake(now + 1000);
    await run.checked([dueResult(run.desired('a'))], now + 1000);
    assert.equal(run.state(), 'backing-off');
    assert.equal(run.world.wakeTimes.at(-1), nextAttemptAt, 'and does not put it off');
    assert.equal(run.world.log.filter((line) => line === 'enter a').length, 1);
    run.stop();
  });
});

describe('an error in the program', () => {
  it('in an effect of a round reaches the supervisor, and ends the siblings cleanly', async () => {
    const run = await startDue(['a', 'b']);
    await advance(run, 'a', 'validating');
    await advance(run, 'b', 'provisioning-challenge');
    const bug = new Error('a bug');
    run.world.orders.of('a').reject(bug);
    await settled();
    assert.deepEqual(run.world.errors, [
      { type: 'xstate.error.actor.Ingress/shop/web', error: bug, actorId: 'Ingress/shop/web' },
    ]);
    assert.equal(run.world.provisions.of('b').signal.aborted, true);
    assert.equal(leaves(run, 'b'), 1);
  });

  it('in a check reaches the supervisor', async () => {
    const run = await start(assignment(['a']));
    run.world.check.reject(new Error('a bug'));
    await settled();
    assert.deepEqual(
      run.world.errors.map(({ type }) => type),
      ['xstate.error.actor.Ingress/shop/web'],
    );
  });
});

it('no snapshot of a round holds anything but an id for what was issued', async () => {
  const run = await startDue(['a']);
  await advance(run, 'a', 'storing');
  const [round] = Object.values(run.ingress.getSnapshot().children);
  const persisted = JSON.stringify(round?.getPersistedSnapshot?.());
  assert.match(persisted, /"issued":"vault-id-of-a"/);
  run.stop();
});

it('a certificate of an hour is looked at when half of it is left, before the next check', async () => {
  const run = await startDue(['a']);
  await advance(run, 'a', 'storing');
  const short = { notBefore: now - minute, notAfter: now + hour - minute };
  run.world.writes.of('a').resolve({ kind: 'done', at: now, value: short });
  await settled();
  assert.equal(run.world.wakeTimes.at(-1), short.notAfter - hour / 2);
  run.stop();
});

describe('a new value of the retry annotation', () => {
  it('says that pauses of the hosts are lifted, once', async () => {
    const run = await start(assignment(['a', 'b'], { retry: 'old' }));
    assert.deepEqual(run.world.lifted, [], 'a value that was there from the start says nothing new');
    await run.assign(assignment(['a', 'b'], { retry: 'new' }), now + 1);
    assert.deepEqual(run.world.lifted, ['a.example.com', 'b.example.com']);
    await run.assign(assignment(['a'], { retry: 'new' }), now + 2);
    assert.equal(run.world.lifted.length, 2);
    run.stop();
  });

  it('says nothing about a host that belongs to another namespace', async () => {
    const run = await start(assignment(['a'], { retry: 'old' }));
    const hosts = [route('theirs.example.com', { standing: 'elsewhere' }), route('a.example.com')];
    const desired = [desiredCertificate({ secretName: 'a', hosts })];
    await run.assign(assignment(['a'], { desired, retry: 'new' }), now + 1);
    assert.deepEqual(run.world.lifted, ['a.example.com']);
    run.stop();
  });
});
