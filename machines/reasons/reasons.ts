// Why an Ingress may have no good certificate: the stable codes with their remedies, the other Events, and redaction. Used by all
// rooms that report a failure, and by the generated docs.

import { sentences } from './sentences.ts';

/**
 * What happens after a failure.
 *
 * - `attempt`: a certificate's own failure; its back-off ladder decides (1 min, 10 min, 100 min, daily).
 * - `check`: found by a check before an order, which costs the CA nothing: it is repeated every minute at first, see
 *   `checkPause`.
 * - `transient`: nobody's failure (API server or CA unreachable, CA busy); retried within minutes.
 * - `notice`: nothing has failed, but people should know.
 * - `terminal`: nothing is tried until the Ingress or the Secret changes; checked every check interval.
 */
export type FailureKind = 'attempt' | 'check' | 'transient' | 'terminal' | 'notice';

export interface Reason {
  /** The object to check. */
  readonly about: 'Ingress' | 'Gateway' | 'Secret' | 'challenge' | 'CA' | 'cluster';
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
    meaning:
      'An entry of spec.tls, or a listener that terminates TLS, names no Secret to put the certificate into.',
    kind: 'terminal',
    remedy: 'Set spec.tls[].secretName, or tls.certificateRefs of the listener.',
  },
  MissingHosts: {
    about: 'Ingress',
    meaning: 'An entry of spec.tls lists no hosts.',
    kind: 'terminal',
    remedy: 'List the hosts of the certificate under spec.tls[].hosts.',
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
    remedy:
      'List each host by name; or ask the cluster operator for DNS-01 (LEGO_DNS_ZONES, docs/dns-01.md), and set no kube-lego.io/challenge: http-01.',
  },
  NoDnsZone: {
    about: 'Ingress',
    meaning:
      'The host needs DNS-01, because it is a wildcard or kube-lego.io/challenge says so, and no DNS zone that the operator lets this namespace use has it.',
    kind: 'check',
    remedy:
      'Ask the cluster operator to list a zone of the host in the zones ConfigMap, with this namespace under namespaces: kube-lego explain prints the lines.',
  },
  WildcardOverOthers: {
    about: 'Ingress',
    meaning: 'The wildcard would cover a host that belongs to another namespace.',
    kind: 'terminal',
    remedy:
      'List each host by name, or ask the cluster operator to reserve the domain for this namespace (kube-lego.io/domains), or to list it under wildcards-beside-others of the DNS zone.',
  },
  UnsupportedChallenge: {
    about: 'Ingress',
    meaning: 'The annotation kube-lego.io/challenge names an unknown type of challenge.',
    kind: 'terminal',
    remedy: 'Set kube-lego.io/challenge to http-01 or dns-01, or remove it.',
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
  UnsupportedKeystore: {
    about: 'Ingress',
    meaning:
      'The annotation kube-lego.io/keystore or kube-lego.io/keystore-password is missing or has no valid value, so the Secret gets a certificate and no keystore.',
    kind: 'notice',
    remedy:
      'Set kube-lego.io/keystore to pkcs12, and kube-lego.io/keystore-password to SECRET/KEY: a Secret of the same namespace, and the key in it that holds the password. For no keystore, remove both.',
  },
  ProfileNotOffered: {
    about: 'Ingress',
    meaning: 'The CA does not offer the profile that kube-lego.io/profile or LEGO_PROFILE names.',
    kind: 'attempt',
    remedy: 'Set kube-lego.io/profile to a profile that the CA offers, or remove it.',
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
    meaning:
      'The class of the Ingress is not in LEGO_SUPPORTED_INGRESS_CLASS. Another kube-lego may manage it, so only kube-lego explain says this, and no Event or status.',
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
    meaning:
      'Another Ingress of the namespace, an older one or one of the same second, names the same Secret and owns it.',
    kind: 'notice',
    remedy:
      'The Secret gets one certificate for the hosts of both; name another Secret if that is not intended.',
  },
  ServedByOther: {
    about: 'Ingress',
    meaning:
      "Another Ingress lists the host under spec.tls, too, and comes first for the ingress controller: that one's Secret is served, even if it is missing or empty, and then visitors get a certificate of the ingress controller itself.",
    kind: 'notice',
    remedy:
      'Remove the host from spec.tls of the other Ingress, or name this Secret there if it is in this namespace. If it is in another namespace, ask the cluster operator.',
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
  NamespacesUnreadable: {
    about: 'Ingress',
    meaning:
      'Only hosts that are reserved for a namespace get a certificate (LEGO_REQUIRE_DOMAINS), and kube-lego may not read the Namespaces.',
    kind: 'terminal',
    remedy:
      'The cluster operator applies the ClusterRole kube-lego-cluster-scoped (deploy/base/cluster-scoped-role.yaml); kube-lego sees that by itself.',
  },
  // What is wrong with the Gateway or ListenerSet.
  ListenerConflicted: {
    about: 'Gateway',
    meaning:
      'Another listener has the port and hostname of this one and comes first, so this one serves nobody.',
    kind: 'notice',
    remedy: 'Remove one of the two listeners, or give this one another hostname.',
  },
  ListenerNotAccepted: {
    about: 'Gateway',
    meaning: "The Gateway's implementation does not accept the listener, so it serves nobody.",
    kind: 'notice',
    remedy:
      'See its conditions under status.listeners. A ListenerSet needs a Gateway whose spec.allowedListeners lets it in.',
  },
  NoRouteHostnames: {
    about: 'Gateway',
    meaning:
      'The listener has a wildcard hostname or none, and no HTTPRoute with a hostname is attached to it: there is no name to certify.',
    kind: 'notice',
    remedy:
      'Give the listener a specific hostname, or attach HTTPRoutes with spec.hostnames. kube-lego.io/wildcard: "true" on the Gateway or ListenerSet asks for a wildcard certificate, which needs DNS-01.',
  },
  WildcardNotAsked: {
    about: 'Gateway',
    meaning:
      'A wildcard hostname is served, and gets no wildcard certificate, because no annotation asks for one (Gateway API forbids to conclude it from a hostname).',
    kind: 'notice',
    remedy:
      'Set kube-lego.io/wildcard: "true" on the Gateway or ListenerSet, with DNS-01; or give HTTPRoutes specific hostnames.',
  },
  SecretNotGranted: {
    about: 'Gateway',
    meaning: 'The listener names a Secret of another namespace, and no ReferenceGrant there allows that.',
    kind: 'notice',
    remedy: "Name a Secret of the Gateway's or ListenerSet's own namespace.",
  },
  SecretElsewhere: {
    about: 'Gateway',
    meaning:
      "The listener names a Secret of another namespace. A ReferenceGrant lets the Gateway read it, which is no permission to write it: kube-lego writes Secrets of the Gateway's or ListenerSet's own namespace only.",
    kind: 'notice',
    remedy:
      'Name a Secret of the own namespace; or have a ListenerSet in the namespace of the Secret, with a listener that names it.',
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
    kind: 'check',
    remedy:
      "Allow kube-lego's ServiceAccount to write this Secret: see who refuses it, and why. LEGO_OBJECT_LABELS and LEGO_OBJECT_ANNOTATIONS give it what a policy requires.",
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
  KeystoreNotWritten: {
    about: 'Secret',
    meaning:
      'The certificate in the Secret is good, but its keystore is missing, or is still that of an earlier certificate or password.',
    kind: 'notice',
    remedy:
      'Put a password of 1 to 256 printable ASCII characters, without a line break, into the Secret that kube-lego.io/keystore-password names. It is seen within LEGO_CHECK_INTERVAL, or when kube-lego.io/retry on the Ingress gets a new value.',
  },
  NotYetValid: {
    about: 'Secret',
    meaning: 'The certificate begins in the future, by a day at most: one of two clocks is wrong.',
    kind: 'notice',
    remedy: "Check the clock of kube-lego's node. A certificate that begins later than that is replaced.",
  },
  ClockSkewed: {
    about: 'Secret',
    meaning: "The clock of kube-lego's machine and the CA's differ by more than a day: one of them is wrong.",
    kind: 'notice',
    remedy:
      "Synchronise the clock of kube-lego's node (NTP). If it is right, look at what stands between kube-lego and the CA: a proxy that answers with a wrong Date.",
  },
  CertificateFlawed: {
    about: 'Secret',
    meaning:
      'Some servers or clients cannot use the certificate as the CA sent it, also when it was ordered again: it comes without that of its issuer, or OpenSSL or Go refuses it.',
    kind: 'notice',
    remedy:
      "Nothing if yours can, such as clients that know the issuer of a company's own CA; otherwise tell the CA.",
  },
  // What is in the way of the challenge.
  IngressControllerDoesNotMerge: {
    about: 'challenge',
    meaning:
      'The ingress controller gives a host to one Ingress only: a challenge Ingress would get no traffic, or take the site down.',
    kind: 'terminal',
    remedy: 'Use an ingress controller that merges a host across Ingresses: see docs/ingress-controllers.md.',
  },
  HostHasNoRule: {
    about: 'challenge',
    meaning:
      'No Ingress of the namespace has a rule for the host, and another namespace serves it by a wildcard, a rule without host or a default backend: the challenges of all hosts of that site would be led to kube-lego. Or the host of a ListenerSet is served at its Gateway by HTTPRoutes of other namespaces only.',
    kind: 'check',
    remedy:
      'Add a rule for the host to the Ingress that lists it under spec.tls; for a ListenerSet, attach an HTTPRoute with this hostname.',
  },
  ChallengeRuleRefused: {
    about: 'challenge',
    meaning:
      "The API server, a policy or a webhook refuses kube-lego's challenge Ingress, or the HTTPRoute of a Gateway's challenge, as such or with this host.",
    kind: 'check',
    remedy:
      "Allow the challenge Ingress or HTTPRoute in the namespace that the message names, else in kube-lego's: see who refuses it, and why. LEGO_OBJECT_LABELS, LEGO_CHALLENGE_INGRESS_LABELS and LEGO_CHALLENGE_INGRESS_ANNOTATIONS give it what a policy requires.",
  },
  ChallengeRuleRemoved: {
    about: 'challenge',
    meaning:
      "A mutating webhook or a controller removes the rule for the host from kube-lego's challenge Ingress or HTTPRoute each time it is written.",
    kind: 'check',
    remedy:
      "Find who changes Ingresses or HTTPRoutes in kube-lego's namespace (kubectl get mutatingwebhookconfigurations; policy engines; GitOps tools that prune), and exempt those of kube-lego.",
  },
  ChallengeRuleNotWritten: {
    about: 'challenge',
    meaning:
      "The rule for the host could not be written to kube-lego's challenge Ingress or HTTPRoute within a minute.",
    kind: 'transient',
    remedy: 'Nothing: kube-lego tries again. If it lasts, see its log for what the API server says.',
  },
  NoHttpListener: {
    about: 'challenge',
    meaning:
      "No listener of the Gateway with protocol HTTP can carry the host's challenge, so the CA was not asked.",
    kind: 'check',
    remedy:
      'Add a listener with protocol HTTP on port 80 to the Gateway or ListenerSet (kube-lego explain prints the lines); or ask the cluster operator for DNS-01 (docs/dns-01.md).',
  },
  ChallengeRouteNotAllowed: {
    about: 'challenge',
    meaning:
      "The HTTP listener of the Gateway does not let in kube-lego's HTTPRoute, so the CA was not asked.",
    kind: 'check',
    remedy:
      'Set allowedRoutes.namespaces of that listener to from: All, or to a selector that matches the Namespace of kube-lego.',
  },
  ChallengeRouteNotAccepted: {
    about: 'challenge',
    meaning:
      "The Gateway's implementation refuses kube-lego's HTTPRoute, or says nothing of it, so the CA was not asked.",
    kind: 'check',
    remedy:
      'See why in status.parents of the HTTPRoute, and whether the controller of the GatewayClass is running.',
  },
  ChallengeRouteNotResolved: {
    about: 'challenge',
    meaning:
      "The Gateway's implementation does not lead the requests of kube-lego's HTTPRoute to its Service.",
    kind: 'check',
    remedy:
      "Check that the Service of LEGO_SERVICE_NAME exists in kube-lego's namespace, and see who removes the ReferenceGrants kube-lego-challenge-* there.",
  },
  SelfCheckFailed: {
    about: 'challenge',
    meaning:
      "A test request to the host's public name did not come back to kube-lego, so the CA was not asked.",
    kind: 'check',
    remedy:
      "Point the host's DNS at the ingress controller, and let /.well-known/acme-challenge/ through on port 80.",
  },
  DnsZoneNotFound: {
    about: 'challenge',
    meaning:
      'The DNS does not tell which zone and name servers have the record of the challenge, so the CA was not asked.',
    kind: 'check',
    remedy:
      'Check that the domain is delegated, that its name servers answer, and what CNAMEs at _acme-challenge lead to: kube-lego zones shows it.',
  },
  DnsNotWritable: {
    about: 'challenge',
    meaning: 'The record of the challenge cannot be written, so the CA was not asked.',
    kind: 'check',
    remedy: 'The cluster operator checks the DNS zone: kube-lego zones tries it.',
  },
  DnsUpdateFailed: {
    about: 'challenge',
    meaning: "The challenge's record could not be written while the CA's order was open.",
    kind: 'attempt',
    remedy: 'The cluster operator checks the DNS zone: kube-lego zones tries it.',
  },
  DnsPropagation: {
    about: 'challenge',
    meaning:
      "Not every authoritative name server had the challenge's record within LEGO_DNS_PROPAGATION_TIMEOUT, so the CA did not look for it.",
    kind: 'attempt',
    remedy:
      'See why that name server is behind (NOTIFY, transfer, its log), or set LEGO_DNS_PROPAGATION_TIMEOUT higher.',
  },
  IngressClassNotFound: {
    about: 'challenge',
    meaning: 'The self-check failed, and there is no IngressClass of the name that the Ingress gives.',
    kind: 'check',
    remedy:
      "Correct spec.ingressClassName: kubectl get ingressclass lists the classes. An ingress controller that goes by the name alone needs no IngressClass: then point the host's DNS at it.",
  },
  NoIngressClass: {
    about: 'challenge',
    meaning:
      'The self-check failed, and the Ingress names no class, so perhaps no ingress controller serves it.',
    kind: 'check',
    remedy:
      "Set spec.ingressClassName to the class of the ingress controller that the host's DNS leads to, unless that serves an Ingress without class.",
  },
  HostLeftOut: {
    about: 'challenge',
    meaning:
      'A host is left out of the certificate, because it kept failing when the certificate for all hosts was about to expire; or, at a listener whose names come from HTTPRoutes, when others waited for theirs.',
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
  LedgerDamaged: {
    about: 'cluster',
    meaning:
      "A document of the rate-limit ledger could not be read, and so it is not known how much of the CA's limits is used up: they are taken for used up, and recover as they do at the CA. Renewals that the CA exempts from its limits do not wait.",
    kind: 'attempt',
    remedy:
      'Wait; or, if fewer orders than the CA allows were made in the past week, delete the ConfigMap with that number (kube-lego-ledger-N, of the staging CA kube-lego-rehearsal-ledger-N) in the namespace of kube-lego, and restart kube-lego.',
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
  DnsPending: {
    about: 'challenge',
    meaning: 'The order waits until every name server of a zone has the TXT record of a host.',
    kind: 'notice',
    remedy:
      'Nothing: kube-lego waits for as long as LEGO_DNS_PROPAGATION_TIMEOUT says; the page shows what each name server answers.',
  },
  OrderPending: {
    about: 'CA',
    meaning: 'The CA takes long over an order: its validation of the hosts, or the certificate itself.',
    kind: 'notice',
    remedy: 'Nothing: kube-lego waits for the CA; see its status page if it takes longer.',
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
  OrderUnfinished: {
    about: 'CA',
    meaning: 'The CA has not finished the order yet, or does not answer questions about it.',
    kind: 'transient',
    remedy:
      'Nothing is lost: kube-lego goes on with the same order, and looks at it at once when kube-lego.io/retry gets a new value.',
  },
  OrderedElsewhere: {
    about: 'cluster',
    meaning:
      'A certificate for the same hosts is being ordered for another Secret, or by another process of kube-lego.',
    kind: 'transient',
    remedy: 'Nothing to do: the next attempt goes on from there.',
  },
  OrderJournalFull: {
    about: 'cluster',
    meaning:
      'The order journal (Secret kube-lego-journal-0) has no room for another order, or not for this namespace.',
    kind: 'transient',
    remedy: 'Check why so many orders stay unfinished: the CA, and the Events of the other Ingresses.',
  },
  RecordUnavailable: {
    about: 'cluster',
    meaning:
      "One of kube-lego's own records, without which it makes no order, cannot be read or written: the rate-limit ledger, the order journal, the record of holders, the Secret of the ACME account, or the Lease of the process that acts.",
    kind: 'transient',
    remedy:
      "Mend what the message names: usually a permission of kube-lego's Role (deploy/base/role.yaml). kube-lego goes on by itself within half a minute.",
  },
  ApiServerDenied: {
    about: 'cluster',
    meaning: 'The API server does not let kube-lego read or write what it needs.',
    kind: 'transient',
    remedy:
      "Check kube-lego's ServiceAccount, Roles and bindings (see deploy/base), and the policies and webhooks of the cluster.",
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
  /** The CA found no address of a host: its record may come at any moment. */
  readonly unresolved?: true;
  /** Nothing was sent: a refusal that others have met holds the order, which goes back into the queue. */
  readonly held?: true;
  /** The CA had created the order, and counted it. */
  readonly orderMade?: true;
}

/** Whether a self-check had a definite answer, and not ours. */
export function isSelfCheckFailure(code: ReasonCode): boolean {
  return code === 'SelfCheckFailed' || code === 'IngressClassNotFound' || code === 'NoIngressClass';
}

export function failureKind(failure: Failure): FailureKind {
  return reasons[failure.code].kind;
}

/** The message with a remedy. */
export function describeFailure({ code, message, namesRemedy }: Failure): string {
  return namesRemedy === true ? sentences(message) : sentences(message, reasons[code].remedy);
}
