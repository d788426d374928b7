import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { EventRecorder, type SourceEvent } from '../../../src/kubernetes/records/events.ts';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { ApiStandIn, sendJson, sendStatus } from '../api-stand-in.ts';
import { type ApiWorld, startApiWorld } from '../api-world.ts';

const typeOf = (kind: string) => ({ apiVersion: 'networking.k8s.io/v1', kind });
const source = { kind: 'Ingress', namespace: 'shop', name: 'web', uid: 'uid-1' };
const warning: SourceEvent = {
  source,
  type: 'Warning',
  reason: 'SelfCheckFailed',
  message: 'It answers 404.',
};
const soon = (): AbortSignal => AbortSignal.timeout(60_000);

describe('Events in a real API server', () => {
  let world: ApiWorld;
  before(async () => {
    world = await startApiWorld();
    await world.createNamespace('shop');
  });
  after(() => world[Symbol.asyncDispose]());

  it('are found by the Ingress they are about, as kubectl describe looks for them', async () => {
    const errors: unknown[] = [];
    const clock = new ManualClock();
    const recorder = new EventRecorder({
      typeOf,
      client: world.client,
      clock,
      onError: (error) => errors.push(error),
    });
    const longName = 'x'.repeat(253);
    recorder.publish(warning);
    recorder.publish({ ...warning, type: 'Normal', reason: 'CertificateIssued', message: 'ü'.repeat(2000) });
    recorder.publish({ ...warning, source: { ...source, name: longName } });
    recorder.publish({
      ...warning,
      source: { ...source, name: 'evil' },
      message: `Bearer ${'s'.repeat(20)}\u001B[2J\nNormal\u202E${'x y'.repeat(100_000)}`,
    });
    const link = `https://ca.example/unpause?jwt=${'x'.repeat(3000)}`;
    recorder.publish({ ...warning, source: { ...source, name: 'paused' }, link });
    await recorder.drain(soon());
    assert.deepEqual(errors, []);
    const evil = await world.admin.expect(
      '/api/v1/namespaces/shop/events?fieldSelector=involvedObject.name%3Devil',
    );
    const told = stringField(arrayField(evil, 'items')[0], 'message') ?? '';
    assert.match(told, /^Bearer \(a token\) \[2J Normal\\u\{202e\}x y/);
    assert.ok(Buffer.byteLength(told) <= 1024);
    const paused = await world.admin.expect(
      '/api/v1/namespaces/shop/events?fieldSelector=involvedObject.name%3Dpaused',
    );
    assert.equal(stringField(arrayField(paused, 'items')[0], 'message'), `It answers 404. ${link}`);
    const selector = encodeURIComponent(
      'involvedObject.kind=Ingress,involvedObject.name=web,involvedObject.uid=uid-1',
    );
    const list = await world.admin.expect(`/api/v1/namespaces/shop/events?fieldSelector=${selector}`);
    const [first, second] = arrayField(list, 'items');
    assert.equal(arrayField(list, 'items').length, 2);
    assert.equal(stringField(first, 'reason'), 'SelfCheckFailed');
    assert.equal(stringField(first, 'type'), 'Warning');
    assert.equal(stringField(first, 'message'), 'It answers 404.');
    assert.equal(stringField(recordField(first, 'source'), 'component'), 'kube-lego');
    assert.equal(Date.parse(stringField(first, 'lastTimestamp') ?? ''), clock.now());
    const long = stringField(second, 'message') ?? '';
    assert(Buffer.byteLength(long) <= 1024);
    assert.match(long, /^ü{510}…$/);
    assert.deepEqual(
      (await world.writes('shop')).map(({ verb }) => verb),
      ['create', 'create', 'create', 'create', 'create'],
    );
  });
});

describe('the Event recorder', () => {
  let api: ApiStandIn;
  let client: KubernetesClient;
  let clock: ManualClock;
  let errors: unknown[];
  let bodies: string[];
  let answers: number[];

  beforeEach(async () => {
    api = await ApiStandIn.start();
    client = createKubernetesClient(api.access);
    clock = new ManualClock();
    errors = [];
    bodies = [];
    answers = [];
    api.override = (request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => {
        body += chunk;
      });
      request.on('end', () => {
        bodies.push(body);
        const status = answers.shift() ?? 201;
        if (status < 300) sendJson(response, status, { kind: 'Event', metadata: {} });
        else sendStatus(response, status, status === 409 ? 'AlreadyExists' : 'Some', 'no');
      });
      return true;
    };
  });
  afterEach(async () => {
    await client.close();
    await api.stop();
  });

  const create = (queueLimit = 1000): EventRecorder =>
    new EventRecorder({ typeOf, client, clock, queueLimit, onError: (error) => errors.push(error) });

  it('writes one reason of an Ingress a few times an hour, and counts the rest', async () => {
    const recorder = create();
    for (let minute = 0; minute < 60; minute++) {
      recorder.publish({ ...warning, message: `Attempt ${minute}.` });
      clock.advance(60_000);
    }
    recorder.publish({ ...warning, reason: 'RateLimited' });
    recorder.publish({ ...warning, source: { ...source, uid: 'uid-2' } });
    recorder.publish({ ...warning, message: 'An hour later.' });
    await recorder.drain(soon());
    const events = bodies.map((body): unknown => JSON.parse(body));
    assert.deepEqual(
      events.map((event) => stringField(event, 'message')),
      [
        'Attempt 0.',
        'Attempt 1.',
        'Attempt 2.',
        'Attempt 3.',
        'Attempt 4.',
        'It answers 404.',
        'It answers 404.',
        'An hour later.',
      ],
    );
    assert.match(bodies.at(-1) ?? '', /"count":56/);
  });

  it('tries again after trouble, under the same name', async () => {
    const recorder = create();
    answers = [500, 409];
    recorder.publish(warning);
    await eventually('it waits', () => clock.pending.length === 1);
    clock.advance(1000);
    await recorder.drain(soon());
    assert.equal(bodies.length, 2);
    assert.equal(bodies[0], bodies[1]);
    assert.deepEqual(errors, []);
  });

  it('leaves out what the API server refuses, and goes on', async () => {
    const recorder = create();
    answers = [403];
    recorder.publish(warning);
    recorder.publish({ ...warning, reason: 'OrderFailed' });
    await recorder.drain(soon());
    assert.equal(bodies.length, 2);
    assert.equal(errors.length, 1);
  });

  it('holds a bounded number of Events', async () => {
    const recorder = create(3);
    for (let i = 0; i < 10; i++) recorder.publish({ ...warning, source: { ...source, uid: `uid-${i}` } });
    await recorder.drain(soon());
    assert.equal(bodies.length, 4);
    assert.equal(errors.length, 6);
  });

  it('drops those of the namespace that has most when there are too many', async () => {
    const recorder = create(3);
    for (let i = 0; i < 10; i++) recorder.publish({ ...warning, source: { ...source, uid: `uid-${i}` } });
    recorder.publish({ ...warning, source: { ...source, namespace: 'blog' } });
    await recorder.drain(soon());
    assert.equal(bodies.filter((body) => body.includes('"namespace":"blog"')).length, 1);
    assert.equal(bodies.length, 4);
    assert.equal(errors.length, 7);
  });

  it('writes those of each namespace in turn', async () => {
    const recorder = create();
    for (let i = 0; i < 10; i++) recorder.publish({ ...warning, source: { ...source, uid: `uid-${i}` } });
    recorder.publish({ ...warning, source: { ...source, namespace: 'blog' } });
    await recorder.drain(soon());
    assert.ok(bodies.findIndex((body) => body.includes('"namespace":"blog"')) <= 2, bodies.join('\n'));
  });

  it('lets no namespace in trouble hold up the others', async () => {
    api.override = (request, response) => {
      request.resume();
      const isDown = request.url?.includes('/namespaces/down/') === true;
      bodies.push(request.url ?? '');
      if (isDown) sendStatus(response, 500, 'InternalError', 'failed calling webhook');
      else sendJson(response, 201, { kind: 'Event', metadata: {} });
      return true;
    };
    const recorder = create();
    for (let i = 0; i < 10; i++)
      recorder.publish({ ...warning, source: { ...source, namespace: 'down', uid: `uid-${i}` } });
    recorder.publish({ ...warning, source: { ...source, namespace: 'blog' } });
    await eventually('the other is written', () => bodies.some((url) => url.includes('/namespaces/blog/')));
    assert.equal(bodies.filter((url) => url.includes('/namespaces/down/')).length, 1, 'the clock stands');
    await recorder.drain(AbortSignal.abort());
  });

  it('ends when the time for draining is over, and takes nothing afterwards', async () => {
    api.override = () => true;
    const recorder = create();
    recorder.publish(warning);
    recorder.publish({ ...warning, reason: 'OrderFailed' });
    const stop = new AbortController();
    const drained = recorder.drain(stop.signal);
    await eventually('one is asked for', () => api.requests.length > 0);
    stop.abort();
    await drained;
    const requests = api.requests.length;
    recorder.publish({ ...warning, reason: 'ForeignSecret' });
    await recorder.drain(soon());
    assert.equal(api.requests.length, requests);
  });

  it('survives an error handler that throws', async () => {
    answers = [403];
    const recorder = new EventRecorder({
      typeOf,
      client,
      clock,
      onError: () => {
        throw new Error('here too');
      },
    });
    recorder.publish(warning);
    recorder.publish({ ...warning, reason: 'OrderFailed' });
    await recorder.drain(soon());
    assert.equal(bodies.length, 2);
  });
});
