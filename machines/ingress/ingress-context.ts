import type { DesiredCertificate } from '../ownership/desired-certificate.ts';
import type { SourceKey } from '../ownership/source-key.ts';
import type { Failure } from '../reasons/reasons.ts';
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

/** The time of the next renewal, retry, ARI query or check; during a check, of those known. */
export function wakeTime({ certificates, nextCheckAt }: IngressContext): number | undefined {
  const asked = certificates.map(({ status }) => (status.kind === 'good' ? status.askAt : undefined));
  return earliest([...certificates.map(attentionTime), ...asked, nextCheckAt]);
}

/** Whether no check is running or pending. */
export function isChecked({ nextCheckAt }: IngressContext): boolean {
  return nextCheckAt !== undefined;
}

export function roundsOf({ certificates }: IngressContext): CertificateInput[] {
  return certificates.flatMap(({ status }) => (status.kind === 'working' ? [status.round] : []));
}

/** The Secrets that a check reads: all without a running round. */
export function toCheck({ certificates }: IngressContext): DesiredCertificate[] {
  return certificates.filter(({ status }) => status.kind !== 'working').map(({ desired }) => desired);
}

/** Whether the last event made a new value of `kube-lego.io/retry` take effect. */
export function isRetried({ retriedAt, at }: IngressContext): boolean {
  return retriedAt.at(-1) === at;
}
