// Why an Ingress may have no good certificate: the stable codes with their remedies, the other Events, and redaction. Used by all
// rooms that report a failure, and by the generated docs.

/**
 * What happens after a failure.
 *
 * - `attempt`: a certificate's own failure; its back-off ladder decides (1 min, 10 min, 100 min, daily).
 * - `transient`: nobody's failure (API server or CA unreachable, CA busy); retried within minutes.
 * - `notice`: nothing has failed, but people should know.
 * - `terminal`: nothing is tried until the Ingress or the Secret changes; checked every check interval.
 */
export type FailureKind = 'attempt' | 'transient' | 'terminal' | 'notice';

export interface Reason {
  /** The object to check. */
  readonly about: 'Ingress' | 'Secret' | 'challenge' | 'CA' | 'cluster';
  /** One sentence that fits every occurrence. */
  readonly meaning: string;
  readonly kind: FailureKind;
  /** What the user can do. */
  readonly remedy: string;
}

/** Every reason why an Ingress may have no good certificate: stable codes, used in Events, logs and docs. */
export const reasons = {
  // What is wrong with the Ingress.
  MissingSecretName: {
    about: 'Ingress',
    meaning: 'An entry of spec.tls names no Secret to put the certificate into.',
    kind: 'terminal',
    remedy: 'Set spec.tls[].secretName.',
  },
  MissingHosts: {
    about: 'Ingress',
    meaning: 'An entry of spec.tls lists no hosts.',
    kind: 'terminal',
    remedy: 'List the hosts of the certificate under spec.tls[].hosts.',
  },
  DuplicateSecretName: {
    about: 'Ingress',
    meaning: 'Two entries of spec.tls name the same Secret; only the first counts.',
    kind: 'terminal',
    remedy: 'Name each Secret once; list all its hosts in that entry.',
  },
  TooManyHosts: {
    about: 'Ingress',
    meaning: 'A Secret would need a certificate for more hosts than a CA allows in one.',
    kind: 'terminal',
    remedy: 'Spread the hosts over several entries of spec.tls, each with a Secret of its own.',
  },
  InvalidHost: {
    about: 'Ingress',
    meaning: 'A host under spec.tls is not a name that a CA can certify.',
    kind: 'terminal',
    remedy: 'Correct or remove the host in spec.tls.',
  },
  WildcardHost: {
    about: 'Ingress',
    meaning: 'A host under spec.tls is a wildcard, which HTTP-01 cannot validate.',
    kind: 'terminal',
    remedy: 'List each host by name. Wildcards need DNS-01, which is not supported yet.',
  },
  HostNotInTls: {
    about: 'Ingress',
    meaning: 'A host has a rule but is not under spec.tls, so it gets no certificate.',
    kind: 'notice',
    remedy: 'Add the host to spec.tls if it should have a certificate.',
  },
  UnsupportedKeyType: {
    about: 'Ingress',
    meaning: 'The annotation kube-lego.io/key-type names an unknown key type.',
    kind: 'terminal',
    remedy: 'Set kube-lego.io/key-type to ec-p256, rsa-2048, rsa-3072 or rsa-4096, or remove it.',
  },
  AnnotationTooLong: {
    about: 'Ingress',
    meaning: 'An annotation of kube-lego has a value that is longer than any valid one.',
    kind: 'terminal',
    remedy: 'Correct or remove the annotation: a value has at most 64 characters.',
  },
  TooLarge: {
    about: 'Ingress',
    meaning: 'The Ingress has more entries or hosts than kube-lego reads of one object.',
    kind: 'terminal',
    remedy:
      'Spread the hosts over several Ingresses: of one, kube-lego reads 200 entries of spec.tls, 2000 hosts in them, and 2000 hosts of spec.rules.',
  },
  UnsupportedIngressClass: {
    about: 'Ingress',
    meaning: 'The class of the Ingress is not in LEGO_SUPPORTED_INGRESS_CLASS.',
    kind: 'terminal',
    remedy: 'Use a supported class, or add this one to LEGO_SUPPORTED_INGRESS_CLASS.',
  },
  ManagedByCertManager: {
    about: 'Ingress',
    meaning: 'cert-manager manages this Ingress or Secret; two controllers would overwrite each other.',
    kind: 'terminal',
    remedy:
      "Remove either cert-manager's annotations or kubernetes.io/tls-acme, so that one controller manages it.",
  },
  AdoptMisplaced: {
    about: 'Ingress',
    meaning:
      'The annotation kube-lego.io/adopt is on the Ingress, where it has no effect: whoever may write an Ingress may not therefore replace a Secret.',
    kind: 'notice',
    remedy: 'Remove it from the Ingress. Somebody who may write the Secret sets it there.',
  },
  SecretOwnedByOther: {
    about: 'Ingress',
    meaning: 'An older Ingress of the namespace names the same Secret and owns it.',
    kind: 'notice',
    remedy:
      'The Secret gets one certificate for the hosts of both; name another Secret if that is not intended.',
  },
  HostOwnedElsewhere: {
    about: 'Ingress',
    meaning:
      'The host belongs to another namespace: it is reserved for that one, has its certificate there, or was routed there first.',
    kind: 'terminal',
    remedy: 'Use a host of your own, or ask the cluster operator who uses this one.',
  },
  DomainNotReserved: {
    about: 'Ingress',
    meaning:
      'Only hosts that are reserved for a namespace get a certificate, and this one is not reserved for it.',
    kind: 'terminal',
    remedy:
      'Ask the cluster operator to list the host in the annotation kube-lego.io/domains of the Namespace.',
  },
  // What is wrong with the Secret.
  ForeignSecret: {
    about: 'Secret',
    meaning:
      'The Secret cannot be used for this certificate, and kube-lego did not create it. Nothing more is told to the author of an Ingress, who may not be allowed to read the Secret.',
    kind: 'terminal',
    remedy:
      'Name another Secret, delete this one, or have it adopted by somebody who may write it. A change of the Secret is seen within LEGO_CHECK_INTERVAL, or when kube-lego.io/retry on the Ingress gets a new value. Those who may read the Secret learn from kube-lego explain what is wrong with it.',
  },
  WrongSecretType: {
    about: 'Secret',
    meaning: 'The Secret is not of type kubernetes.io/tls.',
    kind: 'terminal',
    remedy:
      'Delete the Secret: it is not of type kubernetes.io/tls, and the type of a Secret cannot be changed.',
  },
  ImmutableSecret: {
    about: 'Secret',
    meaning: 'The Secret is immutable, so its certificate cannot be renewed.',
    kind: 'terminal',
    remedy: 'Delete the Secret, or name another one.',
  },
  StagingDirectory: {
    about: 'Secret',
    meaning: 'A certificate that browsers trust would be replaced by one from a staging CA.',
    kind: 'terminal',
    remedy:
      "Set LEGO_URL to the CA's production directory; or, when the certificate nears its end, have the Secret adopted.",
  },
  SecretNotWritable: {
    about: 'Secret',
    meaning:
      'The API server does not let kube-lego write the Secret: a permission, a policy, a webhook or a quota.',
    kind: 'attempt',
    remedy: "Allow kube-lego's ServiceAccount to write this Secret: see what the API server says.",
  },
  SecretChanged: {
    about: 'Secret',
    meaning: 'Somebody changed the Secret while its certificate was being issued.',
    kind: 'transient',
    remedy: 'Nothing: the Secret is checked again.',
  },
  SecretOverwritten: {
    about: 'Secret',
    meaning: 'Somebody deletes or overwrites the Secret each time its certificate is stored.',
    kind: 'attempt',
    remedy:
      "Find out who: kubectl get secret NAME -o jsonpath='{.metadata.managedFields[*].manager}' names the writers, the audit log who deletes. Take the Secret out of what Helm, Argo CD or Flux applies.",
  },
  // What is in the way of the challenge.
  IngressControllerDoesNotMerge: {
    about: 'challenge',
    meaning:
      'The ingress controller gives a host to one Ingress only: a challenge Ingress would get no traffic, or take the site down.',
    kind: 'terminal',
    remedy: 'Use an ingress controller that merges a host across Ingresses: see docs/ingress-controllers.md.',
  },
  ChallengeRuleRefused: {
    about: 'challenge',
    meaning: 'The API server or a webhook refuses a challenge Ingress with this host.',
    kind: 'attempt',
    remedy:
      "Allow the challenge Ingress in kube-lego's namespace to carry this host: see what the API server says.",
  },
  SelfCheckFailed: {
    about: 'challenge',
    meaning:
      "A test request to the host's public name did not come back to kube-lego, so the CA was not asked.",
    kind: 'attempt',
    remedy:
      "Point the host's DNS at the ingress controller, and let /.well-known/acme-challenge/ through on port 80.",
  },
  HostLeftOut: {
    about: 'challenge',
    meaning:
      'A host is left out of the certificate, because it kept failing when the certificate for all hosts was about to expire.',
    kind: 'attempt',
    remedy:
      'Fix the host: it is added again when it has passed the self-check twice. If the self-check is inconclusive, set kube-lego.io/retry to a new value.',
  },
  HostReturning: {
    about: 'challenge',
    meaning: 'A host that is left out of the certificate has passed the self-check once.',
    kind: 'transient',
    remedy: 'Nothing: it is added again when it passes a second time.',
  },
  // What the CA says.
  RenewalSuggested: {
    about: 'CA',
    meaning: 'The CA suggests a renewal time (ARI) and explains why.',
    kind: 'notice',
    remedy: 'Nothing: the renewal is automatic. The explanation of the CA is at the URL in the message.',
  },
  AccountNotReady: {
    about: 'CA',
    meaning: 'There is no usable account at the CA.',
    kind: 'attempt',
    remedy: 'See what the CA says about the account, and the LEGO_ settings that the message names.',
  },
  ChallengeFailed: {
    about: 'CA',
    meaning: 'The CA requested the challenge from the host and got another answer.',
    kind: 'attempt',
    remedy: 'See what the CA says: it could not validate the host over port 80.',
  },
  OrderFailed: {
    about: 'CA',
    meaning: 'The CA refused or failed the order.',
    kind: 'attempt',
    remedy: 'See what the CA says about the order.',
  },
  RateLimited: {
    about: 'CA',
    meaning: 'A rate limit of the CA is used up.',
    kind: 'attempt',
    remedy: 'Wait: the order is made as soon as the CA allows it.',
  },
  TooManyAttempts: {
    about: 'CA',
    meaning:
      'Too many orders of a host (20 a day) or of a namespace (150 in 3 hours) ended without a certificate.',
    kind: 'attempt',
    remedy: 'Fix what the earlier Events say; the order is made at the time given here.',
  },
  NamePaused: {
    about: 'CA',
    meaning: 'The CA has paused a name after too many failed attempts in a row.',
    kind: 'attempt',
    remedy:
      'Fix the host, open the link in the Event PauseLink on this Ingress, then set kube-lego.io/retry to a new value. If the Event has expired, a new value brings a new one. Otherwise the CA is asked once a day.',
  },
  CertificateRejected: {
    about: 'CA',
    meaning: 'The CA issued a certificate that does not fit the order.',
    kind: 'attempt',
    remedy: 'Report it to the CA.',
  },
  CaUnavailable: {
    about: 'CA',
    meaning: 'The CA is unreachable, failing or busy.',
    kind: 'transient',
    remedy: 'Check the connection to the CA (LEGO_URL, HTTPS_PROXY) and its status page.',
  },
  ApiServerDenied: {
    about: 'cluster',
    meaning: 'The API server does not let kube-lego read or write what it needs.',
    kind: 'transient',
    remedy: "Check kube-lego's ServiceAccount, Roles and bindings: see deploy/base.",
  },
  ApiServerUnavailable: {
    about: 'cluster',
    meaning: 'The API server is unreachable or failing.',
    kind: 'transient',
    remedy: 'Check the API server.',
  },
  InternalError: {
    about: 'cluster',
    meaning: 'An error in kube-lego itself.',
    kind: 'attempt',
    remedy: 'Please report it, with the log of that moment.',
  },
} as const satisfies Record<string, Reason>;

export type ReasonCode = keyof typeof reasons;

/** Why a certificate is missing or bad. */
export interface Failure {
  readonly code: ReasonCode;
  /** One sentence: what happened, to which object. The remedy is in `reasons`. */
  readonly message: string;
  readonly host?: string;
  /** All failing hosts, if known. */
  readonly hosts?: readonly string[];
  /** Retry-After of the CA or the API server, in milliseconds since the epoch. */
  readonly retryAt?: number;
  /** The message ends with its own remedy, which replaces that of `reasons`. */
  readonly namesRemedy?: true;
  /** The CA had created the order, and counted it. */
  readonly orderMade?: true;
}

export function failureKind(failure: Failure): FailureKind {
  return reasons[failure.code].kind;
}

/** The message with a remedy. */
export function describeFailure(failure: Failure): string {
  return failure.namesRemedy === true
    ? failure.message
    : `${failure.message} ${reasons[failure.code].remedy}`;
}
