import type { Logger } from 'pino';
import { findingsOf } from '../../machines/ingress/certificate-record.ts';
import type { RoundEnd } from '../../machines/ingress/ingress.ts';
import type { IngressContext } from '../../machines/ingress/ingress-context.ts';
import { sentencesIn } from '../../machines/ingress/status-restore.ts';
import { parseSourceKey, sourceField } from '../../machines/ownership/source-key.ts';
import type { EventReason } from '../../machines/reasons/event-reasons.ts';
import { describeFailure, type Failure, failureKind } from '../../machines/reasons/reasons.ts';
import { statusMessage } from '../../machines/reasons/status-text.ts';
import type { EventRecorder } from '../kubernetes/records/events.ts';
import type { SourceStatusWriter } from '../kubernetes/records/source-status.ts';

/**
 * Reports the state of a source by Events, by its status annotation and in the log. A lasting finding is reported once, also across
 * restarts.
 */
export class Announcer {
  readonly #events: Pick<EventRecorder, 'publish'>;
  readonly #status: Pick<SourceStatusWriter, 'publish' | 'said'>;
  readonly #log: Logger;
  /** Findings reported at the last check, by actor. */
  readonly #reported = new WeakMap<object, ReadonlySet<string>>();

  constructor(
    events: Pick<EventRecorder, 'publish'>,
    status: Pick<SourceStatusWriter, 'publish' | 'said'>,
    log: Logger,
  ) {
    this.#events = events;
    this.#status = status;
    this.#log = log;
  }

  /** @param actor whose context it is */
  announceFindings(actor: object, context: IngressContext): void {
    const before = this.#reported.get(actor);
    const findings = [...context.notices, ...context.certificates.flatMap(findingsOf)];
    if (findings.length > 0 || before !== undefined) {
      const reported = before ?? this.#reportedBefore(context);
      this.#reported.set(actor, new Set(findings.map(statusMessage)));
      for (const finding of findings) {
        if (!reported.has(statusMessage(finding)))
          this.#report(context, finding, { nextAttempt: isoTime(finding.retryAt) });
      }
    }
    this.#status.publish(context);
  }

  /** @param actor whose context it is */
  announceRoundEnd(actor: object, context: IngressContext, { secretName, outcome }: RoundEnd): void {
    this.#status.publish(context, true);
    if (outcome.kind === 'failed') {
      const record = context.certificates.find(({ desired }) => desired.secretName === secretName);
      const nextAttemptAt = record?.status.kind === 'failed' ? record.status.nextAttemptAt : undefined;
      this.#reported.set(actor, new Set(this.#reported.get(actor)).add(statusMessage(outcome.failure)));
      this.#report(context, outcome.failure, { secret: secretName, nextAttempt: isoTime(nextAttemptAt) });
      return;
    }
    const { reason, validity } = outcome;
    const renewed = ['near-expiry', 'expired', 'renewal-suggested'].includes(reason);
    const message = `Secret ${secretName} holds a certificate valid until ${isoTime(validity.notAfter) ?? ''}.`;
    this.#log.info({ ...sourceField(context.key), secret: secretName, due: reason }, message);
    this.#publish(context, 'Normal', renewed ? 'CertificateRenewed' : 'CertificateIssued', message);
    const left = context.certificates.some(({ notices }) =>
      notices.some(({ code }) => code === 'HostLeftOut'),
    );
    if (left) this.announceFindings(actor, context);
  }

  /** Findings reported by an earlier process. */
  #reportedBefore(context: IngressContext): ReadonlySet<string> {
    const status = this.#status.said(context);
    return status === undefined ? new Set() : sentencesIn(status, context.uid);
  }

  #report(
    context: IngressContext,
    failure: Failure,
    fields: { secret?: string; nextAttempt?: string | undefined },
  ): void {
    const message = describeFailure(failure);
    const isNotice = failureKind(failure) === 'notice';
    // The account's error is in the log once, for all.
    const level = failure.code === 'AccountNotReady' ? 'debug' : 'warn';
    this.#log[isNotice ? 'info' : level](
      { ...sourceField(context.key), reason: failure.code, ...fields },
      message,
    );
    const next = fields.nextAttempt === undefined ? '' : ` Next attempt: ${fields.nextAttempt}.`;
    this.#publish(context, isNotice ? 'Normal' : 'Warning', failure.code, `${message}${next}`);
  }

  #publish(
    { key, uid }: IngressContext,
    type: 'Normal' | 'Warning',
    reason: EventReason,
    message: string,
  ): void {
    this.#events.publish({ source: { ...parseSourceKey(key), uid }, type, reason, message });
  }
}

function isoTime(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}
