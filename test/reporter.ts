import { relative } from 'node:path';
import { Readable } from 'node:stream';
import { spec, type TestEvent } from 'node:test/reporters';

const shown = 10;

/** Node's `spec`, and before its summary the slowest tests and the slowest files, which say where the time has gone. */
export default async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  yield* Readable.from(withSlowest(events)).compose(spec());
}

async function* withSlowest(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  const durations = new Durations();
  for await (const event of events) {
    durations.add(event);
    if (beginsSummary(event)) yield { type: 'test:stdout', data: { file: '', message: durations.report() } };
    yield event;
  }
}

function beginsSummary({ type, data }: TestEvent): boolean {
  return type === 'test:diagnostic' && data.nesting === 0 && /^tests \d+$/.test(data.message);
}

/** How long each test and each file took. */
class Durations {
  readonly #tests = new Map<string, number>();
  readonly #files = new Map<string, number>();
  /** names from the outermost suite on, by file and id */
  readonly #names = new Map<string, string>();

  add({ type, data }: TestEvent): void {
    if (type !== 'test:enqueue' && type !== 'test:complete') return;
    const file = relative('', data.file ?? '');
    if (type === 'test:enqueue') {
      const suite = this.#names.get(`${file} ${data.parentId}`);
      this.#names.set(`${file} ${data.testId}`, suite === undefined ? data.name : `${suite} > ${data.name}`);
    } else if (relative('', data.name) === file) this.#files.set(file, data.details.duration_ms);
    else if (data.details.type !== 'suite') {
      const name = this.#names.get(`${file} ${data.testId}`) ?? data.name;
      this.#tests.set(`${file}: ${name}`, data.details.duration_ms);
    }
  }

  report(): string {
    return `\nThe slowest tests:\n${slowest(this.#tests)}\nThe slowest files:\n${slowest(this.#files)}\n`;
  }
}

/** A line for each, with a line feed at its end. */
function slowest(durations: ReadonlyMap<string, number>): string {
  return [...durations]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, shown)
    .map(([name, milliseconds]) => `${(milliseconds / 1_000).toFixed(1).padStart(7)} s  ${name}\n`)
    .join('');
}
