import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';
import { getMicrosteps } from 'xstate';
import { adjacencyMapToArray, getAdjacencyMap } from 'xstate/graph';

interface Traversal {
  readonly input: unknown;
  /** What can happen in a state, the ends of its effects included. */
  readonly events: (snapshot: AnyMachineSnapshot) => { readonly type: string }[];
  /** What tells two states apart. */
  readonly serializeState: (snapshot: AnyMachineSnapshot) => string;
}

/** A transition in words, such as `storing: xstate.done.actor… → ended`. */
function nameOf({ source, eventType, target }: AnyTransitionDefinition): string {
  const event = eventType === '' ? 'always' : eventType;
  return `${source.id}: ${event} → ${target?.map(({ id }) => id).join() ?? 'itself'}`;
}

function allTransitions(node: AnyStateNode): AnyTransitionDefinition[] {
  const own = [...node.transitions.values()].flat();
  return [...own, ...(node.always ?? []), ...Object.values(node.states).flatMap(allTransitions)];
}

/** The transitions that one event brings about, the eventless ones that follow included. */
function takenBy(machine: AnyStateMachine, before: AnyMachineSnapshot, event: { type: string }): string[] {
  const taken = machine.getTransitionData(before, event).map(nameOf);
  let left: AnyMachineSnapshot | undefined;
  for (const [snapshot] of getMicrosteps(machine, before, event)) {
    const always = left?._nodes
      .flatMap((node) => node.always ?? [])
      .find(({ target }) => target?.every((node) => snapshot._nodes.includes(node)));
    if (always !== undefined) taken.push(nameOf(always));
    left = snapshot;
  }
  return taken;
}

/** The transitions of the statechart that no event in any reachable state takes. */
export function transitionsNeverTaken(machine: AnyStateMachine, traversal: Traversal): string[] {
  const edges = adjacencyMapToArray(getAdjacencyMap(machine, traversal));
  const taken = new Set(edges.flatMap(({ state, event }) => takenBy(machine, state, event)));
  return allTransitions(machine.root)
    .map(nameOf)
    .filter((name) => !taken.has(name));
}
