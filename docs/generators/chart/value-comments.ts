import { loadYaml } from '@kubernetes/client-node';
import { isRecord } from '../../../src/process/json.ts';

/** One value of the chart, as values.yaml says it. */
export interface ChartValue {
  /** keys from the top on */
  readonly path: readonly string[];
  /** what stands after `# --`, in one line */
  readonly description: string;
  /** what `# @schema` adds: keywords of JSON Schema, and those of ours (`Annotation`) */
  readonly annotation: Annotation;
  readonly fallback: unknown;
}

export interface Annotation {
  readonly [keyword: string]: unknown;
  /** example values, each valid and other than the default */
  readonly examples?: readonly unknown[];
  /** the value holds kube-lego's settings, each under its name */
  readonly settings?: boolean;
  /** the value holds DNS zones, each under its domain */
  readonly zones?: boolean;
  /** other values, without which this one has no effect */
  readonly needs?: unknown;
}

/**
 * Reads values.yaml with its comments: a value is a key with a `# --` above it.
 * @throws Error for an annotation that is no JSON object
 */
export function readChartValues(text: string): ChartValue[] {
  const defaults: unknown = loadYaml(text);
  const found: ChartValue[] = [];
  let path: string[] = [];
  let comment: string[] = [];
  for (const line of text.split('\n')) {
    const [, indent = '', hash, said = '', key] = /^( *)(?:(#) ?(.*)|([\w.-]+):.*)$/.exec(line) ?? [];
    if (hash !== undefined) comment.push(said);
    else {
      if (key !== undefined) {
        path = [...path.slice(0, indent.length / 2), key];
        if (comment.some((part) => part.startsWith('-- ')))
          found.push({ path, ...readComment(comment), fallback: at(defaults, path) });
      }
      comment = [];
    }
  }
  return found;
}

function readComment(lines: readonly string[]): Pick<ChartValue, 'description' | 'annotation'> {
  const marker = '@schema ';
  const schema = lines.find((line) => line.startsWith(marker))?.slice(marker.length);
  const annotation: unknown = schema === undefined ? {} : JSON.parse(schema);
  if (!isRecord(annotation)) throw new Error(`@schema must be followed by a JSON object, not ${schema}`);
  const described = lines.filter((line) => !line.startsWith(marker));
  return { description: described.join(' ').replace(/^-- /, ''), annotation };
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((part, key) => Object(part)[key], value);
}
