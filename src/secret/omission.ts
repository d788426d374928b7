import type { Omission } from '../../machines/assessment/rescue.ts';
import { arrayField, parsedJson, stringField } from '../process/json.ts';

/** Annotation on a Secret: the hosts that its certificate was ordered without. */
export const omissionAnnotation = 'kube-lego.io/left-out';

export function writeOmission({ at, hosts }: Omission): string {
  return JSON.stringify({ at: new Date(at).toISOString(), hosts });
}

/** @returns undefined for an invalid text: then all hosts are ordered */
export function readOmission(text: string | undefined): Omission | undefined {
  if (text === undefined) return undefined;
  const found = parsedJson(text);
  const at = Date.parse(stringField(found, 'at') ?? '');
  if (Number.isNaN(at)) return undefined;
  return { at, hosts: arrayField(found, 'hosts').filter((host) => typeof host === 'string') };
}
