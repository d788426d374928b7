import { assign, fromCallback, fromPromise, sendParent, sendTo, setup } from 'xstate';
import type { Predecessor } from '../assessment/assessment.ts';
import type { DueReason } from '../assessment/defects.ts';
import type { RenewalWindow, Validity } from '../assessment/renewal.ts';
import type { Omission } from '../assessment/rescue.ts';
import type { SecretVersion } from '../assessment/secret-facts.ts';
import type { Hold } from '../ledger/hold.ts';
import type { OrderRequest } from '../ledger/order-limits.ts';
import type { DesiredCertificate, HostRoute } from '../ownership/desired-certificate.ts';
import type { SourceKey } from '../ownership/source-key.ts';
import type { Failure } from '../reasons/reasons.ts';
import type { Round } from '../supervisor/round.ts';

/** Input of the round for a due Secret. */
export interface CertificateInput {
  /** Unique within the process. */
  readonly id: string;
  /** The owner of the Secret. */
  readonly source: SourceKey;
  readonly sourceUid: string;
  readonly desired: DesiredCertificate;
  /** The hosts of the certificate: the desired ones except those that another namespace owns. */
  readonly hosts: readonly HostRoute[];
  readonly reason: DueReason;
  /** The Secret that was judged; undefined if it did not exist. */
  readonly found: SecretVersion | undefined;
  readonly harmAt: number;
  /** For rate limits with a reserve. */
  readonly purpose: OrderRequest['purpose'];
  /** From rate limits. */
  readonly exemption: OrderRequest['exemption'];
  readonly predecessor?: Predecessor | undefined;
  /** The hosts left out, to be recorded with the certificate. */
  readonly omission?: Omission | undefined;
  /** An order without failing hosts, because the certificate is about to expire. */
  readonly rescue?: boolean;
  readonly returning?: Returning | undefined;
  /** Hosts with a conclusive self-check in an earlier process. */
  readonly answered?: readonly string[];
  /** Hosts for which the last round made no order, because a check before it failed; empty if it was not about hosts. */
  readonly unready?: readonly string[];
  /** The failure for which it would wait, had its host not appeared: the CA is asked only if the host passes the self-check. */
  readonly early?: EarlierFailure | undefined;
}

/** The status of a Secret that failed, see `CertificateStatus`. */
interface EarlierFailure {
  readonly kind: 'failed';
  readonly failure: Failure;
  readonly nextAttemptAt: number | undefined;
}

/** Hosts that were left out of the certificate and may be added again: those that have passed once, else all. */
interface Returning {
  readonly hosts: readonly string[];
  /** They have passed the self-check once; a retry by the user counts as that. */
  readonly passed: boolean;
  /** The CA could not validate them although they had passed: no order before this, in milliseconds since the epoch. */
  readonly barredUntil: number | undefined;
}

/** The steps of a round, in order. */
export const certificatePhases = ['queued', 'provisioning-challenge', 'validating', 'storing'] as const;
export type CertificatePhase = (typeof certificatePhases)[number];

/** Result of a step; known failures are results, not exceptions. `at`: when it ended. */
export type StepResult<T> =
  | { readonly kind: 'done'; readonly at: number; readonly value: T }
  | { readonly kind: 'failed'; readonly at: number; readonly failure: Failure };

/** Validity of the stored certificate, with the ARI window if known already. */
export interface StoredValidity extends Validity {
  readonly window?: RenewalWindow | undefined;
  /** A check before the next regular one, in milliseconds since the epoch. */
  readonly checkAt?: number | undefined;
  /** Milliseconds that the CA's clock is ahead of this machine's; 0 if not given. */
  readonly caAhead?: number | undefined;
}

export type CertificateOutcome =
  | { readonly kind: 'stored'; readonly reason: DueReason; readonly validity: StoredValidity }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Events of a certificate to its Ingress. */
