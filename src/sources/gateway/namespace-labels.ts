import { recordField, stringField } from '../../process/json.ts';
import { stringsIn } from './bounded-fields.ts';

export interface NamespaceLabels {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

const mostLabels = 64;

/** The labels of a Namespace, for listeners that let in routes by them. */
export function projectLabels(object: unknown): NamespaceLabels {
  const metadata = recordField(object, 'metadata');
  return {
    name: stringField(metadata, 'name') ?? '',
    labels: stringsIn(recordField(metadata, 'labels'), mostLabels),
  };
}
