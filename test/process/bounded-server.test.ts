import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { createBoundedServer, type ServerBounds } from '../../src/process/bounded-server.ts';
import { Site } from '../challenges/http-01/site.ts';
import { eventually } from '../time/eventually.ts';

const bounds: ServerBounds = {
  connections: 3,
  headerBytes: 4096,
  requestTimeout: 60_000,
  answerTimeout: 60_000,
  keepAlive: 60_000,
  requestsPerConnection: 1000,
};

function serve(listener: RequestListener, changes: Partial<ServerBounds> = {}): Promise<Site> {
  return Site.serve(createBoundedServer({ ...bounds, ...changes }, listener));
}

const hello: RequestListener = (request, response) => void response.end(`hello ${request.url}\n`);
const get = (path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** One client: what it was sent, and whether it was closed. */
class Client {
  readonly socket: Socket;
  text = '';
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (data: string) => {
      this.text += data;
    });
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Resolves when the server has accepted the connection. */
  static async open(site: Site): Promise<Client> {
    const accepted = site.connections + 1;
    const client = new Client(connect(site.port, '127.0.0.1'));
    await once(client.socket, 'connect');
    await eventually('it is accepted', () => site.connections >= accepted);
    return client;
  }

  async ask(path = '/'): Promise<void> {
    const { length } = this.text;
    this.socket.write(get(path));
    await eventually(`${path} is answered`, () => this.text.slice(length).includes(`hello ${path}\n`));
  }

  closes(): Promise<void> {
    return eventually('it is closed', () => this.closed);
  }
}

describe('at the cap of connections', () => {
  it('a new one is answered, and the oldest idle one closed', async () => {
    await using site = await serve(hello);
    const silent = [await Client.open(site), await Client.open(site), await Client.open(site)];
    const fourth = await Client.open(site);
    await fourth.ask();
    await silent[0]?.closes();
    assert.deepEqual([silent[1]?.closed, silent[2]?.closed, fourth.closed], [false, false, false]);
  });

  it('one that was used lately outlives one that never was', async () => {
    await using site = await serve(hello);
    const [used, silent, other] = [await Client.open(site), await Client.open(site), await Client.open(site)];
    await used.ask();
    await (await Client.open(site)).ask();
    await silent.closes();
    await (await Client.open(site)).ask();
    await other.closes();
    assert.equal(used.closed, false);
  });

  it('one that waits for its answer outlives the idle ones', async () => {
    const waiting: ServerResponse[] = [];
    await using site = await serve((_, response) => waiting.push(response));
    const asking = await Client.open(site);
    asking.socket.write(get());
    await eventually('it waits', () => waiting.length === 1);
    const silent = [await Client.open(site), await Client.open(site)];
    await Client.open(site);
    await silent[0]?.closes();
    waiting[0]?.end('hello /\n');
    await eventually('it is answered', () => asking.text.includes('hello /'));
  });

  it('the one that waits longest goes if none is idle', async () => {
    let waiting = 0;
    await using site = await serve(() => (waiting += 1));
    const asking: Client[] = [];
    for (let number = 1; number <= 3; number += 1) {
      const client = await Client.open(site);
      client.socket.write(get());
      await eventually('it waits', () => waiting === number);
      asking.push(client);
    }
    await Client.open(site);
    await asking[0]?.closes();
    assert.deepEqual([asking[1]?.closed, asking[2]?.closed], [false, false]);
  });

  it('a closed one makes room', async () => {
    const server = createBoundedServer(bounds, hello);
    const open = new Set<Socket>();
    server.on('connection', (socket) => {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    });
    await using site = await Site.serve(server);
    const clients = [await Client.open(site), await Client.open(site), await Client.open(site)];
    clients[1]?.socket.destroy();
    await eventually('the server knows', () => open.size === 2);
    await (await Client.open(site)).ask();
    await clients[0]?.ask();
    await clients[2]?.ask();
  });
});