export type CertificateReport =
  | {
      readonly type: 'CERTIFICATE_HELD';
      readonly secretName: string;
      readonly hold: Hold;
      readonly at: number;
    }
  /** The CA takes long over its order, or it waits for a record of kube-lego; undefined: it does not any more. */
  | {
      readonly type: 'CERTIFICATE_PENDING';
      readonly secretName: string;
      readonly finding: Failure | undefined;
      readonly at: number;
    }
  | {
      readonly type: 'CERTIFICATE_PHASE';
      readonly secretName: string;
      readonly phase: CertificatePhase;
      readonly at: number;
    }
  | {
      readonly type: 'CERTIFICATE_FINISHED';
      readonly secretName: string;
      readonly id: string;
      readonly outcome: CertificateOutcome;
      readonly at: number;
    };

interface CertificateContext extends CertificateInput {
  /** Id of the issued chain and its key in the vault; never the key itself. */
  readonly issued: string | undefined;
}

type CertificateEvent =
  | { readonly type: 'ADMITTED'; readonly at: number }
  | { readonly type: 'SLOT_GRANTED'; readonly at: number }
  /** It waits for a limit of the CA, or for the CA to be available. */
  | { readonly type: 'HELD'; readonly hold: Hold; readonly at: number }
  | { readonly type: 'PENDING'; readonly finding: Failure | undefined; readonly at: number };

/**
 * The round of one due Secret, from admission to the write. It contains no private keys: the context holds an id in the vault of the
 * process. The process provides the actors, which report known failures as results and reject only for a programming error.
 */
