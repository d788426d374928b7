/*
 * The seam of the sources: watched kinds that request certificates, each projected to a SourceSpec. The Ingress is one
 * implementation (ingress/). Called by the wiring; the rest of the process knows a source by its key only.
 */
import type { SourceSpec } from '../../machines/ownership/source-spec.ts';
import type { Collection } from '../kubernetes/client/collections.ts';

/** A kind of object that may request certificates and gets Events and the status annotation. */
export interface Source extends Collection {
  /** Kind of its objects, and the first part of their keys. */
  readonly kind: string;
  /**
   * Projects an object; `enabled` is false if it does not enable kube-lego.
   *
   * @param object as the API server sent it
   * @throws KubernetesError InvalidResponse if name, namespace or uid is missing
   */
  project(object: unknown): SourceSpec;
}

/** @throws Error if none of them is of this kind */
export function sourceOf(sources: readonly Source[], kind: string): Source {
  const source = sources.find((known) => known.kind === kind);
  if (source === undefined) throw new Error(`no source is of kind ${kind}`);
  return source;
}
