import { assess } from '../../machines/assessment/assessment.ts';
import type { AssessmentPolicy } from '../../machines/assessment/defects.ts';
import type { SecretFacts, SecretVersion } from '../../machines/assessment/secret-facts.ts';
import type { CertificateInput, StoredValidity } from '../../machines/ingress/certificate.ts';
import type { DesiredCertificate } from '../../machines/ownership/desired-certificate.ts';
import type { HostProof } from '../../machines/ownership/holders.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import { second } from '../../machines/time/durations.ts';
import { verifyChain } from '../certificate/chain.ts';
import type { IssuedCertificates } from '../certificate/issued-certificates.ts';
import type { ChallengeSolvers } from '../challenges/challenge-solvers.ts';
import { KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import type { CertificateToStore, SecretStore } from '../kubernetes/records/secret-store.ts';
import type { HolderKeeper } from '../ownership/holder-keeper.ts';
import { omissionAnnotation, writeOmission } from '../secret/omission.ts';
import {
  directoryAnnotation,
  factsOf,
  keyTypeAnnotation,
  profileAnnotation,
  selfCheckedAnnotation,
} from '../secret/secret-reading.ts';
import type { Clock } from '../time/clock.ts';
import { retry } from '../time/retry.ts';
import { sentence } from './failures.ts';
import type { RenewalWatch } from './renewal-watch.ts';

export interface StoreCertificateOptions {
  readonly secrets: Pick<SecretStore, 'read' | 'write'>;
  readonly holders: Pick<HolderKeeper, 'record' | 'flush'>;
  readonly issued: Pick<IssuedCertificates, 'get'>;
  readonly policy: AssessmentPolicy;
  /** Undefined without ARI. */
  readonly renewals?: Pick<RenewalWatch, 'first'> | undefined;
  readonly clock: Clock;
  readonly solvers: Pick<ChallengeSolvers, 'canJudge'>;
  /** A warning that does not fail the round. */
  readonly onNotice: (notice: string, input: CertificateInput) => void;
}

/** The certificate has cost an order: the write is retried for about an hour while the API server is unreachable. */
const pauses = { shortestPause: 250, longestPause: 30 * second, mostTries: 130 };

/**
 * Stores an issued certificate at once, then requests its ARI. Its hosts are recorded first: of a certificate in a Secret it is
 * always known whether it is ours, also after a crash.
 */
export async function storeCertificate(
  options: StoreCertificateOptions,
  input: CertificateInput & { readonly issued: string },
  signal: AbortSignal,
): Promise<StoredValidity> {
  const { issued, policy, renewals, clock, onNotice } = options;
  const { chainPem, keyPem } = issued.get(input.issued);
  const hosts = input.hosts.map(({ host }) => host);
  const verified = verifyChain(chainPem, keyPem, hosts, clock.now());
  const { id, chainPem: verifiedPem, fingerprint, notBefore, notAfter, notices } = verified;
  for (const notice of notices) onNotice(notice, input);
  const { namespace } = input.desired;
  await record(options, input, signal, { hosts, namespace, notBefore, notAfter, certificate: fingerprint });
  const selfChecked =
    input.desired.selfCheck && input.hosts.every((route) => options.solvers.canJudge(route));
  const keyType = input.desired.keyType ?? policy.keyType;
  const uid = await write(options, input, signal, {
    chainPem: verifiedPem,
    keyPem,
    annotations: {
      [directoryAnnotation]: policy.directory,
      [profileAnnotation]: input.desired.profile ?? policy.profile ?? '',
      ...(keyType === undefined ? {} : { [keyTypeAnnotation]: keyType }),
      ...(selfChecked ? { [selfCheckedAnnotation]: 'true' } : {}),
      ...(input.omission === undefined ? {} : { [omissionAnnotation]: writeOmission(input.omission) }),
    },
  });
  // Only now: a crash during the request must not lose the certificate.
  const suggestion = id === undefined ? undefined : await renewals?.first({ uid, id }, signal);
  return { notBefore, notAfter, window: suggestion?.window, askAt: suggestion?.askAt };
}

/** Likewise retried: the next round would find out before its order that the record cannot be written. */
async function record(
  { holders, clock, onNotice }: StoreCertificateOptions,
  input: CertificateInput,
  signal: AbortSignal,
  proof: HostProof,
): Promise<void> {
  holders.record(proof);
  const pauseAfter = (error: unknown, pause: number): number => {
    if (!(error instanceof KubernetesError)) throw error;
    onNotice(`The holder of the hosts is not recorded yet: ${sentence(error.message)}`, input);
    return Math.max(pause, error.retryAfter ?? 0);
  };
  await retry(() => holders.flush(signal), { clock, signal, ...pauses, pauseAfter });
}

/**
 * Writes the assessed version of the Secret. After a conflict the Secret is assessed again and written only if it is still due and not
 * foreign.
 * @returns the uid of the Secret
 */
async function write(
  { secrets, policy, clock, onNotice }: StoreCertificateOptions,
  input: CertificateInput,
  signal: AbortSignal,
  certificate: CertificateToStore,
): Promise<string> {
  const { namespace, secretName } = input.desired;
  let found: SecretVersion | undefined = input.found;
  let judged = true;
  let conflicts = 0;
  const judgeAndWrite = async (): Promise<string> => {
    if (!judged) {
      const present = await secrets.read(namespace, secretName, signal);
      // The answer to an earlier write was lost.
      if (present?.certificatePem?.toString() === certificate.chainPem) return present.uid;
      found = judgeAgain(input.desired, factsOf(present), policy, clock.now());
      judged = true;
    }
    return (await secrets.write(namespace, secretName, found, certificate, signal)).uid;
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
      throw new StepError({ code: 'SecretNotWritable', message: sentence(error.message) }, { cause: error });
    }
    onNotice(`The certificate is not stored yet: ${sentence(error.message)}`, input);
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
): SecretVersion | undefined {
  const assessment = assess(desired, facts, policy, () => undefined, now);
  if (assessment.kind === 'refused') throw new StepError(assessment.failure);
  if (assessment.kind === 'due') return assessment.found;
  const message = `Another client stored a good certificate in Secret ${desired.secretName} in the meantime.`;
  throw new StepError({ code: 'SecretChanged', message });
}

/**
 * Whether the write may succeed later. Includes Forbidden: the permission was proven before the order, and an API server that has just
 * started denies everything until it has loaded its roles.
 */
function isPassing({ code, transient }: KubernetesError): boolean {
  return transient || code === 'Unauthorized' || code === 'Forbidden';
}
