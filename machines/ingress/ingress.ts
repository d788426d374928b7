// The statecharts of one Ingress and of its certificates, their pure context updates, and the status annotation. src/actors starts
// one `ingressMachine` per enabled source; src/steps implements its actors.

import { assign, enqueueActions, fromPromise, sendParent, setup } from 'xstate';
import type { Assignment } from '../ownership/desired-certificate.ts';
import type { SupervisorEvent } from '../supervisor/supervisor-messages.ts';
import { type CertificateOutcome, type CertificateReport, certificateMachine } from './certificate.ts';
import { applyClockStep } from './clock-step.ts';
import {
  type CheckRequest,
  type IngressContext,
  isChecked,
  isRetried,
  outcomesOf,
  recheckTime,
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
  applyPending,
  applyPhase,
  applyWake,
  type CheckResult,
  type IngressInput,
  initialIngressContext,
} from './ingress-updates.ts';

type IngressEvent =
  | { readonly type: 'ASSIGNED'; readonly assignment: Assignment; readonly at: number }
  | { readonly type: 'WAKE'; readonly at: number }
  | { readonly type: 'CLOCK_SET'; readonly by: number; readonly at: number }
  | CertificateReport;

export interface CheckOutput {
  readonly at: number;
  readonly results: readonly CheckResult[];
}

/** The result of a round, for Event and log. */
export interface RoundEnd {
  readonly secretName: string;
  readonly outcome: CertificateOutcome;
}

/** Transitions to the one of these states that matches the certificates. */
function followCertificates(...states: SettledState[]) {
  return states.map((state) => ({ guard: { type: 'fits', params: { state } }, target: state }) as const);
}

/**
 * One Ingress. `checking` reads and judges its Secrets; a child actor works on each due one, and the state is that of the least
 * advanced child (see `stateOf`). A check may run beside children, and does not affect them.
 */
export const ingressMachine = setup({
  types: {
    context: {} as IngressContext,
    events: {} as IngressEvent,
    input: {} as IngressInput,
  },
  actors: {
    certificate: certificateMachine,
    /** Failures of the API server are results; rejects only for a programming error. */
    checkSecrets: fromPromise<CheckOutput, readonly CheckRequest[]>(() => {
      throw new Error('the implementation of this actor is not provided');
    }),
  },
  actions: {
    /** Publishes the current findings, each once; provided by the process. */
    announceFindings: () => undefined,
    /** Publishes the result of a round; provided by the process. */
    announceRoundEnd: (_, _roundEnd: RoundEnd) => undefined,
    askToBeWoken: sendParent(
      ({ context }): SupervisorEvent => ({
        type: 'WAKE_AT',
        key: context.key,
        at: wakeTime(context),
        recheckAt: recheckTime(context),
        outcomes: outcomesOf(context),
      }),
    ),
    /** The user asks for a new attempt, also for names that the CA had paused; about a host of others he has no say. */
    liftPauses: sendParent(
      ({ context }): SupervisorEvent => ({
        type: 'PAUSES_LIFTED',
        hosts: context.certificates.flatMap(({ desired }) =>
          desired.hosts.flatMap(({ host, standing }) => (standing === 'ours' ? [host] : [])),
        ),
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
    // Restarts a running check, too: it may have read before the change.
    WAKE: { target: '.checking', actions: assign(({ context, event }) => applyWake(context, event.at)) },
    CLOCK_SET: {
      actions: [
        assign(({ context, event }) => applyClockStep(context, event.by, event.at)),
        // Else it is asked at the end of the check.
        enqueueActions(({ context, enqueue }) => {
          if (isChecked(context)) enqueue('askToBeWoken');
        }),
      ],
    },
    CERTIFICATE_PHASE: {
      actions: assign(({ context, event }) => applyPhase(context, event.secretName, event.phase, event.at)),
    },
    CERTIFICATE_HELD: {
      actions: [
        assign(({ context, event }) => applyHold(context, event.secretName, event.hold, event.at)),
        'announceFindings',
      ],
    },
    CERTIFICATE_PENDING: {
      actions: [
        assign(({ context, event }) => applyPending(context, event.secretName, event.finding, event.at)),
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
              // Secrets with a running round are not checked: a round among the results is new.
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
    // Rounds only advance or end here; new ones begin with a check.
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
