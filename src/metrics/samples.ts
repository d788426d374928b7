import type { SampledMetric } from './catalogue.ts';

/** One series of a metric at the moment of the scrape. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of each metric. */
export type Samples = Readonly<Record<SampledMetric, Sample[]>>;

/** A metric without labels; empty if the value is unknown. */
export function single(value: number | boolean | undefined): Sample[] {
  return value === undefined ? [] : [{ labels: {}, value: Number(value) }];
}

/** One series per name, 0 if it does not occur. */
export function counts(
  label: string,
  names: readonly string[],
  counted: ReadonlyMap<string, number>,
): Sample[] {
  return names.map((name) => ({ labels: { [label]: name }, value: counted.get(name) ?? 0 }));
}

export function increment(counted: Map<string, number>, name: string): void {
  counted.set(name, (counted.get(name) ?? 0) + 1);
}
