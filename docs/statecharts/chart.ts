import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** A state as it is drawn. */
export interface ChartState {
  readonly id: string;
  readonly name: string;
  /** What it does, a line each. */
  readonly lines: readonly string[];
  readonly final: boolean;
  /** The compound state around it. */
  readonly group: string | undefined;
}

/** A compound state: a box around its states. */
export interface ChartGroup {
  readonly id: string;
  readonly name: string;
  readonly lines: readonly string[];
}

export interface ChartEdge {
  readonly from: string;
  /** A state, or a group: the arrow ends at the border of its first state's column then. */
  readonly to: string;
  readonly label: string;
}

/** What a drawing shows of a machine of at most two levels. */
export interface Chart {
  readonly name: string;
  readonly lines: readonly string[];
  readonly states: readonly ChartState[];
  readonly groups: readonly ChartGroup[];
  readonly edges: readonly ChartEdge[];
  /** The state that the machine begins in. */
  readonly initial: string;
  /** What leads to a state from anywhere. */
  readonly fromAnywhere: readonly Omit<ChartEdge, 'from'>[];
}

/** How the end of an effect is called, by the state it runs in and its place among the outcomes. */
export type OutcomeNames = (state: string, outcome: number, outcomes: number) => string;

/** Reads the states and transitions of a machine; what does not change the state is told in words. */
export function chartOf(machine: AnyStateMachine, outcomeNames: OutcomeNames): Chart {
  const { root } = machine;
  const nodes = childrenOf(root).flatMap((node) => [node, ...childrenOf(node)]);
  const leaves = nodes.filter((node) => childrenOf(node).length === 0);
  const rootEdges = edgesOf(root, outcomeNames);
  return {
    name: root.key,
    lines: linesOf(root),
    states: leaves.map((node) => ({
      id: node.id,
      name: node.key,
      lines: linesOf(node),
      final: node.type === 'final',
      group: node.parent === root ? undefined : node.parent?.id,
    })),
    groups: nodes
      .filter((node) => !leaves.includes(node))
      .map((node) => ({ id: node.id, name: node.key, lines: linesOf(node) })),
    edges: nodes.flatMap((node) => edgesOf(node, outcomeNames)),
    initial: initialOf(root).id,
    fromAnywhere: rootEdges.map(({ to, label }) => ({ to, label })),
  };
}

function childrenOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states);
}

function initialOf(node: AnyStateNode): AnyStateNode {
  const [target] = node.initial.target;
  if (target === undefined) throw new Error(`${node.id} has no initial state`);
  return target;
}

function transitionsOf(node: AnyStateNode): AnyTransitionDefinition[] {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
}

function edgesOf(node: AnyStateNode, outcomeNames: OutcomeNames): ChartEdge[] {
  return transitionsOf(node).flatMap((transition) =>
    (transition.target ?? []).map((target) => ({
      from: node.id,
      to: target.id,
      label: labelOf(node, transition, outcomeNames),
    })),
  );
}

function labelOf(
  node: AnyStateNode,
  transition: AnyTransitionDefinition,
  outcomeNames: OutcomeNames,
): string {
  const { eventType } = transition;
  if (!eventType.startsWith('xstate.done.')) return eventType;
  const outcomes = node.transitions.get(eventType) ?? [];
  return outcomeNames(node.key, outcomes.indexOf(transition), outcomes.length);
}

/** Effects, what is done on the way in and out, and events that change no state. */
function linesOf(node: AnyStateNode): string[] {
  const stays = [...node.transitions.values()]
    .flat()
    .filter(({ target, eventType }) => target === undefined && !eventType.startsWith('xstate.'));
  const ignored = stays.filter(({ actions }) => actions.length === 0).map(({ eventType }) => eventType);
  const recorded = stays.filter(({ actions }) => actions.length > 0).map(({ eventType }) => eventType);
  return [
    ...node.invoke.map(({ src }) => `runs ${typeof src === 'string' ? src : 'an effect'}`),
    ...onceOnly(node, 'entry').map((name) => `on entry: ${name}`),
    ...onceOnly(node, 'exit').map((name) => `on exit: ${name}`),
    ...inOneLine('takes note of', recorded),
    ...inOneLine('ignores', ignored),
  ];
}

function inOneLine(what: string, events: readonly string[]): string[] {
  return events.length === 0 ? [] : [`${what} ${events.join(', ')}`];
}

/** The actions of this state; what all its siblings do as well tells nothing. */
function onceOnly(node: AnyStateNode, when: 'entry' | 'exit'): string[] {
  const siblings = node.parent === undefined ? [] : childrenOf(node.parent).filter((other) => other !== node);
  const names = (state: AnyStateNode): string[] =>
    state[when].map((action: unknown) =>
      typeof action === 'object' && action !== null && 'type' in action
        ? String(action.type)
        : String(action),
    );
  const common = siblings.length > 0 ? siblings.map(names) : [[]];
  return names(node).filter((name) => !common.every((others) => others.includes(name)));
}
