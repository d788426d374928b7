import { type Assessment, assess } from '../../../machines/assessment/assessment.ts';
import type { AssessmentPolicy } from '../../../machines/assessment/defects.ts';
import type { HolderOf } from '../../../machines/assessment/proof.ts';
import { isForeign, type SecretFacts } from '../../../machines/assessment/secret-facts.ts';
import type { DesiredCertificate } from '../../../machines/ownership/desired-certificate.ts';
import type { Holder } from '../../../machines/ownership/holders/holders.ts';
import type { Config } from '../../config/config.ts';
import { assessmentPolicy } from '../../config/policies.ts';
import { isForbidden } from '../../kubernetes/client/kubernetes-error.ts';
import type { SecretStore } from '../../kubernetes/records/secret-store.ts';
import { factsOf } from '../../secret/secret-reading.ts';

/** The current content of a Secret, assessed as by the controller. */
export type SecretStanding =
  | { readonly kind: 'read'; readonly facts: SecretFacts; readonly assessment: Assessment }
  /** It may not be read. */
  | { readonly kind: 'unknown'; readonly message: string };

/** The settings of the command. */
export type CommandSettings = Config & {
  /** Whether `LEGO_URL` is set here; if not, the CA of a certificate is not assessed. */
  readonly directoryKnown: boolean;
};

/**
 * @param holders the record, by host; undefined if it may not be read: then the Secret is believed
 * @throws KubernetesError if the API server is unreachable
 */
export async function readStanding(
  secrets: Pick<SecretStore, 'read'>,
  desired: DesiredCertificate,
  config: CommandSettings,
  holders: ReadonlyMap<string, Holder> | undefined,
  now: number,
  signal: AbortSignal,
): Promise<SecretStanding> {
  const { namespace, secretName } = desired;
  try {
    const facts = factsOf(await secrets.read(namespace, secretName, signal));
    const holderOf = holders === undefined ? believed(desired, facts) : (host: string) => holders.get(host);
    return {
      kind: 'read',
      facts,
      assessment: assess(desired, facts, policyFor(facts, config), holderOf, now),
    };
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return { kind: 'unknown', message: `Secret ${secretName} may not be read with this kubeconfig.` };
  }
}

/** Whether another owner created the Secret, so that kube-lego never writes to it. */
export function isLeftAlone(standing: SecretStanding): boolean {
  return standing.kind === 'read' && standing.facts.kind === 'present' && isForeign(standing.facts);
}

/** As if the record of holders named what is in the Secret. */
function believed({ namespace }: DesiredCertificate, facts: SecretFacts): HolderOf {
  if (facts.kind === 'absent' || facts.certificate.kind !== 'readable') return () => undefined;
  const { notBefore, notAfter, fingerprint } = facts.certificate;
  const holder = { namespace, notBefore, notAfter, certificate: fingerprint };
  return () => holder;
}

function policyFor(facts: SecretFacts, config: CommandSettings): AssessmentPolicy {
  const policy = assessmentPolicy(config);
  if (config.directoryKnown) return policy;
  const recorded = facts.kind === 'present' ? facts.directory : undefined;
  return { ...policy, keyType: undefined, directory: recorded ?? policy.directory, staging: false };
}
