import type { ChartState } from './chart.ts';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedState extends Box {
  readonly state: ChartState;
}

export interface PlacedGroup extends Box {
  readonly name: string;
  readonly lines: readonly string[];
}

export type Point = readonly [x: number, y: number];

/** A line through these points, with round corners; the last one is the arrow's head unless it joins another line. */
export interface PlacedEdge {
  readonly points: readonly Point[];
  readonly joins: boolean;
  /** The whole way from state to state, also where the drawing lets it join another line. */
  readonly way: readonly Point[];
  /** The state that it leaves; undefined for what leads there from anywhere. */
  readonly from: string | undefined;
  /** The state that it leads to. */
  readonly to: string;
  readonly label: { readonly text: string; readonly at: Point } | undefined;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly frame: Box;
  readonly states: readonly PlacedState[];
  readonly groups: readonly PlacedGroup[];
  readonly edges: readonly PlacedEdge[];
  readonly start: Point;
}
