import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createActor } from 'xstate';
import { IngressActors } from '../../src/actors/ingress-actors.ts';
import { createSupervisorLogic } from '../../src/actors/supervisor-actor.ts';
import { Recorder } from '../../src/inspector/history/recorder.ts';
import { SteadyClock } from '../../src/time/steady-clock.ts';
import {
  hour,
  ingressSpec,
  now,
  orderBudget,
  ownershipRead,
  supervisorPolicy,
} from '../machines/builders.ts';
import { Issuance, settled } from '../machines/issuance.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { ManualClock } from '../time/manual-clock.ts';

const fail = (error: unknown) => assert.fail(String(error));

/** A supervisor whose CA's clock is an hour ahead of ours. */
function supervision() {
  const clock = new ManualClock(now);
  const holds: number[] = [];
  const stopped: string[] = [];
  const actors = new IngressActors(new Issuance().ingressMachine);
  const budget = orderBudget();
  const supervisor = createActor(
    createSupervisorLogic({
      policy: supervisorPolicy,
      budget,
      rounds: {
        admit: () => undefined,
        grantSlot: () => undefined,
        hold: (_, { until }) => holds.push(until),
        pending: () => undefined,
      },
      actors,
      clock: new SteadyClock(clock),
      caClock: aheadOf(clock, hour),
      onStopped: (key) => stopped.push(key),
      onActorError: (_, error) => fail(error),
    }),
    { id: 'supervisor' },
  ).start();
  supervisor.send({ type: 'LEDGER_READ' });
  for (const event of ownershipRead) supervisor.send(event);
  supervisor.send({ type: 'SYNCED' });
  return { actors, budget, clock, holds, stopped, supervisor };
}

describe('the supervisor as an actor', () => {
  it('says by our clock until when an order waits, although the CA counts by its own', () => {
    const { budget, clock, holds, supervisor } = supervision();
    budget.report({ type: 'CA_UNAVAILABLE', id: 'other', retryAfter: 600_000 }, now + hour);
    const round = { id: '1', namespace: 'shop', hosts: ['a.example.com'], harmAt: now } as const;
    supervisor.send({ type: 'ROUND_STARTED', round: { ...round, purpose: 'first', exemption: 'none' } });
    clock.advance(0);
    supervisor.send({ type: 'SLOT_REQUESTED', id: '1' });
    assert.deepEqual(holds, [now + 600_000]);
  });

  it('has what is known of an Ingress forgotten with it: one of the same name has a story of its own', async () => {
    const { actors, clock, stopped, supervisor } = supervision();
    const recorder = new Recorder({
      actors,
      now: () => clock.now(),
      onChange: () => undefined,
      onError: fail,
    });
    recorder.start(supervisor.system);
    const texts = () => recorder.stories.of('Ingress/shop/web').timeline.map(({ text }) => text);
    supervisor.send({ type: 'SOURCE_OBSERVED', source: ingressSpec() });
    supervisor.send({ type: 'SECRET_CHANGED', namespace: 'shop', secretName: 'web-tls' });
    clock.advance(1000);
    await settled();
    assert.ok(texts().includes('WAKE'));
    supervisor.send({ type: 'SOURCE_OBSERVED', source: ingressSpec({ uid: 'another' }) });
    await settled();
    assert.deepEqual(stopped, ['Ingress/shop/web']);
    assert.equal(actors.get('Ingress/shop/web')?.getSnapshot().context.uid, 'another');
    assert.deepEqual(texts(), []);
    supervisor.send({ type: 'SOURCE_GONE', key: 'Ingress/shop/web' });
    assert.deepEqual(stopped, ['Ingress/shop/web', 'Ingress/shop/web']);
    assert.deepEqual(recorder.stories.of('Ingress/shop/web'), { timeline: [], path: [] });
    supervisor.stop();
  });
});
