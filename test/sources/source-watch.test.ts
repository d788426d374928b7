import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { createKubernetesClient, type KubernetesClient } from '../../src/kubernetes/client/client.ts';
import { ingressSource } from '../../src/sources/ingress/ingress-source.ts';
import { type SourceWatch, watchSources } from '../../src/sources/source-watch.ts';
import { ApiStandIn, sendStatus } from '../kubernetes/api-stand-in.ts';
import { recordedLog } from '../process/recorded-log.ts';
import { eventually } from '../time/eventually.ts';
import { ManualClock } from '../time/manual-clock.ts';

type Refusal = (response: ServerResponse) => void;

function deny(response: ServerResponse): void {
  sendStatus(response, 403, 'Forbidden', 'ingresses.networking.k8s.io is forbidden');
}

describe('the watch of Ingresses in chosen namespaces', () => {
  let api: ApiStandIn;
  let client: KubernetesClient;
  let clock: ManualClock;
  let stop: AbortController;
  let told: SupervisorEvent[];
  let log: ReturnType<typeof recordedLog>;
  let refused: Map<string, Refusal>;
  let watches: SourceWatch;

  beforeEach(async () => {
    api = await ApiStandIn.start();
    refused = new Map();
    api.override = (_, response, { pathname }) => {
      const refusal = refused.get(pathname.split('/').at(-2) ?? '');
      refusal?.(response);
      return refusal !== undefined;
    };
    client = createKubernetesClient(api.access);
    clock = new ManualClock();
    stop = new AbortController();
    told = [];
    log = recordedLog();
  });

  afterEach(async () => {
    stop.abort();
    await watches.stopped();
    await client.close();
    await api.stop();
  });

  function watch(...watchNamespaces: string[]): void {
    const sources = [ingressSource({ annotationKey: 'kubernetes.io/tls-acme' })];
    const tell = (event: SupervisorEvent) => told.push(event);
    watches = watchSources(sources, { watchNamespaces }, client, clock, stop.signal, log.log, tell);
  }

  const isJudged = (): boolean => told.some(({ type }) => type === 'SYNCED');
  const lines = (level: string): string[] =>
    log.records.filter((line) => line['level'] === level).map(({ msg }) => String(msg));
  const paused = (count: number): Promise<void> =>
    eventually('those that are refused wait', () => clock.pending.length === count);
  const watching = (count: number): Promise<void> =>
    eventually(`${count} watches are open`, () => api.openWatches === count);

  /** Lets those that are refused try again, for so long that a denial stands. */
  async function wait(count: number): Promise<void> {
    await paused(count);
    clock.advance(30_000);
    await paused(count);
  }

  it('leaves out one that the API server denies, and says what it lacks, once', async () => {
    refused.set('gone', deny);
    watch('shop', 'gone');
    await watching(1);
    await wait(1);
    assert.ok(isJudged());
    await wait(1);
    const [message = '', ...more] = lines('error');
    assert.match(message, /^Namespace gone is left out for now: .* RoleBinding \(deploy\/namespaced\)/);
    assert.deepEqual(more, []);
    assert.deepEqual(
      watches.statesOf('Ingress').map((state) => [state.synced, state.watching]),
      [
        [true, true],
        [false, false],
      ],
      'the metrics tell that it is not watched',
    );
  });

  it('waits for one that is denied for a moment', async () => {
    refused.set('new', deny);
    watch('shop', 'new');
    await watching(1);
    // The first three pauses come to 3.5 seconds at most.
    for (let tries = 0; tries < 3; tries += 1) {
      await paused(1);
      clock.advance(clock.pending[0] ?? 0);
    }
    await paused(1);
    assert.ok(!isJudged());
    assert.deepEqual(lines('error'), []);
    refused.clear();
    clock.advance(30_000);
    await watching(2);
    assert.ok(isJudged());
  });

  it('takes in one that was left out when it can be listed', async () => {
    refused.set('later', deny);
    watch('shop', 'later');
    await watching(1);
    await wait(1);
    told.length = 0;
    const annotations = { 'kubernetes.io/tls-acme': 'true' };
    const metadata = { namespace: 'later', name: 'web', uid: 'uid', annotations };
    api.put({ metadata }, true);
    refused.clear();
    clock.advance(30_000);
    await watching(2);
    assert.ok(told.some((event) => event.type === 'SOURCE_OBSERVED' && event.source.namespace === 'later'));
    assert.deepEqual(lines('info'), ['Namespace later is watched now.']);
  });

  it('judges nothing while none can be listed', async () => {
    for (const namespace of ['a', 'b']) refused.set(namespace, deny);
    watch('a', 'b');
    await wait(2);
    assert.equal(lines('error').length, 2);
    assert.ok(!isJudged());
    refused.delete('a');
    clock.advance(30_000);
    await watching(1);
    assert.ok(isJudged());
  });

  const others: Record<string, Refusal> = {
    'the 403 of a proxy': (response) => response.writeHead(403, { 'content-type': 'text/html' }).end('No'),
    'a 401': (response) => sendStatus(response, 401, 'Unauthorized', 'no'),
    'a 500': (response) => sendStatus(response, 500, 'InternalError', 'no'),
  };
  for (const [what, refusal] of Object.entries(others)) {
    it(`goes on waiting after ${what}, whatever was said before`, async () => {
      refused.set('gone', deny);
      watch('shop', 'gone');
      await watching(1);
      await paused(1);
      refused.set('gone', refusal);
      await wait(1);
      await wait(1);
      assert.ok(!isJudged());
      assert.deepEqual(lines('error'), []);
    });
  }
});
