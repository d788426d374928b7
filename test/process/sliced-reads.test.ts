import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { connect, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { readInSlices } from '../../src/process/sliced-reads.ts';
import { Site } from '../challenges/http-01/site.ts';

describe('a socket that is read in slices', () => {
  it('delivers everything, in order', async () => {
    const text = Array.from({ length: 50_000 }, (_, number) => number).join(' ');
    await using site = await Site.serve(createServer((socket) => void socket.end(text)));
    const socket = connect(site.port, '127.0.0.1');
    readInSlices(socket);
    const received: Buffer[] = [];
    socket.on('data', (data) => received.push(data));
    await once(socket, 'end');
    assert.equal(String(Buffer.concat(received)), text);
    assert.ok(received.length > 1);
  });

  it('has nothing parsed any more when it was destroyed in the midst', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(2000)));
    });
    await using site = await Site.serve(server);
    const request = get({ host: '127.0.0.1', port: site.port, agent: false });
    let parsed = 0;
    request.on('socket', readInSlices);
    request.on('information', () => {
      parsed += 1;
      if (parsed === 3) request.destroy();
    });
    await assert.rejects(once(request, 'close'), { code: 'ECONNRESET' });
    assert.ok(parsed < 30, `${parsed} were parsed`);
  });
});
