import pLimit from 'p-limit';
import { fromPromise, type PromiseActorLogic } from 'xstate';
import { assess } from '../../machines/assessment/assessment.ts';
import type { AssessmentPolicy } from '../../machines/assessment/defects.ts';
import { foundProof } from '../../machines/assessment/found-certificate.ts';
import type { CheckOutput } from '../../machines/ingress/ingress.ts';
import type { CheckResult } from '../../machines/ingress/ingress-updates.ts';
import type { DesiredCertificate } from '../../machines/ownership/desired-certificate.ts';
import type { SecretStore } from '../kubernetes/records/secret-store.ts';
import type { HolderKeeper } from '../ownership/holder-keeper.ts';
import { factsOf } from '../secret/secret-reading.ts';
import type { Clock } from '../time/clock.ts';
import { failureOf } from './failures.ts';
import type { RenewalWatch } from './renewal-watch.ts';

export interface CheckSecretsOptions {
  readonly secrets: Pick<SecretStore, 'read'>;
  readonly holders: Pick<HolderKeeper, 'importing' | 'find' | 'get'>;
  readonly policy: AssessmentPolicy;
  /** Undefined without ARI. */
  readonly renewals?: Pick<RenewalWatch, 'check'> | undefined;
  readonly clock: Clock;
  readonly ca: { readonly clock: Pick<Clock, 'now'> };
}

/** Without this limit a restart with thousands of Ingresses would need hundreds of megabytes. */
const readsAtOnce = 16;

/** Reads and assesses the Secrets of an Ingress. */
export function checkSecretsLogic({
  secrets,
  holders,
  policy,
  renewals,
  clock,
  ca,
}: CheckSecretsOptions): PromiseActorLogic<CheckOutput, readonly DesiredCertificate[]> {
  const limit = pLimit(readsAtOnce);
  return fromPromise(async ({ input, signal }) => {
    const results = await Promise.all(input.map((desired) => check(desired, signal)));
    return { at: clock.now(), results };
  });

  async function check(desired: DesiredCertificate, signal: AbortSignal): Promise<CheckResult> {
    const { namespace, secretName } = desired;
    try {
      const facts = factsOf(await limit(() => secrets.read(namespace, secretName, signal)));
      if (holders.importing) {
        const proof = foundProof(desired, facts, clock.now());
        if (proof !== undefined) holders.find(proof);
      }
      const { secret, askAt } =
        facts.kind === 'absent' || renewals === undefined
          ? { secret: facts, askAt: undefined }
          : await renewals.check(desired, facts, signal);
      const holderOf = (host: string) => holders.get(host);
      const assessment = assess(desired, secret, policy, holderOf, clock.now(), ca.clock.now());
      return { kind: 'assessed', secretName, assessment, askAt };
    } catch (error) {
      return { kind: 'unavailable', secretName, failure: failureOf(error, clock.now()) };
    }
  }
}
