import { KubernetesError } from './kubernetes-error.ts';

/** The body of a `stream`; must be read to its end or destroyed. */
export interface StreamBody extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown;
}

/** @throws KubernetesError InvalidResponse beyond `limit` bytes; the body is destroyed then */
export async function readAll(body: StreamBody, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > limit)
      throw new KubernetesError('InvalidResponse', `The answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