export const certificateMachine = setup({
  types: {
    context: {} as CertificateContext,
    events: {} as CertificateEvent,
    input: {} as CertificateInput,
  },
  actors: {
    /** Requests admission at once and a slot on demand; its stop releases both. */
    round: fromCallback<{ type: 'REQUEST_SLOT' } | { type: 'RETURN_SLOT' }, CertificateInput>(notProvided),
    /** Account, permission to write the Secret, challenge Ingress, self-check; no order. */
    provisionChallenge: fromPromise<StepResult<undefined>, CertificateInput>(notProvided),
    /** Order, challenges, finalize, download. Returns the vault id of the chain and its key. */
    obtainCertificate: fromPromise<StepResult<string>, CertificateInput>(notProvided),
    storeCertificate: fromPromise<StepResult<StoredValidity>, CertificateInput & { readonly issued: string }>(
      notProvided,
    ),
  },
  actions: {
    reportPhase: sendParent(
      ({ context }, { phase, at }: { phase: CertificatePhase; at: number }): CertificateReport => ({
        type: 'CERTIFICATE_PHASE',
        secretName: context.desired.secretName,
        phase,
        at,
      }),
    ),
    reportOutcome: sendParent(
      ({ context }, { outcome, at }: { outcome: CertificateOutcome; at: number }): CertificateReport => ({
        type: 'CERTIFICATE_FINISHED',
        secretName: context.desired.secretName,
        id: context.id,
        outcome,
        at,
      }),
    ),
    reportHold: sendParent(
      ({ context }, { hold, at }: { hold: Hold; at: number }): CertificateReport => ({
        type: 'CERTIFICATE_HELD',
        secretName: context.desired.secretName,
        hold,
        at,
      }),
    ),
    reportPending: sendParent(
      ({ context }, { finding, at }: { finding: Failure | undefined; at: number }): CertificateReport => ({
        type: 'CERTIFICATE_PENDING',
        secretName: context.desired.secretName,
        finding,
        at,
      }),
    ),
    recordIssued: assign((_, { issued }: { issued: string }) => ({ issued })),
    requestSlot: sendTo('round', { type: 'REQUEST_SLOT' }),
    returnSlot: sendTo('round', { type: 'RETURN_SLOT' }),
  },
}).createMachine({
  id: 'certificate',
  context: ({ input }) => ({ ...input, issued: undefined }),
  invoke: {
    id: 'round',
    src: 'round',
    input: ({ context }) => context,
  },
  initial: 'queued',
  states: {
    queued: {
      on: {
        HELD: {
          actions: { type: 'reportHold', params: ({ event }) => ({ hold: event.hold, at: event.at }) },
        },
        PENDING: {
          actions: {
            type: 'reportPending',
            params: ({ event }) => ({ finding: event.finding, at: event.at }),
          },
        },
        ADMITTED: {
          target: 'provisioning-challenge',
          actions: {
            type: 'reportPhase',
            params: ({ event }) => ({ phase: 'provisioning-challenge', at: event.at }),
          },
        },
      },
    },
    'provisioning-challenge': {
      invoke: {
        src: 'provisionChallenge',
        input: ({ context }) => context,
        onDone: [
          {
            guard: ({ event }) => event.output.kind === 'done',
            target: 'validating',
            actions: {
              type: 'reportPhase',
              params: ({ event }) => ({ phase: 'validating', at: event.output.at }),
            },
          },
          {
            target: 'ended',
            actions: { type: 'reportOutcome', params: ({ event }) => failed(event.output) },
          },
        ],
      },
    },
    validating: {
      on: {
        PENDING: {
          actions: {
            type: 'reportPending',
            params: ({ event }) => ({ finding: event.finding, at: event.at }),
          },
        },
      },
      initial: 'awaiting-slot',
      states: {
        'awaiting-slot': {
          entry: 'requestSlot',
          on: {
            HELD: {
              actions: { type: 'reportHold', params: ({ event }) => ({ hold: event.hold, at: event.at }) },
            },
            SLOT_GRANTED: {
              target: 'ordering',
              actions: {
                type: 'reportPhase',
                params: ({ event }) => ({ phase: 'validating', at: event.at }),
              },
            },
          },
        },
        ordering: {
          invoke: {
            src: 'obtainCertificate',
            input: ({ context }) => context,
            onDone: [
              {
                guard: ({ event }) => event.output.kind === 'done',
                target: '#certificate.storing',
                actions: [
                  { type: 'recordIssued', params: ({ event }) => ({ issued: valueOf(event.output) }) },
                  {
                    type: 'reportPhase',
                    params: ({ event }) => ({ phase: 'storing', at: event.output.at }),
                  },
                ],
              },
              {
                target: '#certificate.ended',
                actions: { type: 'reportOutcome', params: ({ event }) => failed(event.output) },
              },
            ],
          },
        },
      },
      exit: 'returnSlot',
    },
    storing: {
      invoke: {
        src: 'storeCertificate',
        input: ({ context }) => {
          const { issued } = context;
          if (issued === undefined) throw new Error(`round ${context.id} has nothing to store`);
          return { ...context, issued };
        },
        onDone: {
          target: 'ended',
          actions: {
            type: 'reportOutcome',
            params: ({ event: { output }, context: { reason } }) =>
              output.kind === 'failed'
                ? failed(output)
                : { outcome: { kind: 'stored', reason, validity: output.value }, at: output.at },
          },
        },
      },
    },
    ended: { type: 'final' },
  },
});

/** What the supervisor has to know of it. */
export function roundOf(input: CertificateInput): Round {
  const { id, desired, hosts, harmAt, purpose, exemption, predecessor, unready, early } = input;
  return {
    id,
    namespace: desired.namespace,
    hosts: hosts.map(({ host }) => host),
    harmAt,
    purpose,
    exemption,
    newSet: predecessor?.otherwise === 'none',
    repeats: unready !== undefined || early !== undefined,
  };
}

function notProvided(): never {
  throw new Error('the implementation of this actor is not provided');
}

function failed(result: StepResult<unknown>): { outcome: CertificateOutcome; at: number } {
  if (result.kind !== 'failed') throw new Error('this step has not failed');
  return { outcome: { kind: 'failed', failure: result.failure }, at: result.at };
}

function valueOf<T>(result: StepResult<T>): T {
  if (result.kind !== 'done') throw new Error('this step has failed');
  return result.value;
}
