import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { createKubernetesClient, type KubernetesClient } from '../../src/kubernetes/client/client.ts';
import { type NamespaceWatch, watchNamespaces } from '../../src/sources/namespace-watch.ts';
import { systemClock } from '../../src/time/clock.ts';
import { ApiStandIn, sendStatus } from '../kubernetes/api-stand-in.ts';
import { startApiWorld } from '../kubernetes/api-world.ts';
import { recordedLog } from '../process/recorded-log.ts';
import { eventually } from '../time/eventually.ts';
import { ManualClock } from '../time/manual-clock.ts';

let stop: AbortController;
let told: SupervisorEvent[];
let log: ReturnType<typeof recordedLog>;
let watch: NamespaceWatch | undefined;

beforeEach(() => {
  stop = new AbortController();
  told = [];
  log = recordedLog();
});

afterEach(async () => {
  stop.abort();
  await watch?.stopped();
});

function start(client: Pick<KubernetesClient, 'stream'>, clock = systemClock): NamespaceWatch {
  watch = watchNamespaces(client, clock, stop.signal, log.log, (event) => told.push(event));
  return watch;
}

function messages(): string[] {
  return log.records.map(({ msg }) => String(msg));
}

/** The last domains that were told of the Namespace. */
function domainsOf(name: string): readonly string[] | undefined {
  const events = told.flatMap((event) =>
    event.type === 'NAMESPACE_OBSERVED' && event.namespace.name === name ? [event.namespace] : [],
  );
  return events.at(-1)?.domains;
}

describe('the watch of Namespaces', () => {
  it('tells what they reserve, and what they no longer do', async () => {
    await using world = await startApiWorld();
    const { admin, client } = world;
    const annotate = (name: string, domains: string) =>
      admin.expect(`/api/v1/namespaces/${name}`, {
        method: 'PATCH',
        contentType: 'application/merge-patch+json',
        body: { metadata: { annotations: { 'kube-lego.io/domains': domains } } },
      });
    await world.createNamespace('shop');
    await annotate('shop', 'shop.example, https://shop.example/');
    const namespaces = start(client);
    const isRead = (): boolean => told.some(({ type }) => type === 'NAMESPACES_READ');
    await eventually('all are read', isRead);
    assert.deepEqual(domainsOf('shop'), ['shop.example']);
    assert.deepEqual(namespaces.invalidDomains(), [{ namespace: 'shop', word: '"https://shop.example/"' }]);
    assert.match(
      messages().join('\n'),
      /^Namespace shop reserves nothing by these words of kube-lego\.io\/domains: "https:\/\/shop\.example\/"\./m,
    );
    await annotate('shop', '*.shop.example');
    await eventually('the change is told', () => domainsOf('shop')?.[0] === '*.shop.example');
    assert.deepEqual(namespaces.invalidDomains(), []);
    stop.abort();
    await namespaces.stopped();
  });

  it('goes on without them where they are denied, says so once, and takes them up later', async () => {
    await using stand = await standIn();
    const { api, client } = stand;
    api.override = (_, response) => {
      sendStatus(response, 403, 'Forbidden', 'namespaces is forbidden');
      return true;
    };
    const clock = new ManualClock();
    const namespaces = start(client, clock);
    const isRead = (): boolean => told.some(({ type }) => type === 'NAMESPACES_READ');
    await eventually('the denial stands', async () => {
      clock.advance(1000);
      await setImmediate();
      return isRead();
    });
    assert.deepEqual([namespaces.denied, told], [true, [{ type: 'NAMESPACES_READ', denied: true }]]);
    for (let tries = 0; tries < 5; tries += 1) {
      await eventually(`try ${tries} is denied`, () => clock.pending.length === 1);
      clock.advance(30_000);
    }
    await eventually('the last try is denied', () => clock.pending.length === 1);
    const said = messages().filter((message) => message.includes('Namespaces cannot be listed'));
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', /LEGO_REQUIRE_DOMAINS.*kube-lego-cluster-scoped/);
    api.override = () => false;
    await eventually('they are read', () => {
      clock.advance(1000);
      return !namespaces.denied;
    });
    assert.ok(messages().includes('Namespaces can be read now.'));
  });

  it('waits while the API server is away: what is reserved must not be lost for a moment', async () => {
    await using stand = await standIn();
    stand.api.override = (_, response) => {
      sendStatus(response, 503, 'ServiceUnavailable', 'not now');
      return true;
    };
    const clock = new ManualClock();
    start(stand.client, clock);
    for (let tries = 0; tries < 5; tries += 1) {
      await eventually(`try ${tries} has failed`, () => clock.pending.length === 1);
      clock.advance(30_000);
    }
    assert.deepEqual(told, []);
    stand.api.override = () => false;
    await eventually('they are read', () => {
      clock.advance(1000);
      return told.some(({ type }) => type === 'NAMESPACES_READ');
    });
  });
});

async function standIn() {
  const api = await ApiStandIn.start();
  const client = createKubernetesClient(api.access);
  return {
    api,
    client,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watch?.stopped();
      await client.close();
      await api.stop();
    },
  };
}
