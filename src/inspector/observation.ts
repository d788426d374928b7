import type { InspectionEvent } from 'xstate';
import { guarded } from '../process/guarded.ts';

/** What can be inspected: the system of the supervisor and all its actors. */
export interface Inspectable {
  inspect(observer: (event: InspectionEvent) => void): { unsubscribe(): void };
}

/**
 * Observes the actors until the returned function is called. What the observer throws would leave an actor in pieces, so it ends here.
 *
 * @param onError told once, of the first thing thrown
 */
export function observe(
  system: Inspectable,
  observer: (event: InspectionEvent) => void,
  onError: (error: unknown) => void,
): () => void {
  const subscription = system.inspect(guarded(observer, onError));
  return () => subscription.unsubscribe();
}
