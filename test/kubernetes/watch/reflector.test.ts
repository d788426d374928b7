import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { Reflector, type ReflectorOptions } from '../../../src/kubernetes/watch/reflector.ts';
import { recordField, stringField } from '../../../src/process/json.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { ApiStandIn, type StandInObject, sendStatus } from '../api-stand-in.ts';

interface Projection {
  uid: string | undefined;
  value: string | undefined;
}

function thing(name: string, value: string, uid = `uid-${name}`): StandInObject {
  return { metadata: { namespace: 'shop', name, uid }, spec: { value } };
}

describe('a reflector', () => {
  let api: ApiStandIn;
  let client: KubernetesClient;
  let clock: ManualClock;
  let stop: AbortController;
  let log: string[];
  let errors: unknown[];
  let reflector: Reflector<Projection>;

  function reflect(options: Partial<ReflectorOptions<Projection>> = {}): void {
    reflector = new Reflector<Projection>({
      client,
      path: '/apis/example/v1/things',
      project: (object) => ({
        uid: stringField(recordField(object, 'metadata'), 'uid'),
        value: stringField(recordField(object, 'spec'), 'value'),
      }),
      onUpsert: (key, { value }) => log.push(`${key}=${value}`),
      onDelete: (key) => log.push(`-${key}`),
      onSynced: () => log.push('synced'),
      onError: (error) => errors.push(error),
      clock,
      signal: stop.signal,
      random: () => 0.5,
      ...options,
    });
    reflector.start();
  }

  const watching = (): Promise<void> =>
    eventually('a watch is open', () => reflector.state.watching && api.openWatches === 1);
  const paused = (): Promise<void> =>
    eventually('it waits before the next try', () => clock.pending.length === 1);

  beforeEach(async () => {
    api = await ApiStandIn.start();
    client = createKubernetesClient(api.access);
    clock = new ManualClock();
    stop = new AbortController();
    log = [];
    errors = [];
  });

  afterEach(async () => {
    stop.abort();
    await reflector.stopped();
    await client.close();
    await api.stop();
  });

  it('takes in a list page by page and says when it is synced', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) api.put(thing(name, '1'));
    reflect({ pageSize: 2 });
    assert.equal(reflector.state.synced, false);
    await watching();
    assert.deepEqual(
      api.lists.map((url) => [url.searchParams.get('limit'), url.searchParams.get('continue')]),
      [
        ['2', null],
        ['2', '2'],
        ['2', '4'],
      ],
    );
    assert.deepEqual(log, ['shop/a=1', 'shop/b=1', 'shop/c=1', 'shop/d=1', 'shop/e=1', 'synced']);
    assert.equal(reflector.state.synced, true);
    assert.equal(reflector.get('shop/c')?.value, '1');
    assert.equal([...reflector.entries()].length, 5);
  });

  it('asks for bookmarks and a server-side time limit, and goes on from the last bookmark', async () => {
    reflect();
    await watching();
    const query = api.watches[0]?.searchParams;
    assert.equal(query?.get('allowWatchBookmarks'), 'true');
    assert.equal(query?.get('timeoutSeconds'), '360');
    assert.equal(query?.get('resourceVersion'), '100');
    api.bookmark('777');
    await eventually('the bookmark arrived', () => reflector.state.resourceVersion === '777');
    api.endWatches();
    await eventually('a second watch', () => api.watches.length === 2);
    assert.equal(api.watches[1]?.searchParams.get('resourceVersion'), '777');
    assert.equal(api.lists.length, 1);
  });

  it('follows additions, changes and deletions', async () => {
    reflect();
    await watching();
    api.put(thing('a', '1'));
    api.put(thing('a', '2'));
    api.remove('shop/a');
    await eventually('all arrived', () => log.includes('-shop/a'));
    assert.deepEqual(log, ['synced', 'shop/a=1', 'shop/a=2', '-shop/a']);
    assert.equal(reflector.get('shop/a'), undefined);
  });

  it('stays silent about changes that its projection does not show', async () => {
    api.put(thing('a', '1'));
    reflect();
    await watching();
    for (let i = 0; i < 1000; i++) api.put({ ...thing('a', '1'), status: { round: i } });
    api.put(thing('z', 'end'));
    await eventually('all arrived', () => log.includes('shop/z=end'));
    assert.deepEqual(log, ['shop/a=1', 'synced', 'shop/z=end']);
  });

  it('reads events that arrive in pieces, several at once, or after an empty line', async () => {
    reflect();
    await watching();
    const event = JSON.stringify({ type: 'ADDED', object: thing('ä', '€') });
    const bytes = Buffer.from(`\n${event}\n${event.replaceAll('ä', 'b')}\n`);
    const text = bytes.toString('utf8');
    for (const part of [text.slice(0, 40), text.slice(40)]) api.send(part);
    await eventually('both arrived', () => log.includes('shop/b=€'));
    assert.deepEqual(log, ['synced', 'shop/ä=€', 'shop/b=€']);
  });

  for (const how of ['as an HTTP status', 'as an event']) {
    it(`lists again at once after 410 ${how}, and tells what vanished meanwhile`, async () => {
      api.put(thing('a', '1'));
      api.put(thing('b', '1'));
      reflect();
      await watching();
      api.remove('shop/a', true);
      api.put(thing('c', '1'), true);
      if (how === 'as an event') {
        api.send({
          type: 'ERROR',
          object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' },
        });
      } else {
        api.override = (_, response, url) => {
          if (!url.searchParams.has('watch')) return false;
          api.override = () => false;
          sendStatus(response, 410, 'Expired', 'too old resource version');
          return true;
        };
        clock.advance(60_000);
        api.endWatches();
      }
      await paused();
      assert.deepEqual(clock.pending, [0]);
      clock.advance(0);
      await eventually('the second list', () => log.filter((line) => line === 'synced').length === 2);
      assert.deepEqual(log, ['shop/a=1', 'shop/b=1', 'synced', 'shop/c=1', '-shop/a', 'synced']);
      await watching();
      assert.equal(reflector.state.lastError, undefined);
    });
  }

  it('reports an object that was deleted and re-created in a gap as one upsert', async () => {
    api.put(thing('a', '1', 'old'));
    reflect();
    await watching();
    api.remove('shop/a', true);
    api.put(thing('a', '1', 'new'), true);
    api.send({ type: 'ERROR', object: { code: 410 } });
    await paused();
    clock.advance(0);
    await eventually('the second list', () => log.filter((line) => line === 'synced').length === 2);
    assert.deepEqual(log, ['shop/a=1', 'synced', 'shop/a=1', 'synced']);
    assert.equal(reflector.get('shop/a')?.uid, 'new');
  });

  it('starts over, in pages again, when a page token expires', async () => {
    for (const name of ['a', 'b', 'c']) api.put(thing(name, '1'));
    api.override = (_, response, url) => {
      if (!url.searchParams.has('continue')) return false;
      api.override = () => false;
      sendStatus(response, 410, 'Expired', 'The provided continue parameter is too old');
      return true;
    };
    reflect({ pageSize: 2 });
    await paused();
    clock.advance(0);
    await watching();
    assert.deepEqual(
      api.lists.map((url) => [url.searchParams.get('limit'), url.searchParams.get('continue')]),
      [
        ['2', null],
        ['2', '2'],
        ['2', null],
        ['2', '2'],
      ],
    );
    assert.equal([...reflector.entries()].length, 3);
  });

  it('opens the next watch where the last one was closed or cut, without a list', async () => {
    reflect();
    await watching();
    api.put(thing('a', '1'));
    await eventually('it arrived', () => log.includes('shop/a=1'));
    api.endWatches('close');
    await eventually('a second watch', () => api.watches.length === 2 && api.openWatches === 1);
    api.put(thing('a', '2'));
    await eventually('it arrived', () => log.includes('shop/a=2'));
    clock.advance(60_000);
    api.endWatches('cut');
    await eventually('a third watch', () => api.watches.length === 3 && api.openWatches === 1);
    assert.equal(api.watches[2]?.searchParams.get('resourceVersion'), '102');
    assert.equal(api.lists.length, 1);
  });

  it('drops half an event when the connection breaks', async () => {
    reflect();
    await watching();
    api.send('{"type":"ADDED","object":{"metadata":{"na');
    clock.advance(60_000);
    api.endWatches('close');
    await eventually('a second watch', () => api.watches.length === 2);
    assert.deepEqual(log, ['synced']);
  });

  it('does not open watches in a tight loop when each is closed at once', async () => {
    reflect();
    await watching();
    api.endWatches();
    await paused();
    assert.deepEqual(clock.pending, [250]);
    assert.match(reflector.state.lastError ?? '', /closed the watch at once/);
  });

  it('waits with jitter, ever longer up to 30 seconds, while the API server fails', async () => {
    let draw = 0;
    api.override = (_, response) => {
      sendStatus(response, 500, 'InternalError', 'etcd is sad');
      return true;
    };
    reflect({ random: () => [0.1, 0.9, 0.5][draw++ % 3] ?? 0 });
    const pauses: number[] = [];
    for (let i = 1; i <= 9; i++) {
      await eventually('the next failure', () => errors.length === i && clock.pending.length === 1);
      pauses.push(clock.pending[0] ?? Number.NaN);
      clock.advance(clock.pending[0] ?? 0);
    }
    assert.deepEqual(pauses, [50, 900, 1000, 400, 7200, 8000, 3000, 27_000, 15_000]);
    assert.equal(reflector.state.synced, false);
    assert.match(
      reflector.state.lastError ?? '',
      /GET \/apis\/example\/v1\/things: 500 InternalError: etcd is sad/,
    );
    api.override = () => false;
    await eventually('it recovers', () => {
      clock.advance(30_000);
      return reflector.state.watching;
    });
    assert.deepEqual(log, ['synced']);
    assert.equal(reflector.state.lastError, undefined);
  });

  for (const [status, reason] of [
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
  ] as const) {
    it(`keeps trying after ${status} and says so in its state`, async () => {
      api.override = (_, response) => {
        sendStatus(response, status, reason, 'not for you');
        return true;
      };
      reflect();
      await paused();
      assert.match(reflector.state.lastError ?? '', new RegExp(`${status} ${reason}: not for you`));
      assert.equal(reflector.state.synced, false);
      api.override = () => false;
      clock.advance(30_000);
      await watching();
      assert.equal(reflector.state.synced, true);
    });
  }

  it('waits as long as Retry-After of a 429 says', async () => {
    api.override = (_, response) => {
      sendStatus(response, 429, 'TooManyRequests', 'slow down', { 'retry-after': '7' });
      return true;
    };
    reflect();
    await paused();
    assert.deepEqual(clock.pending, [7000]);
  });

  it('goes on after a line that is no JSON, and lists again when it meets it three times', async () => {
    reflect();
    await watching();
    for (let i = 1; i <= 3; i++) {
      await watching();
      api.send('<html>Bad gateway</html>\n');
      await paused();
      assert.match(reflector.state.lastError ?? '', /what is not JSON/);
      assert.equal(api.lists.length, 1);
      clock.advance(30_000);
    }
    await eventually('a second list', () => api.lists.length === 2);
    await watching();
  });

  it('survives handlers and projections that throw, and tells of them', async () => {
    api.put(thing('a', '1'));
    reflect({
      onUpsert: (key, { value }) => {
        log.push(`${key}=${value}`);
        throw new Error(`handler of ${key}`);
      },
      onError: (error) => {
        errors.push(error);
        throw new Error('even here');
      },
      project: (object) => {
        const value = stringField(recordField(object, 'spec'), 'value');
        if (value === 'poison') throw new Error('cannot project');
        return { uid: undefined, value };
      },
    });
    await watching();
    api.put(thing('b', 'poison'));
    api.put(thing('c', '3'));
    await eventually('all arrived', () => log.includes('shop/c=3'));
    assert.deepEqual(log, ['shop/a=1', 'synced', 'shop/c=3']);
    assert.deepEqual(
      errors.map((error) => (error instanceof Error ? error.message : '')),
      ['handler of shop/a', 'cannot project', 'handler of shop/c'],
    );
    assert.equal(reflector.state.resourceVersion, '103');
  });

  it('opens a new watch when the connection has been silent for too long', async () => {
    reflect({ longestSilence: 100 });
    await eventually('a second watch', () => {
      clock.advance(60_000);
      return api.watches.length > 1;
    });
    assert.equal(api.lists.length, 1);
  });

  it('lists again after the relist interval even if the watch never complained', async () => {
    api.put(thing('a', '1'));
    reflect({ relistInterval: 3_600_000 });
    await watching();
    api.remove('shop/a', true);
    clock.advance(3_600_000);
    api.endWatches();
    await eventually('a second list', () => api.lists.length === 2);
    await watching();
    assert.deepEqual(log, ['shop/a=1', 'synced', '-shop/a', 'synced']);
  });

  it('leaves nothing open when it is stopped during a pause', async () => {
    api.override = (_, response) => {
      sendStatus(response, 500, 'InternalError', 'no');
      return true;
    };
    reflect();
    await paused();
    stop.abort();
    await reflector.stopped();
    assert.deepEqual(clock.pending, []);
    const before = api.requests.length;
    clock.advance(3_600_000);
    await once(setImmediateTarget(), 'tick');
    assert.equal(api.requests.length, before);
  });

  it('leaves nothing open when it is stopped during a watch or a list', async () => {
    reflect();
    await watching();
    stop.abort();
    await reflector.stopped();
    await eventually('the watch is closed at the server', () => api.openWatches === 0);
    assert.equal(reflector.state.watching, false);
  });
});

function setImmediateTarget(): EventTarget {
  const target = new EventTarget();
  setImmediate(() => target.dispatchEvent(new Event('tick')));
  return target;
}
