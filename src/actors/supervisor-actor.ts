// The supervisor as an actor, the parent of the Ingress actors; the shells of this room run the machines. Called by the wiring.

import { type AnyActorScope, fromTransition } from 'xstate';
import type { OrderBudget } from '../../machines/authority/order-budget.ts';
import type { IngressPolicy } from '../../machines/ingress/ingress-context.ts';
import { entryNamed, type StatusDocument } from '../../machines/ingress/status.ts';
import type { Assignment } from '../../machines/ownership/desired-certificate.ts';
import type { SourceKey } from '../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../machines/ownership/source-spec.ts';
import type { Failure } from '../../machines/reasons/reasons.ts';
import {
  decide,
  initialSupervisorState,
  type SupervisorPolicy,
} from '../../machines/supervisor/supervisor.ts';
import type { SupervisorCommand, SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { hour } from '../../machines/time/durations.ts';
import { decodeStatus, historyOf } from '../kubernetes/records/status-annotation.ts';
import type { Clock } from '../time/clock.ts';
import type { SteadyClock } from '../time/steady-clock.ts';
import type { IngressActors } from './ingress-actors.ts';
import type { Rounds } from './rounds.ts';

/** XState's event to the parent when a child fails. */
interface ActorError {
  readonly type: `xstate.error.actor.${string}`;
  readonly error: unknown;
  readonly actorId: SourceKey;
}

interface StopEvent {
  readonly type: 'xstate.stop';
}

/** Milliseconds: the clock is looked at so often even if nothing else happens. */
const longestSleep = hour;

type Scope = Pick<AnyActorScope, 'self' | 'stopChild'>;

export interface SupervisorOptions {
  readonly policy: SupervisorPolicy & { readonly ingress: IngressPolicy };
  readonly budget: OrderBudget;
  readonly rounds: Pick<Rounds, 'admit' | 'grantSlot' | 'hold' | 'pending'>;
  /** The actors; only the supervisor changes it. */
  readonly actors: IngressActors;
  readonly clock: Pick<SteadyClock, keyof Clock | 'follow'>;
  /** The CA's clock, for its limits; `byMachine` converts to `clock`. */
  readonly caClock: { now(): number; byMachine(at: number): number };
  /** The clock was set by so many milliseconds. */
  readonly onClockSet?: ((by: number) => void) | undefined;
  /** The owner of these hosts has requested a retry, although a CA had paused them. */
  readonly onPausesLifted?: ((hosts: readonly string[]) => void) | undefined;
  /** See the command `TELL_SOURCE`. */
  readonly onSourceWaits?: ((source: SourceSpec, finding: Failure, at: number) => void) | undefined;
  /** See the command `DOMAINS_TAKEN`. */
  readonly onDomainsTaken?: ((namespace: string, domains: readonly string[]) => void) | undefined;
  /** See the command `IMPORT_COMPLETE`. */
  readonly onImportComplete?: (() => void) | undefined;
  /** An Ingress actor has ended, for any reason. */
  readonly onStopped?: (key: SourceKey) => void;
  /** An Ingress actor threw (a bug); it is restarted after a minute. */
  readonly onActorError: (key: SourceKey, error: unknown) => void;
}

/**
 * A shell around `decide`: adds the time to events and executes the commands. It is an actor because the Ingress actors are its
 * children. They are in `IngressActors` and not in the snapshot, where each start would copy all of them.
 */
export function createSupervisorLogic({
  policy,
  budget,
  rounds,
  actors,
  clock,
  caClock,
  onClockSet,
  onPausesLifted,
  onSourceWaits,
  onDomainsTaken,
  onImportComplete,
  onStopped,
  onActorError,
}: SupervisorOptions) {
  let timer: unknown;
  /** Who may have nothing more to do in this turn than to wait. */
  const settled = new Set<SourceKey>();

  return fromTransition(
    (state, event: SupervisorEvent | ActorError | StopEvent, scope) => {
      if (isStop(event)) {
        clock.clearTimeout(timer);
        const keys = [...actors.keys()];
        actors.stopAll(scope);
        for (const key of keys) onStopped?.(key);
        return state;
      }
      const by = clock.follow();
      const now = clock.now();
      if (by !== 0) {
        onClockSet?.(by);
        const moved = decide(state, { type: 'CLOCK_SET', by }, now, caClock.now());
        for (const command of moved.commands) execute(command, now, scope);
      }
      const happened = isActorError(event) ? died(event, scope) : event;
      if (happened.type === 'WAKE_AT') restSoon(happened.key, scope);
      const decision = decide(state, happened, now, caClock.now());
      for (const command of decision.commands) execute(command, now, scope);
      return decision.state;
    },
    initialSupervisorState(policy, budget, historyOf),
  );

  function execute(command: SupervisorCommand, at: number, scope: Scope): void {
    switch (command.type) {
      case 'START': {
        const { key, source, assignment } = command;
        const status = decodeStatus(source.status);
        const allGood = status?.ingress === source.uid && isAllGood(status, assignment);
        const input = {
          key,
          uid: source.uid,
          assignment,
          policy: policy.ingress,
          at,
          // An actor keeps its input; most have nothing else to restore, so keep it small.
          ...(allGood ? {} : { status }),
        };
        return actors.start(input, scope);
      }
      case 'ASSIGN':
        return actors.send(command.key, { type: 'ASSIGNED', assignment: command.assignment, at }, scope);
      case 'STOP':
        return stop(command.key, scope);
      case 'MOVE_TIMES':
        return actors.send(command.key, { type: 'CLOCK_SET', by: command.by, at }, scope);
      case 'WAKE':
        return actors.send(command.key, { type: 'WAKE', at }, scope);
      case 'ADMIT':
        return rounds.admit(command.id, at);
      case 'GRANT_SLOT':
        return rounds.grantSlot(command.id, at);
      case 'HOLD':
        return rounds.hold(command.id, { ...command.hold, until: caClock.byMachine(command.hold.until) }, at);
      case 'TELL_ROUND':
        return rounds.pending(command.id, command.finding, at);
      case 'TELL_SOURCE':
        return onSourceWaits?.(command.source, command.finding, at);
      case 'LIFT_PAUSES':
        return onPausesLifted?.(command.hosts);
      case 'DOMAINS_TAKEN':
        return onDomainsTaken?.(command.namespace, command.domains);
      case 'IMPORT_COMPLETE':
        return onImportComplete?.();
      case 'SET_TIMER':
        clock.clearTimeout(timer);
        if (command.at !== undefined) {
          const wait = Math.min(command.at - at, longestSleep);
          timer = clock.setTimeout(() => scope.self.send({ type: 'TIMER' }), wait);
        }
        return;
      default:
        return command satisfies never;
    }
  }

  function died({ actorId: key, error }: ActorError, scope: Scope): SupervisorEvent {
    onActorError(key, error);
    stop(key, scope);
    return { type: 'ACTOR_FAILED', key };
  }

  /** It tells when it is to be woken in the midst of an event. */
  function restSoon(key: SourceKey, scope: Scope): void {
    if (settled.size === 0) {
      queueMicrotask(() => {
        actors.rest(settled, scope);
        settled.clear();
      });
    }
    settled.add(key);
  }

  function stop(key: SourceKey, scope: Scope): void {
    if (actors.get(key) === undefined) return;
    actors.stop(key, scope);
    onStopped?.(key);
  }
}

function isAllGood({ secrets }: StatusDocument, { desired }: Assignment): boolean {
  return desired.every(({ secretName }) => entryNamed(secrets, secretName)?.state === 'good');
}

function isActorError(event: { readonly type: string }): event is ActorError {
  return event.type.startsWith('xstate.error.actor.');
}

function isStop(event: { readonly type: string }): event is StopEvent {
  return event.type === 'xstate.stop';
}
