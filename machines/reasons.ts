/**
 * What happens after a failure.
 *
 * - `attempt`: a certificate's own failure; its back-off ladder decides (1 min, 10 min, 100 min, daily).
 * - `transient`: nobody's failure (API server or CA out of reach, CA busy); tried again within minutes.
 * - `notice`: nothing has failed, but people should know.
 * - `terminal`: nothing is tried until the Ingress or the Secret changes; it is looked at again every check interval.
 */
export type FailureKind = 'attempt' | 'transient' | 'terminal' | 'notice';

interface Reason {
  readonly kind: FailureKind;
  /** What a person can do about it. */
  readonly remedy: string;
}

/** Every reason for which an Ingress may have no good certificate: stable codes, used in Events, logs and docs. */
export const reasons = {
  // What is wrong with the Ingress.
  MissingSecretName: { kind: 'terminal', remedy: 'Set spec.tls[].secretName.' },
  MissingHosts: { kind: 'terminal', remedy: 'List the hosts of the certificate under spec.tls[].hosts.' },
  DuplicateSecretName: {
    kind: 'terminal',
    remedy: 'Name each Secret once; list all its hosts in that entry.',
  },
  TooManyHosts: {
    kind: 'terminal',
    remedy: 'Spread the hosts over several entries of spec.tls, each with a Secret of its own.',
  },
  InvalidHost: { kind: 'terminal', remedy: 'Correct or remove the host in spec.tls.' },
  WildcardHost: {
    kind: 'terminal',
    remedy:
      'List each host by name; HTTP-01 cannot prove a wildcard, and DNS-01 is planned but not there yet.',
  },
  HostNotInTls: { kind: 'notice', remedy: 'Add the host to spec.tls if it should have a certificate.' },
  UnsupportedKeyType: {
    kind: 'terminal',
    remedy: 'Set kube-lego.io/key-type to ec-p256, rsa-2048, rsa-3072 or rsa-4096, or remove it.',
  },
  UnsupportedIngressClass: {
    kind: 'terminal',
    remedy: 'Use a class that LEGO_SUPPORTED_INGRESS_CLASS lists, or add this one there.',
  },
  ManagedByCertManager: {
    kind: 'terminal',
    remedy:
      "Remove either cert-manager's annotations or kubernetes.io/tls-acme, so that one controller is in charge.",
  },
  SecretOwnedByOther: {
    kind: 'notice',
    remedy: 'It gets one certificate for the hosts of both; name another Secret if that is not meant.',
  },
  HostOwnedElsewhere: {
    kind: 'terminal',
    remedy: 'Use a host of your own, or ask the cluster operator who uses this one.',
  },
  // What is wrong with the Secret.
  ForeignSecret: {
    kind: 'terminal',
    remedy:
      'Name another Secret, delete this one, or set kube-lego.io/adopt: "true" on the Ingress to let it be replaced.',
  },
  WrongSecretType: {
    kind: 'terminal',
    remedy:
      'Delete the Secret: it is not of type kubernetes.io/tls, and the type of a Secret cannot be changed.',
  },
  ImmutableSecret: { kind: 'terminal', remedy: 'Delete the Secret, or name another one.' },
  StagingDirectory: {
    kind: 'terminal',
    remedy:
      'Set LEGO_URL to the CA\'s production directory; or, when the certificate nears its end, kube-lego.io/adopt: "true".',
  },
  SecretNotWritable: {
    kind: 'attempt',
    remedy: "Allow kube-lego's ServiceAccount to write this Secret: see what the API server says.",
  },
  SecretChanged: { kind: 'transient', remedy: 'Nothing, it is looked at again.' },
  // What is in the way of the challenge.
  IngressControllerDoesNotMerge: {
    kind: 'terminal',
    remedy: 'Use an ingress controller that merges a host across Ingresses: see docs/ingress-controllers.md.',
  },
  ChallengeRuleRefused: {
    kind: 'attempt',
    remedy:
      "Allow the challenge Ingress in kube-lego's namespace to carry this host: see what the API server says.",
  },
  SelfCheckFailed: {
    kind: 'attempt',
    remedy:
      "Point the host's DNS at the ingress controller, and let /.well-known/acme-challenge/ through on port 80.",
  },
  // What the CA says.
  AccountNotReady: {
    kind: 'attempt',
    remedy: 'See what the CA says of the account, and the LEGO_ settings it names.',
  },
  ChallengeFailed: {
    kind: 'attempt',
    remedy: 'See what the CA says: it could not prove the host over port 80.',
  },
  OrderFailed: { kind: 'attempt', remedy: 'See what the CA says of the order.' },
  RateLimited: { kind: 'attempt', remedy: 'Wait, the order is made when the CA allows it again.' },
  CertificateRejected: {
    kind: 'attempt',
    remedy: 'Tell the CA: it issued a certificate that does not fit the order.',
  },
  CaUnavailable: {
    kind: 'transient',
    remedy: 'Check the way to the CA (LEGO_URL, HTTPS_PROXY) and its status page.',
  },
  ApiServerDenied: {
    kind: 'transient',
    remedy: "Check kube-lego's ServiceAccount, Roles and bindings: see deploy/base.",
  },
  ApiServerUnavailable: { kind: 'transient', remedy: 'Check the API server.' },
  InternalError: { kind: 'attempt', remedy: 'Please report it, with the log of this moment.' },
} as const satisfies Record<string, Reason>;

export type ReasonCode = keyof typeof reasons;

/** Why a certificate is not as it should be, ready to be shown to a person. */
export interface Failure {
  readonly code: ReasonCode;
  /** One sentence: what happened, to what. The remedy is the table's. */
  readonly message: string;
  readonly host?: string;
  /** Not before this time, in milliseconds since the epoch, because the CA or the API server said so. */
  readonly retryAt?: number;
  /** The message ends with a remedy of its own, better than the table's. */
  readonly namesRemedy?: true;
}

/** What happens after this failure. */
export function failureKind(failure: Failure): FailureKind {
  return reasons[failure.code].kind;
}

/** The failure as a person reads it: what happened, and what to do. */
export function describeFailure(failure: Failure): string {
  return failure.namesRemedy === true
    ? failure.message
    : `${failure.message} ${reasons[failure.code].remedy}`;
}
