import type { IngressContext } from '../../../machines/ingress/ingress-context.ts';
import {
  isEmpty,
  type StatusDocument,
  statusAnnotation,
  statusOf,
  statusOfWaiting,
} from '../../../machines/ingress/status.ts';
import { statusDiffers } from '../../../machines/ingress/status-difference.ts';
import type { SourceKey } from '../../../machines/ownership/source-key.ts';
import type { Failure } from '../../../machines/reasons/reasons.ts';
import { minute, second } from '../../../machines/time/durations.ts';
import { type Clock, sleep } from '../../time/clock.ts';
import { Turns } from '../../time/turns.ts';
import type { KubernetesClient } from '../client/client.ts';
import { KubernetesError } from '../client/kubernetes-error.ts';
import { fieldManager } from './managed-by.ts';
import { decodeStatus, encodeStatus } from './status-annotation.ts';
import { WriteQueue } from './write-queue.ts';

export interface SourceStatusOptions {
  readonly client: Pick<KubernetesClient, 'mergePatch'>;
  /** The path of the source at the API server. */
  readonly pathOf: (key: SourceKey) => string;
  readonly clock: Clock;
  /** The last observed value of the source's annotation. */
  readonly found: (key: SourceKey) => string | undefined;
  /** The annotation by which this kube-lego manages a source; undefined for the default. */
  readonly handedBy?: string | undefined;
  /** Called for writes that failed. */
  readonly onError: (error: unknown) => void;
  /** The API server, a policy or a webhook refuses the write, so that the annotation is out of date. */
  readonly onRefused?: (key: SourceKey, uid: string, error: KubernetesError) => void;
}

interface Waiting {
  readonly uid: string;
  readonly text: string | null;
  /** Failed writes. */
  readonly failures?: number;
}

interface Change {
  readonly context: IngressContext;
  readonly ended: boolean;
}

/** Milliseconds: batches the outcomes of a source, and lets more urgent requests go first. */
const delay = 250;
/** Few, to leave connections to others; one more writes to namespaces in trouble. */
const mostWriters = 2;
/** Milliseconds after a write to a namespace in trouble has failed again. */
const longestPause = 8 * second;
const mostTries = 5;
/** Milliseconds after which the watch must have shown a write. */
const echoLimit = minute;

/**
 * Writes the annotation `kube-lego.io/status` in the background: only the last outcome of each source, and only if it differs
 * from the current value. Uses a merge patch with the uid of the source, so that a re-created one never gets it, and without
 * resourceVersion, because other changes do not matter. Needs the verb patch for the sources.
 */
export class SourceStatusWriter {
  readonly #options: SourceStatusOptions;
  /** Not compared yet. */
  readonly #changed = new Map<SourceKey, Change>();
  #comparing = false;
  readonly #waiting = new WriteQueue<Waiting>();
  /** Whose last write was refused. */
  readonly #refused = new Set<SourceKey>();
  readonly #writing = new Map<SourceKey, Waiting>();
  /** Writes that the watch may not have shown yet, oldest first. */
  readonly #written = new Map<SourceKey, Waiting & { readonly at: number }>();
  readonly #stopping = new AbortController();
  readonly #draining = new AbortController();
  readonly #writers = new Set<Promise<void>>();
  #working = 0;

  constructor(options: SourceStatusOptions) {
    this.#options = options;
  }

  /**
   * Publishes the outcome of a source if it has changed. A certificate that was good at its first check is no outcome.
   * @param ended a round has just ended
   */
  publish(context: IngressContext, ended = false): void {
    const { key, uid } = context;
    const before = this.#changed.get(key);
    const endedBefore = before?.context.uid === uid && before.ended;
    this.#changed.set(key, { context, ended: ended || endedBefore });
    if (!this.#comparing) void this.#compareSoon();
  }

  /** In the next turn: the rounds of hundreds of Secrets of a source may end in one. */
  async #compareSoon(): Promise<void> {
    this.#comparing = true;
    const turns = new Turns();
    await turns.next();
    for (const [key, change] of this.#changed) {
      this.#take(key, change);
      if (turns.isOver) await turns.next();
    }
    this.#comparing = false;
  }

