import { isDeepStrictEqual } from 'node:util';
import pLimit from 'p-limit';
import type { Clock } from '../../../../src/time/clock.ts';
import type { StatusWrite } from './gateway-statuses.ts';

export interface StatusWriterOptions {
  readonly clock: Clock;
  /** what should be written now */
  readonly statuses: () => readonly StatusWrite[];
  /** a merge patch of the object's status */
  readonly patch: (path: string, status: Record<string, unknown>) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Milliseconds by which changes that come together are written together. */
const gathering = 20;
/** Milliseconds until what has failed is tried again. */
const retryDelay = 500;
const atOnce = 8;

/** Writes the status of objects where it is not what it should be. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  /** what was written last, and in the place of what */
  readonly #written = new Map<string, Pick<StatusWrite, 'found' | 'wanted'>>();
  #timer: unknown;
  #running = false;
  #stopped = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** Something has changed. */
  schedule(delay = gathering): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      if (this.#running) this.schedule();
      else void this.#run();
    }, delay);
  }

  stop(): void {
    this.#stopped = true;
    this.#options.clock.clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    this.#running = true;
    const limit = pLimit(atOnce);
    const statuses = this.#options.statuses();
    // An object that is created again has no status.
    const paths = new Set(statuses.map(({ path }) => path));
    for (const path of this.#written.keys()) if (!paths.has(path)) this.#written.delete(path);
    const due = statuses.filter((write) => this.#isDue(write));
    await Promise.all(due.map((write) => limit(() => this.#write(write))));
    this.#running = false;
  }

  /** Not if the watch has only not yet told us of what we have written. */
  #isDue({ path, found, wanted }: StatusWrite): boolean {
    if (isDeepStrictEqual(found, wanted)) return false;
    const last = this.#written.get(path);
    return last === undefined || last.found !== found || !isSame(last.wanted, wanted);
  }

  async #write({ path, found, wanted }: StatusWrite): Promise<void> {
    if (this.#stopped) return;
    try {
      this.#written.set(path, { found, wanted });
      await this.#options.patch(path, wanted);
    } catch (error) {
      this.#written.delete(path);
      if (this.#stopped) return;
      this.#options.onError(error);
      this.schedule(retryDelay);
    }
  }
}

/** But for the times. */
function isSame(one: unknown, other: unknown): boolean {
  return timeless(one) === timeless(other);
}

function timeless(status: unknown): string {
  return JSON.stringify(status, (key, part: unknown) => (key === 'lastTransitionTime' ? undefined : part));
}
