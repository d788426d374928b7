// The live page on localhost: observes the actors and streams their state to browsers as server-sent events. Created by the wiring;
// nothing in the core calls it.

import type { ServerResponse } from 'node:http';
import type { IngressView } from '../../machines/ingress/ingress-view.ts';
import { viewOf } from '../../machines/ingress/ingress-view.ts';
import type { SourceKey } from '../../machines/ownership/source-key.ts';
import { minute, second } from '../../machines/time/durations.ts';
import type { ObservedIngresses } from '../actors/ingress-actors.ts';
import { guarded } from '../process/guarded.ts';
import type { Clock } from '../time/clock.ts';
import { FrameRing, sseFrame } from './frame-ring.ts';
import type { HostJournal } from './history/host-journal.ts';
import { Recorder } from './history/recorder.ts';
import type { Inspectable } from './observation.ts';
import type {
  ControllerView,
  Delta,
  Heartbeat,
  IngressDetail,
  Snapshot,
  SupervisorView,
} from './protocol.ts';
import { Viewer } from './viewer.ts';
import { Details, type DetailsOptions } from './views/details.ts';
import { RowTexts } from './views/rows.ts';

export interface InspectorOptions {
  readonly actors: ObservedIngresses;
  readonly system: Inspectable;
  readonly clock: Clock;
  readonly controller: Pick<ControllerView, 'version' | 'pod' | 'annotation'>;
  readonly supervisor: () => SupervisorView;
  readonly journal: HostJournal;
  readonly readCertificate: DetailsOptions['readCertificate'];
  readonly hostOwner: DetailsOptions['hostOwner'];
  /** An error of the observer; the actors are not affected. */
  readonly onError: (error: unknown) => void;
}

/** Milliseconds between two frames: faster changes are batched. */
const beat = 200;
/** Queue and budgets of the supervisor also change with time alone. */
const supervisorInterval = second;
const heartbeatInterval = 15 * second;
/** Timelines are kept for so long after the last viewer, for a page that is reloaded or was hidden for a while. */
const patience = 5 * minute;
const mostViewers = 20;

/**
 * The live data of the page. Without viewers the actors are not observed and nothing is stored; recording ends five minutes
 * after the last viewer has left.
 */
export class Inspector {
  readonly #options: InspectorOptions;
  readonly #startedAt: number;
  readonly #recorder: Recorder;
  readonly #details: Details;
  readonly #ring = new FrameRing();
  readonly #rows = new RowTexts();
  /** With the Ingress whose detail they show, if any. */
  readonly #viewers = new Map<Viewer, SourceKey | undefined>();
  readonly #beat: () => void;
  /** Ingresses that may have changed since the last frame, and those that viewers know. */
  readonly #changed = new Set<SourceKey>();
  readonly #known = new Set<SourceKey>();
  #supervisorSent = '';
  #supervisorAt = 0;
  #heartbeatAt = 0;
  /** Timer of the next frame; undefined without viewers. */
  #timer: unknown;
  #lastWatchedAt = 0;
  #isStopped = false;

