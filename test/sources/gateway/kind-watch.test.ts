import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { second } from '../../../machines/time/durations.ts';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { KindWatch } from '../../../src/sources/gateway/kind-watch.ts';
import { ApiStandIn, sendStatus } from '../../kubernetes/api-stand-in.ts';
import { recordedLog } from '../../process/recorded-log.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';

describe('the watch of a kind', () => {
  let api: ApiStandIn;
  let client: KubernetesClient;
  let clock: ManualClock;
  let stop: AbortController;
  let log: ReturnType<typeof recordedLog>;
  let watch: KindWatch<object>;

  beforeEach(async () => {
    api = await ApiStandIn.start();
    client = createKubernetesClient(api.access);
    clock = new ManualClock();
    stop = new AbortController();
    log = recordedLog();
    watch = new KindWatch<object>({
      plural: 'Gateways',
      namespaces: [],
      client,
      clock,
      signal: stop.signal,
      log: log.log,
      project: () => undefined,
      onUpsert: () => undefined,
      onDelete: () => undefined,
      onRead: () => undefined,
    });
  });
  afterEach(async () => {
    stop.abort();
    await watch.stopped();
    await client.close();
    await api.stop();
  });

  const messages = (): unknown[] => log.records.map(({ msg }) => msg);

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
