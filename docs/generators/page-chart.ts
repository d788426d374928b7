import { Graph, layout } from '@dagrejs/dagre';
import { ingressMachine } from '../../machines/ingress/ingress.ts';
import { arrowsFrom, statesOf } from './transitions.ts';

interface Point {
  x: number;
  y: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Orientation {
  readonly rankdir: 'LR' | 'TB';
  readonly sizeOf: (state: string) => Size;
}

const { root } = ingressMachine;
const start = '*';
const letterWidth = 8.1;
const entrySize: Size = { width: 66, height: 16 };
const startSize: Size = { width: 10, height: 10 };

/** A box has room for the name of its state and a mark: above the name on a wide screen, beside it on a tall one. */
const orientations: Readonly<Record<'wide' | 'tall', Orientation>> = {
  wide: {
    rankdir: 'LR',
    sizeOf: (state) => ({ width: Math.max(84, state.length * letterWidth + 20), height: 76 }),
  },
  tall: { rankdir: 'TB', sizeOf: (state) => ({ width: state.length * letterWidth + 40, height: 40 }) },
};

/**
 * src/inspector/page/statechart.json: where the page draws the states of an Ingress, what leads to each, and the arrows, once for
 * a wide screen and once for a tall one. The page gives it its colours. An element is a line, so that a change can be read.
 */
export function pageChart(): string {
  const drawings = Object.entries(orientations).map(([name, orientation]) => {
    const parts = Object.entries(drawingOf(orientation)).map(
      ([part, value]) => `    "${part}": ${listing(value)}`,
    );
    return `  "${name}": {\n${parts.join(',\n')}\n  }`;
  });
  return `{\n${drawings.join(',\n')}\n}\n`;
}

function listing(value: readonly unknown[]): string {
  if (value.every((element) => typeof element === 'number')) return JSON.stringify(value);
  return `[\n${value.map((element) => `      ${JSON.stringify(element)}`).join(',\n')}\n    ]`;
}

/** The start and the events that lead to a state from anywhere are nodes of the graph as well. */
function drawingOf({ rankdir, sizeOf }: Orientation): Readonly<Record<string, readonly unknown[]>> {
  const states = statesOf(root);
  const entries = arrowsFrom(root);
  const begin = root.initial.target.map(({ key }) => edge(start, key));
  const entering = entries.map(({ label, to }) => edge(label, to.key));
  const between = states.flatMap(arrowsFrom).map(({ from, to }) => {
    const nextInLine = states.indexOf(to) === states.indexOf(from) + 1;
    return edge(from.key, to.key, nextInLine ? 20 : 1);
  });
  const startNode = node(start, startSize);
  const entryNodes = entries.map(({ label }) => node(label, entrySize));
  const stateNodes = states.map(({ key }) => node(key, sizeOf(key)));
  const edges = [...begin, ...entering, ...between];
  const { width, height } = layOut(rankdir, [startNode, ...entryNodes, ...stateNodes], edges);
  return {
    viewBox: [0, 0, Math.ceil(width), Math.ceil(height)],
    start: [startNode.x, startNode.y].map(Math.round),
    states: stateNodes.map(boxOf),
    entries: entryNodes.map(boxOf),
    edges: edges.map(({ from, to, points }) => ({ from, to, path: curveThrough(points) })),
  };
}

interface Node extends Size, Point {
  readonly name: string;
}

interface Edge {
  readonly from: string;
  readonly to: string;
  /** How much it is to be short and straight. */
  readonly weight: number;
  points: readonly Point[];
}

function node(name: string, size: Size): Node {
  return { name, ...size, x: 0, y: 0 };
}

function edge(from: string, to: string, weight = 1): Edge {
  return { from, to, weight, points: [] };
}

/** Sets the middle of each node and the points of each edge. */
function layOut(rankdir: Orientation['rankdir'], nodes: readonly Node[], edges: readonly Edge[]): Size {
  const drawing = {
    rankdir,
    nodesep: 14,
    edgesep: 10,
    ranksep: 36,
    marginx: 14,
    marginy: 14,
    width: 0,
    height: 0,
  };
  const graph = new Graph();
  graph.setGraph(drawing);
  for (const node of nodes) graph.setNode(node.name, node);
  for (const edge of edges) graph.setEdge(edge.from, edge.to, edge);
  layout(graph);
  return drawing;
}

function boxOf({ name, x, y, width, height }: Node): object {
  return {
    name,
    x: Math.round(x - width / 2),
    y: Math.round(y - height / 2),
    width: Math.round(width),
    height: Math.round(height),
  };
}

/** A smooth way past the points between: a parabola at each, joined in the middle of the straight pieces. */
function curveThrough(points: readonly Point[]): string {
  const [start, ...bends] = points;
  const end = bends.pop();
  if (start === undefined || end === undefined) throw new Error('a way has two ends');
  const pieces = bends.map((bend, index) => {
    const next = bends[index + 1];
    return `Q${pair(bend)} ${pair(next === undefined ? end : middle(bend, next))}`;
  });
  return `M${pair(start)}${pieces.join('') || `L${pair(end)}`}`;
}

function middle(a: Point, b: Point): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

function pair({ x, y }: Point): string {
  return `${Math.round(x)} ${Math.round(y)}`;
}
