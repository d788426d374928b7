import { statusAnnotation } from '../../../machines/ingress/status.ts';
import { decodeStatus } from '../../../src/kubernetes/records/status-annotation.ts';
import { recordField, stringField } from '../../../src/process/json.ts';

/** The status annotation of an Ingress as the API server sent it. */
export function statusTextOf(ingress: unknown): string | undefined {
  return stringField(recordField(recordField(ingress, 'metadata'), 'annotations'), statusAnnotation);
}

/** What it says, each message in one piece; empty without one. */
export function saidOf(ingress: unknown): string {
  const document = decodeStatus(statusTextOf(ingress));
  return document === undefined ? '' : JSON.stringify(document);
}
