/** Reading of untrusted JSON: a value of an unexpected type is undefined, never an exception. */
import { isRecord } from '../../machines/documents/json-document.ts';

export { isRecord };

/** The value of this JSON text; undefined if it is not JSON. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The object in this field, if it is one. */
export function recordField(object: unknown, field: string): Record<string, unknown> | undefined {
  const value = isRecord(object) ? object[field] : undefined;
  return isRecord(value) ? value : undefined;
}

/** The string in this field, if it is one. */
export function stringField(object: unknown, field: string): string | undefined {
  const value = isRecord(object) ? object[field] : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** The array in this field; empty if there is none. */
export function arrayField(object: unknown, field: string): readonly unknown[] {
  const value = isRecord(object) ? object[field] : undefined;
  return Array.isArray(value) ? value : [];
}

/** The strings among the values of this object. */
export function stringsOf(record: Record<string, unknown> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** JSON with sorted keys: typed models and the API server order them differently. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (!isRecord(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
