import type { AnyStateMachine } from 'xstate';
import { certificateMachine } from '../../machines/ingress/certificate.ts';
import { ingressMachine } from '../../machines/ingress/ingress.ts';
import { chartOf, type OutcomeNames } from './chart.ts';
import { layOut } from './layout.ts';
import { svgOf } from './svg.ts';

/** The drawings of all statecharts as they are now: file name → SVG. */
export function drawings(): ReadonlyMap<string, string> {
  return new Map([
    ['ingress.svg', draw(ingressMachine, 'One Ingress')],
    ['certificate.svg', draw(certificateMachine, 'The round of one due Secret')],
  ]);
}

/** A step has two outcomes, the good one first; the last step ends the round either way. */
export const outcomeNames: OutcomeNames = (state, outcome, outcomes) => {
  if (outcomes === 1) return state === 'storing' ? 'stored or failed' : 'done';
  return outcome === 0 ? 'done' : 'failed';
};

function draw(machine: AnyStateMachine, title: string): string {
  const chart = chartOf(machine, outcomeNames);
  return svgOf(layOut(chart), { title, lines: chart.lines });
}
