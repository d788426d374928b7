// The steps of a round: check-secrets, provision-challenge, obtain-certificate, store-certificate. Invoked as actors by the Ingress
// and certificate machines (src/actors/ingress-logic.ts).

import { fromPromise, type PromiseActorLogic } from 'xstate';
import type { StepResult } from '../../machines/ingress/certificate.ts';
import type { Clock } from '../time/clock.ts';
import { failureOf } from './failures.ts';

/** The actor logic of one step of a round: an error becomes a failure with its time; stopping the actor aborts the work. */
export function stepLogic<Value, Input>(
  clock: Clock,
  work: (input: Input, signal: AbortSignal) => Promise<Value>,
): PromiseActorLogic<StepResult<Value>, Input> {
  return fromPromise<StepResult<Value>, Input>(async ({ input, signal }) => {
    try {
      const value = await work(input, signal);
      return { kind: 'done', at: clock.now(), value };
    } catch (error) {
      const at = clock.now();
      return { kind: 'failed', at, failure: failureOf(error, at) };
    }
  });
}
