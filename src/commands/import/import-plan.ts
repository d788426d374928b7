import { type Assessment, assess } from '../../../machines/assessment/assessment.ts';
import type { AssessmentPolicy } from '../../../machines/assessment/defects.ts';
import type { Assignment, DesiredCertificate } from '../../../machines/ownership/desired-certificate.ts';
import { type Failure, failureKind, reasons } from '../../../machines/reasons/reasons.ts';
import { sentences } from '../../../machines/reasons/sentences.ts';
import type { StoredSecret } from '../../kubernetes/records/secret-store.ts';
import { factsOf } from '../../secret/secret-reading.ts';
import { adoptedSecret, changed, isIssuerAnnotation } from './cert-manager-marks.ts';
import type {
  CertificateObject,
  CertManagerObjects,
  IssuerObject,
  IssuerReference,
} from './cert-manager-objects.ts';
import { proofOf } from './solver-choice.ts';

/** An Ingress that cert-manager sees to, or whose hand-over has begun. */
export interface Candidate {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** The Secrets of `spec.tls`. */
  readonly secretNames: readonly string[];
}

export interface PlannedSecret {
  readonly name: string;
  readonly stored: StoredSecret;
  readonly hosts: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  readonly renewAt: number;
}

/** What becomes of an Ingress; `why` and `remedy` of one that stays with cert-manager. */
export type Planned =
  | {
      readonly kind: 'ready';
      readonly candidate: Candidate;
      readonly secrets: readonly PlannedSecret[];
      readonly certificates: readonly CertificateObject[];
    }
  | {
      readonly kind: 'stays';
      readonly candidate: Candidate;
      readonly why: string;
      readonly remedy: string;
    };

export interface PlanInput {
  readonly candidates: readonly Candidate[];
  /** As if the Ingress were handed over. */
  readonly assignmentOf: (candidate: Candidate) => Assignment | undefined;
  /** By `namespace/name`. */
  readonly secrets: ReadonlyMap<string, StoredSecret | undefined>;
  /** Those that are deleted with their Certificate. */
  readonly ownedSecrets: ReadonlySet<string>;
  /** Undefined: it is not installed any more. */
  readonly certManager: CertManagerObjects | undefined;
  /** The annotation by which kube-lego manages an Ingress. */
  readonly annotationKey: string;
  readonly policy: AssessmentPolicy;
  readonly now: number;
}

interface Obstacle {
  readonly why: string;
  readonly remedy: string;
}

/** What can be handed over without an order before the renewal, and without two controllers that write the same Secret. */
export function planImport(input: PlanInput): Planned[] {
  const planned = new Map(input.candidates.map((candidate) => [candidate, judge(candidate, input)]));
  spread(planned);
  const adopted = new Set(
    [...planned.values()].flatMap((one) =>
      one.kind === 'ready' ? one.secrets.map(({ name }) => `${one.candidate.namespace}/${name}`) : [],
    ),
  );
  for (const { kind, candidate } of planned.values()) {
    const key = secretKeys(candidate).find((name) => !adopted.has(name));
    if (kind === 'stays' || key === undefined) continue;
    // Nobody would renew it.
    const why = `Secret ${key} belongs to an Ingress that is not handed over.`;
    planned.set(candidate, { kind: 'stays', candidate, why, remedy: 'See what is said of the others.' });
  }
  spread(planned);
  return [...planned.values()];
}

/** Ingresses that share a Secret are handed over together or not at all: whoever stays has cert-manager make its Certificate again. */
function spread(planned: Map<Candidate, Planned>): void {
  for (let before = -1, staying = 0; before !== staying; before = staying) {
    const held = new Map<string, Candidate>();
    for (const { kind, candidate } of planned.values()) {
      if (kind === 'stays') for (const key of secretKeys(candidate)) held.set(key, candidate);
    }
    for (const { kind, candidate } of planned.values()) {
      const key = secretKeys(candidate).find((name) => held.has(name));
      const other = key === undefined ? undefined : held.get(key);
      if (kind === 'stays' || key === undefined || other === undefined) continue;
      const why = `It shares Secret ${key} with Ingress ${other.namespace}/${other.name}, which stays.`;
      planned.set(candidate, { kind: 'stays', candidate, why, remedy: 'See what is said of that Ingress.' });
    }
    staying = [...planned.values()].filter(({ kind }) => kind === 'stays').length;
  }
}

