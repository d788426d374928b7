import { once } from 'node:events';
import type { Server } from 'node:http';

export interface Listener {
  readonly server: Server;
  readonly port: number;
  /** All addresses if not given. */
  readonly host?: string;
}

/**
 * Resolves when all of them listen.
 * @throws Error if a port is in use; some may listen then, until they are closed
 */
export async function listen(listeners: readonly Listener[]): Promise<void> {
  const begun = await Promise.allSettled(
    listeners.map(async ({ server, port, host }) => {
      server.listen(port, host);
      await once(server, 'listening');
    }),
  );
  for (const result of begun) if (result.status === 'rejected') throw result.reason;
}

/** Ends all connections, and resolves when all are closed. */
export async function close(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(
    listeners.map(async ({ server }) => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    }),
  );
}
