import type { InspectionEvent } from 'xstate';
import { isSourceKey, type SourceKey } from '../../machines/ownership/source-key.ts';
import type { ObservedIngresses } from '../actors/ingress-actors.ts';
import { guarded } from '../process/guarded.ts';

/** The actor system of the supervisor. */
export interface Inspectable {
  inspect(observer: (event: InspectionEvent) => void): { unsubscribe(): void };
}

export interface Observation {
  readonly system: Inspectable;
  readonly actors: ObservedIngresses;
  readonly observer: (event: InspectionEvent) => void;
  /** Called once, with the first error. */
  readonly onError: (error: unknown) => void;
}

/**
 * Observes the actors until the returned function is called, but not how one goes to sleep and is revived. Errors of the observer are
 * caught, because they would break the actor.
 */
export function observe({ system, actors, observer, onError }: Observation): () => void {
  const awake = (event: InspectionEvent): void => {
    const key = sourceOfActor(event.actorRef);
    const current = key && actors.get(key);
    if (current === undefined || current === event.actorRef) observer(event);
  };
  const subscription = system.inspect(guarded(awake, onError));
  return () => subscription.unsubscribe();
}

/** The source of the actor; undefined for other actors. */
export function sourceOfActor(actor: object): SourceKey | undefined {
  if (!('id' in actor) || typeof actor.id !== 'string') return undefined;
  return isSourceKey(actor.id) ? actor.id : undefined;
}
