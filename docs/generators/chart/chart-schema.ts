import { providerNames } from '../../../machines/zones/zone.ts';
import { commonSettings, providerSettings } from '../../../machines/zones/zone-document.ts';
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
  const { settings, zones, needs: _needs, ...keywords } = annotation;
  if (settings === true) {
    const properties = chartSettings().map(({ key: name, option, schema }): [string, object] => [
      name,
      { ...schema, description: option.description },
    ]);
    return { ...closed(Object.fromEntries(properties)), description };
  }
  if (zones === true) {
    return { type: 'object', additionalProperties: zone(), ...keywords, description, default: fallback };
  }
  return { ...typeOf(key, fallback), ...keywords, description, default: fallback };
}

/** One entry of the zones document. Which settings a provider has, kube-lego says. */
function zone(): object {
  const names = [commonSettings, ...Object.values(providerSettings)].flatMap((group) => Object.keys(group));
  const list = { type: 'array', items: { type: 'string' } };
  const properties = names.map((name): [string, object] => [name, { anyOf: [{ type: 'string' }, list] }]);
  const provider = { enum: providerNames };
  return { ...closed({ ...Object.fromEntries(properties), provider }), required: ['provider'] };
}

function typeOf(key: string, fallback: unknown): object {
  if (Array.isArray(fallback)) return { type: 'array' };
  if (typeof fallback === 'number') return { type: 'integer' };
  if (typeof fallback !== 'object') return { type: typeof fallback };
  const isOfStrings = /(labels|annotations|nodeSelector)$/i.test(key);
  return { type: 'object', ...(isOfStrings ? { additionalProperties: { type: 'string' } } : {}) };
}
