// What happened to each source: its timeline by XState's inspection, and each host step by step. Written by the recorder and the steps,
// read by the views.

import type { IngressState } from '../../../machines/ingress/ingress-context.ts';
import type { SourceKey } from '../../../machines/ownership/source-key.ts';
import type { IngressDetail, TimelineEntry } from '../protocol.ts';

const longestTimeline = 100;
const longestPath = 50;
/** Maximum of entries of all timelines; beyond it the least recently changed one is dropped. */
const mostEntries = 20_000;

type Step = IngressDetail['path'][number];

interface Story {
  readonly timeline: TimelineEntry[];
  readonly path: Step[];
}

/** Bounded timelines of the Ingresses, since the first viewer. */
export class Stories {
  readonly #stories = new Map<SourceKey, Story>();
  #entries = 0;

  /** An event that the Ingress received in this state. */
  event(key: SourceKey, { state, at: since }: Step, at: number, text: string): void {
    const story = this.#touch(key);
    if (story.path.length === 0) story.path.push({ state, at: since });
    this.#add(story, { at, kind: 'event', text });
  }

  /** Its current state; ignored if unchanged. */
  state(key: SourceKey, state: IngressState, at: number): void {
    const last = this.#stories.get(key)?.path.at(-1);
    if (last?.state === state) return;
    const story = this.#touch(key);
    story.path.push({ state, at });
    if (story.path.length > longestPath) story.path.shift();
    if (last !== undefined) this.#add(story, { at, kind: 'transition', text: `${last.state} → ${state}` });
  }

  /** @returns empty if nothing is recorded */
  of(key: SourceKey): Pick<IngressDetail, 'timeline' | 'path'> {
    const { timeline = [], path = [] } = this.#stories.get(key) ?? {};
    return { timeline: [...timeline], path: [...path] };
  }

  delete(key: SourceKey): void {
    this.#entries -= this.#stories.get(key)?.timeline.length ?? 0;
    this.#stories.delete(key);
  }

  clear(): void {
    this.#stories.clear();
    this.#entries = 0;
  }

  /** The story, moved to the end as the most recently changed. */
  #touch(key: SourceKey): Story {
    const story = this.#stories.get(key) ?? { timeline: [], path: [] };
    this.#stories.delete(key);
    this.#stories.set(key, story);
    return story;
  }

  #add({ timeline }: Story, entry: TimelineEntry): void {
    timeline.push(entry);
    if (timeline.length > longestTimeline) timeline.shift();
    else this.#entries += 1;
    const [quietest] = this.#stories.keys();
    if (this.#entries > mostEntries && quietest !== undefined) this.delete(quietest);
  }
}
