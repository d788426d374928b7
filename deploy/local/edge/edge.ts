import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { isRecord } from '../../../src/process/json.ts';
import type { Session } from '../session.ts';
import { type EdgeOptions, edgeArguments } from './options.ts';

export interface Edge extends AsyncDisposable {
  /** on 127.0.0.1 */
  readonly httpPort: number;
  /** on 127.0.0.1 */
  readonly httpsPort: number;
  /** path of what the process prints, errors of its watches among it */
  readonly log: string;
  stop(): Promise<void>;
}

export interface StartEdgeOptions extends EdgeOptions {
  /** where it runs, and with which it ends */
  readonly session: Session;
  /** of its log, for one of several edges; default 'edge' */
  readonly name?: string;
}

/** milliseconds; most of a start is the loading of modules, slow on a busy machine */
const startLimit = 60_000;

/**
 * Starts a stand-in for an ingress controller, a process of its own that ends with the session at the latest. It serves
 * all the objects that are in the API server when this resolves; later changes take effect after `delay` and `lag`.
 * @example
 * const edge = await startEdge({
 *   session, kubeconfig: cluster.adminKubeconfig, className: 'edge', delay: 2_000,
 *   services: { 'shop/web:80': app.port, 'kube-lego/kube-lego:8080': 8080 },
 * });
 * @throws LocalError ServerExited, NotReady or PortTaken, with the end of the log
 */
export async function startEdge({ session, name, ...options }: StartEdgeOptions): Promise<Edge> {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const edge = session.spawn({
    name: name ?? 'edge',
    command: process.execPath,
    args: [main, ...edgeArguments(options)],
    environment: { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] },
  });
  let ports: Pick<Edge, 'httpPort' | 'httpsPort'> = { httpPort: 0, httpsPort: 0 };
  await edge.untilReady(async () => {
    const printed = portsIn(await readFile(edge.log, 'utf8'), edge.pid);
    if (printed !== undefined) ports = printed;
    return printed !== undefined;
  }, startLimit);
  const stop = async (): Promise<void> => {
    await edge.stop();
  };
  return { ...ports, log: edge.log, stop, [Symbol.asyncDispose]: stop };
}

/** The line that the process prints when it is ready; the log may be another edge's as well. */
function portsIn(log: string, pid: number): Pick<Edge, 'httpPort' | 'httpsPort'> | undefined {
  const start = `{"pid":${pid},`;
  const line = log.split('\n').find((candidate) => candidate.startsWith(start) && candidate.endsWith('}'));
  const ports: unknown = line === undefined ? undefined : JSON.parse(line);
  if (!isRecord(ports)) return undefined;
  const { httpPort, httpsPort } = ports;
  return typeof httpPort === 'number' && typeof httpsPort === 'number' ? { httpPort, httpsPort } : undefined;
}
