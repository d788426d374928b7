// `kube-lego status` and `kube-lego explain`: read-only checks of the cluster and the live state of the controller. Called by
// main.ts.

import { minute, second } from '../../machines/time/durations.ts';
import { readConfig } from '../config/config.ts';
import { createKubernetesClient, type KubernetesClient } from '../kubernetes/client/client.ts';
import { loadKubeConfig } from '../kubernetes/client/kube-config.ts';
import { isForbidden, KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import { type Clock, sleep } from '../time/clock.ts';
import { type Command, type Request, readRequest } from './command-line.ts';
import { explain } from './explain/explain.ts';
import { explanationText } from './explain/explanation.ts';
import type { CommandSettings } from './secret-standing.ts';
import { overviewOf, overviewText, problemsOf } from './status-command.ts';
import { needsAttention } from './status-rows.ts';
import { jsonText, printable } from './terminal-text.ts';

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Ends a running command. */
  readonly signal: AbortSignal;
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
}

const watchInterval = 5 * second;
const timeLimit = 2 * minute;
/** The namespace of deploy/base. */
const installedIn = 'kube-lego';
const clearScreen = '\u001B[H\u001B[2J';

/**
 * Runs `kube-lego status` or `kube-lego explain`.
 *
 * @param argv the arguments after the command
 * @returns the exit code: 0 all is well, 1 something is wrong or may not be read, 2 the command line or a setting is invalid, 3 the API
 *   server cannot be reached
 */
export async function runCommand(
  command: Command,
  argv: readonly string[],
  options: CommandOptions,
): Promise<number> {
  const request = readRequest(command, argv);
  if (request.kind === 'help') {
    options.print(request.text);
    return 0;
  }
  if (request.kind === 'errors') return refuse(request.errors, options);
  const reading = readConfig({ LEGO_NAMESPACE: installedIn, ...options.env }, []);
  if (reading.kind !== 'config') {
    return refuse(reading.kind === 'errors' ? reading.errors : [], options);
  }
  const config = { ...reading.config, directoryKnown: options.env['LEGO_URL'] !== undefined };
  let client: KubernetesClient;
  try {
    client = createKubernetesClient(loadKubeConfig(request.context), {
      userAgent: `kube-lego/${config.version} ${command}`,
      clock: options.clock,
    });
  } catch (error) {
    options.complain(`Cannot connect to the API server: ${wordsOf(error)}`);
    return 3;
  }
  try {
    return request.kind === 'explain'
      ? await tellStory(client, config, request, options)
      : await tellStatus(client, config, request, options);
  } catch (error) {
    if (options.signal.aborted) return 0;
    if (!isUnanswered(error)) throw error;
    options.complain(unanswered(error));
    return 3;
  } finally {
    await client.close();
  }
}

async function tellStory(
  client: KubernetesClient,
  config: CommandSettings,
  { namespace, name, output, offline }: Extract<Request, { kind: 'explain' }>,
  { clock, print, signal }: CommandOptions,
): Promise<number> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeLimit)]);
  const explanation = await explain({ client, config, clock, offline }, namespace, name, limit);
  print(output === 'json' ? jsonText(explanation) : explanationText(explanation));
  return explanation.verdict === 'good' ? 0 : 1;
}

async function tellStatus(
  client: KubernetesClient,
  config: CommandSettings,
  { namespace, output, problems, watch }: Extract<Request, { kind: 'status' }>,
  { clock, print, complain, signal }: CommandOptions,
): Promise<number> {
  const look = async (before: string): Promise<number> => {
    const now = clock.now();
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeLimit)]);
    const all = await overviewOf(client, config, namespace, now, limit);
    const shown = problems ? problemsOf(all) : all;
    print(before + (output === 'json' ? jsonText(shown) : overviewText(shown, now)));
    return all.rows.some(needsAttention) || all.denied.length > 0 ? 1 : 0;
  };
  if (!watch) return look('');
  for (;;) {
    try {
      await look(output === 'text' ? clearScreen : '');
    } catch (error) {
      if (signal.aborted || !isUnanswered(error)) throw error;
      complain(unanswered(error));
    }
    await sleep(clock, watchInterval, signal);
  }
}

function isUnanswered(error: unknown): boolean {
  return error instanceof KubernetesError || (error instanceof Error && error.name === 'TimeoutError');
}

function unanswered(error: unknown): string {
  return `The API server cannot be reached: ${wordsOf(error)}\n${remedyFor(error)}`;
}

function remedyFor(error: unknown): string {
  if (error instanceof KubernetesError && error.code === 'Unauthorized') {
    return 'Log in again: the API server does not accept the credentials of the kubeconfig.';
  }
  if (isForbidden(error)) {
    return 'Use a kubeconfig that may list Ingresses, or name a namespace in which it may.';
  }
  return 'Check the API server and the connection to it, and try again.';
}

function refuse(errors: readonly string[], { complain }: CommandOptions): number {
  complain(errors.join('\n'));
  return 2;
}

function wordsOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error));
}
