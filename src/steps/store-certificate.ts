import { assess } from '../../machines/assessment/assessment.ts';
import type { AssessmentPolicy } from '../../machines/assessment/defects.ts';
import type { SecretFacts, SecretVersion } from '../../machines/assessment/secret-facts.ts';
import type { CertificateInput, StoredValidity } from '../../machines/ingress/certificate.ts';
import type { DesiredCertificate } from '../../machines/ownership/desired-certificate.ts';
import { sentences } from '../../machines/reasons/sentences.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import { second } from '../../machines/time/durations.ts';
import { verifyChain } from '../certificate/chain.ts';
import type { IssuedCertificates } from '../certificate/issued-certificates.ts';
import type { ChallengeSolvers } from '../challenges/challenge-solvers.ts';
import type { OrderJournal } from '../journal/order-journal.ts';
import { isDenied, KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import type { CertificateToStore, SecretStore } from '../kubernetes/records/secret-store.ts';
import type { HolderKeeper } from '../ownership/holder-keeper.ts';
import type { RevocationRegister } from '../revocation/revocation-register.ts';
import { issuanceRecord } from '../secret/issuance-record.ts';
import { factsOf } from '../secret/secret-reading.ts';
import type { Clock } from '../time/clock.ts';
import { retry } from '../time/retry.ts';
import { secretNotWritable } from './failures.ts';
import type { Keystores } from './keystores.ts';
import type { RenewalPolls } from './renewal-polls.ts';

export interface StoreCertificateOptions {
  readonly secrets: Pick<SecretStore, 'read' | 'write'>;
  readonly holders: Pick<HolderKeeper, 'record'>;
  readonly issued: Pick<IssuedCertificates, 'get'>;
  readonly journal: Pick<OrderJournal, 'of' | 'end'>;
  readonly revocations: Pick<RevocationRegister, 'reasonFor'>;
  readonly policy: AssessmentPolicy;
  /** Undefined without ARI. */
  readonly renewals?: Pick<RenewalPolls, 'first'> | undefined;
  readonly clock: Clock;
  /** By whose clock the new certificate is judged, too: this machine's may be wrong. */
  readonly ca: { readonly clock: Pick<Clock, 'now'> };
  readonly solvers: Pick<ChallengeSolvers, 'canJudge'>;
  readonly keystores: Pick<Keystores, 'keep'>;
  /** A warning that does not fail the round. */
  readonly onNotice: (notice: string, input: CertificateInput) => void;
}

/** The certificate has cost an order: the write is retried for about an hour while the API server is unreachable. */
const pauses = { shortestPause: 250, longestPause: 30 * second, mostTries: 130 };

/**
 * Stores an issued certificate at once, then requests its ARI. Its namespace holds the hosts from the first moment. That is recorded
 * within seconds, and until then the order stays in the journal: of a certificate in a Secret it is always known whether it is ours, also
 * after a crash (`storedProofs`).
 */
export async function storeCertificate(
  options: StoreCertificateOptions,
  input: CertificateInput & { readonly issued: string },
  signal: AbortSignal,
): Promise<StoredValidity> {
  const { ca, clock, issued, policy, renewals, onNotice } = options;
  const { chainPem, keyPem } = issued.get(input.issued);
  const hosts = input.hosts.map(({ host }) => host);
  const verified = verify(options, input, () =>
    verifyChain(chainPem, keyPem, hosts, clock.now(), ca.clock.now()),
  );
  const { id, chainPem: verifiedPem, fingerprint, notBefore, notAfter, flawed, notices } = verified;
  for (const notice of notices) onNotice(notice, input);
  const { namespace } = input.desired;
  options.holders.record({ hosts, namespace, notBefore, notAfter, certificate: fingerprint });
  const selfChecked =
    input.desired.selfCheck && input.hosts.every((route) => options.solvers.canJudge(route));
  const keyType = input.desired.keyType ?? policy.keyType;
  await write(options, input, signal, {
    chainPem: verifiedPem,
    keyPem,
    annotations: issuanceRecord({
      directory: policy.directory,
      profile: input.desired.profile ?? policy.profile,
      keyType,
      selfChecked,
      flawed: flawed ? fingerprint : undefined,
      omission: input.omission,
    }),
  });
  endOrder(options, input);
  // Only now: a crash during the request must not lose the certificate.
  const kept = await keepKeystore(options, input, signal);
  const window =
    id === undefined ? undefined : await renewals?.first(input.desired, { id, notAfter }, signal);
  const caAhead = ca.clock.now() - clock.now();
  const checkAt = kept ? undefined : clock.now() + second;
  return { notBefore, notAfter, window, checkAt, caAhead };
}

/** Whether the keystore is that of the new certificate; if not, the next check says why, or tries again. */
async function keepKeystore(
  { keystores, secrets }: StoreCertificateOptions,
  { desired }: CertificateInput,
  signal: AbortSignal,
): Promise<boolean> {
  if (desired.keystore === undefined) return true;
  try {
    const stored = await secrets.read(desired.namespace, desired.secretName, signal);
    return stored !== undefined && (await keystores.keep(desired, stored, signal)) === undefined;
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    return false;
  }
}

/** A certificate that does not fit its order is not fetched again. */
function verify<T>(options: StoreCertificateOptions, input: CertificateInput, work: () => T): T {
  try {
    return work();
  } catch (error) {
    endOrder(options, input);
    throw error;
  }
}

function endOrder(
  { journal }: Pick<StoreCertificateOptions, 'journal'>,
  { desired }: CertificateInput,
): void {
  for (const entry of journal.of(desired.namespace, desired.secretName)) journal.end(entry);
}

/**
 * Writes the assessed version of the Secret. After a conflict the Secret is assessed again and written only if it is still due and not
 * foreign.
 */
async function write(
  { ca, secrets, policy, revocations, clock, onNotice }: StoreCertificateOptions,
  input: CertificateInput,
  signal: AbortSignal,
  certificate: CertificateToStore,
): Promise<void> {
  const { namespace, secretName } = input.desired;
  let found: SecretVersion | undefined = input.found;
  let judged = true;
  let conflicts = 0;
  const judgeAndWrite = async (): Promise<void> => {
    if (!judged) {
      const present = await secrets.read(namespace, secretName, signal);
      // The answer to an earlier write was lost.
      if (present?.certificatePem?.toString() === certificate.chainPem) return;
      const facts = factsOf(present, revocations.reasonFor(present?.certificatePem));
      found = judgeAgain(input.desired, facts, policy, clock.now(), ca.clock.now());
      judged = true;
    }
    await secrets.write(namespace, secretName, found, certificate, signal);
  };
  const pauseAfter = (error: unknown, pause: number): number => {
    if (!(error instanceof KubernetesError)) throw error;
    if (error.code === 'Conflict' || error.code === 'AlreadyExists') {
      judged = false;
      conflicts += 1;
      // The first conflict is a concurrent change: retry at once. More of them, as of a busy quota object, would use up all tries within
      // a second, and lose the certificate.
      if (conflicts === 1) return 0;
    } else if (!isPassing(error)) {
      throw secretNotWritable(secretName, error);
    }
    onNotice(`The certificate is not stored yet: ${sentences(error.words)}`, input);
    return Math.max(pause, error.retryAfter ?? 0);
  };
  return retry(judgeAndWrite, { clock, signal, ...pauses, pauseAfter });
}

/** The version of the Secret to write to, if it is still due and not foreign. */
function judgeAgain(
  desired: DesiredCertificate,
  facts: SecretFacts,
  policy: AssessmentPolicy,
  now: number,
  caNow: number,
): SecretVersion | undefined {
  const assessment = assess(desired, facts, policy, () => undefined, now, caNow);
  if (assessment.kind === 'refused') throw new StepError(assessment.failure);
  if (assessment.kind === 'due') return assessment.found;
  const message = `Another client stored a good certificate in Secret ${desired.secretName} in the meantime.`;
  throw new StepError({ code: 'SecretChanged', message });
}

/**
 * Whether the write may succeed later. Includes Forbidden: the permission was proven before the order, and an API server that has just
 * started denies everything until it has loaded its roles.
 */
function isPassing(error: KubernetesError): boolean {
  return error.transient || isDenied(error);
}
