// Reading of Gateway API objects within bounds: the API server has checked them against a CRD, which anybody with the right to install
// one may have changed.

import { normalizeHost } from '../../../machines/hosts/host-names.ts';
import { arrayField, isRecord, stringField } from '../../process/json.ts';

export const gatewayGroup = 'gateway.networking.k8s.io';
/** The group of ListenerSets before Gateway API 1.5, there called XListenerSets. */
export const experimentalGroup = 'gateway.networking.x-k8s.io';

/** Of a DNS name, and of the name of an object. */
export const longestName = 253;
/** Of anybody's text in a condition. */
const longestText = 256;

/** Cut, in a copy, which does not keep the whole text in memory. */
export function textField(object: unknown, field: string, longest = longestText): string | undefined {
  const text = stringField(object, field);
  return text === undefined || text.length <= longest ? text : Buffer.from(text.slice(0, longest)).toString();
}

/** Undefined if it is too long for a name. */
export function nameField(object: unknown, field: string): string | undefined {
  const name = stringField(object, field);
  return name === undefined || name === '' || name.length > longestName ? undefined : name;
}

/** A hostname in lower case without trailing dot; one that is too long is cut to what shows that. */
export function hostnameField(object: unknown, field: string): string | undefined {
  const hostname = textField(object, field, longestName + 2);
  return hostname === undefined || hostname === '' ? undefined : normalizeHost(hostname);
}

export function numberField(object: unknown, field: string): number | undefined {
  const value = isRecord(object) ? object[field] : undefined;
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

/** The first objects of the array. */
export function recordsIn(object: unknown, field: string, most: number): Record<string, unknown>[] {
  return arrayField(object, field).slice(0, most).filter(isRecord);
}

/** The strings of an object's fields, the first ones. */
export function stringsIn(object: Record<string, unknown> | undefined, most: number): Record<string, string> {
  const entries = Object.entries(object ?? {}).slice(0, most);
  return Object.fromEntries(
    entries.filter(
      (entry): entry is [string, string] =>
        entry[0].length <= 2 * longestName && typeof entry[1] === 'string' && entry[1].length <= longestName,
    ),
  );
}