describe('a connection is closed', () => {
  it('if nothing comes', async () => {
    await using site = await serve(hello, { requestTimeout: 100 });
    await (await Client.open(site)).closes();
  });

  it('if the request comes byte by byte', async () => {
    await using site = await serve(hello, { requestTimeout: 100 });
    const slow = await Client.open(site);
    const drip = setInterval(() => slow.socket.write('G'), 10);
    await slow.closes();
    clearInterval(drip);
    assert.match(slow.text, /^HTTP\/1\.1 4\d\d /);
  });

  it('if the body comes byte by byte', async () => {
    await using site = await serve(() => undefined, { requestTimeout: 100 });
    const slow = await Client.open(site);
    slow.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n');
    const drip = setInterval(() => slow.socket.write('x'), 10);
    await slow.closes();
    clearInterval(drip);
  });

  it('after the answer to a request whose body is still to come', async () => {
    await using site = await serve(hello);
    const client = await Client.open(site);
    client.socket.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    await client.closes();
    assert.match(client.text, /connection: close[^]*hello \/\n$/i);
  });

  it('if the header lines are too long', async () => {
    await using site = await serve(hello);
    const client = await Client.open(site);
    client.socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(5000)}\r\n\r\n`);
    await client.closes();
    assert.match(client.text, /^HTTP\/1\.1 431 /);
  });

  it('if no request follows', async () => {
    await using site = await serve(hello, { keepAlive: 50 });
    const client = await Client.open(site);
    await client.ask();
    await client.closes();
  });

  it('at the request after the last allowed one, whose answer said so', async () => {
    await using site = await serve(hello, { requestsPerConnection: 2 });
    const client = await Client.open(site);
    await client.ask('/1');
    assert.doesNotMatch(client.text, /connection: close/i);
    await client.ask('/2');
    assert.match(client.text, /connection: close/i);
    client.socket.write(get('/3'));
    await client.closes();
    assert.doesNotMatch(client.text, /503|hello \/3/);
  });

  it('if there is no answer in time', async () => {
    await using site = await serve(() => undefined, { answerTimeout: 50 });
    const client = await Client.open(site);
    client.socket.write(get());
    await client.closes();
    assert.equal(client.text, '');
  });

  it('if the answer is not taken in time', async () => {
    let closed = false;
    const large = Buffer.alloc(30_000_000, 'x');
    await using site = await serve(
      (_, response) => {
        response.once('close', () => (closed = true));
        response.end(large);
      },
      { answerTimeout: 100 },
    );
    const client = await Client.open(site);
    client.socket.pause();
    client.socket.write(get());
    await eventually('the server has closed it', () => closed);
    assert.ok(client.text.length < large.length);
    client.socket.destroy();
  });
});

describe('pipelined requests', () => {
  it('are answered in their order', async () => {
    const waiting: (() => void)[] = [];
    await using site = await serve((request, response) => waiting.unshift(() => hello(request, response)));
    const client = await Client.open(site);
    client.socket.write(`${get('/1')}${get('/2')}${get('/3')}`);
    await eventually('all wait', () => waiting.length === 3);
    for (const answer of waiting) answer();
    await eventually('all are answered', () => /hello \/1[^]*hello \/2[^]*hello \/3/.test(client.text));
  });

  it('close the connection when many wait, and are parsed no further', async () => {
    let parsed = 0;
    const count = (): number => (parsed += 1);
    subscribe('http.server.request.start', count);
    try {
      let served = 0;
      await using site = await serve(() => (served += 1));
      const client = await Client.open(site);
      client.socket.write(get().repeat(2000));
      await client.closes();
      assert.equal(served, 8);
      assert.ok(parsed < 60, `${parsed} were parsed`);
    } finally {
      unsubscribe('http.server.request.start', count);
    }
  });

  it('have a time limit for each answer, and none is left behind', async () => {
    await using site = await serve(
      (request, response) => {
        if (request.url === '/1') response.end('hello /1\n');
      },
      { answerTimeout: 100 },
    );
    const client = await Client.open(site);
    client.socket.write(`${get('/1')}${get('/2')}`);
    await client.closes();
    assert.match(client.text, /hello \/1\n$/);
  });
});

describe('an unusual client', () => {
  it('that closes its half after the request gets its answer', async () => {
    await using site = await serve(hello);
    const client = await Client.open(site);
    client.socket.end(get('/last'));
    await client.closes();
    assert.match(client.text, /hello \/last\n$/);
  });

  it('that sends a request in pieces is answered', async () => {
    await using site = await serve(hello);
    const client = await Client.open(site);
    const path = `/${'long'.repeat(500)}`;
    for (const piece of get(path).match(/[^]{1,700}/g) ?? []) {
      client.socket.write(piece);
      await new Promise(setImmediate);
    }
    await eventually('it is answered', () => client.text.endsWith(`hello ${path}\n`));
  });
});
