import process from 'node:process';
import { systemClock } from '../../../src/time/clock.ts';
import { readKubeconfig } from '../kubeconfig.ts';
import { ApiStreams } from './api-streams.ts';
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
  const edge = new EdgeServer(server, systemClock);
  const stop = new AbortController();
  const end = (): void => {
    stop.abort();
    client.close();
    void edge.close().finally(() => process.exit(0));
  };
  process.once('SIGTERM', end).once('SIGINT', end);
  await followObjects({
    client,
    clock: systemClock,
    signal: stop.signal,
    load: (change) => {
      edge.load(change);
    },
    change: (change) => {
      edge.change(change);
    },
    onError: (error) => {
      process.stderr.write(`edge: ${error instanceof Error ? error.message : String(error)}\n`);
    },
  });
  const ports = await edge.listen();
  process.stdout.write(`${JSON.stringify({ pid: process.pid, ...ports })}\n`);
}

await main();
