import type { SampledMetric } from './catalogue.ts';

/** One series of a metric at the moment of the scrape. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What there is to say of each metric. */
export type Samples = Readonly<Record<SampledMetric, Sample[]>>;

/** A metric without labels; nothing where the value is not known. */
export function single(value: number | boolean | undefined): Sample[] {
  return value === undefined ? [] : [{ labels: {}, value: Number(value) }];
}

/** A series for each of the names, so that what does not occur is 0 and not absent. */
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
