import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import type { StreamBody } from '../../src/kubernetes/client/api-answer.ts';
import { createKubernetesClient, type KubernetesClient } from '../../src/kubernetes/client/client.ts';
import { watchSecrets } from '../../src/sources/secret-watch.ts';
import { systemClock } from '../../src/time/clock.ts';
import { ApiStandIn, sendStatus } from '../kubernetes/api-stand-in.ts';
import { type ApiWorld, startApiWorld } from '../kubernetes/api-world.ts';
import { recordedLog } from '../process/recorded-log.ts';
import { eventually } from '../time/eventually.ts';
import { ManualClock } from '../time/manual-clock.ts';

let stop: AbortController;
let told: SupervisorEvent[];
let log: ReturnType<typeof recordedLog>;
let reflectors: ReturnType<typeof watchSecrets>;

beforeEach(() => {
  stop = new AbortController();
  told = [];
  log = recordedLog();
  reflectors = [];
});

afterEach(async () => {
  stop.abort();
  await Promise.all(reflectors.map((reflector) => reflector.stopped()));
});

function watch(
  client: Pick<KubernetesClient, 'stream'>,
  clock = systemClock,
  ...watchNamespaces: string[]
): void {
  const config = { secretWatch: true, watchNamespaces };
  reflectors = watchSecrets(config, client, clock, stop.signal, log.log, (event) => told.push(event));
}

const watching = (): Promise<void> =>
  eventually('all watches are open', () => reflectors.every(({ state }) => state.watching));

/** `namespace/name` of the Secrets that were told of, each once. */
function changed(): string[] {
  const names = told.flatMap((event) =>
    event.type === 'SECRET_CHANGED' ? [`${event.namespace}/${event.secretName}`] : [],
  );
  return [...new Set(names)].toSorted();
}

describe('the watch of Secrets', () => {
  let world: ApiWorld;
  /** All that the API server has sent. */
  let received: string;

  before(async () => {
    world = await startApiWorld();
    await world.createNamespace('shop');
    await world.createNamespace('other');
  });
  after(() => world[Symbol.asyncDispose]());

  beforeEach(() => {
    received = '';
  });

  const secretKey = Buffer.from('the private key').toString('base64');

  async function create(key: string, type = 'kubernetes.io/tls'): Promise<void> {
    const [namespace, name] = key.split('/');
    await world.admin.expect(`/api/v1/namespaces/${namespace}/secrets`, {
      method: 'POST',
      body: { metadata: { name }, type, data: { 'tls.crt': '', 'tls.key': secretKey } },
    });
  }

  async function change(key: string, method: 'PATCH' | 'DELETE'): Promise<void> {
    const [namespace, name] = key.split('/');
    await world.admin.expect(`/api/v1/namespaces/${namespace}/secrets/${name}`, {
      method,
      ...(method === 'DELETE'
        ? {}
        : { contentType: 'application/merge-patch+json', body: { data: { 'tls.key': '' } } }),
    });
  }

  /** The client, with an ear at what comes. */
  const client: Pick<KubernetesClient, 'stream'> = {
    stream: async (...request) => {
      const answer = await world.client.stream(...request);
      return { ...answer, body: overheard(answer.body) };
    },
  };

  function overheard(body: StreamBody): StreamBody {
    return {
      async *[Symbol.asyncIterator]() {
        for await (const chunk of body) {
          received += Buffer.from(chunk).toString();
          yield chunk;
        }
      },
      destroy: (error) => body.destroy(error),
    };
  }

  it('tells of TLS Secrets that change, go and come, not of those that were there, and never sees what is in them', async () => {
    for (const key of ['shop/deleted', 'shop/spoiled', 'other/untouched']) await create(key);
    await create('shop/opaque', 'Opaque');
    watch(client);
    await watching();
    assert.deepEqual(told, []);
    await change('shop/opaque', 'DELETE');
    await change('shop/spoiled', 'PATCH');
    await change('shop/deleted', 'DELETE');
    await create('shop/new');
    await eventually('three Secrets are told of', () => changed().length === 3);
    assert.deepEqual(changed(), ['shop/deleted', 'shop/new', 'shop/spoiled']);
    assert.match(received, /PartialObjectMetadataList/);
    for (const name of ['spoiled', 'untouched', 'new']) assert.match(received, new RegExp(`"${name}"`));
    assert.ok(!received.includes(secretKey), 'the contents of a Secret were sent');
    assert.ok(!received.includes('"opaque"'), 'a Secret of another type was sent');
  });

  it('tells of one that was deleted and made again by the same name', async () => {
    await create('shop/again');
    watch(client);
    await watching();
    await change('shop/again', 'DELETE');
    await create('shop/again');
    await eventually('it is told of', () => told.length === 2);
    assert.deepEqual(changed(), ['shop/again']);
  });

  it('keeps to the chosen namespaces, also one without a TLS Secret', async () => {
    watch(client, systemClock, 'other', 'kube-system');
    await watching();
    await create('shop/theirs');
    await create('other/ours');
    await eventually('one is told of', () => told.length > 0);
    assert.deepEqual(changed(), ['other/ours']);
    assert.ok(!received.includes('"theirs"'));
  });
});

describe('the watch of Secrets that is denied', () => {
  it('says what is missing where, once, however often it tries, and begins when it may', async () => {
    const api = await ApiStandIn.start();
    const clock = new ManualClock();
    let denied = true;
    api.override = (_, response, { pathname }) => {
      if (!denied || !pathname.includes('/shop/')) return false;
      sendStatus(response, 403, 'Forbidden', 'secrets is forbidden');
      return true;
    };
    const client = createKubernetesClient(api.access);
    try {
      watch(client, clock, 'shop', 'other');
      for (let tries = 1; tries <= 3; tries += 1) {
        await eventually(`try ${tries} is denied`, () => clock.pending.length === 1);
        clock.advance(30_000);
      }
      await eventually('another try is denied', () => clock.pending.length === 1);
      assert.deepEqual(
        log.records.map(({ level, msg }) => [level, msg]),
        [
          [
            'error',
            'Secrets of namespace shop cannot be watched: add deploy/namespaced/secret-watch there, or remove LEGO_SECRET_WATCH.',
          ],
        ],
      );
      assert.equal(reflectors[1]?.state.watching, true, 'the other one is watched all the same');
      denied = false;
      clock.advance(30_000);
      await watching();
    } finally {
      stop.abort();
      await Promise.all(reflectors.map((reflector) => reflector.stopped()));
      await client.close();
      await api.stop();
    }
  });
});
