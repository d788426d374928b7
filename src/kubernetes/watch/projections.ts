import { isDeepStrictEqual } from 'node:util';
import { recordField, stringField } from '../../process/json.ts';

export interface ProjectionHandlers<T extends object> {
  /**
   * What is kept of an object; undefined for one that does not belong here. It must carry `metadata.uid` if a re-created
   * object is to count as a change.
   */
  project(object: unknown): T | undefined;
  /** Only called when the projection differs from the last one of that key. */
  onUpsert(key: string, projected: T): void;
  /** @param last what was known of it */
  onDelete(key: string, last: T): void;
  /** Failures of requests, and whatever `project` and the handlers throw; none of them stops the reflector. */
  onError?(error: unknown): void;
}

/** What is known of a collection: of each object its projection, and handlers told of differences. */
export class Projections<T extends object> {
  readonly #handlers: ProjectionHandlers<T>;
  readonly #byKey = new Map<string, T>();

  constructor(handlers: ProjectionHandlers<T>) {
    this.#handlers = handlers;
  }

  get(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  entries(): IterableIterator<[string, T]> {
    return this.#byKey.entries();
  }

  upsert(key: string, object: unknown): void {
    this.guard(() => {
      const projected = this.#handlers.project(object);
      if (projected === undefined) return this.remove(key);
      const known = this.#byKey.get(key);
      if (known !== undefined && isDeepStrictEqual(known, projected)) return;
      this.#byKey.set(key, projected);
      this.#handlers.onUpsert(key, projected);
    });
  }

  remove(key: string): void {
    const last = this.#byKey.get(key);
    if (last !== undefined && this.#byKey.delete(key)) this.guard(() => this.#handlers.onDelete(key, last));
  }

  /** Runs what belongs to others; what it throws is reported and goes no further. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.report(error);
    }
  }

  report(error: unknown): void {
    try {
      this.#handlers.onError?.(error);
    } catch {
      // Whoever reports errors by throwing has nobody left to tell.
    }
  }
}

/** `namespace/name`, or `name` of what has no namespace; undefined for what is no object. */
export function keyOf(object: unknown): string | undefined {
  const metadata = recordField(object, 'metadata');
  const name = stringField(metadata, 'name');
  const namespace = stringField(metadata, 'namespace');
  if (name === undefined) return undefined;
  return namespace === undefined ? name : `${namespace}/${name}`;
}
