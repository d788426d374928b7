import { type ActorRefFrom, type AnyActorRef, createActor, type SnapshotFrom } from 'xstate';
import type { ingressMachine } from '../../machines/ingress/ingress.ts';
import { type IngressContext, stateOf } from '../../machines/ingress/ingress-context.ts';
import type { IngressInput } from '../../machines/ingress/ingress-updates.ts';
import type { Assignment } from '../../machines/ownership/desired-certificate.ts';
import type { SourceKey } from '../../machines/ownership/source-key.ts';

export type IngressActor = ActorRefFrom<typeof ingressMachine>;
type IngressEvent = Parameters<IngressActor['send']>[0];
type IngressSnapshot = SnapshotFrom<typeof ingressMachine>;

/** What there is to see of an Ingress, whether its actor is awake or asleep. */
export interface ObservedIngress {
  getSnapshot(): Pick<IngressSnapshot, 'value' | 'context' | 'children'>;
}

export interface ObservedIngresses {
  get(key: SourceKey): ObservedIngress | undefined;
  keys(): Iterable<SourceKey>;
  values(): IteratorObject<ObservedIngress>;
}

const nothing: Assignment = { desired: [], notices: [], retry: undefined };

/** The supervisor, as the parent of the actors. */
export interface Parent {
  readonly self: AnyActorRef;
  stopChild(actor: AnyActorRef): void;
}

/**
 * The Ingress actors. One that has nothing to do but to wait takes three times the memory of what it knows: so of many, all but the last
 * ones are stopped then, and each is revived by its next event. Nobody is told of that. Only the supervisor starts, stops and wakes them.
 */
export class IngressActors implements ObservedIngresses {
  readonly #machine: typeof ingressMachine;
  readonly #mostResting: number;
  /** Those that were awake when they last had nothing to do but to wait, the longest first. */
  readonly #resting = new Set<SourceKey>();
  /** Those that sleep as their context, from which they are revived. */
  readonly #actors = new Map<SourceKey, IngressActor | IngressContext>();

  /**
   * @param machine with its effects provided
   * @param mostResting actors that only wait and are awake all the same: to revive one takes as long as a third of a check without I/O
   */
  constructor(machine: typeof ingressMachine, mostResting = 1000) {
    this.#machine = machine;
    this.#mostResting = mostResting;
  }

  get(key: SourceKey): ObservedIngress | undefined {
    const actor = this.#actors.get(key);
    return actor && observed(actor);
  }

  keys(): MapIterator<SourceKey> {
    return this.#actors.keys();
  }

  values(): IteratorObject<ObservedIngress, undefined> {
    return this.#actors.values().map(observed);
  }

  start(input: IngressInput, { self: parent }: Parent): void {
    const { key } = input;
    const actor = createActor(this.#machine, { parent, id: key, input });
    this.#actors.set(key, actor);
    actor.start();
  }

  send(key: SourceKey, event: IngressEvent, parent: Parent): void {
    this.#awake(key, parent)?.send(event);
  }

  stop(key: SourceKey, parent: Parent): void {
    // Also if it sleeps: whoever observes it sees its end.
    const actor = this.#awake(key, parent);
    this.#actors.delete(key);
    if (actor !== undefined) parent.stopChild(actor);
  }

  /** The end of the supervisor: nobody has to see that of a hundred thousand which sleep. */
  stopAll(parent: Parent): void {
    for (const [key, actor] of this.#actors) {
      this.#actors.delete(key);
      if (isAwake(actor)) parent.stopChild(actor);
    }
  }

  /** Who may only wait now; not within an event of theirs. The one that has done so for longest is the first to sleep. */
  rest(keys: Iterable<SourceKey>, parent: Parent): void {
    for (const key of keys) {
      this.#resting.delete(key);
      this.#resting.add(key);
    }
    for (const key of this.#resting) {
      if (this.#resting.size <= this.#mostResting) break;
      this.#resting.delete(key);
      this.#putToSleep(key, parent);
    }
  }

  #putToSleep(key: SourceKey, parent: Parent): void {
    const actor = this.#actors.get(key);
    if (actor === undefined || !isAwake(actor)) return;
    const { status, value, context } = actor.getSnapshot();
    // Without a check and without rounds it has no children.
    if (status !== 'active' || (value !== 'idle' && value !== 'backing-off')) return;
    this.#actors.set(key, inOnePiece(context));
    parent.stopChild(actor);
  }

  #awake(key: SourceKey, { self: parent }: Parent): IngressActor | undefined {
    const known = this.#actors.get(key);
    if (known === undefined || isAwake(known)) return known;
    const { uid, policy, at } = known;
    const snapshot = { status: 'active', ...asleep(known), output: undefined, error: undefined } as const;
    // The types ask for an input, which a snapshot makes superfluous.
    const input = { key, uid, policy, at, assignment: nothing };
    const actor = createActor(this.#machine, { parent, id: key, snapshot, input }).start();
    this.#actors.set(key, actor);
    return actor;
  }
}

function isAwake(actor: IngressActor | IngressContext): actor is IngressActor {
  return 'send' in actor;
}

function observed(actor: IngressActor | IngressContext): ObservedIngress {
  return isAwake(actor) ? actor : { getSnapshot: () => asleep(actor) };
}

/** In the state that follows from its context. */
function asleep(context: IngressContext) {
  return { value: stateOf(context), context, children: {} };
}

/** XState's updates keep half of the fields outside of the object, with room for more. */
function inOnePiece(context: IngressContext): IngressContext {
  return {
    key: context.key,
    uid: context.uid,
    policy: context.policy,
    notices: context.notices,
    certificates: context.certificates,
    earlier: context.earlier,
    at: context.at,
    since: context.since,
    nextCheckAt: context.nextCheckAt,
    retry: context.retry,
    retriedAt: context.retriedAt,
    rounds: context.rounds,
  };
}
