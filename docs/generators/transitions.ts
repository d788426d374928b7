import type { AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** An arrow between two states of a machine; `label` is the event, the end of an effect in words, or empty for `always`. */
export interface Arrow {
  readonly from: AnyStateNode;
  readonly to: AnyStateNode;
  readonly label: string;
}

export function statesOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states);
}

/** What leaves this state itself; xstate's own `toDirectedGraph` leaves out what is taken `always`. */
export function arrowsFrom(node: AnyStateNode): Arrow[] {
  return [...eventsOf(node), ...(node.always ?? [])].flatMap((transition) =>
    (transition.target ?? []).map((to) => ({ from: node, to, label: labelOf(node, transition) })),
  );
}

/** The events that this state takes and stays. */
export function eventsTakenIn(node: AnyStateNode): string[] {
  return eventsOf(node)
    .filter(({ target, eventType }) => target === undefined && !eventType.startsWith('xstate.'))
    .map(({ eventType }) => eventType);
}

function eventsOf(node: AnyStateNode): AnyTransitionDefinition[] {
  return [...node.transitions.values()].flat();
}

/** An effect with two outcomes lists the good one first. */
function labelOf(node: AnyStateNode, transition: AnyTransitionDefinition): string {
  const { eventType } = transition;
  if (!eventType.startsWith('xstate.done.')) return eventType;
  const outcomes = node.transitions.get(eventType) ?? [];
  if (outcomes.length === 1) return 'done or failed';
  return transition === outcomes[0] ? 'done' : 'failed';
}
