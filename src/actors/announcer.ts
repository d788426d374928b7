import type { Logger } from 'pino';
import { renewals } from '../../machines/assessment/defects.ts';
import { findingsOf } from '../../machines/ingress/certificate-record.ts';
import type { RoundEnd } from '../../machines/ingress/ingress.ts';
import type { IngressContext } from '../../machines/ingress/ingress-context.ts';
import { isAllWell } from '../../machines/ingress/status.ts';
import { sentencesIn } from '../../machines/ingress/status-restore.ts';
import {
  parseSourceKey,
  type SourceKey,
  sourceField,
  sourceKey,
} from '../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../machines/ownership/source-spec.ts';
import type { EventReason } from '../../machines/reasons/event-reasons.ts';
import { describeFailure, type Failure, failureKind } from '../../machines/reasons/reasons.ts';
import { sentences } from '../../machines/reasons/sentences.ts';
import { lastingMessage, lastingText } from '../../machines/reasons/status-text.ts';
import type { EventRecorder } from '../kubernetes/records/events.ts';
import type { SourceStatusWriter } from '../kubernetes/records/source-status.ts';

/** A finding with the words in the status by which it is known again. */
interface Worded {
  readonly finding: Failure;
  readonly said: string;
}

/**
 * Reports the state of a source by Events, by its status annotation and in the log. A lasting finding is reported once, also across
 * restarts.
 */
export class Announcer {
  readonly #events: Pick<EventRecorder, 'publish'>;
  readonly #status: Pick<SourceStatusWriter, 'publish' | 'publishWaiting' | 'said'>;
  readonly #log: Logger;
  /** Findings reported at the last check. */
  readonly #reported = new Map<SourceKey, ReadonlySet<string>>();
  /** By what they are about, which does not change. */
  readonly #words = new WeakMap<object, readonly Worded[]>();
  /** The last failures by Secret. */
  readonly #failures = new Map<SourceKey, ReadonlyMap<string, string>>();

  constructor(
    events: Pick<EventRecorder, 'publish'>,
    status: Pick<SourceStatusWriter, 'publish' | 'publishWaiting' | 'said'>,
    log: Logger,
  ) {
    this.#events = events;
    this.#status = status;
    this.#log = log;
  }

  announceFindings(context: IngressContext): void {
    const { key, notices, certificates } = context;
    const before = this.#reported.get(key);
    const findings = [
      ...this.#worded(notices, () => notices),
      ...certificates.flatMap((record) => this.#worded(record, () => findingsOf(record))),
    ];
    if (findings.length > 0 || before !== undefined) {
      const reported = new Set(before ?? this.#reportedBefore(context));
      this.#reported.set(key, new Set(findings.map(({ said }) => said)));
      for (const { finding, said } of findings) {
        if (!reported.has(said)) this.#report(context, finding, { nextAttempt: isoTime(finding.retryAt) });
        reported.add(said);
      }
    }
    this.#status.publish(context);
  }

  announceRoundEnd(context: IngressContext, { secretName, outcome }: RoundEnd): void {
    const { key } = context;
    const isRepeated = outcome.kind === 'failed' && isToldOnce(outcome.failure);
    // Before the status tells of it.
    const earlier = isRepeated ? this.#saidOfSecret(context, secretName) : undefined;
    this.#status.publish(context, true);
    if (outcome.kind === 'failed') {
      const { failure } = outcome;
      // It is said when it waits in the queue.
      if (failure.held === true) return;
      const said = lastingMessage(failure);
      this.#reported.set(key, new Set(this.#reported.get(key)).add(said));
      this.#failures.set(key, new Map(this.#failures.get(key)).set(secretName, said));
      // It is repeated every few minutes or every day, as long as it takes.
      if (earlier !== undefined) {
        if (!earlier.has(said)) this.#report(context, failure, { secret: secretName });
        return;
      }
      const record = context.certificates.find(({ desired }) => desired.secretName === secretName);
      const nextAttemptAt = record?.status.kind === 'failed' ? record.status.nextAttemptAt : undefined;
      this.#report(context, failure, { secret: secretName, nextAttempt: isoTime(nextAttemptAt) });
      return;
    }
    this.#failures.delete(key);
    const { reason, validity } = outcome;
    const renewed = renewals.has(reason);
    const message = `Secret ${secretName} holds a certificate valid until ${isoTime(validity.notAfter) ?? ''}.`;
    this.#log.info({ ...sourceField(context.key), secret: secretName, due: reason }, message);
    this.#publish(context, 'Normal', renewed ? 'CertificateRenewed' : 'CertificateIssued', message);
    const left = context.certificates.some(({ notices }) =>
      notices.some(({ code }) => code === 'HostLeftOut'),
    );
    if (left) this.announceFindings(context);
  }

  /** Its actor has ended: the next one goes by what the status says. */
  forget(key: SourceKey): void {
    this.#reported.delete(key);
    this.#failures.delete(key);
  }

  /** Why a source has no actor yet, unless all is well with it. */
  announceWaiting(
    source: Pick<SourceSpec, 'kind' | 'namespace' | 'name' | 'uid'>,
    finding: Failure,
    at: number,
  ): void {
    const { uid } = source;
    const key = sourceKey(source);
    if (isAllWell(this.#status.said({ key, uid }), uid, at)) return;
    const isNew = !this.#reportedBefore({ key, uid }).has(lastingMessage(finding));
    this.#status.publishWaiting(key, uid, finding);
    if (isNew) this.#report({ key, uid }, finding, {});
  }

  /** One of 200 Secrets may change 200 times in a turn: the words for the others stay. */
  #worded(of: object, findings: () => readonly Failure[]): readonly Worded[] {
    const known = this.#words.get(of);
    if (known !== undefined) return known;
    const worded = findings().map((finding) => ({ finding, said: lastingMessage(finding) }));
    if (worded.length > 0) this.#words.set(of, worded);
    return worded;
  }

  /** What the last failure of this Secret was said to be, or an earlier process has said of all. */
  #saidOfSecret(context: IngressContext, secretName: string): ReadonlySet<string> {
    const before = this.#failures.get(context.key)?.get(secretName);
    return before === undefined ? this.#reportedBefore(context) : new Set([before]);
  }

  /** Findings reported by an earlier process. */
  #reportedBefore(context: Pick<IngressContext, 'key' | 'uid'>): ReadonlySet<string> {
    const status = this.#status.said(context);
    return new Set(status === undefined ? [] : sentencesIn(status, context.uid).map(lastingText));
  }

  #report(
    context: Pick<IngressContext, 'key' | 'uid'>,
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
    const next = fields.nextAttempt === undefined ? '' : `Next attempt: ${fields.nextAttempt}.`;
    this.#publish(context, isNotice ? 'Normal' : 'Warning', failure.code, sentences(message, next));
  }

  #publish(
    { key, uid }: Pick<IngressContext, 'key' | 'uid'>,
    type: 'Normal' | 'Warning',
    reason: EventReason,
    message: string,
  ): void {
    this.#events.publish({ source: { ...parseSourceKey(key), uid }, type, reason, message });
  }
}

/** Found anew by each check before an order. */
function isToldOnce(failure: Failure): boolean {
  return failureKind(failure) === 'check' || failure.code === 'HostLeftOut';
}

function isoTime(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}
