import type { Reason } from './reason.ts';

/** What is in the way of a challenge. */
export const challengeReasons = {
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
      'Add a rule for the host to the Ingress that lists it under spec.tls; for a ListenerSet, attach an HTTPRoute with this hostname to the HTTP listener of its Gateway.',
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
  DnsUnavailable: {
    about: 'challenge',
    meaning:
      "The service or name server that writes the challenge's record fails, or does not answer, in the middle of an order. The order is kept.",
    kind: 'check',
    remedy: 'Check what the message names, and the way to it: kube-lego zones tries it.',
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
  DnsPending: {
    about: 'challenge',
    meaning: 'The order waits until every name server of a zone has the TXT record of a host.',
    kind: 'notice',
    remedy:
      'Nothing: kube-lego waits for as long as LEGO_DNS_PROPAGATION_TIMEOUT says; the page shows what each name server answers.',
  },
} as const satisfies Record<string, Reason>;
