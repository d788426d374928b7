import { chartSettings } from './chart-settings.ts';
import type { ChartValue } from './value-comments.ts';

/** deploy/chart/values.schema.json: it refuses what values.yaml does not know. */
export function chartSchema(values: readonly ChartValue[]): string {
  const groups = new Set(values.flatMap(({ path: [group, ...rest] }) => (rest.length > 0 ? group : [])));
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...closed(propertiesOf(values, 0)),
    // Helm forgets one without content, with its defaults.
    required: [...groups],
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** An object that has no other keys than these. */
function closed(properties: object): object {
  return { type: 'object', additionalProperties: false, properties };
}

/** @param depth how many keys of their paths these values share */
function propertiesOf(values: readonly ChartValue[], depth: number): object {
  const groups = Map.groupBy(values, ({ path }) => path[depth] ?? '');
  const entries = [...groups].map(([key, members]): [string, object] => {
    const [first] = members;
    const isLeaf = first?.path.length === depth + 1;
    return [key, isLeaf ? leaf(key, first) : closed(propertiesOf(members, depth + 1))];
  });
  return Object.fromEntries(entries);
}

function leaf(key: string, { description, annotation, fallback }: ChartValue): object {
  const { settings, needs: _needs, ...keywords } = annotation;
  if (settings === true) {
    const properties = chartSettings().map(({ key: name, option, schema }): [string, object] => [
      name,
      { ...schema, description: option.description },
    ]);
    return { ...closed(Object.fromEntries(properties)), description };
  }
  return { ...typeOf(key, fallback), ...keywords, description, default: fallback };
}

function typeOf(key: string, fallback: unknown): object {
  if (Array.isArray(fallback)) return { type: 'array' };
  if (typeof fallback === 'number') return { type: 'integer' };
  if (typeof fallback !== 'object') return { type: typeof fallback };
  const isOfStrings = /(labels|annotations|nodeSelector)$/i.test(key);
  return { type: 'object', ...(isOfStrings ? { additionalProperties: { type: 'string' } } : {}) };
}
