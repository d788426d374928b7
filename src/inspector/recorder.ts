import type { InspectionEvent } from 'xstate';
import type { IngressActor } from '../actors/supervisor-actor.ts';
import { type Inspectable, observe } from './observation.ts';
import { Stories } from './stories.ts';
import { textOf } from './timeline-text.ts';

export interface RecorderOptions {
  /** The Ingress actors by `namespace/name`. */
  readonly actors: ReadonlyMap<string, IngressActor>;
  readonly now: () => number;
  /** Something about this Ingress may look different now. */
  readonly onChange: (key: string) => void;
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
    const key = idOf(inspected.actorRef);
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

/** Of an Ingress actor its `namespace/name`. */
function idOf(actorRef: object): string {
  return 'id' in actorRef && typeof actorRef.id === 'string' ? actorRef.id : '';
}
