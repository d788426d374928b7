import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { IngressContext } from '../../../machines/ingress/ingress-context.ts';
import { initialIngressContext } from '../../../machines/ingress/ingress-updates.ts';
import { parseSourceKey, type SourceKey } from '../../../machines/ownership/source-key.ts';
import { ingresses, objectPath } from '../../../src/kubernetes/client/collections.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { SourceStatusWriter } from '../../../src/kubernetes/records/source-status.ts';
import { decodeStatus } from '../../../src/kubernetes/records/status-annotation.ts';
import { recordField, stringField } from '../../../src/process/json.ts';
import { type Clock, systemClock } from '../../../src/time/clock.ts';
import { day, desiredCertificate, hour, route } from '../../machines/builders.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { type ApiWorld, startApiWorld } from '../api-world.ts';
import { statusTextOf } from './written-status.ts';

const namespace = 'shop';
const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses`;

const pathOf = (key: SourceKey) => objectPath(ingresses, namespace, parseSourceKey(key).name);

describe('the writer of the status', () => {
  let world: ApiWorld;
  const errors: unknown[] = [];

  before(async () => {
    world = await startApiWorld();
    await world.createNamespace(namespace);
  });
  after(() => world[Symbol.asyncDispose]());

  /** @returns its uid */
  async function create(name: string): Promise<string> {
    const created = await world.admin.expect(path, {
      method: 'POST',
      body: {
        metadata: { name, annotations: { note: 'keep' } },
        spec: { rules: [{ host: `${name}.example.com` }] },
      },
    });
    return stringField(recordField(created, 'metadata'), 'uid') ?? '';
  }

  function writer(
    found: (key: string) => string | undefined = () => undefined,
    clock: Clock = systemClock,
  ): SourceStatusWriter {
    const { client } = world;
    return new SourceStatusWriter({
      client,
      pathOf,
      clock,
      found,
      onError: (error) => errors.push(error),
    });
  }

  async function annotationsOf(name: string): Promise<Record<string, unknown> | undefined> {
    return recordField(recordField(await world.admin.expect(`${path}/${name}`), 'metadata'), 'annotations');
  }

  async function failuresOf(name: string): Promise<number | undefined> {
    const status = decodeStatus(statusTextOf(await world.admin.expect(`${path}/${name}`)));
    return status?.secrets['web-tls']?.failures;
  }

  async function patchesOf(name: string): Promise<number> {
    return (await world.writes(namespace)).filter((record) => record.verb === 'patch' && record.name === name)
      .length;
  }

  const { signal } = new AbortController();

  it('writes the last of many outcomes, and leaves the rest of the Ingress alone', async () => {
    const uid = await create('often');
    let compared = 0;
    const status = writer(() => {
      compared += 1;
      return undefined;
    });
    for (let failures = 1; failures <= 50; failures += 1)
      status.publish(failed('often', uid, failures), true);
    assert.equal(compared, 0, 'not while the rounds end');
    await status.drain(signal);
    assert.ok(compared < 50, `compared ${compared} times`);
    assert.equal(await failuresOf('often'), 50);
    assert.equal((await annotationsOf('often'))?.['note'], 'keep');
    assert.equal(await patchesOf('often'), 1);
  });

  it('writes an outcome that comes while an older one is being written after that', async () => {
    const uid = await create('late');
    const status = writer();
    const started = Promise.withResolvers<void>();
    const slow = new SourceStatusWriter({
      client: {
        mergePatch: async (...parameters) => {
          started.resolve();
          return world.client.mergePatch(...parameters);
        },
      },
      pathOf,
      clock: systemClock,
      found: () => undefined,
      onError: (error) => errors.push(error),
    });
    slow.publish(failed('late', uid, 1), true);
    await started.promise;
    slow.publish(failed('late', uid, 2), true);
    await slow.drain(signal);
    await status.drain(signal);
    assert.equal(await failuresOf('late'), 2);
    assert.equal(await patchesOf('late'), 2);
  });

  it('counts and tells a refusal, until a write passes', async () => {
    const uid = await create('refused');
    const refusal = new KubernetesError('Invalid', 'PATCH: 422', {
      words: 'the policy "p" of the cluster says: no',
    });
    let refuses = true;
    const told: string[] = [];
    const status = new SourceStatusWriter({
      client: {
        mergePatch: (...parameters) =>
          refuses ? Promise.reject(refusal) : world.client.mergePatch(...parameters),
      },
      pathOf,
      clock: systemClock,
      found: () => undefined,
      onError: () => undefined,
      onRefused: (key, of, { words }) => told.push(`${key} ${of === uid}: ${words}`),
    });
    status.publish(failed('refused', uid, 1), true);
    await status.drain(signal);
    assert.equal(status.refused, 1);
    assert.deepEqual(told, ['Ingress/shop/refused true: the policy "p" of the cluster says: no']);
    refuses = false;
    status.publish(failed('refused', uid, 2), true);
    await status.drain(signal);
    assert.equal(status.refused, 0);
    assert.equal(await failuresOf('refused'), 2);
  });

  it('writes hundreds without an end to any of them, and nothing twice', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `one-of-${index}`);
    const uids = await Promise.all(names.map(create));
    const status = writer();
    const publish = (): void =>
      names.forEach((name, index) => status.publish(failed(name, uids[index] ?? '', 1), true));
    publish();
    await status.drain(signal);
    publish();
    await status.drain(signal);
    const patches = (await world.writes(namespace)).filter(({ name }) => name.startsWith('one-of-'));
    assert.equal(patches.filter(({ verb }) => verb === 'patch').length, names.length);
  });

  it('writes nothing into an Ingress that took the name of another, and minds no Ingress that is gone', async () => {
    const uid = await create('again');
    await world.admin.expect(`${path}/again`, { method: 'DELETE' });
    await create('again');
    const status = writer();
    status.publish(failed('again', uid, 1), true);
    status.publish(failed('never-there', uid, 1), true);
    await status.drain(signal);
    assert.deepEqual(await annotationsOf('again'), { note: 'keep' });
    assert.deepEqual(errors, []);
  });

  it('says nothing of what was good when it was first seen, and nothing that is there already', async () => {
    const uid = await create('good');
    const text = new Map<string, string | undefined>();
    const status = writer((key) => text.get(key));
    status.publish(good('good', uid));
    await status.drain(signal);
    assert.equal(await patchesOf('good'), 0);
    status.publish(good('good', uid), true);
    await status.drain(signal);
    text.set('Ingress/shop/good', statusTextOf(await world.admin.expect(`${path}/good`)));
    const next = writer((key) => text.get(key));
    next.publish(good('good', uid));
    next.publish(good('good', uid), true);
    await next.drain(signal);
    assert.equal(await patchesOf('good'), 1);
  });

  it('takes back what waits when it is no longer so', async () => {
    const uid = await create('waver');
    const text = new Map<string, string | undefined>();
    const first = writer();
    first.publish(good('waver', uid), true);
    await first.drain(signal);
    text.set('Ingress/shop/waver', statusTextOf(await world.admin.expect(`${path}/waver`)));
    const second = writer((key) => text.get(key));
    second.publish(failed('waver', uid, 1), true);
    second.publish(good('waver', uid), true);
    await second.drain(signal);
    assert.equal(await patchesOf('waver'), 1);
  });

  it('says again what somebody took away, once the watch has shown it or must have', async () => {
    const uid = await create('stripped');
    const clock = new ManualClock(at);
    const status = writer(() => undefined, clock);
    const patches = async (): Promise<number> => {
      status.publish(failed('stripped', uid, 1));
      await status.drain(signal);
      return patchesOf('stripped');
    };
    assert.equal(await patches(), 1);
    assert.equal(await patches(), 1, 'the watch may be late');
    status.seen('Ingress/shop/stripped', statusTextOf(await world.admin.expect(`${path}/stripped`)));
    assert.equal(await patches(), 2, 'it is known to have been there');
    clock.advance(60_000);
    assert.equal(await patches(), 3, 'it must have been seen by now');
  });

  it('mends what somebody spoilt, also of a certificate that is good', async () => {
    const uid = await create('spoilt');
    const status = writer(() => '{"version":1,');
    status.publish(good('spoilt', uid));
    await status.drain(signal);
    const written = decodeStatus(statusTextOf(await world.admin.expect(`${path}/spoilt`)));
    assert.equal(written?.secrets['web-tls']?.state, 'good');
  });

  it('takes nothing away that others wrote', async () => {
    const uid = await create('foreign');
    for (const about of [{ ingress: 'another' }, { ingress: uid, handedBy: 'example.com/other-lego' }]) {
      const other = writer(() => JSON.stringify({ version: 1, secrets: {}, ...about }));
      other.retract('Ingress/shop/foreign', uid);
      await other.drain(signal);
    }
    assert.equal(await patchesOf('foreign'), 0);
  });

  it('takes the annotation away from an Ingress that is no longer ours', async () => {
    const uid = await create('released');
    const status = writer();
    status.publish(good('released', uid), true);
    await status.drain(signal);
    status.retract('Ingress/shop/released', uid);
    await status.drain(signal);
    assert.deepEqual(await annotationsOf('released'), { note: 'keep' });
  });
});

/** Writes to nobody; each is refused, or answered, as the test says. */
class Recorded {
  readonly clock = new ManualClock(at);
  readonly errors: unknown[] = [];
  readonly written: string[] = [];
  readonly writer: SourceStatusWriter;

  /** @param failureOf why a write to the source fails */
  constructor(failureOf: (key: string) => KubernetesError | undefined) {
    this.writer = new SourceStatusWriter({
      client: {
        mergePatch: async (key) => {
          this.written.push(key);
          const failure = failureOf(key);
          if (failure !== undefined) throw failure;
        },
      },
      pathOf: (key) => key,
      clock: this.clock,
      found: () => undefined,
      onError: (error) => this.errors.push(error),
    });
  }

  publish(key: SourceKey): void {
    const { name } = parseSourceKey(key);
    this.writer.publish({ ...failed(name, 'uid', 1), key }, true);
  }

  /** All that can happen without a further step of the clock. */
  async settled(): Promise<void> {
    for (let turns = 0; turns < 500; turns += 1) await nextTurn();
  }

  async advance(ms: number): Promise<void> {
    await this.settled();
    this.clock.advance(ms);
    await this.settled();
  }
}

describe('a namespace whose Ingresses cannot be written for a while', () => {
  const failure = new KubernetesError('ServerError', 'PATCH: 500: failed calling webhook');
  const ofShop = Array.from({ length: 50 }, (_, index): SourceKey => `Ingress/shop/web-${index}`);

  it('holds up no other one', async () => {
    const recorded = new Recorded((key) => (key.startsWith('Ingress/shop/') ? failure : undefined));
    for (const key of ofShop) recorded.publish(key);
    recorded.publish('Ingress/blog/web');
    await recorded.advance(250);
    assert.ok(recorded.written.includes('Ingress/blog/web'), recorded.written.join());
    assert.ok(recorded.written.length <= 3, 'the others of the namespace are not even tried');
    recorded.publish('Ingress/news/web');
    await recorded.advance(250);
    assert.ok(recorded.written.includes('Ingress/news/web'), recorded.written.join());
  });

  it('has all of them written when it can be, each once', async () => {
    let isDown = true;
    const recorded = new Recorded((key) => (isDown && key.startsWith('Ingress/shop/') ? failure : undefined));
    for (const key of ofShop) recorded.publish(key);
    for (let seconds = 0; seconds < 4; seconds += 1) await recorded.advance(1000);
    isDown = false;
    recorded.written.length = 0;
    for (let seconds = 0; seconds < 10; seconds += 1) await recorded.advance(1000);
    assert.deepEqual(recorded.written.toSorted(), ofShop.toSorted());
    assert.deepEqual(recorded.errors, []);
  });

  it('has one given up after five tries, and its next outcome written', async () => {
    let isDown = true;
    const recorded = new Recorded(() => (isDown ? failure : undefined));
    recorded.publish('Ingress/shop/web');
    for (let seconds = 0; seconds < 60; seconds += 1) await recorded.advance(1000);
    assert.equal(recorded.written.length, 5);
    assert.deepEqual(recorded.errors, [failure]);
    isDown = false;
    recorded.writer.publish({ ...failed('web', 'uid', 2), key: 'Ingress/shop/web' }, true);
    for (let seconds = 0; seconds < 3; seconds += 1) await recorded.advance(1000);
    assert.equal(recorded.written.length, 6);
  });
});

const at = Date.UTC(2026, 10, 24, 12);

function context(name: string, uid: string): IngressContext {
  const desired = desiredCertificate({ hosts: [route(`${name}.example.com`)] });
  return initialIngressContext({
    key: `Ingress/${namespace}/${name}`,
    uid,
    assignment: { desired: [desired], notices: [], retry: undefined },
    policy: { checkInterval: 8 * hour, minimumValidity: 30 * day },
    at,
  });
}

function failed(name: string, uid: string, attempt: number): IngressContext {
  const base = context(name, uid);
  const failure = { code: 'OrderFailed', message: 'No.' } as const;
  const status = {
    kind: 'failed',
    failure,
    nextAttemptAt: at + attempt * hour,
  } as const;
  const certificates = base.certificates.map((record) => ({
    ...record,
    status,
    failures: { attempt, check: 0, transient: 0 },
  }));
  return { ...base, certificates };
}

function good(name: string, uid: string): IngressContext {
  const base = context(name, uid);
  const status = { kind: 'good', notAfter: at + 90 * day, renewAt: at + 60 * day } as const;
  return { ...base, certificates: base.certificates.map((record) => ({ ...record, status })) };
}
