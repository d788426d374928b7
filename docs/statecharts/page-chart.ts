import { ingressMachine } from '../../machines/ingress/ingress.ts';
import { chartOf } from './chart.ts';
import { outcomeNames } from './drawings.ts';
import { layOut } from './layout.ts';
import { pathOf } from './svg.ts';

export const pageChartFile = new URL('../../src/inspector/page/statechart.json', import.meta.url);

/**
 * The statechart of an Ingress as the inspector page draws it, as JSON: where each state is, and the way of each
 * transition. The page colours it, so it has no style, and no more words than the names.
 */
export function pageChart(): string {
  const chart = chartOf(ingressMachine, outcomeNames);
  const bare = chart.states.map((state) => ({ ...state, lines: [] }));
  const { frame, states, edges, start } = layOut({ ...chart, states: bare, lines: [] });
  const nameOf = (id: string): string => states.find(({ state }) => state.id === id)?.state.name ?? id;
  const top = Math.min(...edges.flatMap(({ way }) => way.map(([, y]) => y))) - 12;
  const document = {
    viewBox: [frame.x, top, frame.width, frame.y + frame.height - top - 10].map(Math.round),
    start: start.map(Math.round),
    states: states.map(({ state, x, y, width, height }) => ({
      name: state.name,
      x: Math.round(x),
      y: Math.round(y),
      width: Math.round(width),
      height: Math.round(height),
    })),
    edges: edges.map(({ from, to, way, label }) => ({
      ...(from === undefined ? {} : { from: nameOf(from) }),
      to: nameOf(to),
      path: pathOf(way),
      ...(label === undefined ? {} : { label: label.text, at: label.at.map(Math.round) }),
    })),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
