import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { secrets } from '../../../src/kubernetes/client/collections.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { ApiStandIn, sendJson, sendStatus } from '../api-stand-in.ts';

const secret = { name: 'tls', namespace: 'shop' };

describe('the Kubernetes client', () => {
  let api: ApiStandIn;
  let client: KubernetesClient;
  let clock: ManualClock;
  const { signal } = new AbortController();

  beforeEach(async () => {
    api = await ApiStandIn.start();
    clock = new ManualClock();
    client = createKubernetesClient(api.access, { clock, connections: 4 });
  });
  afterEach(async () => {
    await client.close();
    await api.stop();
  });

  const read = (): Promise<unknown> => client.call(signal, (api) => api.read(secrets, secret));

  it('opens no connection again when it is closed', async () => {
    await read();
    await client.close();
    const asked = api.requests.length;
    await assert.rejects(read(), { code: 'Unreachable', message: /is closed$/ });
    assert.equal(api.requests.length, asked);
  });

  async function failure(): Promise<KubernetesError> {
    try {
      await read();
    } catch (error) {
      if (error instanceof KubernetesError) return error;
      throw error;
    }
    throw new Error('It did not fail');
  }

  it('sends who it is, and uses few connections for many requests', async () => {
    const sockets = new Set<unknown>();
    const agents = new Set<string | undefined>();
    api.override = (request, response) => {
      sockets.add(request.socket);
      agents.add(`${request.headers.authorization} ${request.headers['user-agent']}`);
      sendJson(response, 200, { kind: 'Secret', metadata: { name: 'tls' } });
      return true;
    };
    await Promise.all(Array.from({ length: 200 }, read));
    assert.equal(sockets.size, 4);
    assert.deepEqual([...agents], ['Bearer secret kube-lego']);
  });

  for (const [status, reason, code] of [
    [400, 'BadRequest', 'BadRequest'],
    [401, 'Unauthorized', 'Unauthorized'],
    [403, 'Forbidden', 'Forbidden'],
    [404, 'NotFound', 'NotFound'],
    [409, 'AlreadyExists', 'AlreadyExists'],
    [409, 'Conflict', 'Conflict'],
    [410, 'Expired', 'Gone'],
    [422, 'Invalid', 'Invalid'],
    [500, 'InternalError', 'ServerError'],
    [504, 'Timeout', 'Timeout'],
  ] as const) {
    it(`says ${code} for ${status} ${reason}, with what the server said`, async () => {
      api.override = (_, response) => {
        sendStatus(response, status, reason, 'because of this');
        return true;
      };
      const error = await failure();
      assert.equal(error.code, code);
      assert.equal(error.status, status);
      assert.equal(
        error.message,
        `GET /api/v1/namespaces/shop/secrets/tls: ${status} ${reason}: because of this`,
      );
    });
  }

  it('does not take the 403 of an API server that does not know its roles yet for a denial', async () => {
    api.override = (_, response) => {
      const unknown =
        'RBAC: [clusterrole.rbac.authorization.k8s.io "kube-lego" not found, clusterrole.rbac.authorization.k8s.io "system:discovery" not found]';
      sendStatus(response, 403, 'Forbidden', `secrets "tls" is forbidden: ${unknown}`);
      return true;
    };
    assert.equal((await failure()).code, 'ServerError');
  });

  for (const status of [403, 404]) {
    it(`does not take the ${status} of a proxy for the word of the API server`, async () => {
      api.override = (_, response) => {
        response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>Not here</h1>');
        return true;
      };
      assert.equal((await failure()).code, 'InvalidResponse');
    });
  }

  for (const body of [
    '',
    'null',
    '[]',
    '"LS0tLS1CRUdJTiBQUklW',
    '{"data":{"tls.key":LS0tLS1CRUdJTiBQUklW',
    '{"metadata":5}',
  ]) {
    it(`neither uses nor repeats an answer that cannot be read: ${body}`, async () => {
      api.override = (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(body);
        return true;
      };
      const { code, message, cause } = await failure();
      assert.deepEqual([code, cause], ['InvalidResponse', undefined]);
      assert.doesNotMatch(message, /LS0t/);
    });
  }

  it('never repeats data that looks encoded', async () => {
    const key = Buffer.alloc(300, 'k').toString('base64');
    api.override = (_, response) => {
      sendStatus(response, 422, 'Invalid', `cannot decode ${key}`);
      return true;
    };
    assert.match((await failure()).message, /cannot decode \(encoded data\)$/);
  });

  it('waits for Retry-After of a 429, up to four tries', async () => {
    let requests = 0;
    api.override = (_, response) => {
      requests++;
      if (requests < 3) sendStatus(response, 429, 'TooManyRequests', 'busy', { 'retry-after': '2' });
      else sendJson(response, 200, { kind: 'Secret', metadata: { name: 'tls' } });
      return true;
    };
    const result = read();
    for (let i = 1; i <= 2; i++) {
      await eventually('it waits', () => requests === i && clock.pending[0] === 2000);
      clock.advance(2000);
    }
    await result;
    assert.equal(requests, 3);
  });

  it('hands on a 429 that lasts, or asks for a long wait', async () => {
    let requests = 0;
    let retryAfter = '1';
    api.override = (_, response) => {
      requests++;
      sendStatus(response, 429, 'TooManyRequests', 'busy', { 'retry-after': retryAfter });
      return true;
    };
    const short = failure();
    for (let i = 1; i <= 3; i++) {
      await eventually('it waits', () => requests === i && clock.pending.length === 1);
      clock.advance(1000);
    }
    assert.equal((await short).code, 'TooManyRequests');
    assert.equal(requests, 4);
    retryAfter = '60';
    assert.equal((await failure()).retryAfter, 60_000);
    assert.equal(requests, 5);
  });

  it('takes no Retry-After for more than five minutes, whatever it says', async () => {
    let retryAfter = '300';
    api.override = (_, response) => {
      sendStatus(response, 503, 'ServiceUnavailable', 'busy', { 'retry-after': retryAfter });
      return true;
    };
    for (retryAfter of ['300', '301', '86400', '9'.repeat(400)]) {
      assert.equal((await failure()).retryAfter, 300_000, retryAfter);
    }
    for (retryAfter of ['-1', 'Wed, 21 Oct 2026 07:28:00 GMT']) {
      assert.equal((await failure()).retryAfter, undefined, retryAfter);
    }
  });

  describe('with a short time limit', () => {
    beforeEach(async () => {
      await client.close();
      client = createKubernetesClient(api.access, { clock, requestTimeout: 300 });
    });

    it('ends a request that gets no answer', async () => {
      api.override = () => true;
      const error = await failure();
      assert.equal(error.code, 'Timeout');
      assert.match(error.message, /no answer within the time limit/);
    });

    it('ends a request whose answer stops half-way', async () => {
      api.override = (_, response) => {
        response
          .writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
          .write('{"kind":');
        return true;
      };
      assert.equal((await failure()).code, 'Timeout');
    });
  });

  it('ends a request at once when its signal is aborted', async () => {
    const stop = new AbortController();
    api.override = () => {
      stop.abort(new Error('enough'));
      return true;
    };
    const slow = client.call(stop.signal, (api) => api.read(secrets, secret));
    await assert.rejects(slow, /enough/);
    await assert.rejects(
      client.call(stop.signal, (api) => api.read(secrets, secret)),
      /enough/,
    );
  });

  it('repeats a read, and no write, when the connection breaks', async () => {
    let requests = 0;
    api.override = (request, response) => {
      requests++;
      if (requests % 2 === 1) request.socket.destroy();
      else sendJson(response, 200, { kind: 'Secret', metadata: { name: 'tls' } });
      return true;
    };
    await read();
    assert.equal(requests, 2);
    const write = client.call(signal, (api) => api.create(secrets, 'shop', {}, { fieldManager: 'test' }));
    await assert.rejects(write, { code: 'Unreachable' });
    assert.equal(requests, 3);
  });

  it('says Unreachable when nobody listens', async () => {
    const gone = await ApiStandIn.start();
    const config = gone.access;
    await gone.stop();
    const lonely = createKubernetesClient(config);
    const call = lonely.call(signal, (api) => api.read(secrets, secret));
    await assert.rejects(call, { code: 'Unreachable', message: /cannot be reached: ECONNREFUSED/ });
    await lonely.close();
  });

  it('streams a body and ends it with the signal', async () => {
    const stop = new AbortController();
    const { body } = await client.stream('/things', new URLSearchParams('watch=true'), {
      signal: stop.signal,
      bodyTimeout: 60_000,
    });
    const chunks = body[Symbol.asyncIterator]();
    api.send('hello\n');
    assert.equal(Buffer.from((await chunks.next()).value ?? '').toString(), 'hello\n');
    assert.equal(api.openWatches, 1);
    stop.abort();
    await assert.rejects(async () => chunks.next());
    await eventually('the server sees the end', () => api.openWatches === 0);
    await assert.rejects(
      client.stream('/things', new URLSearchParams(), { signal: stop.signal, bodyTimeout: 1000 }),
      (error) => error === stop.signal.reason,
    );
  });

  describe('of a process that may lose its right to write', () => {
    let mayWrite: boolean;
    let fenced: KubernetesClient;
    let sent: string[];
    const sockets = new Set<unknown>();
    const answers: ServerResponse[] = [];
    beforeEach(() => {
      mayWrite = true;
      sent = [];
      fenced = createKubernetesClient(api.access, { clock, connections: 1, mayWrite: () => mayWrite });
      api.override = (request, response) => {
        sockets.add(request.socket);
        sent.push(`${request.method} ${request.url?.split('?')[0]}`);
        answers.push(response);
        return true;
      };
    });
    afterEach(() => fenced.close());

    const patch = (path: string) => fenced.mergePatch(path, {}, 'kube-lego', signal);
    const refused = { code: 'Unreachable', message: /^PATCH \/second: not sent, .* does not lead$/ };

    it('sends no write that had to wait for its connection, and goes on to use that', async () => {
      const first = patch('/first');
      await eventually('the first is sent', () => sent.length === 1);
      const second = patch('/second');
      const third = fenced.call(signal, (api) => api.read(secrets, secret));
      mayWrite = false;
      sendJson(taken(answers), 200, {});
      await first;
      await assert.rejects(second, refused);
      await eventually('the read is sent', () => sent.length === 2);
      const response = taken(answers);
      sendJson(response, 200, { kind: 'Secret', metadata: { name: 'tls' } });
      await third;
      assert.deepEqual(sent, ['PATCH /first', 'GET /api/v1/namespaces/shop/secrets/tls']);
      assert.equal(sockets.size, 1);
    });

    it('repeats no write that the API server was too busy for', async () => {
      const second = patch('/second');
      await eventually('it is sent', () => sent.length === 1);
      sendStatus(taken(answers), 429, 'TooManyRequests', 'busy', { 'retry-after': '2' });
      await eventually('it waits', () => clock.pending[0] === 2000);
      mayWrite = false;
      clock.advance(2000);
      await assert.rejects(second, refused);
      assert.equal(sent.length, 1);
    });
  });
});

function taken(answers: ServerResponse[]): ServerResponse {
  const answer = answers.shift();
  assert(answer !== undefined);
  return answer;
}
