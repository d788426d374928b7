import { isDeepStrictEqual } from 'node:util';
import { recordField, stringField } from '../../process/json.ts';

export interface ProjectionHandlers<T extends object> {
  /**
   * The projection of an object; undefined for one to be ignored. It must contain `metadata.uid` if a re-created object
   * is to count as a change.
   */
  project(object: unknown): T | undefined;
  /** Called if the projection differs from the previous one of that key. */
  onUpsert(key: string, projected: T): void;
  /** @param last its last projection */
  onDelete(key: string, last: T): void;
  /** Failed requests, and errors of `project` and the handlers; none of them stops the reflector. */
  onError?(error: unknown): void;
}

/** The projections of a collection; handlers are called for differences. */
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

  /** Runs foreign code; its errors are reported, not thrown. */
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
      // An error of the error handler cannot be reported.
    }
  }
}

/** Milliseconds since the epoch; 0 for an invalid date. */
export function creationTime(metadata: Record<string, unknown> | undefined): number {
  const time = Date.parse(stringField(metadata, 'creationTimestamp') ?? '');
  return Number.isNaN(time) ? 0 : time;
}

/** `namespace/name`, or `name` of a cluster-scoped object; undefined if it is no object. */
export function keyOf(object: unknown): string | undefined {
  const metadata = recordField(object, 'metadata');
  const name = stringField(metadata, 'name');
  const namespace = stringField(metadata, 'namespace');
  if (name === undefined) return undefined;
  return namespace === undefined ? name : `${namespace}/${name}`;
}
