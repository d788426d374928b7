// Commands in the controller's container share its memory limit: beyond it, the kernel ends the controller. So they begin one after
// another, and none begins that would not fit. Called by terminal.ts.

import { createServer, type Server } from 'node:net';
import { second } from '../../machines/time/durations.ts';
import { type Clock, sleep } from '../time/clock.ts';

/** Octets that a command takes at most, for some thousand Ingresses. */
const needed = 128 * 2 ** 20;
/** Milliseconds after which its memory is what it will be. */
const beginning = 20 * second;
const patience = 60 * second;
const lookInterval = second / 4;

export interface Container {
  /** A name in the network namespace of the pod, which is free again when its process ends. */
  readonly socket: string;
  /** Octets; undefined without a limit. */
  readonly memoryLeft: () => Promise<number | undefined>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export type Turn =
  | { readonly kind: 'refused'; readonly why: string }
  /** `end` is called when the command has ended. */
  | { readonly kind: 'begun'; readonly end: () => void };

/**
 * Waits for the turn of a command: until those before have ended, or have taken the memory that they need.
 * @throws the signal's reason
 */
export async function waitForTurn(container: Container): Promise<Turn> {
  const { clock, memoryLeft, signal, socket } = container;
  if ((await memoryLeft()) === undefined) return { kind: 'begun', end: () => undefined };
  const asked = clock.monotonic();
  let turn = await listenAt(socket);
  while (turn === 'taken') {
    if (clock.monotonic() - asked > patience) {
      const why = `Other commands that are run in this container share its memory. ${instead}`;
      return { kind: 'refused', why };
    }
    await sleep(clock, lookInterval, signal);
    turn = await listenAt(socket);
  }
  const { server } = turn;
  const left = (await memoryLeft()) ?? needed;
  if (left < needed) {
    server?.close();
    const why =
      `This container has ${inMebibytes(left)} of memory left, and a command may take ${inMebibytes(needed)}: beyond the limit that they ` +
      `share, the controller would be ended. ${instead}`;
    return { kind: 'refused', why };
  }
  const timer = clock.setTimeout(() => server?.close(), beginning);
  return {
    kind: 'begun',
    end: () => {
      clock.clearTimeout(timer);
      server?.close();
    },
  };
}

const instead = 'Run it with your kubeconfig (kubectl lego, or npm run kube-lego in a clone), or later.';

/** Without a server where there are no such sockets. */
function listenAt(socket: string): Promise<'taken' | { readonly server: Server | undefined }> {
  return new Promise((resolve) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'EADDRINUSE' ? 'taken' : { server: undefined }),
    );
    server.listen(socket, () => resolve({ server }));
  });
}

function inMebibytes(octets: number): string {
  return `${Math.floor(octets / 2 ** 20)} MiB`;
}
