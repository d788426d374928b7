import process from 'node:process';
import { systemClock } from '../../../src/time/clock.ts';
import { readKubeconfig } from '../kubeconfig.ts';
import { ApiStreams } from './api-streams.ts';
import { followGateways } from './gateway/gateway-sources.ts';
import { StatusWriter } from './gateway/gateway-status-writer.ts';
import type { Change } from './objects.ts';
import { parseEdgeArguments } from './options.ts';
import { EdgeServer } from './server.ts';
import { followObjects } from './sources.ts';

/**
 * The edge process: `node deploy/local/edge/main.ts --kubeconfig=FILE --service=NAMESPACE/NAME:PORT=LOCALPORT ...`.
 * Prints one line of JSON, `{"pid":N,"httpPort":N,"httpsPort":N}`, when it serves all the objects there are; ends on SIGTERM.
 */
async function main(): Promise<void> {
  const { kubeconfig, server } = parseEdgeArguments(process.argv.slice(2));
  const client = new ApiStreams(await readKubeconfig(kubeconfig));
  const statuses = new StatusWriter({
    clock: systemClock,
    statuses: () => edge.statuses(new Date().toISOString().replace(/\.\d+Z$/, 'Z')),
    patch: (path, status) => client.mergePatch(`${path}/status`, { status }),
    onError,
  });
  const edge = new EdgeServer(server, systemClock, () => statuses.schedule());
  const stop = new AbortController();
  const end = (): void => {
    stop.abort();
    statuses.stop();
    client.close();
    void edge.close().finally(() => process.exit(0));
  };
  process.once('SIGTERM', end).once('SIGINT', end);
  let listed = false;
  const take = (change: Change): void => {
    if (listed) edge.change(change);
    else edge.load(change);
  };
  const sources = { client, clock: systemClock, signal: stop.signal, change: take, onError };
  await Promise.all([
    followObjects(sources),
    ...(server.gateway === undefined ? [] : [followGateways(sources)]),
  ]);
  listed = true;
  const ports = await edge.listen();
  if (server.gateway !== undefined) statuses.schedule();
  process.stdout.write(`${JSON.stringify({ pid: process.pid, ...ports })}\n`);
}

function onError(error: unknown): void {
  process.stderr.write(`edge: ${error instanceof Error ? error.message : String(error)}\n`);
}

await main();
