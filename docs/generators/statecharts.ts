import { readFileSync } from 'node:fs';
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { certificateMachine } from '../../machines/ingress/certificate.ts';
import { ingressMachine } from '../../machines/ingress/ingress.ts';
import { arrowsFrom, eventsTakenIn, statesOf } from './transitions.ts';

const machines: readonly AnyStateMachine[] = [ingressMachine, certificateMachine];

/**
 * docs/statecharts.md, its drawings made anew: each follows a comment that names its machine. The text around them is kept.
 * @throws Error when a machine has no such comment
 */
export function statechartsPage(): string {
  let page = readFileSync(new URL('../statecharts.md', import.meta.url), 'utf8');
  for (const machine of machines) {
    const drawing = new RegExp(`(?<=<!-- machine: ${machine.id} -->\n)\`\`\`mermaid\n.*?\`\`\``, 's');
    if (!drawing.test(page))
      throw new Error(`docs/statecharts.md has no place for the machine ${machine.id}`);
    page = page.replace(drawing, () => `\`\`\`mermaid\n${mermaidOf(machine)}\n\`\`\``);
  }
  return page;
}

/** Mermaid would take a state for an inner one when an arrow inside names it first, so arrows come last. */
function mermaidOf({ root }: AnyStateMachine): string {
  const arrows = statesBelow(root).flatMap(arrowsFrom);
  return [
    'stateDiagram-v2',
    ...statesInside(root),
    ...arrows.map(
      ({ from, to, label }) => `${idOf(from)} --> ${idOf(to)}${label === '' ? '' : `: ${label}`}`,
    ),
    ...Map.groupBy(arrowsFrom(root), ({ to }) => to)
      .entries()
      .map(
        ([to, arrows]) =>
          `note left of ${idOf(to)}: from every state on ${arrows.map(({ label }) => label).join(' or ')}`,
      ),
  ].join('\n  ');
}

function statesBelow(node: AnyStateNode): AnyStateNode[] {
  return statesOf(node).flatMap((state) => [state, ...statesBelow(state)]);
}

function statesInside(node: AnyStateNode): string[] {
  return [`[*] --> ${node.initial.target.map(idOf).join()}`, ...statesOf(node).flatMap(stateLines)];
}

function stateLines(state: AnyStateNode): string[] {
  const id = idOf(state);
  const lines = linesOf(state);
  if (statesOf(state).length > 0) {
    return [
      `state ${id} {`,
      ...statesInside(state).map((line) => `  ${line}`),
      '}',
      ...lines.map((line) => `note right of ${id}: ${line}`),
    ];
  }
  const end = state.type === 'final' ? [`${id} --> [*]`] : [];
  return [...[state.key, ...lines].map((line) => `${id}: ${line}`), ...end];
}

/** Mermaid takes no hyphen in an id. */
function idOf({ key }: AnyStateNode): string {
  return key.replaceAll('-', '_');
}

/** Effects, what is done on the way in and out, and events that change no state. */
function linesOf(node: AnyStateNode): string[] {
  return [
    ...node.invoke.map(({ src }) => `runs ${typeof src === 'string' ? src : 'an effect'}`),
    ...ownActions(node, 'entry').map((name) => `on entry ${name}`),
    ...ownActions(node, 'exit').map((name) => `on exit ${name}`),
    ...eventsTakenIn(node).map((event) => `stays on ${event}`),
  ];
}

/** The actions of this state that not all its siblings do as well. */
function ownActions(node: AnyStateNode, when: 'entry' | 'exit'): string[] {
  const siblings = statesOf(node.parent ?? node).filter((other) => other !== node);
  const names = (state: AnyStateNode): string[] => state[when].map(actionName);
  const common = siblings.length > 0 ? siblings.map(names) : [[]];
  return names(node).filter((name) => !common.every((others) => others.includes(name)));
}

function actionName(action: unknown): string {
  return typeof action === 'object' && action !== null && 'type' in action
    ? String(action.type)
    : String(action);
}
