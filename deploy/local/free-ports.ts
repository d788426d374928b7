import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { LocalError } from './local-error.ts';

// Below the ephemeral ports (from 32768 on Linux, 49152 on macOS): there an outgoing connection could take the port of a
// server that is restarted.
const lowest = 10_000;
const blocks = 91;
const blockSize = 250;
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
  const block = await ownBlock();
  const held = new Map<number, Server>();
  for (let tries = 0; held.size < count && tries < 2 * blockSize; tries += 1) {
    const port = block.next();
    const holder = await hold(port);
    if (holder !== undefined) held.set(port, holder);
  }
  const release = async (): Promise<void> => {
    await Promise.all([...held.values()].map((server) => server[Symbol.asyncDispose]()));
  };
  if (held.size === count) return { ports: [...held.keys()], release };
  await release();
  throw new LocalError('PortTaken', `No ${count} free ports from ${block.first} on`);
}

/**
 * Distinct TCP ports without a listener. Other programs than ours may get them at once.
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

/**
 * Ports of which no other process of ours chooses any: nobody listens between the choice of a port and the start of its server, nor while
 * that is started again. Who listens on the first port has the block.
 */
class Block {
  readonly first: number;
  #offset = 0;

  private constructor(first: number) {
    this.first = first;
  }

  static async claim(): Promise<Block> {
    const start = randomInt(blocks);
    for (let index = 0; index < blocks; index += 1) {
      const first = lowest + ((start + index) % blocks) * blockSize;
      if ((await hold(first)) !== undefined) return new Block(first);
    }
    throw new LocalError('PortTaken', `All blocks of ports from ${lowest} on are taken`);
  }

  /** In turn, so that a port is not chosen again before its server has started. */
  next(): number {
    this.#offset = (this.#offset % (blockSize - 1)) + 1;
    return this.first + this.#offset;
  }
}

let claimed: Promise<Block> | undefined;

/** Until this process ends. Where all are taken, the next call looks again. */
function ownBlock(): Promise<Block> {
  claimed ??= Block.claim().catch((error: unknown) => {
    claimed = undefined;
    throw error;
  });
  return claimed;
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
