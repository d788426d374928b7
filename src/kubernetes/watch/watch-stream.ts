import type { StreamBody } from '../client/api-answer.ts';
import { readAll } from '../client/api-answer.ts';
import { KubernetesError } from '../client/kubernetes-error.ts';

const newline = 0x0a;
/** An object in etcd is limited to 1.5 MiB; escaped JSON of it stays far below this. */
const longestLine = 16 * 1024 * 1024;

/**
 * The events of a watch, one JSON document per line. An incomplete last line is dropped: the server closed in the middle
 * of an event, and the next watch sends it again. Chunks are released once their lines are parsed.
 * @throws KubernetesError InvalidResponse for a line that is not JSON, or longer than 16 MiB
 */
export async function* watchEvents(body: StreamBody): AsyncGenerator<unknown, void, undefined> {
  let rest: Uint8Array[] = [];
  let restLength = 0;
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      rest.push(chunk.subarray(start, end));
      const line = text(rest);
      rest = [];
      restLength = 0;
      start = end + 1;
      if (line.trim() !== '') yield parse(line);
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start));
      restLength += chunk.length - start;
      if (restLength > longestLine) {
        throw new KubernetesError(
          'InvalidResponse',
          `An event of the watch is longer than ${longestLine} bytes`,
        );
      }
    }
  }
}

/** The whole body of a list. @throws KubernetesError InvalidResponse if it is too long or not JSON */
export async function readJson(body: StreamBody, limit: number): Promise<unknown> {
  return parse((await readAll(body, limit)).toString('utf8'));
}

function text(chunks: readonly Uint8Array[]): string {
  return Buffer.concat(chunks).toString('utf8');
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    // Not the text itself: it may be confidential.
    throw new KubernetesError(
      'InvalidResponse',
      `The API server sent ${line.length} characters that are not JSON`,
      {
        cause: cause instanceof Error ? cause.name : undefined,
      },
    );
  }
}
