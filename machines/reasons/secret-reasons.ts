import type { Reason } from './reason.ts';

/** What is wrong with a Secret. */
export const secretReasons = {
  ForeignSecret: {
    about: 'Secret',
    meaning:
      'The Secret cannot be used for this certificate, and kube-lego did not create it. Nothing more is told to the author of an Ingress or Gateway, who may not be allowed to read the Secret.',
    kind: 'terminal',
    remedy:
      'Name another Secret, delete this one, or have it adopted by somebody who may write it. A change of the Secret is seen within LEGO_CHECK_INTERVAL, or when kube-lego.io/retry gets a new value. Those who may read the Secret learn from kube-lego explain what is wrong with it.',
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
    meaning: 'Somebody changed the Secret while its certificate was being issued, or has deleted it.',
    kind: 'transient',
    remedy:
      'Nothing: the Secret is checked again. If its deletion does not end, see who keeps a finalizer in its metadata.',
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
      'Put a password of 1 to 256 printable ASCII characters, without a line break, into the Secret that kube-lego.io/keystore-password names. It is seen within LEGO_CHECK_INTERVAL, or when kube-lego.io/retry gets a new value.',
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
} as const satisfies Record<string, Reason>;
