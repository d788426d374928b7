import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import type { Account } from '../acme/account/account.ts';
import type { ChallengeIngresses } from '../challenges/http-01/challenge-ingress/challenge-ingress.ts';
import type { IngressClasses } from '../challenges/http-01/ingress-class.ts';
import type { Verdict } from '../challenges/http-01/self-check/self-check.ts';
import { KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import type { SecretStore } from '../kubernetes/records/secret-store.ts';
import { sentence } from './failures.ts';

export interface ProvisionChallengeOptions {
  readonly account: { ensureAccount(signal: AbortSignal): Promise<Pick<Account, 'thumbprint'>> };
  readonly secrets: Pick<SecretStore, 'proveWritable'>;
  readonly ingressClasses: Pick<IngressClasses, 'nonMergingController'>;
  readonly challengeIngresses: Pick<ChallengeIngresses, 'acquire'>;
  /** Asks the host through its public name until it answers or its time is up. */
  readonly checkHost: (
    host: string,
    thumbprint: string,
    signal: AbortSignal,
    input: CertificateInput,
  ) => Promise<Verdict>;
  /** Something about a host that a person should know although it stands in the way of nothing. */
  readonly onNotice: (notice: string, input: CertificateInput) => void;
}

/**
 * Makes sure that an order can succeed before one is made: the ingress controller can carry the challenge, the Secret may
 * be written, there is an account, and each host reaches us. A host of which that cannot be found out from here is left to
 * the CA.
 */
export async function provisionChallenge(
  options: ProvisionChallengeOptions,
  input: CertificateInput,
  signal: AbortSignal,
): Promise<undefined> {
  const { account, challengeIngresses } = options;
  const [{ thumbprint }] = await Promise.all([
    account.ensureAccount(signal),
    proveWritable(options, input, signal),
    proveMerging(options, input, signal),
  ]);
  await challengeIngresses.acquire(input.id, input.hosts, signal);
  if (!input.desired.selfCheck) {
    proveReturn(input, []);
    return undefined;
  }
  const verdicts = await Promise.all(
    input.hosts.map(async ({ host }) => ({
      host,
      verdict: await options.checkHost(host, thumbprint, signal, input),
    })),
  );
  for (const { verdict } of verdicts) {
    if (verdict.kind === 'reachable' && verdict.notice !== undefined) options.onNotice(verdict.notice, input);
    // The CA is asked all the same: it may see what we do not.
    if (verdict.kind === 'inconclusive') options.onNotice(verdict.message, input);
  }
  proveReturn(input, verdicts);
  const wrong = verdicts.flatMap(({ host, verdict }) =>
    verdict.kind === 'wrong-answer' ? [{ host, message: verdict.message }] : [],
  );
  const [first, second] = wrong;
  if (first === undefined) return undefined;
  throw new StepError({
    code: 'SelfCheckFailed',
    message: wrong.map(({ message }) => message).join(' '),
    hosts: wrong.map(({ host }) => host),
    ...(second === undefined ? { host: first.host } : {}),
  });
}

/**
 * A host that was left out of the certificate comes back when it has passed twice; a person's word (kube-lego.io/retry) is as good as
 * once. Such hosts alone must never cause an order while they fail.
 */
function proveReturn(
  { returning, desired }: CertificateInput,
  verdicts: readonly { readonly host: string; readonly verdict: Verdict }[],
): void {
  if (returning === undefined) return;
  const { hosts, passed, barredUntil } = returning;
  const failing = new Map<string, string>();
  for (const host of hosts) {
    const verdict = verdicts.find((one) => one.host === host)?.verdict;
    if (barredUntil !== undefined) {
      const until = new Date(barredUntil).toISOString();
      failing.set(host, `The CA could not prove ${host}, and is asked again after ${until}.`);
    } else if (verdict?.kind !== 'reachable' && (!passed || verdict?.kind === 'wrong-answer')) {
      failing.set(host, verdict?.message ?? `Host ${host} is not asked from inside the cluster.`);
    }
  }
  if (passed && failing.size === 0) return;
  const secret = `the certificate in Secret ${desired.secretName}`;
  const passing = hosts.filter((host) => !failing.has(host));
  if (passing.length === 0) {
    throw new StepError({
      code: 'HostLeftOut',
      message: `${hosts.join(', ')} cannot come back into ${secret} yet: ${[...failing.values()].join(' ')}`,
    });
  }
  throw new StepError({
    code: 'HostReturning',
    message: `${passing.join(', ')} can be reached again, and comes back into ${secret} if that is still so in a while.`,
    hosts: passing,
  });
}

async function proveWritable(
  { secrets }: ProvisionChallengeOptions,
  { desired: { namespace, secretName }, found }: CertificateInput,
  signal: AbortSignal,
): Promise<void> {
  try {
    await secrets.proveWritable(namespace, secretName, found, signal);
  } catch (error) {
    if (!(error instanceof KubernetesError) || !isRefusal(error)) throw error;
    const message = `Secret ${secretName} may not be written: ${sentence(error.message)}`;
    throw new StepError({ code: 'SecretNotWritable', message }, { cause: error });
  }
}

/** Whether the API server has understood the write and does not want it. */
function isRefusal({ code }: KubernetesError): boolean {
  return code === 'Forbidden' || code === 'Invalid' || code === 'BadRequest' || code === 'NotFound';
}

async function proveMerging(
  { ingressClasses }: ProvisionChallengeOptions,
  { hosts }: CertificateInput,
  signal: AbortSignal,
): Promise<void> {
  for (const { host, ingressClass } of hosts) {
    const controller = await ingressClasses.nonMergingController(ingressClass, signal);
    if (controller === undefined) continue;
    const message = `Ingress controller ${controller} gives host ${host} to one Ingress only, so that a challenge Ingress would not work or take the site down.`;
    throw new StepError({ code: 'IngressControllerDoesNotMerge', message, host });
  }
}
