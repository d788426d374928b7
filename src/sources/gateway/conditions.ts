import { recordField, stringField } from '../../process/json.ts';
import { numberField, recordsIn, textField } from './bounded-fields.ts';

/** A metav1.Condition, cut. */
export interface Condition {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number | undefined;
}

/** Of one list of conditions. */
const mostConditions = 16;

/**
 * The condition of this type in `conditions` of the object.
 *
 * @param generation of the spec: what was said of an earlier one counts for nothing; undefined: counts all the same
 */
export function conditionIn(object: unknown, type: string, generation?: number): Condition | undefined {
  const found = recordsIn(object, 'conditions', mostConditions).find(
    (one) => stringField(one, 'type') === type,
  );
  if (found === undefined) return undefined;
  const observedGeneration = numberField(found, 'observedGeneration');
  if (generation !== undefined && observedGeneration !== undefined && observedGeneration < generation) {
    return undefined;
  }
  return {
    status: textField(found, 'status') ?? 'Unknown',
    reason: textField(found, 'reason') ?? '',
    message: textField(found, 'message') ?? '',
    observedGeneration,
  };
}

export function isTrueNow(condition: Condition | undefined): boolean {
  return condition?.status === 'True';
}

export function isFalse(condition: Condition | undefined): boolean {
  return condition?.status === 'False';
}

/** `metadata.deletionTimestamp` is set. */
export function isBeingDeleted(object: unknown): boolean {
  return recordField(object, 'metadata')?.['deletionTimestamp'] !== undefined;
}
