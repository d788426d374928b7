import { type Assessment, assess } from '../../machines/assessment/assessment.ts';
import type { AssessmentPolicy } from '../../machines/assessment/defects.ts';
import type { SecretFacts } from '../../machines/assessment/secret-facts.ts';
import type { DesiredCertificate } from '../../machines/ownership/desired-certificate.ts';
import type { Config } from '../config/config.ts';
import { assessmentPolicy } from '../config/policies.ts';
import type { SecretStore } from '../kubernetes/records/secret-store.ts';
import { factsOf } from '../secret/secret-reading.ts';
import { isForbidden } from './cluster-reading.ts';

/** What a Secret holds now, judged as the controller judges it. */
export type SecretStanding =
  | { readonly kind: 'read'; readonly facts: SecretFacts; readonly assessment: Assessment }
  /** It may not be read. */
  | { readonly kind: 'unknown'; readonly message: string };

/** The settings as they are known where the command runs. */
export type CommandSettings = Config & {
  /** Whether `LEGO_URL` is set here; if not, a Secret is not judged by the CA that it came from. */
  readonly directoryKnown: boolean;
};

/** @throws KubernetesError when the API server cannot be asked */
export async function readStanding(
  secrets: Pick<SecretStore, 'read'>,
  desired: DesiredCertificate,
  config: CommandSettings,
  now: number,
  signal: AbortSignal,
): Promise<SecretStanding> {
  const { namespace, secretName } = desired;
  try {
    const facts = factsOf(await secrets.read(namespace, secretName, signal));
    return { kind: 'read', facts, assessment: assess(desired, facts, policyFor(facts, config), now) };
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return { kind: 'unknown', message: `Secret ${secretName} may not be read with this kubeconfig.` };
  }
}

function policyFor(facts: SecretFacts, config: CommandSettings): AssessmentPolicy {
  const policy = assessmentPolicy(config);
  if (config.directoryKnown) return policy;
  const recorded = facts.kind === 'present' ? facts.directory : undefined;
  return { ...policy, keyType: undefined, directory: recorded ?? policy.directory, staging: false };
}