  constructor(options: InspectorOptions) {
    const { actors, clock, journal, readCertificate, hostOwner, onError } = options;
    const onChange = (key: SourceKey): void => {
      this.#changed.add(key);
    };
    this.#options = options;
    this.#beat = guarded(() => this.#send(), onError);
    this.#startedAt = clock.now();
    this.#recorder = new Recorder({ actors, now: () => clock.now(), onChange, onError });
    this.#details = new Details({
      clock,
      actors,
      stories: this.#recorder.stories,
      journal,
      readCertificate,
      hostOwner,
      onChange,
    });
  }

  /** The current rows of all Ingresses. */
  views(): IngressView[] {
    return [...this.#options.actors.values()].map((actor) => {
      const { value, context } = actor.getSnapshot();
      return viewOf(value, context);
    });
  }

  detail(key: SourceKey): IngressDetail | undefined {
    return this.#details.of(key);
  }

  /** Whether one more viewer is allowed. */
  get hasRoom(): boolean {
    return !this.#isStopped && this.#viewers.size < mostViewers;
  }

  /**
   * Sends a snapshot, then changes; for one source also the detail, at once and after each change.
   *
   * @param after id of the last frame that this viewer has received, if it reconnects
   */
  watch(response: ServerResponse, after?: string, source?: SourceKey): void {
    const viewer = new Viewer(response, () => this.#leave(viewer));
    this.#viewers.set(viewer, source);
    if (source !== undefined) this.#details.open(source);
    this.#start();
    const missed = after === undefined ? undefined : this.#ring.after(after);
    if (missed === undefined) viewer.sendSnapshot(sseFrame(this.#ring.id, 'snapshot', this.#snapshotText()));
    else viewer.sendSnapshot(missed.join(''));
    if (source !== undefined) viewer.sendSnapshot(this.#detailFrame(source));
  }

  /** Closes all viewers, and stops observing. */
  stop(): void {
    this.#isStopped = true;
    for (const viewer of this.#viewers.keys()) viewer.close();
    this.#end();
  }

  #leave(viewer: Viewer): void {
    const source = this.#viewers.get(viewer);
    this.#viewers.delete(viewer);
    if (source !== undefined && ![...this.#viewers.values()].includes(source)) this.#details.close(source);
  }

  #start(): void {
    const { clock, system, journal } = this.#options;
    this.#lastWatchedAt = clock.monotonic();
    if (this.#timer !== undefined) return;
    this.#recorder.start(system);
    journal.onChange = (key) => this.#changed.add(key);
    this.#heartbeatAt = clock.monotonic();
    this.#arm();
  }

  #end(): void {
    const { clock, journal } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#recorder.stop();
    journal.onChange = undefined;
    journal.forgetDone();
    this.#ring.clear();
    this.#rows.clear();
    this.#changed.clear();
    this.#known.clear();
    this.#supervisorSent = '';
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimeout(this.#beat, beat);
  }

  #send(): void {
    this.#arm();
    const { clock } = this.#options;
    const now = clock.now();
    const passed = clock.monotonic();
    if (this.#viewers.size > 0) this.#lastWatchedAt = passed;
    if (passed - this.#lastWatchedAt >= patience) {
      this.#end();
      return;
    }
    const changed = new Set(this.#changed);
    this.#changed.clear();
    this.#sendDelta(changed, now);
    const frames = new Map<SourceKey, string>();
    for (const [viewer, key] of this.#viewers) {
      if (key === undefined || !changed.has(key)) continue;
      const frame = frames.get(key) ?? this.#detailFrame(key);
      frames.set(key, frame);
      viewer.send(frame);
    }
    if (passed - this.#heartbeatAt < heartbeatInterval) return;
    this.#heartbeatAt = passed;
    const heartbeat = sseFrame(undefined, 'heartbeat', JSON.stringify({ now } satisfies Heartbeat));
    for (const viewer of this.#viewers.keys()) viewer.send(heartbeat);
  }

  #sendDelta(changed: ReadonlySet<SourceKey>, now: number): void {
    const upserts: string[] = [];
    const removed: SourceKey[] = [];
    for (const key of changed) {
      const actor = this.#options.actors.get(key);
      if (actor !== undefined) {
        upserts.push(this.#rows.of(actor));
        this.#known.add(key);
      } else if (this.#known.delete(key)) removed.push(key);
    }
    const supervisor =
      now - this.#supervisorAt < supervisorInterval ? undefined : this.#changedSupervisor(now);
    if (upserts.length === 0 && removed.length === 0 && supervisor === undefined) return;
    const rest: Omit<Delta, 'upserts'> = { removed, ...(supervisor === undefined ? {} : { supervisor }) };
    const frame = this.#ring.add('delta', withRows('upserts', upserts, rest));
    for (const viewer of this.#viewers.keys()) viewer.send(frame);
  }

  #changedSupervisor(now: number): SupervisorView | undefined {
    this.#supervisorAt = now;
    const view = this.#options.supervisor();
    const text = JSON.stringify(view);
    if (text === this.#supervisorSent) return undefined;
    this.#supervisorSent = text;
    return view;
  }

  #snapshotText(): string {
    const { actors, controller, clock, supervisor } = this.#options;
    for (const key of actors.keys()) this.#known.add(key);
    const rows = Array.from(actors.values(), (actor) => this.#rows.of(actor));
    const rest: Omit<Snapshot, 'ingresses'> = {
      version: 1,
      controller: { ...controller, startedAt: this.#startedAt, now: clock.now() },
      supervisor: supervisor(),
    };
    return withRows('ingresses', rows, rest);
  }

  #detailFrame(key: SourceKey): string {
    const detail = this.#details.of(key);
    if (detail === undefined) return sseFrame(undefined, 'gone', '{}');
    return sseFrame(undefined, 'detail', JSON.stringify(detail));
  }
}

/** A JSON object with the rows, which are JSON already, and the rest. */
function withRows(name: string, rows: readonly string[], rest: object): string {
  return `{"${name}":[${rows.join()}],${JSON.stringify(rest).slice(1)}`;
}
