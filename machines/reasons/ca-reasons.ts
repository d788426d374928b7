import type { Reason } from './reason.ts';

/** What the CA says. */
export const caReasons = {
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
      'Fix the host, open the link in the Event PauseLink on this Ingress or Gateway, then set kube-lego.io/retry to a new value. If the Event has expired, a new value brings a new one. Otherwise the CA is asked once a day.',
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
} as const satisfies Record<string, Reason>;
