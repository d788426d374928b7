import { once } from 'node:events';
import { createServer } from 'node:net';
import process from 'node:process';

/** Answers every request with 1xx answers until the client goes away (RFC 9110, section 15.2: there may be any number). */
const informational = Buffer.from('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(2000));

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', () => {
    const write = (): void => {
      while (!socket.destroyed && socket.write(informational));
    };
    socket.on('drain', write);
    write();
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
await once(server, 'listening');
process.send?.('listening');
process.on('disconnect', () => process.exit());
