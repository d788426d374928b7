import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { day, minute, second } from '../../../machines/time/durations.ts';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { recordField, stringField } from '../../../src/process/json.ts';
import { KindWatch } from '../../../src/sources/gateway/kind-watch.ts';
import { ApiStandIn, sendJson, sendStatus } from '../../kubernetes/api-stand-in.ts';
import { recordedLog } from '../../process/recorded-log.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';

describe('the watch of a kind', () => {
  let api: ApiStandIn;
  let client: KubernetesClient;
  let clock: ManualClock;
  let stop: AbortController;
  let log: ReturnType<typeof recordedLog>;
  let watch: KindWatch<{ readonly name: string }>;
  let told: string[];

  beforeEach(async () => {
    api = await ApiStandIn.start();
    client = createKubernetesClient(api.access);
    clock = new ManualClock();
    stop = new AbortController();
    log = recordedLog();
    told = [];
    watch = watching();
  });
  afterEach(async () => {
    stop.abort();
    await watch.stopped();
    await client.close();
    await api.stop();
  });

  const watching = (...namespaces: readonly string[]): typeof watch =>
    new KindWatch({
      plural: 'Gateways',
      namespaces,
      client,
      clock,
      signal: stop.signal,
      log: log.log,
      project: (object) => ({ name: stringField(recordField(object, 'metadata'), 'name') ?? '' }),
      onUpsert: ({ name }) => told.push(`${name} is there`),
      onDelete: ({ name }) => told.push(`${name} is gone`),
      onRead: () => undefined,
    });

  const messages = (): unknown[] => log.records.map(({ msg }) => msg);

  it('keeps what was read in another version until all is read in this one', async () => {
    const put = (name: string): void =>
      api.put({ metadata: { namespace: 'default', name, uid: `uid-of-${name}` } }, true);
    const names = (): string[] => Array.from(watch.entries(), ({ name }) => name).toSorted();
    put('a');
    put('b');
    watch.serve({ apiVersion: 'gateway.networking.k8s.io/v1', resource: 'gateways' });
    await eventually('it is read', () => watch.synced);
    let isBusy = true;
    api.override = (_, response, url) => {
      const refused = isBusy && url.pathname.includes('/v1beta1/');
      if (refused) sendStatus(response, 503, 'ServiceUnavailable', 'not yet');
      return refused;
    };
    api.remove('default/b', true);
    put('c');
    told = [];
    const other = { apiVersion: 'gateway.networking.k8s.io/v1beta1', resource: 'gateways' };
    watch.serve(other);
    watch.serve(other);
    await eventually('it is asked to wait', () => clock.pending.length === 1);
    clock.advance(10 * minute);
    assert.deepEqual([watch.collection, watch.synced, watch.read], [other, false, true]);
    assert.deepEqual([names(), told], [['a', 'b'], []]);
    isBusy = false;
    await eventually('it is read in the other version', () => {
      if (!watch.synced) clock.advance(30 * second);
      return watch.synced;
    });
    assert.deepEqual(names(), ['a', 'c']);
    assert.deepEqual(told.toSorted(), ['a is there', 'b is gone', 'c is there']);
    watch.serve(undefined);
    watch.serve(undefined);
    assert.deepEqual([names(), watch.read], [[], true]);
    assert.deepEqual(told.slice(3).toSorted(), ['a is gone', 'c is gone']);
  });

  it('keeps what can be read only in another version for a day, and of other namespaces no longer than needed', async () => {
    watch = watching('blog', 'shop');
    const objectOf = (namespace: string, name: string) => ({
      metadata: { namespace, name, uid: `uid-of-${name}` },
    });
    for (const object of [objectOf('blog', 'b'), objectOf('shop', 'gone'), objectOf('shop', 's')])
      api.put(object, true);
    watch.serve({ apiVersion: 'gateway.networking.k8s.io/v1', resource: 'gateways' });
    await eventually('it is read', () => watch.synced);
    api.override = (_, response, { pathname, searchParams }) => {
      if (!pathname.includes('/v1beta1/') || searchParams.has('watch')) return false;
      if (pathname.includes('/blog/')) sendStatus(response, 403, 'Forbidden', 'not for you');
      else sendJson(response, 200, { metadata: { resourceVersion: '200' }, items: [objectOf('shop', 's')] });
      return true;
    };
    told = [];
    const other = { apiVersion: 'gateway.networking.k8s.io/v1beta1', resource: 'gateways' };
    watch.serve(other);
    watch.serve(other);
    await eventually('what is gone is told', () => told.includes('gone is gone'));
    const names = (): string[] => Array.from(watch.entries(), ({ name }) => name).toSorted();
    assert.deepEqual(names(), ['b', 's']);
    clock.advance(day - second);
    watch.serve(other);
    assert.deepEqual(names(), ['b', 's']);
    clock.advance(second);
    watch.serve(other);
    assert.deepEqual(names(), ['s']);
    assert.deepEqual(
      told.filter((event) => event.endsWith('gone')),
      ['gone is gone', 'b is gone'],
    );
  });

  it('says nothing of an API server that begins the storage of the kind, unless that lasts', async () => {
    let busy = true;
    api.override = (_, response) => {
      if (busy) {
        sendStatus(response, 429, 'TooManyRequests', 'storage is (re)initializing', { 'retry-after': '1' });
      }
      return busy;
    };
    watch.serve({ apiVersion: 'gateway.networking.k8s.io/v1', resource: 'gateways' });
    await eventually('it is asked to wait', () => clock.pending.length === 1);
    clock.advance(second);
    await eventually(
      'it is asked to wait again',
      () => api.requests.length === 2 && clock.pending.length === 1,
    );
    assert.deepEqual(messages(), []);
    clock.advance(10 * second);
    await eventually('it is told of', () => messages().length === 1);
    assert.deepEqual(messages(), ['The watch of Gateways was interrupted; kube-lego reconnects.']);
    await eventually('it waits', () => clock.pending.length === 1);
    busy = false;
    clock.advance(30 * second);
    await eventually('it is read', () => watch.synced);
  });
});
