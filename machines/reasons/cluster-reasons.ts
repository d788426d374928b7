import type { Reason } from './reason.ts';

/** What is wrong around kube-lego. */
export const clusterReasons = {
  LedgerDamaged: {
    about: 'cluster',
    meaning:
      "A document of the rate-limit ledger could not be read, and so it is not known how much of the CA's limits is used up: they are taken for used up, and recover as they do at the CA. Renewals that the CA exempts from its limits do not wait.",
    kind: 'attempt',
    remedy:
      'Wait; or, if fewer orders than the CA allows were made in the past week, delete the ConfigMap with that number (kube-lego-ledger-N, of the staging CA kube-lego-rehearsal-ledger-N) in the namespace of kube-lego, and restart kube-lego.',
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
    remedy:
      'Check why so many orders stay unfinished: the CA, and the Events of the other Ingresses and Gateways.',
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
