import { once } from 'node:events';
import { connect, type LookupFunction, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import { AcmeTransport } from '../../../src/acme/transport/transport.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { eventually } from '../../time/eventually.ts';
import { ScriptedCa } from '../scripted-ca.ts';

/** Listens and never accepts, so that a full queue drops each further connection attempt like a firewall. */
const listener = `
  const { createServer } = require('node:net');
  const { parentPort, workerData } = require('node:worker_threads');
  createServer().listen({ host: '::1', port: workerData, backlog: 1 }, () => {
    parentPort.postMessage('listening');
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  });
`;

async function startBlackHole(port: number): Promise<{ stop(): Promise<unknown> }> {
  const worker = new Worker(listener, { eval: true, workerData: port });
  await once(worker, 'message');
  const queued: Socket[] = [];
  for (let open = 0; open < 2; open += 1) {
    const socket = connect(port, '::1');
    await once(socket, 'connect');
    queued.push(socket);
  }
  return {
    stop: () => {
      for (const socket of queued) socket.destroy();
      return worker.terminate();
    },
  };
}

/** The CA of the tests listens at 127.0.0.1 only. */
const resolvingTo =
  (...addresses: readonly string[]): LookupFunction =>
  (_host, _options, found) =>
    found(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

test('a CA whose IPv6 address is a black hole is reached by IPv4 within a moment', {
  skip: hasIpv6 ? false : 'there is no IPv6 here',
}, async () => {
  const ca = new ScriptedCa();
  await ca.start();
  const blackHole = await startBlackHole(Number(new URL(ca.directoryUrl).port));
  try {
    // On a busy machine the handshake takes a while: the best of all attempts counts. The black hole takes a quarter of a second.
    await eventually('it is reached within a moment', async () => {
      const took = await timeOf(ca, '::1', '127.0.0.1');
      return took > 200 && took < 1500;
    });
  } finally {
    await blackHole.stop();
    await ca.stop();
  }
});

for (const [what, addresses] of [
  ['IPv6 address refuses', ['::1', '127.0.0.1']],
  ['first IPv4 address refuses, and its IPv6 address, too', ['127.0.0.2', '::1', '127.0.0.1']],
] as const) {
  test(`a CA whose ${what} is reached by the other one`, async () => {
    const ca = new ScriptedCa();
    await ca.start();
    try {
      await eventually(
        'it is reached',
        async () => (await timeOf(ca, ...addresses)) < Number.POSITIVE_INFINITY,
      );
    } finally {
      await ca.stop();
    }
  });
}

/** Milliseconds to the CA's directory, with no connection before; infinite if it was not reached. */
async function timeOf(ca: ScriptedCa, ...addresses: readonly string[]): Promise<number> {
  const clock = new CaClock(systemClock);
  const lookup = resolvingTo(...addresses);
  const transport = new AcmeTransport({ clock, userAgent: 'test', caBundle: ca.caBundle, lookup });
  const started = performance.now();
  try {
    await transport.directory(ca.directoryUrl, new AbortController().signal);
    return performance.now() - started;
  } catch {
    return Number.POSITIVE_INFINITY;
  } finally {
    await transport.close();
  }
}
