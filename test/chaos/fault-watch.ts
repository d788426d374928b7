import { Transform, type TransformCallback } from 'node:stream';
import { isRecord, recordField, stringField } from '../../src/process/json.ts';

export interface WatchFaults {
  /** Whether an event comes twice. */
  readonly repeats: () => boolean;
  /** Whether an event comes after the next one, if that is about another object. */
  readonly delays: () => boolean;
  /** After so many milliseconds the stream ends; undefined: it does not. */
  readonly endsAfter: number | undefined;
  /** The connection breaks instead of a proper end. */
  readonly cuts: boolean;
}

/** Milliseconds that an event waits for the next one. */
const longestHold = 500;

/**
 * The events of a watch, a JSON object a line, as they come from an API server: some of them twice, some after the next one, if that is
 * about another object. Nothing goes past a bookmark, and what is held comes before the end: a client has nothing else to go by.
 */
export class FaultyWatch extends Transform {
  readonly #faults: WatchFaults;
  readonly #end: NodeJS.Timeout | undefined;
  #rest = '';
  #isOver = false;
  #held: { readonly line: string; readonly name: string; readonly timer: NodeJS.Timeout } | undefined;

  constructor(faults: WatchFaults) {
    super();
    this.#faults = faults;
    if (faults.endsAfter !== undefined) this.#end = setTimeout(() => this.#finish(), faults.endsAfter);
    this.once('close', () => {
      clearTimeout(this.#end);
      clearTimeout(this.#held?.timer);
    });
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#pass(line);
    done();
  }

  override _flush(done: TransformCallback): void {
    this.#release();
    done();
  }

  #pass(line: string): void {
    const name = subjectOf(line);
    const held = this.#held;
    if (held !== undefined && (name === undefined || name === held.name)) this.#release();
    if (name !== undefined && this.#held === undefined && this.#faults.delays()) {
      this.#held = { line, name, timer: setTimeout(() => this.#release(), longestHold) };
      return;
    }
    this.#send(line);
    if (name !== undefined && this.#faults.repeats()) this.#send(line);
    this.#release();
  }

  #release(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    clearTimeout(held.timer);
    this.#send(held.line);
  }

  #send(line: string): void {
    if (!this.#isOver && !this.destroyed) this.push(`${line}\n`, 'latin1');
  }

  #finish(): void {
    this.#release();
    this.#isOver = true;
    if (this.#faults.cuts) this.destroy(new Error('cut'));
    else this.push(null);
  }
}

/** Namespace and name of the object that the event is about: one that has its name after it is no other. Undefined for a bookmark, an error or something else. */
function subjectOf(line: string): string | undefined {
  const event: unknown = JSON.parse(Buffer.from(line, 'latin1').toString());
  if (!isRecord(event) || !['ADDED', 'MODIFIED', 'DELETED'].includes(String(event['type']))) return undefined;
  const metadata = recordField(recordField(event, 'object'), 'metadata');
  return `${stringField(metadata, 'namespace') ?? ''}/${stringField(metadata, 'name')}`;
}