export function secretKeys({ namespace, secretNames }: Candidate): string[] {
  return secretNames.map((name) => `${namespace}/${name}`);
}

function judge(candidate: Candidate, input: PlanInput): Planned {
  const certificates = certificatesOf(candidate, input.certManager);
  const obstacle = obstacleOf(certificates, input);
  if (obstacle !== undefined) return { kind: 'stays', candidate, ...obstacle };
  const assignment = input.assignmentOf(candidate);
  if (assignment === undefined) {
    return { kind: 'stays', candidate, why: 'It is being deleted.', remedy: 'Nothing.' };
  }
  const refusal = assignment.notices.find((notice) => failureKind(notice) !== 'notice');
  if (refusal !== undefined) {
    return { kind: 'stays', candidate, ...obstacleIn(refusal) };
  }
  const secrets: PlannedSecret[] = [];
  for (const desired of assignment.desired) {
    const ofSecret = certificates.filter(({ secretName }) => secretName === desired.secretName);
    const found = proofObstacle(desired, candidate, ofSecret, input) ?? judgeSecret(desired, input);
    if ('why' in found) return { kind: 'stays', candidate, ...found };
    secrets.push(found);
  }
  return { kind: 'ready', candidate, secrets, certificates };
}

function certificatesOf(
  candidate: Candidate,
  certManager: CertManagerObjects | undefined,
): CertificateObject[] {
  return (certManager?.certificates ?? []).filter(
    ({ namespace, secretName }) =>
      namespace === candidate.namespace && candidate.secretNames.includes(secretName),
  );
}

function obstacleOf(
  certificates: readonly CertificateObject[],
  { certManager, annotationKey, candidates }: PlanInput,
): Obstacle | undefined {
  if (isTakenByDefault(candidates, certManager) && annotationKey === 'kubernetes.io/tls-acme') {
    return {
      why: 'cert-manager makes Certificates for kubernetes.io/tls-acme, too: it has a default issuer.',
      remedy:
        'Take ingressShim.defaultIssuerName out of the settings of cert-manager, or give kube-lego another annotation (LEGO_KUBE_ANNOTATION).',
    };
  }
  const uids = new Set(candidates.map(({ uid }) => uid));
  const separate = certificates.find(({ ingressUid }) => ingressUid === undefined || !uids.has(ingressUid));
  if (separate !== undefined) {
    return {
      why: `Certificate ${separate.namespace}/${separate.name} writes Secret ${separate.secretName}, and is not made from an Ingress of this import.`,
      remedy:
        'Delete the Certificate where it is defined (its Secret stays, unless cert-manager runs with --enable-certificate-owner-ref), then import again.',
    };
  }
  const busy = certificates.find(({ issuing }) => issuing);
  return (
    busy && {
      why: `cert-manager is issuing Certificate ${busy.namespace}/${busy.name}.`,
      remedy: 'Import again when that has ended.',
    }
  );
}

/** A Certificate of an Ingress that names no issuer. */
function isTakenByDefault(
  candidates: readonly Candidate[],
  certManager: CertManagerObjects | undefined,
): boolean {
  const owners = new Set(certManager?.certificates.map(({ ingressUid }) => ingressUid));
  return candidates.some(
    ({ uid, annotations }) =>
      owners.has(uid) &&
      annotations['kubernetes.io/tls-acme']?.trim() === 'true' &&
      !Object.keys(annotations).some(isIssuerAnnotation),
  );
}

function assessAdopted(
  desired: DesiredCertificate,
  stored: StoredSecret | undefined,
  { policy, now }: PlanInput,
): Assessment {
  if (stored === undefined) return assess(desired, { kind: 'absent' }, policy, () => undefined, now);
  const { annotations, labels } = stored;
  const changes = adoptedSecret(annotations, labels);
  const adopted = { ...stored, annotations: changed(annotations, changes.annotations) };
  return assess(desired, factsOf(adopted), policy, () => undefined, now);
}

