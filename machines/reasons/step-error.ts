import type { Failure } from './reasons.ts';

/** A step of issuance failed for a reason that it knows by its code. */
export class StepError extends Error {
  override readonly name = 'StepError';
  readonly failure: Failure;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options);
    this.failure = failure;
  }
}
