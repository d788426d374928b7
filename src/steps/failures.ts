import type { Failure, ReasonCode } from '../../machines/reasons/reasons.ts';
import { sentences } from '../../machines/reasons/sentences.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import { describeTrouble } from '../../machines/records/record-troubles.ts';
import { AccountError } from '../acme/account/account-error.ts';
import { OrderError } from '../acme/protocol/order-error.ts';
import { AcmeProblem, isPause, isRefusedReading } from '../acme/transport/problem.ts';
import { ChainError } from '../certificate/chain.ts';
import { isDenied, KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import { RecordError } from '../kubernetes/records/record-observer.ts';

interface About {
  readonly host?: string | undefined;
  readonly hosts?: readonly string[];
  /** Milliseconds. */
  readonly retryAfter?: number | undefined;
  readonly unresolved?: boolean;
}

/**
 * Maps an error of any room to a failure.
 *
 * @param now milliseconds since the epoch, start of a Retry-After
 */
export function failureOf(error: unknown, now: number): Failure {
  if (error instanceof StepError) return error.failure;
  if (error instanceof RecordError) {
    const { code, message } = describeTrouble(error.trouble);
    return withRemedy(code, message, { retryAfter: error.retryAfter });
  }
  if (error instanceof KubernetesError) {
    return failure(apiServerReason(error), sentences(error.words), { retryAfter: error.retryAfter });
  }
  if (error instanceof ChainError) return failure('CertificateRejected', error.message);
  if (error instanceof AccountError) {
    const code = error.transient ? 'CaUnavailable' : 'AccountNotReady';
    const retryAfter = error.retryAt === undefined ? undefined : error.retryAt - now;
    return withRemedy(code, error.message, { retryAfter });
  }
  if (error instanceof OrderError) {
    const code = orderReason(error);
    const hosts = error.failures.map(({ host }) => host);
    const unresolved = error.failures.some(({ problem }) => problem.type === 'dns');
    const about = { host: error.host, hosts, retryAfter: error.retryAfter, unresolved };
    // The CA's message does not say how to unpause.
    return code === 'NamePaused'
      ? failure(code, error.message, about)
      : withRemedy(code, error.message, about);
  }
  if (error instanceof AcmeProblem) {
    const code = error.transient ? 'CaUnavailable' : 'OrderFailed';
    return withRemedy(code, error.message, { retryAfter: error.retryAfter });
  }
  const words = error instanceof Error ? error.message : String(error);
  return failure('InternalError', sentences(`An error in kube-lego: ${words}`));

  function withRemedy(code: ReasonCode, message: string, about: About): Failure {
    return { ...failure(code, message, about), namesRemedy: true };
  }

  function failure(
    code: ReasonCode,
    message: string,
    { host, hosts = [], retryAfter, unresolved }: About = {},
  ): Failure {
    return {
      code,
      message,
      ...(host === undefined ? {} : { host }),
      ...(hosts.length === 0 ? {} : { hosts }),
      ...(unresolved === true ? { unresolved } : {}),
      ...(retryAfter === undefined ? {} : { retryAt: now + retryAfter }),
    };
  }
}

/** The API server refuses the write of a Secret for good. */
export function secretNotWritable(secretName: string, error: KubernetesError): StepError {
  const message = `Secret ${secretName} cannot be written: ${sentences(error.words)}`;
  return new StepError({ code: 'SecretNotWritable', message }, { cause: error });
}

function apiServerReason(error: KubernetesError): ReasonCode {
  const { code } = error;
  if (code === 'Conflict' || code === 'AlreadyExists') return 'SecretChanged';
  // It refuses the request itself; a policy's refusal is Invalid.
  return isDenied(error) || code === 'Invalid' ? 'ApiServerDenied' : 'ApiServerUnavailable';
}

function orderReason({ cause, kind, transient, problem }: OrderError): ReasonCode {
  if (transient) return 'CaUnavailable';
  if (cause instanceof AcmeProblem && isRefusedReading(cause)) return 'OrderUnfinished';
  if (kind === 'profile-not-offered' || problem?.type === 'invalidProfile') return 'ProfileNotOffered';
  if (problem?.type === 'rateLimited') return isPause(problem) ? 'NamePaused' : 'RateLimited';
  if (kind === 'out-of-time') return 'OrderUnfinished';
  return kind === 'challenge-failed' ? 'ChallengeFailed' : 'OrderFailed';
}
