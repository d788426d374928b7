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
  PauseLink: {
    meaning:
      'The CA has paused a name (NamePaused), and the message ends with the link that lifts the pause. The link is written nowhere else.',
    remedy:
      'Fix the host, open the link, then set kube-lego.io/retry to a new value. Whoever has the link can act for the ACME account.',
  },
} as const satisfies Record<string, Occasion>;

/** The reason of an Event on an Ingress. */
export type EventReason = ReasonCode | keyof typeof occasions;
