import { hostsToBlame } from '../../machines/assessment/rescue.ts';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { Failure } from '../../machines/reasons/reasons.ts';
import { sentences } from '../../machines/reasons/sentences.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import type { Account } from '../acme/account/account.ts';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import type { HostVerdict } from '../challenges/challenge-solver.ts';
import type { ChallengeSolvers } from '../challenges/challenge-solvers.ts';
import { throwUnlessProvable } from '../challenges/unprovable.ts';
import { KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import type { CertificateToStore, SecretStore } from '../kubernetes/records/secret-store.ts';
import type { HolderKeeper } from '../ownership/holder-keeper.ts';
import { secretNotWritable } from './failures.ts';
import { isFinalized, type JournalOptions } from './order-record.ts';

export interface ProvisionChallengeOptions extends JournalOptions {
  readonly ca: JournalOptions['ca'] & Pick<CertificateAuthority, 'progressOf'>;
  readonly account: { ensureAccount(signal: AbortSignal): Promise<Pick<Account, 'thumbprint'>> };
  readonly secrets: Pick<SecretStore, 'proveWritable'>;
  /** What to try the write of the Secret with. */
  readonly trial: (input: CertificateInput) => Promise<CertificateToStore>;
  readonly holders: Pick<HolderKeeper, 'proveWritable'>;
  readonly solvers: Pick<ChallengeSolvers, 'expect' | 'prepare' | 'recheck'>;
  /** A warning about a host that does not fail the round. */
  readonly onNotice: (notice: string, input: CertificateInput) => void;
}

/**
 * The checks before an order: there is an account, the Secret and the record of holders are writable, and each host can be proven. A
 * host that cannot be checked from inside the cluster is left to the CA. An order whose certificate has been asked for needs no proof.
 */
export async function provisionChallenge(
  options: ProvisionChallengeOptions,
  input: CertificateInput,
  signal: AbortSignal,
): Promise<undefined> {
  const { account, secrets, trial, holders, solvers, onNotice } = options;
  const { id: round, desired, answered: judged = [], unready = [] } = input;
  // Hosts that have failed the self-check show that it is not.
  if (unready.length === 0 && (await isFinalized(options, input, signal))) return undefined;
  const { selfCheck } = desired;
  const hosts = hostsToPrepare(input);
  const again = hosts.filter(({ host }) => unready.includes(host));
  const known = selfCheck && again.length > 0 ? await solvers.recheck(again, signal) : undefined;
  if (known !== undefined) throwUnlessProvable(known);
  const proofs = Promise.all([
    account.ensureAccount(signal),
    trial(input).then((certificate) => proveWritable(secrets, input, certificate, signal)),
    holders.proveWritable(signal),
  ]);
  solvers.expect(hosts, proofs);
  const [{ thumbprint }] = await proofs;
  const preparation = { round, namespace: desired.namespace, hosts, thumbprint, selfCheck, judged, unready };
  const verdicts = await solvers.prepare(preparation, signal);
  for (const verdict of verdicts) {
    if (verdict.kind === 'provable' && verdict.notice !== undefined) onNotice(verdict.notice, input);
    // Ask the CA anyway: it may reach what we cannot.
    if (verdict.kind === 'unknown') onNotice(verdict.message, input);
  }
  proveReturn(input, verdicts);
  throwUnlessProvable(verdicts);
  if (input.early !== undefined) proveAppearance(input.early.failure, verdicts);
  return undefined;
}

/** A round that ends before an order in any case concerns the hosts that may return, not those that are served meanwhile. */
function hostsToPrepare({ hosts, returning }: CertificateInput): CertificateInput['hosts'] {
  if (returning === undefined || returning.passed) return hosts;
  return hosts.filter(({ host }) => returning.hosts.includes(host));
}

/** The CA has failed to validate these hosts a while ago: it is asked ahead of time only if they reach us now. */
function proveAppearance(failure: Failure, verdicts: readonly HostVerdict[]): void {
  const blamed = hostsToBlame(failure) ?? [];
  const unsure = verdicts.flatMap((verdict) =>
    verdict.kind === 'unknown' && blamed.includes(verdict.host) ? [verdict] : [],
  );
  const [first] = unsure;
  if (first === undefined) return;
  const message = sentences(...unsure.map((one) => one.message), 'The CA is asked again in its time.');
  throw new StepError({ code: 'SelfCheckFailed', message, hosts: unsure.map(({ host }) => host) });
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
      message: `${hosts.join(', ')} cannot return to ${secret} yet: ${sentences(...failing.values())}`,
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
  certificate: CertificateToStore,
  signal: AbortSignal,
): Promise<void> {
  try {
    await secrets.proveWritable(namespace, secretName, found, certificate, signal);
  } catch (error) {
    if (!(error instanceof KubernetesError) || !isRefusal(error)) throw error;
    throw secretNotWritable(secretName, error);
  }
}

/** Whether the API server refuses this write for good. */
function isRefusal({ code }: KubernetesError): boolean {
  return code === 'Forbidden' || code === 'Invalid' || code === 'BadRequest' || code === 'NotFound';
}
