import { sentences } from '../../machines/reasons/sentences.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import type { HostVerdict } from './challenge-solver.ts';

/** @throws StepError that names the hosts that are not provable */
export function throwUnlessProvable(verdicts: readonly HostVerdict[]): void {
  const wrong = verdicts.filter((verdict) => verdict.kind === 'not-provable');
  const [first, second] = wrong;
  if (first === undefined) return;
  const { code, remedy } = first;
  const message = sentences(...wrong.map((one) => one.message), remedy ?? '');
  throw new StepError({
    code,
    message,
    ...(remedy === undefined ? {} : { namesRemedy: true }),
    hosts: wrong.map(({ host }) => host),
    ...(second === undefined ? { host: first.host } : {}),
  });
}
