import type { InspectionEvent } from 'xstate';

/** What can be inspected: the system of the supervisor and all its actors. */
export interface Inspectable {
  inspect(observer: (event: InspectionEvent) => void): { unsubscribe(): void };
}

/**
 * Observes the actors until the returned function is called. XState calls observers in the middle of a transition: what one throws
 * would leave the actor in pieces, so it ends here.
 *
 * @param onError told once, of the first thing thrown
 */
export function observe(
  system: Inspectable,
  observer: (event: InspectionEvent) => void,
  onError: (error: unknown) => void,
): () => void {
  let told = false;
  const subscription = system.inspect((event) => {
    try {
      observer(event);
    } catch (error) {
      if (told) return;
      told = true;
      onError(error);
    }
  });
  return () => subscription.unsubscribe();
}
