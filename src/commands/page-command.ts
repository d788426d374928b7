// `kube-lego page`: the live page of the process that leads, in the browser, by `kubectl port-forward`. Called by run.ts.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import type { Request } from './command-line.ts';
import type { CommandOptions } from './command-options.ts';
import { leaderText, readLeader } from './reading/leader.ts';
import type { CommandSettings } from './reading/secret-standing.ts';
import { printable } from './terminal-text.ts';

/** Runs until it is interrupted. @returns the exit code: 0 after Ctrl-C, 1 nobody leads, or kubectl has ended by itself */
export async function showPage(
  client: KubernetesClient,
  { inspectorPort, namespace }: CommandSettings,
  { context, browser, output }: Extract<Request, { kind: 'page' }>,
  { clock, complain, env, print, signal }: CommandOptions,
): Promise<number> {
  const leader = await readLeader(client, namespace, clock.now(), signal);
  if (leader.state !== 'leads') {
    complain(leaderText(leader));
    return 1;
  }
  const argv = [
    ...(context === undefined ? [] : ['--context', context]),
    'port-forward',
    '--namespace',
    namespace,
    '--address',
    '127.0.0.1',
    `pod/${leader.pod}`,
    `:${inspectorPort}`,
  ];
  const forward = spawn('kubectl', argv, { env, stdio: ['ignore', 'pipe', 'inherit'], signal });
  let isRun = true;
  const ended = new Promise<void>((resolve) => {
    forward.once('close', () => resolve());
    forward.once('error', () => {
      isRun = false;
      resolve();
    });
  });
  let opened = false;
  createInterface({ input: forward.stdout }).on('line', (line) => {
    const [, port] = /^Forwarding from 127\.0\.0\.1:(\d+) /.exec(line) ?? [];
    if (port === undefined || opened) return;
    opened = true;
    const url = `http://localhost:${port}/`;
    print(
      output === 'json'
        ? JSON.stringify({ pod: leader.pod, url })
        : `The page of ${printable(leader.pod)}: ${url} (Ctrl-C ends it)`,
    );
    if (browser) openBrowser(url);
  });
  await ended;
  if (signal.aborted) return 0;
  complain(
    isRun
      ? 'kubectl port-forward has ended.'
      : 'kubectl cannot be run: it has to be in PATH, as it forwards the port.',
  );
  return 1;
}

/** Without one, the address that was printed has to do. */
function openBrowser(url: string): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const opener = spawn(program, [url], { detached: true, stdio: 'ignore' });
  opener.on('error', () => undefined);
  opener.unref();
}
