import assert from 'node:assert/strict';
import type { CheckResult } from '../../../machines/ingress/ingress-updates.ts';
import type { Assignment, DesiredCertificate } from '../../../machines/ownership/desired-certificate.ts';
import type { Failure } from '../../../machines/reasons/reasons.ts';
import { assignment, now } from '../builders.ts';
import { dueResult, Issuance, settled, validity } from '../issuance.ts';

export const dead: Failure = { code: 'SelfCheckFailed', message: 'Host a.example.com does not reach us.' };

/** An Ingress at work whose effects the test ends one by one. */
export async function start(given: Assignment) {
  const world = new Issuance();
  const run = await world.startIngress(given);
  const desired = (secretName: string): DesiredCertificate => {
    const found = run.context().certificates.find((record) => record.desired.secretName === secretName);
    assert.ok(found !== undefined);
    return found.desired;
  };
  return {
    ...run,
    world,
    desired,
    async checked(results: readonly CheckResult[], at = now) {
      world.check.resolve({ at, results });
      await settled();
    },
    async admitted(secretName: string, at = now) {
      world.admit(secretName, at);
      await settled();
    },
    async provisioned(secretName: string, at = now) {
      world.provisions.of(secretName).resolve({ kind: 'done', at, value: undefined });
      await settled();
      world.grantSlot(secretName, at);
      await settled();
    },
    async ordered(secretName: string, at = now) {
      world.orders.of(secretName).resolve({ kind: 'done', at, value: `vault-id-of-${secretName}` });
      await settled();
    },
    async stored(secretName: string, at = now) {
      world.writes.of(secretName).resolve({ kind: 'done', at, value: validity });
      await settled();
    },
    async wake(at: number) {
      run.ingress.send({ type: 'WAKE', at });
      await settled();
    },
    async assign(next: Assignment, at = now) {
      run.ingress.send({ type: 'ASSIGNED', assignment: next, at });
      await settled();
    },
  };
}

export type Run = Awaited<ReturnType<typeof start>>;

/** An Ingress with the rounds of these Secrets queued. */
export async function startDue(secretNames: readonly string[]): Promise<Run> {
  const run = await start(assignment(secretNames));
  await run.checked(secretNames.map((secretName) => dueResult(run.desired(secretName))));
  return run;
}

export const phases = ['queued', 'provisioning-challenge', 'validating', 'storing'] as const;
/** What ends each phase. */
const steps = ['admitted', 'provisioned', 'ordered', 'stored'] as const;

/** Brings the round of a Secret as far as the phase. */
export async function advance(run: Run, secretName: string, phase: (typeof phases)[number]): Promise<void> {
  for (const step of steps.slice(0, phases.indexOf(phase))) await run[step](secretName);
}

/** Brings the round of a Secret from the phase to its good end. */
export async function finish(run: Run, secretName: string, phase: (typeof phases)[number]): Promise<void> {
  for (const step of steps.slice(phases.indexOf(phase))) await run[step](secretName);
}

/** How often the round of a Secret gave back what it held. */
export function leaves({ world }: Run, secretName: string): number {
  return world.log.filter((line) => line === `leave ${secretName}`).length;
}
