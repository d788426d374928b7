import { recordField, stringField } from '../../process/json.ts';
import { stringsIn } from './bounded-fields.ts';

export interface NamespaceLabels {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A label that is not read may be the one that a selector asks for: more than any Namespace has. */
const mostLabels = 1000;

/** The labels of a Namespace, for listeners that let in routes by them. */
export function projectLabels(object: unknown): NamespaceLabels {
  const metadata = recordField(object, 'metadata');
  return {
    name: stringField(metadata, 'name') ?? '',
    labels: stringsIn(recordField(metadata, 'labels'), mostLabels),
  };
}
