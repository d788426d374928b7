import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { createActor } from 'xstate';
import type { IngressContext } from '../../machines/ingress/ingress-context.ts';
import type { CheckResult } from '../../machines/ingress/ingress-updates.ts';
import type { SourceKey } from '../../machines/ownership/source-key.ts';
import { Announcer } from '../../src/actors/announcer.ts';
import { IngressActors } from '../../src/actors/ingress-actors.ts';
import { createSupervisorLogic } from '../../src/actors/supervisor-actor.ts';
import { Recorder } from '../../src/inspector/history/recorder.ts';
import { observe } from '../../src/inspector/observation.ts';
import { statelyFrame } from '../../src/inspector/stately/stately-frames.ts';
import { recordField, stringField } from '../../src/process/json.ts';
import { SteadyClock } from '../../src/time/steady-clock.ts';
import {
  assignment,
  day,
  hour,
  ingressSpec,
  minute,
  now,
  orderBudget,
  ownershipRead,
  supervisorPolicy,
} from '../machines/builders.ts';
import { dueResult, goodResult, Issuance, settled } from '../machines/issuance.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { ManualClock } from '../time/manual-clock.ts';

const key = 'Ingress/shop/web';
const [desired] = assignment(['web-tls']).desired;
assert.ok(desired !== undefined);
const good = goodResult(desired);

/** The supervisor with its Ingress `shop/web`, whose effects are in the hands of the test. */
class Fleet {
  readonly clock = new ManualClock(now);
  readonly issuance = new Issuance();
  readonly events: string[] = [];
  readonly #announcer = new Announcer(
    { publish: ({ reason }) => this.events.push(reason) },
    { publish: () => undefined, publishWaiting: () => undefined, said: () => undefined },
    pino({ level: 'silent' }),
  );
  readonly actors = new IngressActors(
    this.issuance.ingressMachine.provide({
      actions: { announceFindings: ({ context }) => this.#announcer.announceFindings(context) },
    }),
    this.mostResting,
  );
  readonly stopped: string[] = [];
  /** Actors of Ingresses that XState has made. */
  made = 0;
  readonly supervisor = createActor(
    createSupervisorLogic({
      policy: supervisorPolicy,
      budget: orderBudget(),
      rounds: {
        admit: () => undefined,
        grantSlot: () => undefined,
        hold: () => undefined,
        pending: () => undefined,
      },
      actors: this.actors,
      clock: new SteadyClock(this.clock),
      caClock: aheadOf(this.clock),
      onStopped: (stopped) => this.stopped.push(stopped),
      onActorError: (_, error) => assert.fail(String(error)),
    }),
    {
      id: 'supervisor',
      inspect: (event) => {
        if (event.type === '@xstate.actor' && 'id' in event.actorRef && event.actorRef.id === key)
          this.made += 1;
      },
    },
  ).start();

  protected get mostResting(): number {
    return 0;
  }

  /** Its Ingress has been checked, and found to be as this result says. */
  static async checked(result: CheckResult = good, fleet = new Fleet()): Promise<Fleet> {
    fleet.supervisor.send({ type: 'LEDGER_READ' });
    for (const event of ownershipRead) fleet.supervisor.send(event);
    fleet.supervisor.send({ type: 'SOURCE_OBSERVED', source: ingressSpec() });
    fleet.supervisor.send({ type: 'SYNCED' });
    await fleet.found(result);
    return fleet;
  }

  async found(result: CheckResult = good): Promise<void> {
    await settled();
    this.issuance.check.resolve({ at: this.clock.now(), results: [result] });
    await settled();
  }

  async pass(time: number): Promise<void> {
    this.clock.advance(time);
    await settled();
  }

  /** Undefined if it has none. */
  get state(): string | undefined {
    return this.actors.get(key)?.getSnapshot().value;
  }

  get context(): IngressContext {
    const snapshot = this.actors.get(key)?.getSnapshot();
    assert.ok(snapshot !== undefined);
    return snapshot.context;
  }

  /** Whether XState has an actor of it. */
  get awake(): boolean {
    const actor = this.actors.get(key);
    return actor !== undefined && 'send' in actor;
  }
}

