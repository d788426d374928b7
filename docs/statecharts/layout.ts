import type { Chart, ChartEdge, ChartState } from './chart.ts';
import { layersOf } from './layers.ts';
import type { Box, Layout, PlacedEdge } from './placement.ts';

const margin = 12;
const lineHeight = 16;
const gap = 46;
const laneGap = 24;
const portGap = 14;
const rowGap = 34;
const groupPadding = 16;

/** About what the text takes in a sans-serif font of this size. */
function textWidth(text: string, size: number): number {
  return Math.ceil(text.length * size * 0.58);
}

/**
 * Layers from left to right by the longest way from the initial state, the first state of each layer on one line. What
 * skips a layer runs in a lane of its target: above the states for targets on that line, below it for the others.
 */
export function layOut(chart: Chart): Layout {
  return new LayeredLayout(chart).place();
}

class LayeredLayout {
  readonly #chart: Chart;
  readonly #columns: ChartState[][] = [];
  readonly #boxes = new Map<string, Box>();
  readonly #lanes: { readonly to: string; readonly from: string[] }[];
  readonly #headerHeight: number;
  #lineY = 0;

  constructor(chart: Chart) {
    this.#chart = chart;
    const layers = layersOf(chart);
    for (const state of chart.states) {
      const layer = layers.get(state.id) ?? 0;
      (this.#columns[layer] ??= []).push(state);
    }
    const skips = chart.edges.filter((edge) => !this.#isStraight(edge));
    this.#lanes = [...new Set(skips.map(({ to }) => to))]
      .toSorted((one, other) => this.#columnOf(one) - this.#columnOf(other))
      .map((to) => ({ to, from: skips.filter((edge) => edge.to === to).map(({ from }) => from) }));
    this.#headerHeight = 40 + lineHeight * chart.lines.length;
  }

  place(): Layout {
    this.#placeStates();
    const groups = this.#chart.groups.map((group) => ({ ...this.#around(group.id), ...group }));
    const boxes = [...this.#boxes.values(), ...groups];
    const frame = {
      x: margin,
      y: margin,
      width: Math.max(...boxes.map(({ x, width }) => x + width)) + 24 - margin,
      height: Math.max(...boxes.map(({ y, height }) => y + height)) + 24 - margin,
    };
    const initial = this.#box(this.#chart.initial);
    const edges = [
      ...this.#chart.edges.filter((edge) => this.#isStraight(edge)).map((edge) => this.#straight(edge)),
      ...this.#lanes.flatMap((lane) =>
        this.#isBelow(lane.to) ? this.#laneBelow(lane) : this.#laneAbove(lane),
      ),
      ...this.#fromAnywhere(),
    ];
    return {
      width: frame.x + frame.width + margin,
      height: frame.y + frame.height + margin,
      frame,
      states: this.#chart.states.map((state) => ({ ...this.#box(state.id), state })),
      groups,
      edges,
      start: [initial.x - 40, this.#entryY(0)],
    };
  }

  #placeStates(): void {
    const { groups, states, fromAnywhere } = this.#chart;
    const lanesAbove = this.#lanes.filter(({ to }) => !this.#isBelow(to)).length;
    const groupHeader =
      groups.length === 0 ? 0 : 40 + lineHeight * Math.max(...groups.map((g) => g.lines.length));
    const heights = states.map(heightOf);
    const rowHeight = Math.max(...heights, 24 * (fromAnywhere.length + 2));
    const top = margin + this.#headerHeight + laneGap * (lanesAbove + 0.5) + groupHeader;
    this.#lineY = top + rowHeight / 2;
    const entryWidth = Math.max(0, ...fromAnywhere.map(({ label }) => textWidth(label, 12)));
    let x = margin + Math.max(64, entryWidth + 44);
    for (const [index, column] of this.#columns.entries()) {
      const width = Math.max(...column.map((state) => this.#widthOf(state)));
      let y = top;
      for (const state of column) {
        const height = state === column[0] ? rowHeight : heightOf(state);
        this.#boxes.set(state.id, { x, y, width, height });
        y += height + rowGap;
      }
      x += width + this.#gapAfter(index);
    }
  }

  #widthOf(state: ChartState): number {
    const ports = this.#lanes.filter(({ from, to }) => from.includes(state.id) || to === state.id).length;
    const texts = [textWidth(state.name, 15), ...state.lines.map((line) => textWidth(line, 12))];
    return Math.max(84, portGap * (ports + 1), ...texts.map((width) => width + 24));
  }

  #gapAfter(index: number): number {
    const [left] = this.#columns[index] ?? [];
    const [right] = this.#columns[index + 1] ?? [];
    const labels = this.#chart.edges
      .filter((edge) => edge.from === left?.id && this.#isStraight(edge))
      .map(({ label }) => textWidth(label, 12) + 26);
    const border = left?.group === right?.group ? 0 : groupPadding;
    return Math.max(gap, ...labels) + border;
  }

  #around(group: string): Box {
    const inside = this.#chart.states.filter((state) => state.group === group).map(({ id }) => this.#box(id));
    const lines = this.#chart.groups.find(({ id }) => id === group)?.lines ?? [];
    const header = 34 + lineHeight * lines.length;
    const x = Math.min(...inside.map((box) => box.x)) - groupPadding;
    const y = Math.min(...inside.map((box) => box.y)) - header;
    const right = Math.max(...inside.map((box) => box.x + box.width)) + groupPadding;
    const bottom = Math.max(...inside.map((box) => box.y + box.height)) + groupPadding;
    return { x, y, width: right - x, height: bottom - y };
  }

  #box(id: string): Box {
    const box = this.#boxes.get(id);
    if (box !== undefined) return box;
    return this.#around(id);
  }

  #rightOf(id: string): number {
    const { x, width } = this.#box(id);
    return x + width;
  }

  #groupOf(id: string): string | undefined {
    return this.#chart.states.find((state) => state.id === id)?.group;
  }

