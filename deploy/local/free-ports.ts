import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { LocalError } from './local-error.ts';

// Below the ephemeral ports (from 32768 on Linux, 49152 on macOS): there an outgoing connection could take the port of a
// server that is restarted.
const lowest = 10_000;
const highest = 32_767;
const attempts = 5;

/** Ports that nobody else gets until they are released. */
export interface HeldPorts {
  readonly ports: readonly number[];
  /** Resolves when servers can listen on them; may be called again. */
  readonly release: () => Promise<void>;
}

/**
 * Distinct TCP ports, free on all addresses of this machine, for servers that start later than others that choose ports.
 * @throws LocalError PortTaken
 */
export async function holdPorts(count: number): Promise<HeldPorts> {
  const held = new Map<number, Server>();
  for (let tries = 0; held.size < count && tries < 1_000; tries += 1) {
    const port = randomInt(lowest, highest + 1);
    const holder = held.has(port) ? undefined : await hold(port);
    if (holder !== undefined) held.set(port, holder);
  }
  const release = async (): Promise<void> => {
    await Promise.all([...held.values()].map((server) => server[Symbol.asyncDispose]()));
  };
  if (held.size === count) return { ports: [...held.keys()], release };
  await release();
  throw new LocalError('PortTaken', `No ${count} free ports between ${lowest} and ${highest}`);
}

/**
 * Distinct TCP ports without a listener; somebody else may get them at once.
 * @throws LocalError PortTaken
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const { ports, release } = await holdPorts(count);
  await release();
  return ports;
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

async function hold(port: number): Promise<Server | undefined> {
  const server = createServer((connection) => connection.destroy());
  try {
    // On all addresses, as the controller's servers do: a listener of another program on one of them is in the way too.
    server.listen({ port, exclusive: true });
    await once(server, 'listening');
    server.unref();
    return server;
  } catch {
    return undefined;
  }
}
