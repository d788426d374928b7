import { type SourceKey, type SourceReference, sourceKey } from '../../../machines/ownership/source-key.ts';
import type { EventReason } from '../../../machines/reasons/event-reasons.ts';
import { presentable } from '../../../machines/reasons/foreign-text.ts';
import { second } from '../../../machines/time/durations.ts';
import type { Clock } from '../../time/clock.ts';
import type { ApiEvent } from '../client/api-objects.ts';
import type { KubernetesClient } from '../client/client.ts';
import { events } from '../client/collections.ts';
import { KubernetesError, unless } from '../client/kubernetes-error.ts';
import { EventBudget, type EventShare } from './event-budget.ts';
import { fieldManager } from './managed-by.ts';
import { noMetadata, type ObjectMetadata } from './object-metadata.ts';
import { WriteQueue } from './write-queue.ts';

/** An Event, as shown by `kubectl describe`. */
export interface SourceEvent {
  readonly source: SourceReference & { readonly uid: string };
  readonly type: 'Normal' | 'Warning';
  readonly reason: EventReason;
  /** Full sentences; written as presentable text, cut at 1,024 bytes of UTF-8. */
  readonly message: string;
  /** Appended to the message without being cut. */
  readonly link?: string;
}

export interface EventRecorderOptions {
  readonly client: Pick<KubernetesClient, 'call'>;
  readonly clock: Clock;
  /** How the API server knows the sources of a kind. */
  readonly typeOf: (kind: string) => { readonly apiVersion: string; readonly kind: string };
  /** Called for Events that could not be written or found the queue full. */
  readonly onError?: (error: unknown) => void;
  readonly metadata?: ObjectMetadata;
  /** Maximum of queued Events; default 1,000. */
  readonly queueLimit?: number;
}

/** The limit of `note` in events.k8s.io/v1 (API reference), applied to `message` too. */
const longestMessage = 1024;
/** Milliseconds after a write to a namespace in trouble has failed. */
const longestPause = 4 * second;
const mostTries = 4;
const component = 'kube-lego';

interface Waiting {
  readonly body: ApiEvent;
  readonly failures: number;
}

/**
 * Writes Events on sources in the background, one API write each; failures do not affect the caller.
 * core/v1 Events, because `kubectl describe` shows their source and count. Needs the verb create for Events.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #budget: EventBudget;
  readonly #queue = new WriteQueue<Waiting>();
  readonly #stopping = new AbortController();
  #working: Promise<void> | undefined;
  #draining = false;
  #serial = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#budget = new EventBudget(options.clock);
  }

  /**
   * Queues an Event. One reason of one source is written a few times an hour at most; the next one's count includes the
   * suppressed ones.
   */
  publish(event: SourceEvent): void {
    if (this.#draining) return;
    const share = this.#budget.take(event);
    if (share === undefined) return;
    this.#add({ body: this.#objectOf(event, share), failures: 0 });
    if (this.#queue.size <= (this.#options.queueLimit ?? 1000)) return;
    const [, surplus] = this.#queue.takeSurplus() ?? [];
    if (surplus === undefined) return;
    const { involvedObject, reason } = surplus.body;
    const { kind, namespace, name } = involvedObject;
    this.#report(new Error(`Too many Events wait: ${reason} of ${kind} ${namespace}/${name} is dropped`));
  }

  /** Accepts no more, and resolves when all are written or the signal is aborted; never rejects. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    const abort = (): void => this.#stopping.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    while (this.#working !== undefined || this.#queue.repeating !== undefined) {
      await Promise.all([this.#working, this.#queue.repeating]);
    }
    signal.removeEventListener('abort', abort);
  }

  #add(waiting: Waiting): void {
    const { metadata } = waiting.body;
    this.#queue.set(keyOf(metadata), waiting);
    this.#startWriters();
  }

  #startWriters(): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#queue.hasWaiting) this.#working ??= this.#work();
    if (!this.#queue.hasTroubled) return;
    void this.#queue.repeatTroubled({
      clock: this.#options.clock,
      signal: this.#stopping.signal,
      longestPause,
      write: (_, waiting) => this.#write(waiting),
    });
  }

  async #work(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const next = this.#queue.take();
      if (next === undefined) break;
      await this.#write(next[1]);
    }
    this.#working = undefined;
  }

  /** @returns the error of a write that may succeed later */
  async #write({ body, failures }: Waiting): Promise<KubernetesError | undefined> {
    const { client } = this.#options;
    const { signal } = this.#stopping;
    const { metadata } = body;
    const key = keyOf(metadata);
    const namespace = metadata.namespace ?? '';
    try {
      // The name is the same in every try, so that AlreadyExists means an earlier try succeeded.
      await unless('AlreadyExists', () =>
        client.call(signal, (api) => api.create(events, namespace, body, { fieldManager })),
      );
      this.#queue.answered(key);
    } catch (error) {
      if (!(error instanceof KubernetesError) || !error.transient) {
        this.#queue.answered(key);
        this.#report(error);
        return undefined;
      }
      this.#queue.failed(key);
      if (failures + 1 < mostTries) this.#add({ body, failures: failures + 1 });
      else this.#report(error);
      return error;
    } finally {
      this.#startWriters();
    }
    return undefined;
  }

  #objectOf({ source, type, reason, message, link }: SourceEvent, share: EventShare): ApiEvent {
    const at = this.#options.clock.now();
    const words = cut(presentable(message, longestMessage), longestMessage);
    const { kind, namespace, name, uid } = source;
    const { labels, annotations } = this.#options.metadata ?? noMetadata;
    const unique = `${at.toString(16)}${(this.#serial++ % 0x1000).toString(16).padStart(3, '0')}`;
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        namespace,
        name: `${name.slice(0, 200).replace(/[.-]+$/, '')}.${unique}`,
        labels: { ...labels },
        annotations: { ...annotations },
      },
      involvedObject: { ...this.#options.typeOf(kind), namespace, name, uid },
      type,
      reason,
      message: link === undefined ? words : `${words} ${link}`,
      source: { component },
      reportingComponent: component,
      reportingInstance: '',
      firstTimestamp: new Date(share.since).toISOString(),
      lastTimestamp: new Date(at).toISOString(),
      count: share.count,
    };
  }

  #report(error: unknown): void {
    try {
      this.#options.onError?.(error);
    } catch {
      // An error of the error handler cannot be reported.
    }
  }
}

function keyOf({ namespace = '', name = '' }: Pick<ApiEvent['metadata'], 'namespace' | 'name'>): SourceKey {
  return sourceKey({ kind: 'Event', namespace, name });
}

/** Cuts to at most `limit` bytes of UTF-8 including an ellipsis, at a character boundary. */
function cut(text: string, limit: number): string {
  if (Buffer.byteLength(text) <= limit) return text;
  const mark = '…';
  const room = Buffer.from(text).subarray(0, limit - Buffer.byteLength(mark));
  return `${new TextDecoder().decode(room, { stream: true })}${mark}`;
}
