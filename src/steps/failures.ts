import type { Failure, ReasonCode } from '../../machines/reasons/reasons.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import { AccountError } from '../acme/account/account-error.ts';
import { OrderError } from '../acme/protocol/order-error.ts';
import { AcmeProblem, isPause } from '../acme/transport/problem.ts';
import { ChainError } from '../certificate/chain.ts';
import { KubernetesError } from '../kubernetes/client/kubernetes-error.ts';

interface About {
  readonly host?: string | undefined;
  readonly hosts?: readonly string[];
  /** Milliseconds. */
  readonly retryAfter?: number | undefined;
}

/**
 * Maps an error of any room to a failure.
 *
 * @param now milliseconds since the epoch, start of a Retry-After
 */
export function failureOf(error: unknown, now: number): Failure {
  if (error instanceof StepError) return error.failure;
  if (error instanceof KubernetesError) {
    return failure(apiServerReason(error), sentence(error.message), { retryAfter: error.retryAfter });
  }
  if (error instanceof ChainError) return failure('CertificateRejected', error.message);
  if (error instanceof AccountError) {
    const code = error.transient ? 'CaUnavailable' : 'AccountNotReady';
    const retryAfter = error.retryAt === undefined ? undefined : error.retryAt - now;
    return fromCa(code, error.message, { retryAfter });
  }
  if (error instanceof OrderError) {
    const code = orderReason(error);
    const hosts = error.failures.map(({ host }) => host);
    const about = { host: error.host, hosts, retryAfter: error.retryAfter };
    // The CA's message does not say how to unpause.
    return code === 'NamePaused' ? failure(code, error.message, about) : fromCa(code, error.message, about);
  }
  if (error instanceof AcmeProblem) {
    const code = error.transient ? 'CaUnavailable' : 'OrderFailed';
    return fromCa(code, error.message, { retryAfter: error.retryAfter });
  }
  const words = error instanceof Error ? error.message : String(error);
  return failure('InternalError', `An error in kube-lego: ${words}.`);

  function fromCa(code: ReasonCode, message: string, about: About): Failure {
    return { ...failure(code, message, about), namesRemedy: true };
  }

  function failure(code: ReasonCode, message: string, { host, hosts = [], retryAfter }: About = {}): Failure {
    return {
      code,
      message,
      ...(host === undefined ? {} : { host }),
      ...(hosts.length === 0 ? {} : { hosts }),
      ...(retryAfter === undefined ? {} : { retryAt: now + retryAfter }),
    };
  }
}

/** Ends a server's text as a sentence: a remedy follows it. */
export function sentence(words: string): string {
  return /[.!?…]$/.test(words) ? words : `${words}.`;
}

function apiServerReason({ code }: KubernetesError): ReasonCode {
  if (code === 'Conflict' || code === 'AlreadyExists') return 'SecretChanged';
  return code === 'Forbidden' || code === 'Unauthorized' ? 'ApiServerDenied' : 'ApiServerUnavailable';
}

function orderReason({ kind, transient, problem }: OrderError): ReasonCode {
  if (transient) return 'CaUnavailable';
  if (problem?.type === 'rateLimited') return isPause(problem) ? 'NamePaused' : 'RateLimited';
  return kind === 'challenge-failed' ? 'ChallengeFailed' : 'OrderFailed';
}
