import { arrayField, recordField, stringField } from '../../process/json.ts';
import type { ObjectMeta } from '../client/api-objects.ts';
import { fieldManager, managedByLabel } from './managed-by.ts';

/** What the operator wants on every object that kube-lego creates: `LEGO_OBJECT_LABELS`, `LEGO_OBJECT_ANNOTATIONS`. */
export interface ObjectMetadata {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export const noMetadata: ObjectMetadata = Object.freeze({ labels: {}, annotations: {} });

/** Of a new object of ours. */
export function newMetadata(
  namespace: string,
  name: string,
  { labels, annotations }: ObjectMetadata,
): ObjectMeta {
  return {
    name,
    namespace,
    labels: { ...labels, [managedByLabel.key]: managedByLabel.value },
    annotations: { ...annotations },
  };
}

/** Adds what is missing, for an update of an object as it was read. What is there stays. */
export function addMissing(present: ObjectMeta, wanted: ObjectMetadata): void {
  present.labels = { ...wanted.labels, ...present.labels };
  present.annotations = { ...wanted.annotations, ...present.annotations };
}

/**
 * What a server-side apply to an existing object has to repeat: of the operator's keys that are there the values that are there, because
 * they may be somebody else's, and what an earlier apply of ours has set, because it would be removed.
 *
 * @returns undefined: nothing
 */
export function toRepeat(
  present: ObjectMeta | undefined,
  wanted: ObjectMetadata,
): ObjectMetadata | undefined {
  const applied = arrayField(present, 'managedFields')
    .filter(
      (entry) =>
        stringField(entry, 'manager') === fieldManager && stringField(entry, 'operation') === 'Apply',
    )
    .map((entry) => recordField(recordField(entry, 'fieldsV1'), 'f:metadata'));
  const repeated = (field: keyof ObjectMetadata): Record<string, string> => {
    const keys = applied.flatMap((metadata) => Object.keys(recordField(metadata, `f:${field}`) ?? {}));
    const isRepeated = new Set([...keys.map((key) => key.slice('f:'.length)), ...Object.keys(wanted[field])]);
    const entries = Object.entries(present?.[field] ?? {});
    return Object.fromEntries(entries.filter(([key]) => isRepeated.has(key) && !isOurs(key)));
  };
  const [labels, annotations] = [repeated('labels'), repeated('annotations')];
  const count = Object.keys(labels).length + Object.keys(annotations).length;
  return count === 0 ? undefined : { labels, annotations };
}

/** Each write decides on these anew. */
function isOurs(key: string): boolean {
  return key.startsWith('kube-lego.io/') || key === managedByLabel.key;
}