class SmallFleet extends Fleet {
  protected override get mostResting(): number {
    return 1;
  }
}

function story(fleet: Fleet) {
  const changed: SourceKey[] = [];
  const recorder = new Recorder({
    actors: fleet.actors,
    now: () => fleet.clock.now(),
    onChange: (of) => changed.push(of),
    onError: (error) => assert.fail(String(error)),
  });
  recorder.start(fleet.supervisor.system);
  return { changed, of: () => recorder.stories.of(key) };
}

describe('an Ingress that only waits', () => {
  it('has no actor, and is idle for all who look', async () => {
    const fleet = await Fleet.checked();
    assert.equal(fleet.awake, false);
    assert.equal(fleet.state, 'idle');
    assert.equal(fleet.context.certificates[0]?.status.kind, 'good');
    assert.deepEqual(
      [...fleet.actors.values()].map((actor) => actor.getSnapshot().value),
      ['idle'],
    );
  });

  it('has one again when its time has come, which goes on from what was known', async () => {
    const fleet = await Fleet.checked();
    const before = fleet.context;
    await fleet.pass(8 * hour);
    assert.equal(fleet.state, 'checking');
    assert.equal(fleet.awake, true);
    assert.equal(fleet.made, 2);
    assert.deepEqual(fleet.context.certificates, before.certificates);
    await fleet.found();
    assert.equal(fleet.state, 'idle');
    assert.equal(fleet.awake, false);
  });

  it('is checked when it changes, and numbers its rounds onward', async () => {
    const fleet = await Fleet.checked();
    const tls = [{ secretName: 'web-tls', hosts: ['web.example.com', 'www.example.com'] }];
    fleet.supervisor.send({ type: 'SOURCE_OBSERVED', source: ingressSpec({ tls }) });
    assert.equal(fleet.state, 'checking');
    await fleet.found(dueResult(desired));
    assert.equal(fleet.state, 'queued');
    assert.equal(fleet.awake, true);
    assert.equal(fleet.context.rounds, 1);
  });

  it('is left asleep by what changes nothing about it', async () => {
    const fleet = await Fleet.checked();
    const other = ingressSpec({
      name: 'other',
      tls: [{ secretName: 'other', hosts: ['other.example.com'] }],
    });
    fleet.supervisor.send({ type: 'SOURCE_OBSERVED', source: other });
    fleet.supervisor.send({ type: 'SOURCE_OBSERVED', source: ingressSpec({ status: 'of ours' }) });
    fleet.supervisor.send({
      type: 'NAMESPACE_OBSERVED',
      namespace: { name: 'blog', createdAt: now, domains: [] },
    });
    await settled();
    assert.equal(fleet.made, 1);
  });

  it('waits no longer and no shorter when the clock is set', async () => {
    const fleet = await Fleet.checked();
    const { nextCheckAt = 0 } = fleet.context;
    fleet.clock.set(3 * hour);
    fleet.supervisor.send({ type: 'TIMER' });
    await settled();
    assert.equal(fleet.context.nextCheckAt, nextCheckAt + 3 * hour);
    assert.equal(fleet.awake, false);
    await fleet.pass(nextCheckAt - now - minute);
    assert.equal(fleet.state, 'idle');
    await fleet.pass(2 * minute);
    assert.equal(fleet.state, 'checking');
  });

  it('is retried after a failure, for which it waits in the same way', async () => {
    const failure = { code: 'ApiServerUnavailable', message: 'The API server does not answer.' } as const;
    const fleet = await Fleet.checked({ kind: 'unavailable', secretName: 'web-tls', failure });
    assert.equal(fleet.state, 'backing-off');
    assert.equal(fleet.awake, false);
    await fleet.pass(day);
    assert.equal(fleet.state, 'checking');
    await fleet.found();
    assert.equal(fleet.state, 'idle');
  });

  it('lifts pauses once for each retry that its owner asks for, and not when it wakes up', async () => {
    const fleet = await Fleet.checked();
    const lifted: string[] = [];
    fleet.supervisor.system.inspect((event) => {
      if (event.type === '@xstate.event' && event.event.type === 'PAUSES_LIFTED') lifted.push('lifted');
    });
    fleet.supervisor.send({ type: 'SOURCE_OBSERVED', source: ingressSpec({ retry: '1' }) });
    await fleet.found();
    assert.equal(fleet.awake, false);
    fleet.supervisor.send({ type: 'SECRET_CHANGED', namespace: 'shop', secretName: 'web-tls' });
    await fleet.pass(minute);
    assert.equal(fleet.state, 'checking');
    assert.deepEqual(lifted, ['lifted']);
  });

  it('goes to sleep and wakes up unseen', async () => {
    const fleet = await Fleet.checked();
    const { changed, of } = story(fleet);
    await fleet.pass(8 * hour);
    await fleet.found();
    assert.equal(fleet.awake, false);
    assert.deepEqual(
      of().path.map(({ state }) => state),
      ['idle', 'checking', 'idle'],
    );
    assert.deepEqual(
      of()
        .timeline.filter(({ kind }) => kind === 'event')
        .map(({ text }) => text.split(' ')[0]),
      ['WAKE', 'CHECKED'],
    );
    const seen = changed.length;
    await settled();
    assert.equal(changed.length, seen);
  });

  it('is one and the same for a viewer with statecharts, until it is deleted', async () => {
    const fleet = await Fleet.checked();
    const frames: object[] = [];
    observe({
      system: fleet.supervisor.system,
      actors: fleet.actors,
      observer: (inspected) => {
        const frame = statelyFrame(inspected, now);
        if (frame !== undefined) frames.push(frame);
      },
      onError: (error) => assert.fail(String(error)),
    });
    await fleet.pass(8 * hour);
    await fleet.found();
    fleet.supervisor.send({ type: 'SOURCE_GONE', key });
    const types = frames.map((frame) => stringField(frame, 'type'));
    assert.ok(!types.includes('@xstate.actor'));
    assert.deepEqual([...new Set(frames.map((frame) => stringField(frame, 'sessionId')))], [key]);
    const statuses = frames.flatMap((frame) => stringField(recordField(frame, 'snapshot'), 'status') ?? []);
    assert.equal(statuses.indexOf('stopped'), statuses.length - 1);
  });

  it('is told once what is wrong with it, however often it wakes up', async () => {
    const notice = { code: 'CertificateFlawed', message: 'Its key is weak.' } as const;
    const times = { notAfter: now + 80 * day, renewAt: now + 50 * day };
    const assessment = { kind: 'good', ...times, notices: [notice] } as const;
    const result = { kind: 'assessed', secretName: 'web-tls', assessment } as const;
    const fleet = await Fleet.checked(result);
    for (let checks = 0; checks < 3; checks += 1) {
      await fleet.pass(8 * hour);
      await fleet.found(result);
    }
    assert.equal(fleet.made, 4);
    assert.deepEqual(fleet.events, ['CertificateFlawed']);
  });

  it('is seen to go when it is deleted', async () => {
    const fleet = await Fleet.checked();
    const { changed } = story(fleet);
    fleet.supervisor.send({ type: 'SOURCE_GONE', key });
    assert.equal(fleet.state, undefined);
    assert.deepEqual(fleet.stopped, [key]);
    assert.ok(changed.includes(key));
  });

  it('stays awake until others have come to wait after it', async () => {
    const fleet = await Fleet.checked(good, new SmallFleet());
    assert.equal(fleet.awake, true);
    const tls = [{ secretName: 'other', hosts: ['other.example.com'] }];
    fleet.supervisor.send({ type: 'SOURCE_OBSERVED', source: ingressSpec({ name: 'other', tls }) });
    await fleet.found({ ...good, secretName: 'other' });
    assert.equal(fleet.awake, false);
    await fleet.pass(8 * hour);
    assert.equal(fleet.state, 'checking');
  });

  it('is not woken by the end of the process', async () => {
    const fleet = await Fleet.checked();
    fleet.supervisor.stop();
    assert.equal(fleet.made, 1);
    assert.deepEqual(fleet.stopped, [key]);
    assert.equal(fleet.state, undefined);
  });
});