/** Whatever would make kube-lego order at once, or not at all, is an obstacle. */
function judgeSecret(desired: DesiredCertificate, input: PlanInput): PlannedSecret | Obstacle {
  const { namespace, secretName, hosts } = desired;
  const key = `${namespace}/${secretName}`;
  const stored = input.secrets.get(key);
  if (input.ownedSecrets.has(key)) {
    return {
      why: `Secret ${secretName} belongs to its Certificate, and is deleted with it.`,
      remedy: 'Run cert-manager without --enable-certificate-owner-ref, which lets it go, then import again.',
    };
  }
  const assessment = assessAdopted(desired, stored, input);
  if (assessment.kind === 'refused') return obstacleIn(assessment.failure);
  const refusal = assessment.notices.find((notice) => failureKind(notice) !== 'notice');
  if (refusal !== undefined) return obstacleIn(refusal);
  if (assessment.kind === 'due' || stored === undefined) {
    const message = assessment.kind === 'due' ? assessment.message : '';
    return {
      why: sentences(message, 'kube-lego would order a certificate at once.'),
      remedy: 'Let cert-manager issue or renew it first, then import again.',
    };
  }
  const { notAfter, renewAt } = assessment;
  return { name: secretName, stored, hosts: hosts.map(({ host }) => host), notAfter, renewAt };
}

function obstacleIn(failure: Failure): Obstacle {
  return { why: sentences(failure.message), remedy: failure.namesRemedy ? '' : reasons[failure.code].remedy };
}

/** kube-lego orders from one CA, and has to be able to prove the hosts there. */
function proofObstacle(
  { hosts, namespace }: DesiredCertificate,
  candidate: Candidate,
  certificates: readonly CertificateObject[],
  { certManager, policy }: PlanInput,
): Obstacle | undefined {
  if (certManager === undefined) return undefined;
  const references = [
    ...certificates.map(({ issuer }) => issuer),
    ...(certificates.length === 0 ? issuersNamed(candidate) : []),
  ];
  for (const reference of references) {
    const { kind, name, group } = reference;
    const words = `${kind} ${name}`;
    const issuer = certManager.issuers.find((one) => isNamed(one, reference, namespace));
    if (issuer === undefined) {
      const hidden = certManager.unreadable.some((unreadable) => unreadable === kind);
      return hidden
        ? { why: `${words} may not be read.`, remedy: 'Use a kubeconfig that may list issuers.' }
        : {
            why: `${words} (${group}) is none of cert-manager's ACME issuers, or does not exist.`,
            remedy: 'kube-lego has certificates from ACME CAs only.',
          };
    }
    if (issuer.server === undefined) {
      return {
        why: `${words} is not of an ACME CA.`,
        remedy: 'kube-lego has certificates from ACME CAs only.',
      };
    }
    if (!isSameUrl(issuer.server, policy.directory)) {
      return {
        why: `${words} orders from ${issuer.server}, and kube-lego from ${policy.directory}.`,
        remedy: 'Import with a kube-lego for that CA (LEGO_URL), or leave it with cert-manager.',
      };
    }
    const byDns = hosts.find(
      ({ host, challenge }) => challenge !== 'dns-01' && proofOf(host, issuer.solvers) === 'dns01',
    );
    if (byDns !== undefined) {
      return {
        why: `${words} proves ${byDns.host} by DNS-01, and kube-lego would by HTTP-01.`,
        remedy:
          'Set kube-lego.io/challenge: dns-01 on the Ingress, with a zone for the host (LEGO_DNS_ZONES). Or, if it is reached from the internet on port 80, give the issuer an http01 solver for it. Then import again.',
      };
    }
  }
  return undefined;
}

/** The issuer that the annotations of an Ingress name, before there is a Certificate. */
function issuersNamed({ annotations }: Candidate): IssuerReference[] {
  const group = annotations['cert-manager.io/issuer-group'] ?? 'cert-manager.io';
  const ofCluster = annotations['cert-manager.io/cluster-issuer'];
  if (ofCluster !== undefined) return [{ kind: 'ClusterIssuer', name: ofCluster, group: 'cert-manager.io' }];
  const name = annotations['cert-manager.io/issuer'];
  if (name === undefined) return [];
  return [{ kind: annotations['cert-manager.io/issuer-kind'] ?? 'Issuer', name, group }];
}

function isNamed(issuer: IssuerObject, { kind, name, group }: IssuerReference, namespace: string): boolean {
  const inReach = issuer.kind === 'ClusterIssuer' || issuer.namespace === namespace;
  return group === 'cert-manager.io' && issuer.kind === kind && issuer.name === name && inReach;
}

function isSameUrl(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).href === new URL(other).href;
}
