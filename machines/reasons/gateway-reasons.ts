import type { Reason } from './reason.ts';

/** What is wrong with a Gateway or ListenerSet. */
export const gatewayReasons = {
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
} as const satisfies Record<string, Reason>;
