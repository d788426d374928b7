import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import type { Account } from '../acme/account/account.ts';
import type { HostVerdict } from '../challenges/challenge-solver.ts';
import type { ChallengeSolvers } from '../challenges/challenge-solvers.ts';
import { KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import type { SecretStore } from '../kubernetes/records/secret-store.ts';
import type { HolderKeeper } from '../ownership/holder-keeper.ts';
import { sentence } from './failures.ts';

export interface ProvisionChallengeOptions {
  readonly account: { ensureAccount(signal: AbortSignal): Promise<Pick<Account, 'thumbprint'>> };
  readonly secrets: Pick<SecretStore, 'proveWritable'>;
  readonly holders: Pick<HolderKeeper, 'proveWritable'>;
  readonly solvers: Pick<ChallengeSolvers, 'prepare'>;
  /** A warning about a host that does not fail the round. */
  readonly onNotice: (notice: string, input: CertificateInput) => void;
}

/**
 * The checks before an order: there is an account, the Secret and the record of holders are writable, and each host can be proven. A host that cannot be checked
 * from inside the cluster is left to the CA.
 */
export async function provisionChallenge(
  { account, secrets, holders, solvers, onNotice }: ProvisionChallengeOptions,
  input: CertificateInput,
  signal: AbortSignal,
): Promise<undefined> {
  const [{ thumbprint }] = await Promise.all([
    account.ensureAccount(signal),
    proveWritable(secrets, input, signal),
    holders.proveWritable(signal),
  ]);
  const { id: round, hosts, desired, answered: judged = [] } = input;
  const { selfCheck } = desired;
  const verdicts = await solvers.prepare({ round, hosts, thumbprint, selfCheck, judged }, signal);
  for (const verdict of verdicts) {
    if (verdict.kind === 'provable' && verdict.notice !== undefined) onNotice(verdict.notice, input);
    // Ask the CA anyway: it may reach what we cannot.
    if (verdict.kind === 'unknown') onNotice(verdict.message, input);
  }
  proveReturn(input, verdicts);
  const wrong = verdicts.filter((verdict) => verdict.kind === 'not-provable');
  const [first, second] = wrong;
  if (first === undefined) return undefined;
  throw new StepError({
    code: first.code,
    message: wrong.map(({ message }) => message).join(' '),
    hosts: wrong.map(({ host }) => host),
    ...(second === undefined ? { host: first.host } : {}),
  });
}

/**
 * A host that was left out of the certificate returns when it has passed twice; kube-lego.io/retry counts as one pass. Such hosts alone
 * must never cause an order while they fail.
 */
function proveReturn({ returning, desired }: CertificateInput, verdicts: readonly HostVerdict[]): void {
  if (returning === undefined) return;
  const { hosts, passed, barredUntil } = returning;
  const failing = new Map<string, string>();
  for (const host of hosts) {
    const verdict = verdicts.find((one) => one.host === host);
    if (barredUntil !== undefined) {
      const until = new Date(barredUntil).toISOString();
      failing.set(host, `The CA could not validate ${host}; the next attempt is after ${until}.`);
    } else if (verdict?.kind !== 'provable' && (!passed || verdict?.kind === 'not-provable')) {
      failing.set(host, verdict?.message ?? `Host ${host} is not checked from inside the cluster.`);
    }
  }
  if (passed && failing.size === 0) return;
  const secret = `the certificate in Secret ${desired.secretName}`;
  const passing = hosts.filter((host) => !failing.has(host));
  if (passing.length === 0) {
    throw new StepError({
      code: 'HostLeftOut',
      message: `${hosts.join(', ')} cannot return to ${secret} yet: ${[...failing.values()].join(' ')}`,
    });
  }
  throw new StepError({
    code: 'HostReturning',
    message: `${passing.join(', ')} can be reached again. If the next self-check passes too, kube-lego adds it to ${secret}.`,
    hosts: passing,
  });
}

async function proveWritable(
  secrets: Pick<SecretStore, 'proveWritable'>,
  { desired: { namespace, secretName }, found }: CertificateInput,
  signal: AbortSignal,
): Promise<void> {
  try {
    await secrets.proveWritable(namespace, secretName, found, signal);
  } catch (error) {
    if (!(error instanceof KubernetesError) || !isRefusal(error)) throw error;
    const message = `Secret ${secretName} cannot be written: ${sentence(error.message)}`;
    throw new StepError({ code: 'SecretNotWritable', message }, { cause: error });
  }
}

/** Whether the API server refuses this write for good. */
function isRefusal({ code }: KubernetesError): boolean {
  return code === 'Forbidden' || code === 'Invalid' || code === 'BadRequest' || code === 'NotFound';
}
