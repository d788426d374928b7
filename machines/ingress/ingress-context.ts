import { hostsToBlame } from '../assessment/rescue.ts';
import type { DesiredCertificate } from '../ownership/desired-certificate.ts';
import type { SecretOutcome } from '../ownership/secret-claims.ts';
import type { SourceKey } from '../ownership/source-key.ts';
import { type Failure, failureKind } from '../reasons/reasons.ts';
import { earliest } from '../time/earliest.ts';
import { type CertificateInput, certificatePhases } from './certificate.ts';
import type { CertificateRecord } from './certificate-record.ts';

/** All states but `checking`. */
export const settledStates = [...certificatePhases, 'backing-off', 'idle'] as const;
export type SettledState = (typeof settledStates)[number];
export type IngressState = 'checking' | SettledState;

export interface IngressPolicy {
  /** Milliseconds, `LEGO_CHECK_INTERVAL`. */
  readonly checkInterval: number;
  /** Milliseconds, `LEGO_MINIMUM_VALIDITY`. */
  readonly minimumValidity: number;
}

/** A Secret to read, and the hosts for whose appearance it waits. */
export interface CheckRequest extends DesiredCertificate {
  readonly awaited?: readonly string[];
}

export interface EarlierRecord {
  readonly record: CertificateRecord;
  /** When it was no longer desired, in milliseconds since the epoch. */
  readonly at: number;
}

export interface IngressContext {
  readonly key: SourceKey;
  readonly uid: string;
  readonly policy: IngressPolicy;
  /** About the Ingress itself. */
  readonly notices: readonly Failure[];
  readonly certificates: readonly CertificateRecord[];
  /** Records of failed certificates that were desired otherwise or not at all then, of the past hour. */
  readonly earlier: readonly EarlierRecord[];
  /** The time of the last event. */
  readonly at: number;
  /** When the current state was entered. */
  readonly since: number;
  /** Undefined while a check runs. */
  readonly nextCheckAt: number | undefined;
  /** The value of `kube-lego.io/retry`, and when new values took effect in the past hour. */
  readonly retry: string | undefined;
  readonly retriedAt: readonly number[];
  /** Number of rounds started by this actor. */
  readonly rounds: number;
}

/**
 * The state of an Ingress that is not checking: that of its least advanced running certificate (in the order of
 * `certificatePhases`); without one, `backing-off` if a certificate will be retried, else `idle`.
 */
export function stateOf({ certificates }: IngressContext): SettledState {
  for (const phase of certificatePhases) {
    if (certificates.some(({ status }) => status.kind === 'working' && status.phase === phase)) return phase;
  }
  const failing = certificates.some(
    ({ status }) => status.kind === 'failed' && status.nextAttemptAt !== undefined,
  );
  return failing ? 'backing-off' : 'idle';
}

/** When this Secret is renewed or retried; undefined if neither. */
export function attentionTime({ status }: CertificateRecord): number | undefined {
  if (status.kind === 'good') return status.renewAt;
  return status.kind === 'failed' ? status.nextAttemptAt : undefined;
}

/** The time of the next renewal, retry or check of Secrets; during a check, of those known. Without `recheckTime`. */
export function wakeTime({ certificates, nextCheckAt }: IngressContext): number | undefined {
  const checked = certificates.map(({ status }) => (status.kind === 'good' ? status.checkAt : undefined));
  const attended = certificates.filter((record) => !isRechecked(record)).map(attentionTime);
  return earliest([...attended, ...checked, nextCheckAt]);
}

/** When a check before an order is repeated: the supervisor may make it later. */
export function recheckTime({ certificates }: IngressContext): number | undefined {
  return earliest([
    ...certificates.filter(isRechecked).map(attentionTime),
    ...certificates.map(({ status }) => (status.kind === 'failed' ? status.lookAt : undefined)),
  ]);
}

function isRechecked({ status }: CertificateRecord): boolean {
  return status.kind === 'failed' && failureKind(status.failure) === 'check';
}

/** For the other Ingresses of a shared Secret: lasting failures. A running round keeps the last outcome. */
export function outcomesOf({ certificates }: IngressContext): SecretOutcome[] {
  return certificates.flatMap(({ desired: { secretName }, status }): SecretOutcome[] => {
    if (status.kind === 'good') return [{ secretName, failure: undefined }];
    if (status.kind !== 'failed' || status.failure.held === true) return [];
    return failureKind(status.failure) === 'transient' ? [] : [{ secretName, failure: status.failure }];
  });
}

/** Whether no check is running or pending. */
export function isChecked({ nextCheckAt }: IngressContext): boolean {
  return nextCheckAt !== undefined;
}

export function roundsOf({ certificates }: IngressContext): CertificateInput[] {
  return certificates.flatMap(({ status }) => (status.kind === 'working' ? [status.round] : []));
}

/** The Secrets that a check reads: all without a running round. */
export function toCheck({ certificates, at }: IngressContext): CheckRequest[] {
  return certificates
    .filter(({ status }) => status.kind !== 'working')
    .map(({ desired, status }) => {
      const isLookedFor = status.kind === 'failed' && status.lookAt !== undefined && status.lookAt <= at;
      return isLookedFor ? { ...desired, awaited: hostsToBlame(status.failure) ?? [] } : desired;
    });
}

/** Whether the last event made a new value of `kube-lego.io/retry` take effect. */
export function isRetried({ retriedAt, at }: IngressContext): boolean {
  return retriedAt.at(-1) === at;
}
