import type { Reason } from './reason.ts';

/** What can be wrong with an Ingress, Gateway or ListenerSet alike: the texts are read by the owners of each. */
export const sourceReasons = {
  MissingSecretName: {
    about: 'source',
    meaning:
      'An entry of spec.tls, or a listener that terminates TLS, names no Secret to put the certificate into.',
    kind: 'terminal',
    remedy: 'Set spec.tls[].secretName, or tls.certificateRefs of the listener.',
  },
  TooManyHosts: {
    about: 'source',
    meaning: 'A Secret would need a certificate for more hosts than a CA allows in one.',
    kind: 'terminal',
    remedy:
      'Spread the hosts over several Secrets: each an entry of spec.tls, or a listener, of its own. Teams that share a Gateway get a ListenerSet each.',
  },
  InvalidHost: {
    about: 'source',
    meaning: 'A host under spec.tls, or of a listener or HTTPRoute, is not a name that a CA can certify.',
    kind: 'terminal',
    remedy: 'Correct or remove the host in spec.tls, the listener or the HTTPRoute.',
  },
  WildcardHost: {
    about: 'source',
    meaning: 'A host is a wildcard, which HTTP-01 cannot validate.',
    kind: 'terminal',
    remedy:
      'List each host by name; or ask the cluster operator for DNS-01 (LEGO_DNS_ZONES, docs/dns-01.md), and set no kube-lego.io/challenge: http-01.',
  },
  NoDnsZone: {
    about: 'source',
    meaning:
      'The host needs DNS-01, because it is a wildcard or kube-lego.io/challenge says so, and no DNS zone that the operator lets this namespace use has it.',
    kind: 'check',
    remedy:
      'Ask the cluster operator to list a zone of the host in the zones ConfigMap, with this namespace under namespaces: kube-lego explain prints the lines.',
  },
  WildcardOverOthers: {
    about: 'source',
    meaning: 'The wildcard would cover a host that belongs to another namespace.',
    kind: 'terminal',
    remedy:
      'List each host by name, or ask the cluster operator to reserve the domain for this namespace (kube-lego.io/domains), or to list it under wildcards-beside-others of the DNS zone.',
  },
  UnsupportedChallenge: {
    about: 'source',
    meaning: 'The annotation kube-lego.io/challenge names an unknown type of challenge.',
    kind: 'terminal',
    remedy: 'Set kube-lego.io/challenge to http-01 or dns-01, or remove it.',
  },
  UnsupportedKeyType: {
    about: 'source',
    meaning: 'The annotation kube-lego.io/key-type names an unknown key type.',
    kind: 'terminal',
    remedy: 'Set kube-lego.io/key-type to ec-p256, rsa-2048, rsa-3072 or rsa-4096, or remove it.',
  },
  UnsupportedKeystore: {
    about: 'source',
    meaning:
      'The annotation kube-lego.io/keystore or kube-lego.io/keystore-password is missing or has no valid value, so the Secret gets a certificate and no keystore.',
    kind: 'notice',
    remedy:
      'Set kube-lego.io/keystore to pkcs12, and kube-lego.io/keystore-password to SECRET/KEY: a Secret of the same namespace, and the key in it that holds the password. For no keystore, remove both.',
  },
  ProfileNotOffered: {
    about: 'source',
    meaning: 'The CA does not offer the profile that kube-lego.io/profile or LEGO_PROFILE names.',
    kind: 'attempt',
    remedy: 'Set kube-lego.io/profile to a profile that the CA offers, or remove it.',
  },
  AnnotationTooLong: {
    about: 'source',
    meaning: 'An annotation of kube-lego has a value that is longer than any valid one.',
    kind: 'terminal',
    remedy: 'Correct or remove the annotation: a value has at most 64 characters.',
  },
  TooLarge: {
    about: 'source',
    meaning: 'The Ingress, Gateway or ListenerSet has more than kube-lego reads of one object.',
    kind: 'terminal',
    remedy:
      'Spread the hosts over several objects: of an Ingress, kube-lego reads 200 entries of spec.tls, 2000 hosts in them, and 2000 hosts of spec.rules; of a Gateway or ListenerSet 64 listeners, each with 64 certificateRefs.',
  },
  ManagedByCertManager: {
    about: 'source',
    meaning:
      'cert-manager manages this Ingress, Gateway, ListenerSet or Secret; two controllers would overwrite each other.',
    kind: 'terminal',
    remedy:
      "Remove either cert-manager's annotations or kubernetes.io/tls-acme, so that one controller manages it.",
  },
  AdoptMisplaced: {
    about: 'source',
    meaning:
      'The annotation kube-lego.io/adopt is on the Ingress, Gateway or ListenerSet, where it has no effect: whoever may write that may not therefore replace a Secret.',
    kind: 'notice',
    remedy: 'Remove the annotation. Somebody who may write the Secret sets it there.',
  },
  SecretOwnedByOther: {
    about: 'source',
    meaning:
      'Another Ingress, Gateway or ListenerSet of the namespace, an older one or one of the same second, names the same Secret and owns it.',
    kind: 'notice',
    remedy:
      'The Secret gets one certificate for the hosts of both; name another Secret if that is not intended.',
  },
  HostOwnedElsewhere: {
    about: 'source',
    meaning:
      'The host belongs to another namespace: it is reserved for that one, has its certificate there, or was routed there first.',
    kind: 'terminal',
    remedy: 'Use a host of your own, or ask the cluster operator who uses this one.',
  },
  DomainNotReserved: {
    about: 'source',
    meaning:
      'Only hosts that are reserved for a namespace get a certificate, and this one is not reserved for it.',
    kind: 'terminal',
    remedy:
      'Ask the cluster operator to list the host in the annotation kube-lego.io/domains of the Namespace.',
  },
  NamespacesUnreadable: {
    about: 'source',
    meaning:
      'Only hosts that are reserved for a namespace get a certificate (LEGO_REQUIRE_DOMAINS), and kube-lego may not read the Namespaces.',
    kind: 'terminal',
    remedy:
      'The cluster operator applies the ClusterRole kube-lego-cluster-scoped (deploy/base/cluster-scoped-role.yaml); kube-lego sees that by itself.',
  },
} as const satisfies Record<string, Reason>;
