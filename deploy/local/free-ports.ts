import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { LocalError } from './local-error.ts';

// Below the ephemeral ports (from 32768 on Linux, 49152 on macOS): there an outgoing connection could take the port of a
// server that is restarted.
const lowest = 10_000;
const highest = 32_767;
const attempts = 5;

/** Distinct TCP ports on 127.0.0.1 without a listener. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count && tries < 1_000; tries += 1) {
    const port = randomInt(lowest, highest + 1);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  if (ports.size === count) return [...ports];
  throw new LocalError('PortTaken', `No ${count} free ports between ${lowest} and ${highest} on 127.0.0.1`);
}

/**
 * Calls `start` with free ports, and again with others if one was taken in between (it throws PortTaken).
 */
export async function onFreePorts<T>(
  count: number,
  start: (ports: readonly number[]) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePorts(count));
    } catch (error) {
      if (!(error instanceof LocalError && error.code === 'PortTaken') || attempt === attempts) throw error;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host: '127.0.0.1', exclusive: true });
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
