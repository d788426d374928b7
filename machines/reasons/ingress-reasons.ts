import type { Reason } from './reason.ts';

/** What is wrong with an Ingress. */
export const ingressReasons = {
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
} as const satisfies Record<string, Reason>;
