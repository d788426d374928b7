import type { ReasonCode } from './reasons.ts';

export interface Occasion {
  /** One sentence that fits every occurrence. */
  readonly meaning: string;
  /** What the user can do, if anything. */
  readonly remedy?: string;
}

/** The Events that report no failure; those of failures have the codes of `reasons`. */
export const occasions = {
  CertificateIssued: {
    meaning: 'A Secret holds a new certificate, because it held none that fits these hosts and settings.',
  },
  CertificateRenewed: {
    meaning: 'A Secret holds a new certificate, because the previous one was due for renewal.',
  },
  CertificateRevoked: {
    meaning: 'A certificate has been revoked, because an operator has requested it with kube-lego revoke.',
  },
  RevocationFailed: {
    meaning:
      'The CA does not revoke a certificate although an operator has requested it with kube-lego revoke.',
    remedy: "See the CA's answer. Where another CA or account has issued the certificate, revoke it there.",
  },
  PauseLink: {
    meaning:
      'The CA has paused a name (NamePaused), and the message ends with the link that lifts the pause. The link is written nowhere else.',
    remedy:
      'Fix the host, open the link, then set kube-lego.io/retry to a new value. Whoever has the link can act for the ACME account.',
  },
  StatusNotWritten: {
    meaning:
      'The API server, a policy or a webhook does not let kube-lego write the annotation kube-lego.io/status, so it is out of date.',
    remedy:
      "Allow kube-lego's ServiceAccount to write it: see who refuses it, and why. Until then the Events and kube-lego explain say what the annotation does not.",
  },
} as const satisfies Record<string, Occasion>;

/** The reason of an Event on a source. */
export type EventReason = ReasonCode | keyof typeof occasions;
