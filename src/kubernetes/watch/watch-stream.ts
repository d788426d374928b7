import { Turns } from '../../time/turns.ts';
import type { StreamBody } from '../client/api-answer.ts';
import { readAll } from '../client/api-answer.ts';
import { notJson, ObjectCutter } from './object-cutter.ts';

/**
 * The events of a watch; between them, and between the pieces of a large one, others get their turn of the event loop. An incomplete last one is dropped: the server closed in the middle of it, and the next watch sends it again.
 *
 * @param without fields of `metadata` that are left out of the objects
 * @throws KubernetesError InvalidResponse for what is no JSON, or for an event that is longer than an object can be
 */
export async function* watchEvents(
  body: StreamBody,
  without: ReadonlySet<string>,
): AsyncGenerator<unknown, void, undefined> {
  const cutter = new ObjectCutter({ objects: 'lines', without });
  const turns = new Turns();
  for await (const piece of body) {
    for (const event of cutter.feed(piece)) {
      const parsed = parseJson(event.toString('utf8'));
      if (turns.isOver) await turns.next();
      yield parsed;
      if (turns.isOver) await turns.next();
    }
    // Node hands over up to 32 pieces in one turn.
    if (turns.isOver) await turns.next();
  }
}

/** The whole of a short body. @throws KubernetesError InvalidResponse if it is longer than `limit` bytes, or not JSON */
export async function readJson(body: StreamBody, limit: number): Promise<unknown> {
  return parseJson((await readAll(body, limit)).toString('utf8'));
}

/** @throws KubernetesError InvalidResponse, without the text: it may be confidential */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notJson(cause);
  }
}
