import type { InspectionEvent } from 'xstate';
import { isSourceKey, type SourceKey } from '../../machines/ownership/source-key.ts';
import type { IngressActor } from '../actors/supervisor-actor.ts';
import { type Inspectable, observe } from './observation.ts';
import { Stories } from './stories.ts';
import { textOf } from './timeline-text.ts';

export interface RecorderOptions {
  readonly actors: ReadonlyMap<SourceKey, IngressActor>;
  readonly now: () => number;
  /** Something about this Ingress may look different now. */
  readonly onChange: (key: SourceKey) => void;
  readonly onError: (error: unknown) => void;
}

/** Writes down what happens to the Ingress actors, as long as somebody watches. */
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

  /** What was written down is forgotten: it would have gaps when somebody watches again. */
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
      // One that was stopped has left the map before it says so; another one of its name has a story of its own.
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

/** Of the actor of a source; undefined of any other. */
function keyOf(actorRef: object): SourceKey | undefined {
  if (!('id' in actorRef) || typeof actorRef.id !== 'string') return undefined;
  return isSourceKey(actorRef.id) ? actorRef.id : undefined;
}
