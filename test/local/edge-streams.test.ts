import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { it, type TestContext } from 'node:test';
import { ApiStreams } from '../../deploy/local/edge/api-streams.ts';
import { readAll } from '../../src/kubernetes/client/api-answer.ts';
import { certificateOf, listening } from './edge-world.ts';

/** Streams from an API server that answers so. */
async function streamsFrom(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<ApiStreams> {
  const { certificatePem, keyPem } = certificateOf('localhost');
  const port = await listening(t, createServer({ cert: certificatePem, key: keyPem }, answer));
  const streams = new ApiStreams({
    server: `https://localhost:${port}`,
    ca: certificatePem,
    token: 'secret',
  });
  t.after(() => streams.close());
  return streams;
}

const query = new URLSearchParams({ watch: 'true' });
const ever = new AbortController().signal;

it('a stream of the edge has the token, and all that the API server sends', async (t) => {
  const streams = await streamsFrom(t, ({ url, headers }, response) => {
    response.end(`${url} ${headers.authorization}`);
  });
  for (const path of ['/first', '/second']) {
    const { body } = await streams.stream(path, query, { signal: ever, bodyTimeout: 60_000 });
    const text = (await readAll(body, 1_000)).toString();
    assert.equal(text, `${path}?watch=true Bearer secret`);
  }
});

it('a refusal of the API server has its code', async (t) => {
  const streams = await streamsFrom(t, (_, response) => {
    response.writeHead(410, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ kind: 'Status', reason: 'Expired', message: 'too old' }));
  });
  await assert.rejects(streams.stream('/old', query, { signal: ever, bodyTimeout: 60_000 }), {
    code: 'Gone',
    status: 410,
  });
});

it('a stream that falls silent ends with an error, and an aborted one with the reason', async (t) => {
  const streams = await streamsFrom(t, (_, response) => response.write('{"type":"BOOKMARK"}'));
  const { body } = await streams.stream('/silent', query, { signal: ever, bodyTimeout: 50 });
  await assert.rejects(readAll(body, 1_000), { code: 'ETIMEDOUT' });

  const stop = new AbortController();
  const watch = await streams.stream('/watch', query, { signal: stop.signal, bodyTimeout: 60_000 });
  const read = readAll(watch.body, 1_000);
  stop.abort();
  await assert.rejects(read);
  const reason = new Error('the edge ends');
  await assert.rejects(
    streams.stream('/late', query, { signal: AbortSignal.abort(reason), bodyTimeout: 60_000 }),
    reason,
  );
});

it('an API server that cannot be reached is an error that passes', async (t) => {
  const streams = await streamsFrom(t, (_, response) => response.socket?.destroy());
  await assert.rejects(streams.stream('/', query, { signal: ever, bodyTimeout: 60_000 }), {
    code: 'Unreachable',
    transient: true,
  });
});