  #columnOf(id: string): number {
    return this.#columns.findIndex((column) => column.some((state) => state.id === id || state.group === id));
  }

  #isBelow(id: string): boolean {
    return !this.#columns.some(([first]) => first?.id === id || first?.group === id);
  }

  /** From one state on the line to the next. */
  #isStraight({ from, to }: ChartEdge): boolean {
    return this.#columnOf(to) === this.#columnOf(from) + 1 && !this.#isBelow(to) && !this.#isBelow(from);
  }

  #straight({ from, to, label }: ChartEdge): PlacedEdge {
    const start = this.#rightOf(from);
    const end = this.#box(to).x;
    const group = this.#groupOf(from);
    const clear = group === undefined || group === this.#groupOf(to) ? start : this.#rightOf(group);
    const text =
      label === '' ? undefined : { text: label, at: [(clear + end) / 2 - 3, this.#lineY - 8] as const };
    const points = [
      [start, this.#lineY],
      [end, this.#lineY],
    ] as const;
    return {
      points,
      joins: false,
      way: points,
      from,
      to,
      label: text,
    };
  }

  /** The ports of a state on its upper side, from left to right: what comes in, then the farthest way out first. */
  #portX(id: string, to: string): number {
    const box = this.#box(id);
    const lanes = this.#lanes.filter((lane) => !this.#isBelow(lane.to));
    const incoming = lanes.filter((lane) => lane.to === id);
    const ports = [...incoming, ...lanes.filter(({ from }) => from.includes(id)).toReversed()];
    const index = ports.findIndex((lane) => lane.to === to);
    return box.x + (box.width * (index + 1)) / (ports.length + 1);
  }

  #laneAbove(lane: { readonly to: string; readonly from: readonly string[] }): PlacedEdge[] {
    const above = this.#lanes.filter(({ to }) => !this.#isBelow(to));
    const tops = [...this.#boxes.values(), ...this.#chart.groups.map(({ id }) => this.#around(id))].map(
      ({ y }) => y,
    );
    const y = Math.min(...tops) - laneGap * (above.findIndex(({ to }) => to === lane.to) + 0.75);
    const targetX = this.#portX(lane.to, lane.to);
    return lane.from.map((from, index) => {
      const x = this.#portX(from, lane.to);
      const { label } = this.#edge(from, lane.to);
      const first = index === 0;
      const start = [x, this.#box(from).y] as const;
      const way = [start, [x, y], [targetX, y], [targetX, this.#box(lane.to).y]] as const;
      return {
        points: first ? way : [start, [x, y], [x + 16, y]],
        joins: !first,
        way,
        from,
        to: lane.to,
        label:
          label === '' ? undefined : { text: label, at: [x + 10 + textWidth(label, 12) / 2, y - 6] as const },
      };
    });
  }

  #laneBelow(lane: { readonly to: string; readonly from: readonly string[] }): PlacedEdge[] {
    const target = this.#box(lane.to);
    const y = target.y + target.height / 2;
    return lane.from.map((from, index) => {
      const { x, width, y: top, height } = this.#box(from);
      const middle = x + width / 2;
      const first = index === 0;
      const start = [middle, top + height] as const;
      const way = [start, [middle, y], [target.x, y]] as const;
      return {
        points: first ? way : [start, [middle, y], [middle + 16, y]],
        joins: !first,
        way,
        from,
        to: lane.to,
        label: undefined,
      };
    });
  }

  #edge(from: string, to: string): ChartEdge {
    const found = this.#chart.edges.find((edge) => edge.from === from && edge.to === to);
    if (found === undefined) throw new Error(`nothing leads from ${from} to ${to}`);
    return found;
  }

  /** The height of the start (0) and of the ways from anywhere on the left side of the initial state. */
  #entryY(index: number): number {
    const entries = this.#chart.fromAnywhere.length + 1;
    return this.#lineY + 24 * (index - (entries - 1) / 2);
  }

  #fromAnywhere(): PlacedEdge[] {
    return this.#chart.fromAnywhere.map(({ to, label }, index) => {
      const y = this.#entryY(index + 1);
      const end = this.#box(to).x;
      const points = [
        [margin, y],
        [end, y],
      ] as const;
      return {
        points,
        joins: false,
        way: points,
        from: undefined,
        to,
        label: { text: label, at: [(margin + end) / 2 - 3, y - 5] as const },
      };
    });
  }
}

function heightOf(state: ChartState): number {
  return 40 + lineHeight * state.lines.length;
}
