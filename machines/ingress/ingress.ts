import { assign, enqueueActions, fromPromise, sendParent, setup } from 'xstate';
import type { Assignment, DesiredCertificate } from '../ownership/desired-certificate.ts';
import type { SupervisorEvent } from '../supervisor/supervisor.ts';
import { type CertificateOutcome, type CertificateReport, certificateMachine } from './certificate.ts';
import {
  type IngressContext,
  isChecked,
  isRetried,
  roundsOf,
  type SettledState,
  settledStates,
  stateOf,
  toCheck,
  wakeTime,
} from './ingress-context.ts';
import {
  applyAssessments,
  applyAssignment,
  applyHold,
  applyOutcome,
  applyPhase,
  applyWake,
  type CheckResult,
  type IngressInput,
  initialIngressContext,
} from './ingress-updates.ts';

type IngressEvent =
  | { readonly type: 'ASSIGNED'; readonly assignment: Assignment; readonly at: number }
  | { readonly type: 'WAKE'; readonly at: number }
  | CertificateReport;

export interface CheckOutput {
  readonly at: number;
  readonly results: readonly CheckResult[];
}

/** What became of a round, for an Event in the cluster and a line in the log. */
export interface RoundEnd {
  readonly secretName: string;
  readonly outcome: CertificateOutcome;
}

/** To the one of these states that fits what the certificates do now. */
function followCertificates(...states: SettledState[]) {
  return states.map((state) => ({ guard: { type: 'fits', params: { state } }, target: state }) as const);
}

/**
 * One Ingress. Checking reads and judges its Secrets; each due one is worked on by a child of its own, and the state is
 * that of the least advanced child (see `stateOf`). A check may run while children do: it leaves them alone.
 */
export const ingressMachine = setup({
  types: {
    context: {} as IngressContext,
    events: {} as IngressEvent,
    input: {} as IngressInput,
  },
  actors: {
    certificate: certificateMachine,
    /** Trouble with the API server is a result; it rejects only for an error in the program. */
    checkSecrets: fromPromise<CheckOutput, readonly DesiredCertificate[]>(() => {
      throw new Error('the process has to provide this actor');
    }),
  },
  actions: {
    /** Tells people what is to be said of the Ingress as it is now; the process provides it, and says things once. */
    announceFindings: () => undefined,
    /** Tells people how a round ended; the process provides it. */
    announceRoundEnd: (_, _roundEnd: RoundEnd) => undefined,
    askToBeWoken: sendParent(
      ({ context }): SupervisorEvent => ({ type: 'WAKE_AT', key: context.key, at: wakeTime(context) }),
    ),
    /** A person says that a new attempt is worth it: also for names that the CA had paused. */
    liftPauses: sendParent(
      ({ context }): SupervisorEvent => ({
        type: 'PAUSES_LIFTED',
        hosts: context.certificates.flatMap(({ desired }) => desired.hosts.map(({ host }) => host)),
      }),
    ),
    markEntry: assign({ since: ({ context }) => context.at }),
  },
  guards: {
    fits: ({ context }, { state }: { state: SettledState }) =>
      isChecked(context) && stateOf(context) === state,
  },
}).createMachine({
  id: 'ingress',
  context: ({ input }) => initialIngressContext(input),
  entry: enqueueActions(({ context, enqueue }) => {
    if (isRetried(context)) enqueue('liftPauses');
  }),
  on: {
    ASSIGNED: {
      target: '.checking',
      actions: enqueueActions(({ context, event, enqueue }) => {
        const next = applyAssignment(context, event.assignment, event.at);
        const kept = new Set(roundsOf(next).map(({ id }) => id));
        for (const { id } of roundsOf(context)) if (!kept.has(id)) enqueue.stopChild(id);
        enqueue.assign(() => next);
        if (isRetried(next)) enqueue('liftPauses');
      }),
    },
    // Also while a check runs: it may have read before that what it is woken for.
    WAKE: { target: '.checking', actions: assign(({ context, event }) => applyWake(context, event.at)) },
    CERTIFICATE_PHASE: {
      actions: assign(({ context, event }) => applyPhase(context, event.secretName, event.phase, event.at)),
    },
    CERTIFICATE_HELD: {
      actions: [
        assign(({ context, event }) => applyHold(context, event.secretName, event.hold, event.at)),
        'announceFindings',
      ],
    },
    CERTIFICATE_FINISHED: {
      actions: [
        assign(({ context, event }) => applyOutcome(context, event.secretName, event.outcome, event.at)),
        enqueueActions(({ event, enqueue }) => enqueue.stopChild(event.id)),
        {
          type: 'announceRoundEnd',
          params: ({ event }) => ({ secretName: event.secretName, outcome: event.outcome }),
        },
        'askToBeWoken',
      ],
    },
  },
  initial: 'checking',
  states: {
    checking: {
      entry: 'markEntry',
      invoke: {
        src: 'checkSecrets',
        input: ({ context }) => toCheck(context),
        onDone: {
          actions: [
            assign(({ context, event }) => applyAssessments(context, event.output.results, event.output.at)),
            enqueueActions(({ context, event, enqueue }) => {
              // What was being worked on was not checked, so a round among the results is a new one.
              const checked = new Set(event.output.results.map(({ secretName }) => secretName));
              for (const round of roundsOf(context)) {
                if (!checked.has(round.desired.secretName)) continue;
                enqueue.spawnChild('certificate', { id: round.id, input: round });
              }
            }),
            'announceFindings',
            'askToBeWoken',
          ],
        },
      },
      always: followCertificates(...settledStates),
    },
    // From here on rounds only advance or end: a new one begins with a check.
    queued: { entry: 'markEntry', always: followCertificates('provisioning-challenge') },
    'provisioning-challenge': {
      entry: 'markEntry',
      always: followCertificates('validating', 'storing', 'backing-off', 'idle'),
    },
    validating: { entry: 'markEntry', always: followCertificates('storing', 'backing-off', 'idle') },
    storing: { entry: 'markEntry', always: followCertificates('backing-off', 'idle') },
    idle: { entry: 'markEntry' },
    'backing-off': { entry: 'markEntry' },
  },
});