  #take(key: SourceKey, change: Change): void {
    this.#changed.delete(key);
    try {
      this.#compare(change);
    } catch (error) {
      this.#report(error);
    }
  }

  #compare({ context, ended }: Change): void {
    const { key, uid, at } = context;
    const text = this.#there(key, uid);
    const there = decodeStatus(text);
    const spoilt = text !== undefined && there === undefined;
    const waiting = this.#waiting.get(key);
    const said = waiting?.uid === uid ? decodeStatus(waiting.text ?? undefined) : there;
    const { handedBy } = this.#options;
    const document = { ...statusOf(context, said), ...(handedBy === undefined ? {} : { handedBy }) };
    if (there !== undefined && !statusDiffers(there, document, at)) this.#waiting.delete(key);
    else if (said === undefined ? isNews(document, ended || spoilt) : statusDiffers(said, document, at)) {
      this.#enqueue(key, { uid, text: encodeStatus(document) });
    }
  }

  /** Publishes why a source without an actor waits. */
  publishWaiting(key: SourceKey, uid: string, finding: Failure): void {
    const { clock, handedBy } = this.#options;
    const there = this.said({ key, uid });
    const document = {
      ...statusOfWaiting(uid, finding, there),
      ...(handedBy === undefined ? {} : { handedBy }),
    };
    if (there !== undefined && !statusDiffers(there, document, clock.now())) return;
    this.#enqueue(key, { uid, text: encodeStatus(document) });
  }

  /** Removes our status from a source that is not managed any more; text of others stays. */
  retract(key: SourceKey, uid: string): void {
    this.#changed.delete(key);
    const there = decodeStatus(this.#there(key, uid));
    const own = there?.ingress === uid && there.handedBy === this.#options.handedBy;
    if (own) this.#enqueue(key, { uid, text: null });
    else this.#waiting.delete(key);
  }

  /** Number of sources whose annotation is out of date, because the write was refused. */
  get refused(): number {
    return this.#refused.size;
  }

  /** The source is gone. */
  forget(key: SourceKey): void {
    this.#refused.delete(key);
  }

  /** The watch shows this value. Once it has shown a write, its values count again, also if the annotation is absent. */
  seen(key: SourceKey, text: string | undefined): void {
    if (this.#written.get(key)?.text === (text ?? null)) this.#written.delete(key);
  }

  /** The last status, written by this process or a previous one. */
  said(context: Pick<IngressContext, 'key' | 'uid'>): StatusDocument | undefined {
    return decodeStatus(this.#there(context.key, context.uid));
  }

  /** Writes all that is queued, without delay, and resolves when done or when the signal is aborted; never rejects. */
  async drain(signal: AbortSignal): Promise<void> {
    for (const [key, change] of this.#changed) this.#take(key, change);
    this.#draining.abort();
    const abort = (): void => this.#stopping.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    while (this.#writers.size > 0) await Promise.all(this.#writers);
    signal.removeEventListener('abort', abort);
  }

  #there(key: SourceKey, uid: string): string | undefined {
    const written = this.#written.get(key);
    const unseen = written !== undefined && !this.#isOld(written.at) ? written : undefined;
    const own = this.#writing.get(key) ?? unseen;
    return own?.uid === uid ? (own.text ?? undefined) : this.#options.found(key);
  }

  #enqueue(key: SourceKey, waiting: Waiting): void {
    this.#waiting.set(key, waiting);
    this.#startWriters();
  }

  #startWriters(): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#waiting.hasWaiting && this.#working < mostWriters) this.#begin(() => this.#work());
    if (!this.#waiting.hasTroubled || this.#waiting.repeating !== undefined) return;
    this.#begin(() =>
      this.#waiting.repeatTroubled({
        clock: this.#options.clock,
        signal: this.#stopping.signal,
        longestPause,
        writing: this.#writing,
        write: (key, waiting) => this.#write(key, waiting),
      }),
    );
  }

  #begin(work: () => Promise<void>): void {
    const writer = work().finally(() => this.#writers.delete(writer));
    this.#writers.add(writer);
  }

  async #work(): Promise<void> {
    this.#working += 1;
    await sleep(this.#options.clock, delay, this.#draining.signal).catch(() => undefined);
    while (!this.#stopping.signal.aborted) {
      const next = this.#waiting.take(this.#writing);
      if (next === undefined) break;
      await this.#write(...next);
    }
    this.#working -= 1;
  }

  /** @returns the error of a write that may succeed later */
  async #write(key: SourceKey, waiting: Waiting): Promise<KubernetesError | undefined> {
    const { client, pathOf } = this.#options;
    const { uid, text, failures = 0 } = waiting;
    const body = { metadata: { uid, annotations: { [statusAnnotation]: text } } };
    this.#writing.set(key, waiting);
    try {
      await client.mergePatch(pathOf(key), body, fieldManager, this.#stopping.signal);
      this.#remember(key, waiting);
      this.#refused.delete(key);
      this.#waiting.answered(key);
      return undefined;
    } catch (error) {
      const known = error instanceof KubernetesError ? error : undefined;
      const isReplaced = this.#waiting.get(key) !== undefined;
      if (known?.transient === true) {
        this.#waiting.failed(key);
        if (isReplaced) return known;
        if (failures + 1 < mostTries) this.#waiting.set(key, { uid, text, failures: failures + 1 });
        else this.#report(error);
        return known;
      }
      this.#waiting.answered(key);
      if (known !== undefined && (isGone(known) || isReplaced)) this.#refused.delete(key);
      else {
        this.#report(error);
        this.#noteRefusal(key, waiting, error);
      }
      return undefined;
    } finally {
      this.#writing.delete(key);
      this.#startWriters();
    }
  }

  #remember(key: SourceKey, waiting: Waiting): void {
    this.#written.delete(key);
    // The watch may be faster than the answer to the write.
    if ((this.#options.found(key) ?? null) === waiting.text) return;
    this.#written.set(key, { ...waiting, at: this.#options.clock.monotonic() });
    for (const [other, { at }] of this.#written) {
      if (!this.#isOld(at)) break;
      this.#written.delete(other);
    }
  }

  /** Whether the watch must have shown a write of that time by now. */
  #isOld(at: number): boolean {
    return at <= this.#options.clock.monotonic() - echoLimit;
  }

  #noteRefusal(key: SourceKey, { uid }: Waiting, error: unknown): void {
    if (!(error instanceof KubernetesError) || error.transient) return;
    this.#refused.add(key);
    this.#options.onRefused?.(key, uid, error);
  }

  #report(error: unknown): void {
    if (!this.#stopping.signal.aborted) this.#options.onError(error);
  }
}

/** The source was deleted, or re-created: then the patch of its uid is Invalid. */
function isGone({ code, message }: KubernetesError): boolean {
  return (
    code === 'NotFound' || code === 'Conflict' || (code === 'Invalid' && message.includes('metadata.uid'))
  );
}

/** Whether a first outcome is worth a write: not if all was good at the first check. */
function isNews(document: StatusDocument, ended: boolean): boolean {
  const { secrets, notices } = document;
  if (ended || notices !== undefined) return !isEmpty(document);
  return Object.values(secrets).some((entry) => entry.state !== 'good' || entry.notices !== undefined);
}
