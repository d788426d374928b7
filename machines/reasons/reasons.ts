// Why an Ingress or Gateway may have no good certificate: the stable codes with their remedies, a file for each kind of object that they are about;
// the other Events, and redaction. Used by all rooms that report a failure, and by the generated docs.

import { caReasons } from './ca-reasons.ts';
import { challengeReasons } from './challenge-reasons.ts';
import { clusterReasons } from './cluster-reasons.ts';
import { gatewayReasons } from './gateway-reasons.ts';
import { ingressReasons } from './ingress-reasons.ts';
import type { FailureKind } from './reason.ts';
import { secretReasons } from './secret-reasons.ts';
import { sentences } from './sentences.ts';
import { sourceReasons } from './source-reasons.ts';

/** Every reason why an Ingress or Gateway may have no good certificate: stable codes, used in Events, logs and docs. */
export const reasons = {
  ...sourceReasons,
  ...ingressReasons,
  ...gatewayReasons,
  ...secretReasons,
  ...challengeReasons,
  ...caReasons,
  ...clusterReasons,
};

export type ReasonCode = keyof typeof reasons;

/** Why a certificate is missing or bad. */
export interface Failure {
  readonly code: ReasonCode;
  /** One sentence: what happened, to which object. The remedy is in `reasons`. */
  readonly message: string;
  readonly host?: string;
  /** All failing hosts, if known. */
  readonly hosts?: readonly string[];
  /** Retry-After of the CA or the API server, in milliseconds since the epoch. */
  readonly retryAt?: number;
  /** The message ends with its own remedy, which replaces that of `reasons`. */
  readonly namesRemedy?: true;
  /** The CA found no address of a host: its record may come at any moment. */
  readonly unresolved?: true;
  /** Nothing was sent: a refusal that others have met holds the order, which goes back into the queue. */
  readonly held?: true;
  /** The CA had created the order, and counted it. */
  readonly orderMade?: true;
}

/** Whether a self-check had a definite answer, and not ours. */
export function isSelfCheckFailure(code: ReasonCode): boolean {
  return code === 'SelfCheckFailed' || code === 'IngressClassNotFound' || code === 'NoIngressClass';
}

export function failureKind(failure: Failure): FailureKind {
  return reasons[failure.code].kind;
}

/** The message with a remedy. */
export function describeFailure({ code, message, namesRemedy }: Failure): string {
  return namesRemedy === true ? sentences(message) : sentences(message, reasons[code].remedy);
}
