import type { Reason } from './reason.ts';

/** What can be wrong with an Ingress alone. */
export const ingressReasons = {
  MissingHosts: {
    about: 'Ingress',
    meaning: 'An entry of spec.tls lists no hosts.',
    kind: 'terminal',
    remedy: 'List the hosts of the certificate under spec.tls[].hosts.',
  },
  HostNotInTls: {
    about: 'Ingress',
    meaning: 'A host has a rule but is not under spec.tls, so it gets no certificate.',
    kind: 'notice',
    remedy: 'Add the host to spec.tls if it should have a certificate.',
  },
  UnsupportedIngressClass: {
    about: 'Ingress',
    meaning:
      'The class of the Ingress is not in LEGO_SUPPORTED_INGRESS_CLASS. Another kube-lego may manage it, so only kube-lego explain says this, and no Event or status.',
    kind: 'terminal',
    remedy: 'Use a supported class, or add this one to LEGO_SUPPORTED_INGRESS_CLASS.',
  },
  ServedByOther: {
    about: 'Ingress',
    meaning:
      "Another Ingress lists the host under spec.tls, too, and comes first for the ingress controller: that one's Secret is served, even if it is missing or empty, and then visitors get a certificate of the ingress controller itself.",
    kind: 'notice',
    remedy:
      'Remove the host from spec.tls of the other Ingress, or name this Secret there if it is in this namespace. If it is in another namespace, ask the cluster operator.',
  },
} as const satisfies Record<string, Reason>;
