import type { SourceReference } from '../../../machines/ownership/source-key.ts';
import type { EventReason } from '../../../machines/reasons/event-reasons.ts';
import { presentable } from '../../../machines/reasons/foreign-text.ts';
import { second } from '../../../machines/time/durations.ts';
import type { Clock } from '../../time/clock.ts';
import { retry } from '../../time/retry.ts';
import type { ApiEvent } from '../client/api-objects.ts';
import type { KubernetesClient } from '../client/client.ts';
import { events } from '../client/collections.ts';
import { unless, unlessTransient } from '../client/kubernetes-error.ts';
import { EventBudget, type EventShare } from './event-budget.ts';
import { fieldManager } from './managed-by.ts';
import { noMetadata, type ObjectMetadata } from './object-metadata.ts';

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
const pauses = { shortestPause: second, longestPause: 4 * second, mostTries: 4 };
const component = 'kube-lego';

/**
 * Writes Events on sources in the background, one API write each; failures do not affect the caller.
 * core/v1 Events, because `kubectl describe` shows their source and count. Needs the verb create for Events.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #budget: EventBudget;
  readonly #queue: { readonly event: SourceEvent; readonly share: EventShare }[] = [];
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
    if (this.#queue.length >= (this.#options.queueLimit ?? 1000)) {
      const { kind, namespace, name } = event.source;
      this.#report(
        new Error(`Too many Events wait: ${event.reason} of ${kind} ${namespace}/${name} is dropped`),
      );
      return;
    }
    this.#queue.push({ event, share });
    this.#working ??= this.#work();
  }

  /** Accepts no more, and resolves when all are written or the signal is aborted; never rejects. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    const abort = (): void => this.#stopping.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    await this.#working;
    signal.removeEventListener('abort', abort);
  }

  async #work(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      try {
        await this.#write(this.#objectOf(next.event, next.share));
      } catch (error) {
        this.#report(error);
      }
      if (this.#stopping.signal.aborted) this.#queue.length = 0;
    }
    this.#working = undefined;
  }

  async #write(body: ApiEvent): Promise<void> {
    const { client, clock } = this.#options;
    const { signal } = this.#stopping;
    const namespace = body.involvedObject.namespace ?? '';
    // The name is the same in every try, so that AlreadyExists means an earlier try succeeded.
    const create = () =>
      unless('AlreadyExists', () =>
        client.call(signal, (api) => api.create(events, namespace, body, { fieldManager })),
      );
    await retry(create, { clock, signal, ...pauses, pauseAfter: unlessTransient });
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

/** Cuts to at most `limit` bytes of UTF-8 including an ellipsis, at a character boundary. */
function cut(text: string, limit: number): string {
  if (Buffer.byteLength(text) <= limit) return text;
  const mark = '…';
  const room = Buffer.from(text).subarray(0, limit - Buffer.byteLength(mark));
  return `${new TextDecoder().decode(room, { stream: true })}${mark}`;
}
