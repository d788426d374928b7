import { second } from '../../../machines/time/durations.ts';
import { isRecord, recordField, stringField } from '../../process/json.ts';
import { Turns } from '../../time/turns.ts';
import type { KubernetesClient } from '../client/client.ts';
import { KubernetesError } from '../client/kubernetes-error.ts';
import { ObjectCutter } from './object-cutter.ts';
import { parseJson } from './watch-stream.ts';

/** Fields of `metadata` that nobody reads and that hold half the bytes of a usual object. */
export const neverRead: ReadonlySet<string> = new Set(['managedFields']);

const longestSilence = 30 * second;
/** Bytes that a page should have: the API server holds a whole one in memory, several times. */
const wantedPage = 8 * 1024 * 1024;
const firstPage = 100;
/** Objects in one answer, should the API server ignore the limit. */
const mostInPage = 100_000;

/** How many objects to ask for next, by the bytes of those before. */
export class PageSize {
  readonly #most: number;
  #next: number;

  /** @param most objects in a page */
  constructor(most = 500) {
    this.#most = most;
    this.#next = Math.min(most, firstPage);
  }

  get next(): number {
    return this.#next;
  }

  /** A page had so many of them: the next one is at most twice as long. */
  had(objects: number, bytes: number): void {
    const fitting = objects === 0 ? this.#most : Math.floor((wantedPage * objects) / bytes);
    this.#next = Math.max(1, Math.min(this.#most, this.#next * 2, fitting));
  }

  /** A page did not come, maybe for its size. */
  failed(): void {
    this.#next = Math.max(1, Math.floor(this.#next / 2));
  }
}

export interface CollectionReading {
  readonly client: Pick<KubernetesClient, 'stream'>;
  readonly path: string;
  /** Selectors. */
  readonly query: URLSearchParams;
  readonly accept?: string | undefined;
  readonly pages: PageSize;
  /** Fields of `metadata` that are left out; `neverRead` if not given. */
  readonly without?: ReadonlySet<string> | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads a collection in pages. Each object is passed on as it arrives and is not kept, so an object of any tenant costs the memory and
 * the time of one.
 *
 * @returns the resourceVersion of the list
 * @throws KubernetesError; Gone if it took longer than the API server keeps a version, then all is to be read again
 */
export async function readCollection(
  reading: CollectionReading,
  each: (object: unknown) => void,
): Promise<string> {
  const turns = new Turns();
  for (let token = ''; ; ) {
    const page = await readPage(reading, token, turns, each);
    if (page.continue !== '') token = page.continue;
    else if (page.resourceVersion !== undefined) return page.resourceVersion;
    else throw new KubernetesError('InvalidResponse', `GET ${reading.path}: the list has no resourceVersion`);
  }
}

async function readPage(
  { client, path, query, accept, pages, without = neverRead, signal }: CollectionReading,
  token: string,
  turns: Turns,
  each: (object: unknown) => void,
): Promise<{ readonly continue: string; readonly resourceVersion: string | undefined }> {
  const asked = new URLSearchParams(query);
  asked.set('limit', String(pages.next));
  if (token !== '') asked.set('continue', token);
  const cutter = new ObjectCutter({ objects: 'items', without });
  let objects = 0;
  let bytes = 0;
  try {
    const options = { signal, bodyTimeout: longestSilence, ...(accept === undefined ? {} : { accept }) };
    const { body } = await client.stream(path, asked, options);
    for await (const piece of body) {
      bytes += piece.length;
      for (const object of cutter.feed(piece)) {
        objects += 1;
        if (objects > mostInPage) {
          throw new KubernetesError(
            'InvalidResponse',
            `GET ${path}: more than ${mostInPage} objects in a page`,
          );
        }
        const parsed = parseJson(object.toString('utf8'));
        if (turns.isOver) await turns.next();
        each(parsed);
        if (turns.isOver) await turns.next();
      }
      // Node hands over up to 32 pieces in one turn.
      if (turns.isOver) await turns.next();
    }
    const frame = parseJson(cutter.frame());
    // The API server encodes an empty list of metadata as null. Anything else than a list would delete all that is known.
    if (
      !isRecord(frame) ||
      !(Array.isArray(frame['items']) || (frame['items'] === null && accept !== undefined))
    ) {
      throw new KubernetesError('InvalidResponse', `GET ${path}: the API server's answer is not a list`);
    }
    pages.had(objects, bytes);
    const metadata = recordField(frame, 'metadata');
    return {
      continue: stringField(metadata, 'continue') ?? '',
      resourceVersion: stringField(metadata, 'resourceVersion'),
    };
  } catch (error) {
    const tooMuch = !(error instanceof KubernetesError) || ['ServerError', 'Timeout'].includes(error.code);
    if (tooMuch) pages.failed();
    throw error;
  }
}
