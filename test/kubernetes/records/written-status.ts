import { statusAnnotation } from '../../../machines/ingress/status.ts';
import { recordField, stringField } from '../../../src/process/json.ts';

/** The status annotation of an Ingress as the API server sent it. */
export function statusTextOf(ingress: unknown): string | undefined {
  return stringField(recordField(recordField(ingress, 'metadata'), 'annotations'), statusAnnotation);
}
