// The commands: `status` and `explain` read the cluster and the live state of the controller, `revoke` and `retry` leave a request to it,
// `account` shows the account, `zones` tries the DNS zones, `import` takes Ingresses over from
// cert-manager, `page` shows the live page. Called by terminal.ts.

import { minute, second } from '../../machines/time/durations.ts';
import { readConfig } from '../config/config.ts';
import { createKubernetesClient, type KubernetesClient } from '../kubernetes/client/client.ts';
import { loadKubeConfig } from '../kubernetes/client/kube-config.ts';
import { isForbidden, KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import { sleep } from '../time/clock.ts';
import { showAccount } from './account/account-command.ts';
import { rollOver } from './account/rollover-command.ts';
import { asCalled, type Command, helpOf } from './command-help.ts';
import { type Request, readRequest } from './command-line.ts';
import type { CommandOptions } from './command-options.ts';
import { explain } from './explain/explain.ts';
import { explanationText } from './explain/explanation.ts';
import { importFromCertManager } from './import/import-command.ts';
import { showPage } from './page-command.ts';
import { isLeaderless } from './reading/leader.ts';
import type { CommandSettings } from './reading/secret-standing.ts';
import { retrySource } from './retry-command.ts';
import { revoke } from './revoke/revoke-command.ts';
import { overviewOf, overviewText, problemsOf } from './status/status-command.ts';
import { needsAttention } from './status/status-rows.ts';
import { jsonText, printable } from './terminal-text.ts';

type Asked = Exclude<Request, { readonly kind: 'help' | 'errors' }>;

const watchInterval = 5 * second;
const timeLimit = 2 * minute;
/** The namespace of deploy/base. */
const installedIn = 'kube-lego';
const clearScreen = '\u001B[H\u001B[2J';

/**
 * Runs a command.
 *
 * @param argv the arguments after the command
 * @returns the exit code: 0 all is well, 1 something is wrong or may not be read, 2 the command line or a setting is invalid, 3 the API
 *   server cannot be reached
 */
export async function runCommand(
  command: Command,
  argv: readonly string[],
  asked: CommandOptions,
): Promise<number> {
  const { program, print, complain } = asked;
  // Texts of all rooms name commands, and they are in Events, too.
  const options: CommandOptions = {
    ...asked,
    print: (text) => print(asCalled(text, program)),
    complain: (text) => complain(asCalled(text, program)),
  };
  const request = readRequest(command, argv);
  if (request.kind === 'help') {
    print(helpOf(request.command, program));
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
    client = createKubernetesClient(loadKubeConfig({ context: request.context }), {
      userAgent: `kube-lego/${config.version} ${command}`,
      clock: options.clock,
    });
  } catch (error) {
    options.complain(`Cannot connect to the API server: ${wordsOf(error)}`);
    return 3;
  }
  try {
    switch (request.kind) {
      case 'explain':
        return await tellStory(client, config, request, options);
      case 'retry':
        return await retrySource(client, request, options);
      case 'page':
        return await showPage(client, config, request, options);
      case 'status':
        return await tellStatus(client, config, request, options);
      case 'revoke':
        return await revoke(client, config, request, options);
      case 'account':
        return await showAccount(client, config, request, options);
      case 'import':
        return await importFromCertManager(client, config, request, options);
      case 'rollover':
        return await rollOver(client, config, request, options);
      case 'zones': {
        const { showZones } = await import('./zones/zones-command.ts');
        return await showZones(client, config, request, options);
      }
      default:
        return request satisfies never;
    }
  } catch (error) {
    if (options.signal.aborted) return interrupted(request, options);
    if (!isUnanswered(error)) throw error;
    options.complain(unanswered(error));
    return 3;
  } finally {
    await client.close();
  }
}

/** It has not told what its exit code 0 would say; only `status --watch` has no other end. */
function interrupted(request: Asked, { complain }: CommandOptions): number {
  if (request.kind === 'status') return request.watch ? 0 : 1;
  if (request.kind === 'import') complain('Interrupted. Run it again: it goes on where it has ended.');
  if (request.kind === 'revoke' || request.kind === 'rollover') {
    // The Secret may have another certificate by then.
    const serial = request.kind === 'revoke' ? ' with --serial and the serial number above,' : '';
    complain(
      `Interrupted. What has been requested goes on: run the command again${serial} to see how far it is.`,
    );
  }
  return 1;
}

async function tellStory(
  client: KubernetesClient,
  config: CommandSettings,
  { source, output, offline }: Extract<Request, { kind: 'explain' }>,
  { clock, print, signal }: CommandOptions,
): Promise<number> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeLimit)]);
  const explanation = await explain({ client, config, clock, offline }, source, limit);
  print(output === 'json' ? jsonText(explanation) : explanationText(explanation));
  return explanation.verdict === 'good' ? 0 : 1;
}

async function tellStatus(
  client: KubernetesClient,
  config: CommandSettings,
  { namespace, output, problems, watch }: Extract<Request, { kind: 'status' }>,
  { clock, print, complain, signal }: CommandOptions,
): Promise<number> {
  const place = namespace === undefined ? '' : ` in namespace ${namespace}`;
  const none = problems
    ? `Nothing needs action${place}.`
    : `kube-lego manages no Ingress or Gateway${place}.`;
  const look = async (before: string): Promise<number> => {
    const now = clock.now();
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeLimit)]);
    const all = await overviewOf(client, config, namespace, now, limit);
    const shown = problems ? problemsOf(all) : all;
    print(before + (output === 'json' ? jsonText(shown) : overviewText(shown, now, none)));
    const isAmiss = all.rows.some(needsAttention) || all.denied.length > 0 || isLeaderless(all.leader);
    return isAmiss ? 1 : 0;
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
