import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assignment, desiredCertificate, minute, now, route } from '../machines/builders.ts';
import { dueResult, settled } from '../machines/issuance.ts';
import { eventually } from '../time/eventually.ts';
import { EventStream } from './event-stream.ts';
import { inspected, nothingToDo } from './inspected.ts';

const beat = 200;

describe('the inspector', () => {
  it('sends everything first, then what changes, from checking to idle', async (t) => {
    const { run, clock, url } = await inspected(t);
    const stream = await EventStream.open(`${url}/events`);
    t.after(() => stream.close());
    const snapshot = await stream.until('snapshot');
    assert.deepEqual(snapshot.controller, {
      version: '1.2.3',
      pod: 'kube-lego-1',
      annotation: 'kubernetes.io/tls-acme',
      startedAt: now,
      now,
    });
    assert.deepEqual(
      snapshot.ingresses.map(({ key, state, hosts }) => ({ key, state, hosts })),
      [{ key: 'Ingress/shop/web', state: 'checking', hosts: ['web-tls.example.com'] }],
    );
    const steps = [
      () => run.checked([dueResult(run.desired('web-tls'))]),
      () => run.admitted('web-tls'),
      () => run.provisioned('web-tls'),
      () => run.ordered('web-tls'),
      () => run.stored('web-tls'),
    ];
    const states: (string | undefined)[] = [];
    for (const step of steps) {
      await step();
      clock.advance(beat);
      const { upserts } = await stream.until('delta', states.length + 1);
      states.push(upserts[0]?.state);
    }
    assert.deepEqual(states, ['queued', 'provisioning-challenge', 'validating', 'storing', 'idle']);
  });

  it('sends together what changes within a fifth of a second, and nothing where nothing changes', async (t) => {
    const { run, clock, url } = await inspected(t);
    const stream = await EventStream.open(`${url}/events`);
    t.after(() => stream.close());
    await stream.until('snapshot');
    clock.advance(beat);
    await run.checked([dueResult(run.desired('web-tls'))]);
    await run.admitted('web-tls');
    clock.advance(10 * beat);
    const { upserts } = await stream.until('delta', 2);
    assert.deepEqual(
      upserts.map(({ state }) => state),
      ['provisioning-challenge'],
    );
    clock.advance(10 * beat);
    clock.advance(15_000);
    assert.equal((await stream.until('heartbeat')).now, now + 15_000, 'a sign of life');
    assert.equal(stream.named('delta').length, 2, 'the supervisor once, the Ingress once');
  });

  it('goes on where a viewer that comes back was, and begins anew where it cannot', async (t) => {
    const { run, clock, url } = await inspected(t);
    const first = await EventStream.open(`${url}/events`);
    await first.until('snapshot');
    await run.checked([dueResult(run.desired('web-tls'))]);
    clock.advance(beat);
    await first.until('delta');
    const id = first.lastId;
    first.close();
    await run.admitted('web-tls');
    clock.advance(beat);
    const again = await EventStream.open(`${url}/events`, { 'last-event-id': id });
    t.after(() => again.close());
    const missed = await again.until('delta');
    assert.deepEqual(
      missed.upserts.map(({ state }) => state),
      ['provisioning-challenge'],
    );
    assert.equal(again.named('snapshot').length, 0);
    for (const foreign of ['00000000-1', 'nonsense', `${id}9`]) {
      const anew = await EventStream.open(`${url}/events`, { 'last-event-id': foreign });
      t.after(() => anew.close());
      await anew.until('snapshot');
    }
  });

  it('observes the actors only while somebody watches, and five minutes longer', async (t) => {
    const { run, clock, url, observers, inspector } = await inspected(t);
    assert.equal(observers(), 0);
    const stream = await EventStream.open(`${url}/events`);
    await stream.until('snapshot');
    assert.equal(observers(), 1);
    await run.checked([dueResult(run.desired('web-tls'))]);
    stream.close();
    await eventually('the viewer is gone', () => {
      clock.advance(301_000);
      return observers() === 0;
    });
    assert.deepEqual(clock.pending, []);
    assert.deepEqual(inspector.detail('Ingress/shop/web')?.timeline, [], 'what has a gap is not shown');
  });

  it('tells the story of one Ingress: its events, its transitions and its way', async (t) => {
    const { run, clock, url } = await inspected(t);
    const stream = await EventStream.open(`${url}/events?source=Ingress/shop/web`);
    t.after(() => stream.close());
    await stream.until('detail');
    await run.checked([dueResult(run.desired('web-tls'))]);
    await run.admitted('web-tls');
    clock.advance(beat);
    const { timeline, path } = await stream.until('detail', 2);
    assert.deepEqual(
      timeline.map(({ text }) => text),
      [
        'CHECKED web-tls: due (missing)',
        'checking → queued',
        'CERTIFICATE_PHASE web-tls: provisioning-challenge',
        'queued → provisioning-challenge',
      ],
    );
    assert.deepEqual(
      path.map(({ state }) => state),
      ['checking', 'queued', 'provisioning-challenge'],
    );
  });

  it('says what is in the Secret of an Ingress that is looked at, and reads it once', async (t) => {
    const reads: string[] = [];
    const { run, clock, url } = await inspected(t, {
      readCertificate: (namespace, secretName) => {
        reads.push(`${namespace}/${secretName}`);
        return Promise.resolve({ names: ['web-tls.example.com'], issuer: 'CN=R11', notBefore: now });
      },
    });
    const overview = await EventStream.open(`${url}/events`);
    t.after(() => overview.close());
    await overview.until('snapshot');
    assert.deepEqual(reads, []);
    const stream = await EventStream.open(`${url}/events?source=Ingress/shop/web`);
    t.after(() => stream.close());
    await stream.until('detail');
    clock.advance(beat);
    const { certificates } = await stream.until('detail', 2);
    assert.equal(certificates[0]?.issuer, 'CN=R11');
    await run.checked([dueResult(run.desired('web-tls'))]);
    clock.advance(beat);
    await stream.until('detail', 3);
    assert.deepEqual(reads, ['shop/web-tls']);
  });

  it('says whom a host belongs to that the Ingress may not have', async (t) => {
    const until = now + 5 * minute;
    const { run, clock, url } = await inspected(t, {
      hostOwner: () => ({ by: 'grace', namespace: 'blog', until }),
    });
    const stream = await EventStream.open(`${url}/events?source=Ingress/shop/web`);
    t.after(() => stream.close());
    const { certificates } = await stream.until('detail');
    assert.equal(certificates[0]?.elsewhere, undefined);
    const hosts = [route('web.example.com'), route('theirs.example.com', { standing: 'grace', until })];
    await run.assign({ ...assignment([]), desired: [desiredCertificate({ hosts })] }, now);
    clock.advance(beat);
    const next = await stream.until('detail', 2);
    assert.deepEqual(next.certificates[0]?.elsewhere, [
      { host: 'theirs.example.com', by: 'grace', namespace: 'blog', until },
    ]);
  });

  it('reads a Secret again when it could not be read', async (t) => {
    let reads = 0;
    const { clock, url } = await inspected(t, {
      readCertificate: () => {
        reads += 1;
        if (reads === 1) return Promise.reject(new Error('no API server'));
        return Promise.resolve({ issuer: 'CN=R11' });
      },
    });
    const stream = await EventStream.open(`${url}/events?source=Ingress/shop/web`);
    t.after(() => stream.close());
    await stream.until('detail');
    await settled();
    clock.advance(9000);
    assert.equal(reads, 1);
    clock.advance(2000);
    await settled();
    clock.advance(beat);
    await eventually('what was read is shown', () =>
      stream.named('detail').some(({ data }) => data.includes('CN=R11')),
    );
    assert.equal(reads, 2);
  });

  it('says that an Ingress is gone, in the list and to those who look at it', async (t) => {
    const { run, clock, url, actors } = await inspected(t);
    const list = await EventStream.open(`${url}/events`);
    t.after(() => list.close());
    const one = await EventStream.open(`${url}/events?source=Ingress/shop/web`);
    t.after(() => one.close());
    await list.until('snapshot');
    await one.until('detail');
    actors.delete('Ingress/shop/web');
    run.stop();
    await settled();
    clock.advance(beat);
    await one.until('gone');
    const delta = await list.until('delta');
    assert.deepEqual(delta.removed, ['Ingress/shop/web']);
    assert.equal((await fetch(`${url}/sources/Ingress/shop/web`)).status, 404);
  });

  it('begins nothing anew once it has been stopped', async (t) => {
    const { clock, url, inspector, observers } = await inspected(t);
    const stream = await EventStream.open(`${url}/events`);
    await stream.until('snapshot');
    inspector.stop();
    await eventually('the viewer is sent away', () => stream.ended);
    assert.equal((await fetch(`${url}/events`)).status, 503);
    assert.equal(observers(), 0);
    assert.deepEqual(clock.pending, []);
  });

  it('lets the actors go on when observing them fails, and says so once', async (t) => {
    const { run, clock, url, errors } = await inspected(t);
    const stream = await EventStream.open(`${url}/events`);
    t.after(() => stream.close());
    await stream.until('snapshot');
    t.mock.method(clock, 'now', () => {
      throw new Error('observing fails');
    });
    await run.checked([dueResult(run.desired('web-tls'))]);
    await run.admitted('web-tls');
    assert.equal(run.state(), 'provisioning-challenge');
    assert.equal(errors.length, 1);
  });

  it('goes on when what it is to show cannot be had', async (t) => {
    let fails = false;
    const { run, clock, url, errors } = await inspected(t, {
      supervisor: () => {
        if (fails) throw new Error('nobody can say');
        return nothingToDo;
      },
    });
    const stream = await EventStream.open(`${url}/events`);
    t.after(() => stream.close());
    await stream.until('snapshot');
    fails = true;
    for (let beats = 0; beats < 20; beats += 1) clock.advance(beat);
    assert.equal(errors.length, 1);
    fails = false;
    await run.checked([dueResult(run.desired('web-tls'))]);
    clock.advance(1000);
    const { upserts } = await stream.until('delta');
    assert.equal(upserts[0]?.state, 'queued');
  });
});
