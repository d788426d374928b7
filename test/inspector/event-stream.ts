import assert from 'node:assert/strict';
import type { Delta, Heartbeat, IngressDetail, Snapshot } from '../../src/inspector/protocol.ts';
import { eventually } from '../time/eventually.ts';

interface DataByEvent {
  readonly snapshot: Snapshot;
  readonly delta: Delta;
  readonly detail: IngressDetail;
  readonly gone: object;
  readonly heartbeat: Heartbeat;
}

interface StreamedEvent {
  readonly id: string | undefined;
  readonly event: string;
  /** JSON. */
  readonly data: string;
}

/** Server-sent events as they come in, without coming back by itself as a browser does. */
export class EventStream {
  readonly events: StreamedEvent[] = [];
  ended = false;
  readonly #abort = new AbortController();

  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
    const stream = new EventStream();
    const answer = await fetch(url, { headers, signal: stream.#abort.signal });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    assert.ok(answer.body !== null);
    stream.#read(answer.body).then(
      () => {
        stream.ended = true;
      },
      () => {
        stream.ended = true;
      },
    );
    return stream;
  }

  close(): void {
    this.#abort.abort();
  }

  /** The data of the event of this name that comes as the first, second … */
  async until<Name extends keyof DataByEvent>(event: Name, place = 1): Promise<DataByEvent[Name]> {
    await eventually(`${place} events ${event}`, () => this.named(event).length >= place);
    const data: DataByEvent[Name] = JSON.parse(this.named(event)[place - 1]?.data ?? '');
    return data;
  }

  /** Of the last event that has one. */
  get lastId(): string {
    return this.events.findLast(({ id }) => id !== undefined)?.id ?? '';
  }

  named(event: keyof DataByEvent): StreamedEvent[] {
    return this.events.filter((one) => one.event === event);
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    let text = '';
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      const blocks = `${text}${chunk}`.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) this.#take(block);
    }
  }

  #take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => [line.split(': ')[0] ?? '', line.replace(/^\w+: /, '')]),
    );
    const event = fields.get('event');
    if (event === undefined) return;
    this.events.push({ id: fields.get('id'), event, data: fields.get('data') ?? '' });
  }
}
