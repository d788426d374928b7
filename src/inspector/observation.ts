import type { InspectionEvent } from 'xstate';
import { guarded } from '../process/guarded.ts';

/** The actor system of the supervisor. */
export interface Inspectable {
  inspect(observer: (event: InspectionEvent) => void): { unsubscribe(): void };
}

/**
 * Observes the actors until the returned function is called. Errors of the observer are caught, because they would break the actor.
 *
 * @param onError called once, with the first error
 */
export function observe(
  system: Inspectable,
  observer: (event: InspectionEvent) => void,
  onError: (error: unknown) => void,
): () => void {
  const subscription = system.inspect(guarded(observer, onError));
  return () => subscription.unsubscribe();
}
