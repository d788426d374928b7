import type { IngressContext } from '../../machines/ingress/ingress-context.ts';
import { isEmpty, type StatusDocument, statusOf } from '../../machines/ingress/status.ts';
import { statusDiffers } from '../../machines/ingress/status-difference.ts';
import type { SourceKey } from '../../machines/ownership/source-key.ts';
import { decodeStatus, encodeStatus } from '../../src/kubernetes/records/status-annotation.ts';
import type { Clock } from '../../src/time/clock.ts';
import type { Cluster } from './cluster.ts';

/** Milliseconds from an outcome to its annotation. */
const delay = 250;

/** What src/kubernetes/records/source-status.ts does, without the API server in between. */
export class StatusBoard {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, { readonly uid: string; readonly text: string | undefined }>();
  /** What each text says, for as long as an Ingress holds it: most are looked at again and again. */
  readonly #read = new Map<
    string,
    { readonly text: string; readonly document: StatusDocument | undefined }
  >();

  constructor(cluster: Cluster, clock: Clock) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  publish(context: IngressContext, ended = false): void {
    const { key, uid, at } = context;
    const said = this.#decode(key, this.#waiting.get(key)?.text) ?? this.said(context);
    const document = statusOf(context, said);
    const news =
      said === undefined
        ? ended ||
          (!isEmpty(document) && Object.values(document.secrets).some(({ state }) => state !== 'good'))
        : statusDiffers(said, document, at);
    if (!news) return;
    const isPlanned = this.#waiting.has(key);
    this.#waiting.set(key, { uid, text: encodeStatus(document) ?? undefined });
    if (!isPlanned) this.#clock.setTimeout(() => this.#write(key), delay);
  }

  /** Here all records can be read. */
  publishWaiting(): void {}

  said({ key, uid }: Pick<IngressContext, 'key' | 'uid'>): StatusDocument | undefined {
    const ingress = this.#cluster.ingresses.get(key);
    return ingress?.uid === uid ? this.#decode(key, ingress.status) : undefined;
  }

  #decode(key: SourceKey, text: string | undefined): StatusDocument | undefined {
    if (text === undefined) return undefined;
    const known = this.#read.get(key);
    if (known?.text === text) return known.document;
    const document = decodeStatus(text);
    this.#read.set(key, { text, document });
    return document;
  }

  #write(key: SourceKey): void {
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (waiting !== undefined) this.#cluster.setStatus(key, waiting.uid, waiting.text);
  }
}
