import type { InspectionEvent } from 'xstate';
import { isSourceKey, type SourceKey } from '../../machines/ownership/source-key.ts';
import type { IngressActor } from '../actors/supervisor-actor.ts';
import { type Inspectable, observe } from './observation.ts';
import { Stories } from './stories.ts';
import { textOf } from './timeline-text.ts';

export interface RecorderOptions {
  readonly actors: ReadonlyMap<SourceKey, IngressActor>;
  readonly now: () => number;
  /** This Ingress may have changed. */
  readonly onChange: (key: SourceKey) => void;
  readonly onError: (error: unknown) => void;
}

/** Records events and transitions of the Ingress actors while there are viewers. */
export class Recorder {
  readonly stories = new Stories();
  readonly #options: RecorderOptions;
  #stop: (() => void) | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  start(system: Inspectable): void {
    this.#stop ??= observe(system, (event) => this.#record(event), this.#options.onError);
  }

  /** Clears the records, which would have gaps with later viewers. */
  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.stories.clear();
  }

  #record(inspected: InspectionEvent): void {
    if (inspected.type !== '@xstate.event' && inspected.type !== '@xstate.snapshot') return;
    const { actors, now, onChange } = this.#options;
    const key = keyOf(inspected.actorRef);
    if (key === undefined) return;
    const actor = actors.get(key);
    if (actor?.sessionId !== inspected.actorRef.sessionId) {
      // A stopped actor has left the map before its last event; a new one of its name has its own story.
      this.stories.delete(key);
      onChange(key);
      return;
    }
    const { value, context } = actor.getSnapshot();
    if (inspected.type === '@xstate.snapshot') {
      this.stories.state(key, value, context.since);
      onChange(key);
      return;
    }
    const text = textOf(inspected.event);
    if (text !== undefined) this.stories.event(key, { state: value, at: context.since }, now(), text);
  }
}

/** The source of the actor; undefined for other actors. */
function keyOf(actorRef: object): SourceKey | undefined {
  if (!('id' in actorRef) || typeof actorRef.id !== 'string') return undefined;
  return isSourceKey(actorRef.id) ? actorRef.id : undefined;
}
