import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Agent } from 'undici';
import { type ExchangeOptions, exchange } from '../../src/process/exchange.ts';
import { Site } from '../challenges/http-01/site.ts';

const tooLong = new Error('too long');

async function served(
  listener: RequestListener,
  test: (ask: (changes?: Partial<ExchangeOptions>) => ReturnType<typeof exchange>) => Promise<void>,
): Promise<void> {
  await using site = await Site.serve(createServer(listener));
  const pool = new Agent({ connections: 1 });
  const usual: ExchangeOptions = {
    method: 'GET',
    headers: { accept: 'text/plain' },
    body: null,
    signal: new AbortController().signal,
    timeout: 0,
    mostBytes: () => 1000,
    tooLong: () => tooLong,
  };
  try {
    await test((changes) =>
      exchange(pool, new URL(`http://127.0.0.1:${site.port}/path?query`), { ...usual, ...changes }),
    );
  } finally {
    await pool.destroy();
  }
}

describe('an exchange', () => {
  it('has the whole answer', async () => {
    await served(
      ({ method, url, headers }, response) => {
        response.writeHead(201, { 'x-asked': `${method} ${url} ${headers.accept}` });
        response.write('one ');
        setImmediate(() => response.end('two'));
      },
      async (ask) => {
        const { statusCode, headers, body, failure } = await ask();
        assert.deepEqual([statusCode, headers['x-asked']], [201, 'GET /path?query text/plain']);
        assert.equal(String(body), 'one two');
        assert.equal(failure, undefined);
      },
    );
  });

  it('sends a body', async () => {
    await served(
      (request, response) => void request.pipe(response),
      async (ask) => {
        assert.equal(String((await ask({ method: 'POST', body: 'text' })).body), 'text');
      },
    );
  });

  it('tells of interim answers, and has the one that follows', async () => {
    let interim = 0;
    await served(
      (_, response) => {
        response.writeProcessing();
        response.writeProcessing();
        response.end('text');
      },
      async (ask) => {
        const onInterim = (): void => void (interim += 1);
        const { statusCode, body } = await ask({ onInterim });
        assert.deepEqual([statusCode, String(body), interim], [200, 'text', 2]);
      },
    );
  });

  it('fails when the connection breaks off before the answer', async () => {
    await served(
      ({ socket }) => socket.destroy(),
      async (ask) => assert.rejects(ask(), { code: 'UND_ERR_SOCKET' }),
    );
  });

  it('has the status of an answer that breaks off, and why', async () => {
    await served(
      (_, response) => {
        response.writeHead(503, { 'content-length': '100' });
        response.write('part', () => response.destroy());
      },
      async (ask) => {
        const { statusCode, body, failure } = await ask();
        assert.deepEqual([statusCode, String(body)], [503, 'part']);
        assert.ok(failure instanceof Error);
      },
    );
  });

  it('ends with the given error when the body is too long for its status', async () => {
    await served(
      (_, response) => void response.writeHead(404).end('long'),
      async (ask) => {
        const { statusCode, failure } = await ask({ mostBytes: (status) => (status === 404 ? 3 : 1000) });
        assert.equal(statusCode, 404);
        assert.equal(failure, tooLong);
      },
    );
  });

  it('ends with the reason of its signal in the midst of a body', async () => {
    const stop = new AbortController();
    const reason = Symbol('reason');
    await served(
      (_, response) => {
        response.writeHead(200).write('part', () => stop.abort(reason));
      },
      async (ask) => {
        const ended = await ask({ signal: stop.signal }).then(
          ({ failure }) => failure,
          (error: unknown) => error,
        );
        assert.equal(ended, reason);
      },
    );
  });

  it('does not wait for a connection when its signal is aborted already', async () => {
    const started = new EventEmitter();
    let answer: (() => void) | undefined;
    await served(
      (_, response) => {
        answer = () => void response.end('text');
        started.emit('asked');
      },
      async (ask) => {
        const first = ask();
        await once(started, 'asked');
        const second = ask({ signal: AbortSignal.abort(new Error('enough')) });
        const how = second.catch((error: unknown) => error);
        const state = await Promise.race([how, nextTurn('waits')]);
        answer?.();
        await first;
        assert.deepEqual(state, new Error('enough'));
      },
    );
  });

  it('is not sent when it is aborted while it waits for a connection', async () => {
    const stop = new AbortController();
    const started = new EventEmitter();
    let answer: (() => void) | undefined;
    const asked: string[] = [];
    await served(
      ({ method }, response) => {
        asked.push(String(method));
        answer = () => void response.end('text');
        if (asked.length > 1) answer();
        else started.emit('asked');
      },
      async (ask) => {
        const first = ask();
        await once(started, 'asked');
        const second = ask({ method: 'DELETE', signal: stop.signal });
        stop.abort(new Error('enough'));
        await assert.rejects(second, /enough/);
        answer?.();
        assert.equal(String((await first).body), 'text');
        assert.equal(String((await ask()).body), 'text');
        assert.deepEqual(asked, ['GET', 'GET']);
      },
    );
  });
});
