import assert, { fail } from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { MetricsEndpoint } from '../../src/metrics/endpoint.ts';
import { createMetricsServer } from '../../src/metrics/health.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { Site } from '../challenges/http-01/site.ts';
import { eventually } from '../time/eventually.ts';

async function serve(text: () => Promise<string>, errors: unknown[] = []): Promise<Site> {
  const { contentType } = new Metrics();
  const metrics = new MetricsEndpoint({ contentType, text, onError: (error) => errors.push(error) });
  return Site.serve(
    createMetricsServer({ ready: () => ({ ok: true, detail: 'ready' }), troubles: () => [], metrics }),
  );
}

function ask(site: Site, method = 'GET'): Promise<Response> {
  return fetch(`http://127.0.0.1:${site.port}/metrics`, { method });
}

describe('/metrics', () => {
  it('is answered to GET and HEAD, in the text format', async () => {
    await using site = await serve(async () => 'kube_lego_ready 1\n');
    const answer = await ask(site);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(await answer.text(), 'kube_lego_ready 1\n');
    const head = await ask(site, 'HEAD');
    assert.equal(head.status, 200);
    assert.equal(head.headers.get('content-length'), '18');
    assert.equal(await head.text(), '');
    assert.equal((await ask(site, 'DELETE')).status, 405);
  });

  it('is read once for all who ask within a second', async () => {
    let reads = 0;
    await using site = await serve(async () => `kube_lego_ready ${(reads += 1)}\n`);
    // On a busy machine they may come more than a second after each other: then there are others.
    await eventually('three read the same', async () => {
      const answers = await Promise.all([ask(site), ask(site), ask(site)]);
      const texts = await Promise.all(answers.map((answer) => answer.text()));
      return new Set(texts).size === 1;
    });
    const before = reads;
    await eventually('it is read again', async () => {
      await (await ask(site)).text();
      return reads > before;
    });
  });

  it('tells who asks no more than that something is wrong, and is asked again the next time', async () => {
    const errors: unknown[] = [];
    let broken = true;
    await using site = await serve(async () => {
      if (broken) throw new Error('with a detail');
      return 'kube_lego_ready 1\n';
    }, errors);
    const answer = await ask(site);
    assert.equal(answer.status, 503);
    assert.doesNotMatch(await answer.text(), /detail/);
    assert.match(String(errors[0]), /with a detail/);
    broken = false;
    await eventually('it is well again', async () => (await ask(site)).status === 200);
  });

  it('has room for five readers, of whom the oldest makes way for the next', async () => {
    const large = `# ${'x'.repeat(30_000_000)}\n`;
    // No server of ours, which cuts off whoever does not read for ten seconds, as here on a machine that stands still.
    const metrics = new MetricsEndpoint({
      contentType: 'text/plain',
      text: async () => large,
      onError: (error) => fail(String(error)),
    });
    await using site = await Site.start((_request, response) => void metrics.answer(response));
    const readers: SlowReader[] = [];
    for (let number = 1; number <= 5; number += 1) readers.push(await SlowReader.ask(site.port));
    const sixth = await ask(site);
    assert.equal((await sixth.text()).length, large.length);
    for (const reader of readers) reader.readOn();
    const [oldest, ...others] = readers;
    await eventually('the oldest is cut off', () => oldest?.closed === true);
    assert.ok((oldest?.bytes ?? 0) < large.length);
    await eventually('the others read all', () => others.every(({ bytes }) => bytes > large.length));
    for (const reader of readers) reader.stop();
  });
});

/** Asks, and then does not read on. */
class SlowReader {
  readonly #socket: Socket;
  bytes = 0;
  closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async ask(port: number): Promise<SlowReader> {
    const socket = connect(port, '127.0.0.1');
    const reader = new SlowReader(socket);
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'readable');
    return reader;
  }

  readOn(): void {
    this.#socket.on('data', (data) => {
      this.bytes += data.length;
    });
  }

  stop(): void {
    this.#socket.destroy();
  }
}
