import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import type { SourceWatch } from './source-watch.ts';

/** The watches of all sources as one, synced when each of them is. */
export class JoinedWatches implements SourceWatch {
  readonly #parts: readonly SourceWatch[];

  /** @param begin starts them; what they tell goes through `tell` */
  constructor(
    begin: (tell: (event: SupervisorEvent) => void) => readonly SourceWatch[],
    tellSupervisor: (event: SupervisorEvent) => void,
  ) {
    this.#parts = begin((event) => {
      if (event.type !== 'SYNCED' || this.synced) tellSupervisor(event);
    });
  }

  *known(): Iterable<SupervisorEvent> {
    for (const part of this.#parts) {
      for (const event of part.known()) if (event.type !== 'SYNCED') yield event;
    }
    if (this.synced) yield { type: 'SYNCED' };
  }

  get synced(): boolean {
    return this.#parts.every(({ synced }) => synced);
  }

  watching(signal: AbortSignal): Promise<unknown> {
    return Promise.all(this.#parts.map((part) => part.watching(signal)));
  }

  find(key: Parameters<SourceWatch['find']>[0]): ReturnType<SourceWatch['find']> {
    for (const part of this.#parts) {
      const found = part.find(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  statesOf(kind: string): ReturnType<SourceWatch['statesOf']> {
    return this.#parts.flatMap((part) => part.statesOf(kind));
  }

  async stopped(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.stopped()));
  }
}
