import type { Logger } from 'pino';
import type { RoundEnd } from '../machines/ingress.ts';
import type { IngressContext } from '../machines/ingress-context.ts';
import { describeFailure, type Failure, failureKind } from '../machines/reasons.ts';
import type { EventRecorder } from './kubernetes/events.ts';

/** Tells people what becomes of an Ingress, by Events on it and in the log; a finding that stays is said once. */
export class Announcer {
  readonly #events: Pick<EventRecorder, 'publish'>;
  readonly #log: Logger;
  /** What was said of an actor's Ingress at its last check. */
  readonly #said = new WeakMap<object, ReadonlySet<string>>();

  constructor(events: Pick<EventRecorder, 'publish'>, log: Logger) {
    this.#events = events;
    this.#log = log;
  }

  /** @param actor whose context it is */
  announceFindings(actor: object, context: IngressContext): void {
    const before = this.#said.get(actor);
    const findings = [...context.notices, ...context.certificates.flatMap(findingsOf)];
    if (findings.length === 0 && before === undefined) return;
    this.#said.set(actor, new Set(findings.map(describeFailure)));
    for (const finding of findings) {
      if (before?.has(describeFailure(finding)) !== true) this.#tell(context, finding, {});
    }
  }

  /** @param actor whose context it is */
  announceRoundEnd(actor: object, context: IngressContext, { secretName, outcome }: RoundEnd): void {
    if (outcome.kind === 'failed') {
      const record = context.certificates.find(({ desired }) => desired.secretName === secretName);
      const nextAttemptAt = record?.status.kind === 'failed' ? record.status.nextAttemptAt : undefined;
      this.#said.set(actor, new Set(this.#said.get(actor)).add(describeFailure(outcome.failure)));
      this.#tell(context, outcome.failure, { secret: secretName, nextAttempt: isoTime(nextAttemptAt) });
      return;
    }
    const { reason, validity } = outcome;
    const renewed = reason === 'near-expiry' || reason === 'expired';
    const message = `Secret ${secretName} holds a certificate valid until ${isoTime(validity.notAfter) ?? ''}.`;
    this.#log.info({ ingress: context.key, secret: secretName, due: reason }, message);
    this.#publish(context, 'Normal', renewed ? 'CertificateRenewed' : 'CertificateIssued', message);
  }

  #tell(
    context: IngressContext,
    failure: Failure,
    fields: { secret?: string; nextAttempt?: string | undefined },
  ): void {
    const message = describeFailure(failure);
    const isNotice = failureKind(failure) === 'notice';
    this.#log[isNotice ? 'info' : 'warn']({ ingress: context.key, reason: failure.code, ...fields }, message);
    const next = fields.nextAttempt === undefined ? '' : ` Next attempt: ${fields.nextAttempt}.`;
    this.#publish(context, isNotice ? 'Normal' : 'Warning', failure.code, `${message}${next}`);
  }

  #publish({ key, uid }: IngressContext, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const [namespace = '', name = ''] = key.split('/');
    this.#events.publish({ ingress: { namespace, name, uid }, type, reason, message });
  }
}

function findingsOf({ status, notices }: IngressContext['certificates'][number]): readonly Failure[] {
  return status.kind === 'failed' ? [...notices, status.failure] : notices;
}

function isoTime(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}
