import type { Layout, PlacedEdge, PlacedGroup, PlacedState, Point } from './placement.ts';

const style = `
    .frame { fill: #f6f8fb; stroke: #9aa8bd; }
    .group { fill: #fff; stroke: #9aa8bd; stroke-dasharray: 5 4; }
    .state rect { fill: #e8f0fe; stroke: #1a57c4; stroke-width: 1.6; }
    .idle rect, .ended rect { fill: #eaf7ea; stroke: #2b7a2b; }
    .backing-off rect { fill: #fdf3e1; stroke: #b4690e; }
    .edge { fill: none; stroke: #33507a; stroke-width: 1.5; }
    .edge.arrow { marker-end: url(#head); }
    .to-idle { stroke: #2b7a2b; }
    .to-backing-off { stroke: #b4690e; }
    text { fill: #1d2733; }
    .name { font-size: 15px; font-weight: 600; text-anchor: middle; }
    .title { font-size: 15px; font-weight: 700; }
    .line { font-size: 12px; fill: #47566b; }
    .middle { text-anchor: middle; }`;

/** The drawing as a file of its own; each state carries its name as `data-state`. */
export function svgOf(layout: Layout, { title, lines }: { title: string; lines: readonly string[] }): string {
  const { width, height, frame, states, groups, edges, start } = layout;
  const [startX, startY] = start;
  const initial = states[0];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${round(height)}" font-family="system-ui, sans-serif" role="img" aria-labelledby="title">`,
    `  <title id="title">${escape(title)}</title>`,
    `  <style>${style}\n  </style>`,
    '  <defs>',
    '    <marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">',
    '      <path d="M0 0 10 5 0 10z" fill="context-stroke"/>',
    '    </marker>',
    '  </defs>',
    `  <rect class="frame" ${rectangle(frame)} rx="12"/>`,
    `  <text class="title" x="${frame.x + 18}" y="${frame.y + 28}">${escape(title)}</text>`,
    ...lines.map((line, index) => textLine(line, [frame.x + 18, frame.y + 48 + 16 * index], 'line')),
    ...groups.flatMap(drawGroup),
    ...edges.map((edge) => drawEdge(edge)),
    `  <circle cx="${round(startX)}" cy="${round(startY)}" r="5" fill="#33507a"/>`,
    `  <path class="edge arrow" d="M${round(startX)} ${round(startY)}H${round(initial?.x ?? startX)}"/>`,
    ...states.flatMap(drawState),
    ...edges.flatMap(({ label }) =>
      label === undefined ? [] : textLine(label.text, label.at, 'line middle'),
    ),
    '</svg>',
    '',
  ].join('\n');
}

function drawState({ x, y, width, height, state }: PlacedState): string[] {
  const middle = x + width / 2;
  const top = y + height / 2 - 8 * state.lines.length + 5;
  return [
    `  <g class="state ${state.name}" data-state="${escape(state.name)}">`,
    `    <rect ${rectangle({ x, y, width, height })} rx="10"/>`,
    ...(state.final
      ? [`    <rect ${rectangle({ x: x + 4, y: y + 4, width: width - 8, height: height - 8 })} rx="7"/>`]
      : []),
    `  ${textLine(state.name, [middle, top], 'name')}`,
    ...state.lines.map(
      (line, index) => `  ${textLine(line, [middle, top + 18 + 16 * index], 'line middle')}`,
    ),
    '  </g>',
  ];
}

function drawGroup({ name, lines, ...box }: PlacedGroup): string[] {
  return [
    `  <rect class="group" ${rectangle(box)} rx="12"/>`,
    `  <text class="title" x="${round(box.x + 14)}" y="${round(box.y + 22)}">${escape(name)}</text>`,
    ...lines.map((line, index) => textLine(line, [box.x + 14, box.y + 38 + 16 * index], 'line')),
  ];
}

function drawEdge({ points, joins, to }: PlacedEdge): string {
  const target = to.slice(to.lastIndexOf('.') + 1);
  return `  <path class="edge ${joins ? '' : 'arrow '}to-${target}" d="${pathOf(points)}"/>`;
}

/** Straight pieces with a round corner at each point between. */
export function pathOf(points: readonly Point[]): string {
  const radius = 8;
  return points
    .map((point, index) => {
      const before = points[index - 1];
      const after = points[index + 1];
      if (before === undefined) return `M${point.map(round).join(' ')}`;
      if (after === undefined) return `L${point.map(round).join(' ')}`;
      const start = towards(point, before, radius);
      const end = towards(point, after, radius);
      return `L${start.map(round).join(' ')}Q${[...point, ...end].map(round).join(' ')}`;
    })
    .join('');
}

/** The point on the way from one to another, `distance` away or half of the way. */
function towards([x, y]: Point, [otherX, otherY]: Point, distance: number): Point {
  const length = Math.hypot(otherX - x, otherY - y);
  const share = length === 0 ? 0 : Math.min(distance / length, 0.5);
  return [x + (otherX - x) * share, y + (otherY - y) * share];
}

function textLine(text: string, [x, y]: Point, classes: string): string {
  return `  <text class="${classes}" x="${round(x)}" y="${round(y)}">${escape(text)}</text>`;
}

function rectangle(box: { x: number; y: number; width: number; height: number }): string {
  return `x="${round(box.x)}" y="${round(box.y)}" width="${round(box.width)}" height="${round(box.height)}"`;
}

/** Whole tenths, so that the same drawing is the same file everywhere. */
function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
