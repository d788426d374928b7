import { fromPromise, type PromiseActorLogic } from 'xstate';
import type { StepResult } from '../../machines/ingress/certificate.ts';
import type { Clock } from '../time/clock.ts';
import { failureOf } from './failures.ts';

/** The actor for one step of a round: what the work throws becomes a failure with its time; its signal ends the work. */
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
