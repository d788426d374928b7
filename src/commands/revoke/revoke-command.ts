// `kube-lego revoke`: what would be revoked (revocation-plan.ts), the operator's consent, the request, and its progress. Called by
// run.ts.

import { sentences } from '../../../machines/reasons/sentences.ts';
import { isEnded, type RevocationState } from '../../../machines/revocation/revocation.ts';
import { minute } from '../../../machines/time/durations.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { isForbidden, KubernetesError } from '../../kubernetes/client/kubernetes-error.ts';
import { SecretEntries } from '../../kubernetes/records/secret-entries.ts';
import type { RevocationEntry } from '../../revocation/revocation-entry.ts';
import { RegisterFullError, RevocationRegister } from '../../revocation/revocation-register.ts';
import { sleep } from '../../time/clock.ts';
import type { Request } from '../command-line.ts';
import type { CommandOptions } from '../command-options.ts';
import { exitWithoutConsent, Following, lookInterval } from '../operator-request.ts';
import { isLeaderless, leaderText, readLeader } from '../reading/leader.ts';
import type { CommandSettings } from '../reading/secret-standing.ts';
import { jsonText, printable } from '../terminal-text.ts';
import { progressText } from './progress-text.ts';
import { requestedBefore, revocationLine } from './requested-revocations.ts';
import {
  NotRevocableError,
  OtherCertificateError,
  planRevocation,
  planText,
  type RevocationPlan,
} from './revocation-plan.ts';

export type RevokeRequest = Extract<Request, { kind: 'revoke' }>;

/** Milliseconds. */
const timeLimit = 10 * minute;
const question = 'Revoke it? That cannot be undone. [y/N] ';

/** @returns the exit code: 0 it is revoked, 1 it is not, or not yet, 2 the operator could not be asked */
export async function revoke(
  client: KubernetesClient,
  config: CommandSettings,
  request: RevokeRequest,
  options: CommandOptions,
): Promise<number> {
  const { clock, complain, print } = options;
  const say = (text: string): void => (request.output === 'json' ? complain(text) : print(text));
  const register = new RevocationRegister({
    store: new SecretEntries(client, config.namespace, 'revocations', config.objectMetadata),
    clock,
    onDamage: complain,
  });
  try {
    const begun = await begin({ client, config, register, say }, request, options);
    if (typeof begun === 'number') return begun;
    const state = await follow(register, begun, say, options);
    if (request.output === 'json') print(jsonText(outcomeJson(begun, state)));
    return state.phase === 'revoked' ? 0 : 1;
  } catch (error) {
    if (error instanceof NotRevocableError || error instanceof RegisterFullError) {
      complain(printable(error.message));
      return 1;
    }
    if (error instanceof KubernetesError && error.code === 'NotFound') {
      const remedy = 'Set LEGO_NAMESPACE to the namespace in which kube-lego runs.';
      complain(printable(sentences(error.words, remedy)));
      return 1;
    }
    if (!isForbidden(error)) throw error;
    complain(
      `This kubeconfig may not do that: ${printable(error instanceof Error ? error.message : '')}\n` +
        `Use one that may, or run the command in the pod; see kube-lego revoke --help.`,
    );
    return 1;
  }
}

interface Parts {
  readonly client: KubernetesClient;
  readonly config: CommandSettings;
  readonly register: RevocationRegister;
  readonly say: (text: string) => void;
}

/** Requests it, with the operator's consent, unless that was done before. @returns the request, or the exit code without one */
async function begin(
  { client, config, register, say }: Parts,
  { dryRun, namespace, now, output, reason, secretName, serial, yes }: RevokeRequest,
  options: CommandOptions,
): Promise<RevocationEntry | number> {
  const { clock, complain, print, signal } = options;
  const wish = { namespace, secretName, reason, replaceFirst: !now };
  const [plan, leader] = await Promise.all([
    planRevocation(client, config, wish, serial, clock.now(), signal).catch(async (error: unknown) => {
      if (!(error instanceof OtherCertificateError) || serial === undefined) throw error;
      await register.read(signal);
      const requested = requestedBefore(register.entries.values(), { namespace, secretName, serial });
      return requested ?? Promise.reject(error);
    }),
    readLeader(client, config.namespace, clock.now(), signal),
  ]);
  if (!('entry' in plan)) {
    say(`Secret ${printable(`${namespace}/${secretName}`)} has another certificate now.`);
    if (!dryRun) return plan;
    if (output === 'json') print(jsonText(outcomeJson(plan, plan.state)));
    else say(printable(revocationLine(plan)));
    return 0;
  }
  say(planText(plan).split('\n').map(printable).join('\n'));
  // Before the key is copied to a namespace where perhaps no kube-lego is.
  if (isLeaderless(leader)) complain(`${leaderText(leader)} LEGO_NAMESPACE is to name its namespace.`);
  if (dryRun) {
    if (output === 'json') print(jsonText(planJson(plan)));
    return 0;
  }
  const consent = { yes, question, wish: 'it is to be revoked', refused: 'Nothing is revoked.' };
  const exitCode = await exitWithoutConsent(consent, say, options);
  if (exitCode !== undefined) return exitCode;
  const entry = await register.request(plan.entry, signal);
  if (entry.requestedAt !== plan.entry.requestedAt) {
    say(`It was requested before, at ${new Date(entry.requestedAt).toISOString()}.`);
  }
  return entry;
}

/** Tells each step until the revocation has ended, or the time is over. */
async function follow(
  register: RevocationRegister,
  { fingerprint, requestedAt, serial }: RevocationEntry,
  say: (text: string) => void,
  options: CommandOptions,
): Promise<RevocationState> {
  const { clock, signal } = options;
  // Without the number the next run would be about the certificate that has taken its place.
  const following = new Following(timeLimit, `the command again with --serial ${serial}`, options);
  let told = '';
  for (;;) {
    const entry = register.entries.get(fingerprint);
    if (entry?.requestedAt !== requestedAt) {
      const message = `The request is not in Secret ${register.name} any more: somebody has removed or replaced it.`;
      return { phase: 'failed', at: clock.now(), message };
    }
    const { state } = entry;
    const words = progressText(entry);
    if (words !== told) say(printable(words));
    told = words;
    if (isEnded(entry)) return state;
    if (following.isOver(state.phase !== 'requested')) return state;
    await sleep(clock, lookInterval, signal);
    await register.read(signal);
  }
}

function outcomeJson(
  { namespace, secretName, reason, serial }: RevocationEntry,
  state: RevocationState,
): object {
  return { secret: `${namespace}/${secretName}`, serial, reason, ...state };
}

function planJson({ entry, replacedFor, signers }: RevocationPlan): object {
  const { hosts, notAfter } = entry;
  return { ...outcomeJson(entry, entry.state), hosts, notAfter, replacedFor: replacedFor ?? null, signers };
}
