import type { InspectionEvent } from 'xstate';
import type { SourceKey } from '../../../machines/ownership/source-key.ts';
import type { ObservedIngresses } from '../../actors/ingress-actors.ts';
import { type Inspectable, observe, sourceOfActor } from '../observation.ts';
import { Stories } from './stories.ts';
import { textOf } from './timeline-text.ts';

export interface RecorderOptions {
  readonly actors: ObservedIngresses;
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
    const { actors, onError } = this.#options;
    this.#stop ??= observe({ system, actors, observer: (event) => this.#record(event), onError });
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
    const key = sourceOfActor(inspected.actorRef);
    if (key === undefined) return;
    const actor = actors.get(key);
    if (actor === undefined) {
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
