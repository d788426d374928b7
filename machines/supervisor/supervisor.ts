// The supervisor as a pure function: `decide` maps state and event to commands. Here also admission (who may order, fairly) and the
// schedule of all wake times. src/actors runs it: passes events in and executes the commands.

import type { BudgetChange, OrderBudget } from '../authority/order-budget.ts';
import type { Hold } from '../ledger/hold.ts';
import type { Assignment } from '../ownership/desired-certificate.ts';
import { isEqual } from '../ownership/equality.ts';
import type { Holder, NamespaceSpec } from '../ownership/holders.ts';
import { Ownership, type OwnershipPolicy } from '../ownership/ownership.ts';
import { type SourceKey, sourceKey } from '../ownership/source-key.ts';
import type { SourceSpec } from '../ownership/source-spec.ts';
import { minute, second } from '../time/durations.ts';
import { earliest } from '../time/earliest.ts';
import { Schedule } from '../time/schedule.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import type { Grant, Round } from './round.ts';

export type SupervisorEvent =
  | { readonly type: 'SOURCE_OBSERVED'; readonly source: SourceSpec }
  | { readonly type: 'SOURCE_GONE'; readonly key: SourceKey }
  /** A Secret was created, changed or deleted; the next check reads it. */
  | { readonly type: 'SECRET_CHANGED'; readonly namespace: string; readonly secretName: string }
  /** The initial list of all sources is complete. Ownership is decided when holders and Namespaces have been read, too. */
  | { readonly type: 'SYNCED' }
  /**
   * The record of holders was read, by host; it replaces what was known. `recordExisted` is false if there was none, or one whose
   * import was not completed (see `IMPORT_COMPLETE`). A record that cannot be read is not reported.
   */
  | {
      readonly type: 'HOLDERS_READ';
      readonly holders: ReadonlyMap<string, Holder>;
      readonly recordExisted: boolean;
    }
  /** Certificates for these hosts were issued, or found while importing, and are recorded. */
  | { readonly type: 'HOSTS_PROVED'; readonly hosts: readonly string[]; readonly holder: Holder }
  /** These hosts were removed from the record. */
  | { readonly type: 'HOLDERS_PRUNED'; readonly hosts: readonly string[] }
  | { readonly type: 'NAMESPACE_OBSERVED'; readonly namespace: NamespaceSpec }
  | { readonly type: 'NAMESPACE_GONE'; readonly name: string }
  /** The initial list of all Namespaces is complete, or Namespaces may not be read and reserve nothing. */
  | { readonly type: 'NAMESPACES_READ' }
  | { readonly type: 'WAKE_AT'; readonly key: SourceKey; readonly at: number | undefined }
  | { readonly type: 'TIMER' }
  | { readonly type: 'ROUND_STARTED'; readonly round: Round }
  | { readonly type: 'SLOT_REQUESTED'; readonly id: string }
  | { readonly type: 'SLOT_RETURNED'; readonly id: string }
  | { readonly type: 'ROUND_ENDED'; readonly id: string }
  /** Capacity in the CA's limits was freed, or the CA answers again, or no longer. */
  | { readonly type: 'ROOM_CHANGED'; readonly change: BudgetChange }
  /** The user says that the CA no longer pauses these hosts. */
  | { readonly type: 'PAUSES_LIFTED'; readonly hosts: readonly string[] }
  /** The ledger has been restored: from now on orders may be made. */
  | { readonly type: 'LEDGER_READ' }
  /** The actor of a source died of an unexpected error. */
  | { readonly type: 'ACTOR_FAILED'; readonly key: SourceKey }
  /** The process is shutting down: running orders are finished, none are started. */
  | { readonly type: 'DRAIN' };

export type SupervisorCommand =
  | {
      readonly type: 'START';
      readonly key: SourceKey;
      readonly source: SourceSpec;
      readonly assignment: Assignment;
    }
  | { readonly type: 'ASSIGN'; readonly key: SourceKey; readonly assignment: Assignment }
  | { readonly type: 'STOP'; readonly key: SourceKey }
  | { readonly type: 'WAKE'; readonly key: SourceKey }
  | { readonly type: 'ADMIT'; readonly id: string }
  | { readonly type: 'GRANT_SLOT'; readonly id: string }
  | { readonly type: 'HOLD'; readonly id: string; readonly hold: Hold }
  | { readonly type: 'LIFT_PAUSES'; readonly hosts: readonly string[] }
  /**
   * Every source that stood at the start without a record has been checked once: from now on a certificate that is found makes no
   * holder.
   */
  | { readonly type: 'IMPORT_COMPLETE' }
  /** The Namespace reserves domains that an older one has reserved, in vain. */
  | { readonly type: 'DOMAINS_TAKEN'; readonly namespace: string; readonly domains: readonly string[] }
  /** Sets the only timer; undefined clears it. */
  | { readonly type: 'SET_TIMER'; readonly at: number | undefined };

export interface SupervisorPolicy {
  readonly ownership: OwnershipPolicy;
  readonly admission: AdmissionLimits;
}

type Unread = 'sources' | 'holders' | 'namespaces';

export interface SupervisorState {
  readonly ownership: Ownership;
  /** The running actors with their latest assignment. */
  readonly running: Map<SourceKey, Assignment>;
  readonly schedule: Schedule<SourceKey>;
  /** Checks due to changed Secrets. */
  readonly secretChecks: Schedule<SourceKey>;
  readonly admission: Admission;
  ledgerRead: boolean;
  /** What ownership still waits for; empty: it is decided. */
  readonly unread: Set<Unread>;
  /** Without a record: the sources whose Secrets are not checked yet. Their certificates make holders. */
  importing: Set<SourceKey> | undefined;
  draining: boolean;
  timer: number | undefined;
}

/** Before a failed actor is restarted. */
const restartDelay = minute;
/** Debounces changes of Secrets. */
const secretCheckDelay = second;

export function initialSupervisorState(policy: SupervisorPolicy, budget: OrderBudget): SupervisorState {
  return {
    ownership: new Ownership(policy.ownership),
    running: new Map(),
    schedule: new Schedule(),
    secretChecks: new Schedule(),
    admission: new Admission(policy.admission, budget),
    ledgerRead: false,
    unread: new Set(['sources', 'holders', 'namespaces']),
    importing: undefined,
    draining: false,
    timer: undefined,
  };
}

/**
 * Decides what to do about an event, without effects. The state is modified in place: with 100,000 sources, a copy per event would
 * cost more than the decision.
 *
 * @param now milliseconds since the epoch
 * @param caNow likewise by the CA's clock, for its rate limits
 */
export function decide(
  state: SupervisorState,
  event: SupervisorEvent,
  now: number,
  caNow: number = now,
): { readonly state: SupervisorState; readonly commands: readonly SupervisorCommand[] } {
  const commands = state.draining
    ? decideDraining(state, event, caNow)
    : decideRunning(state, event, now, caNow);
  if (state.unread.size === 0 && state.importing?.size === 0) {
    state.importing = undefined;
    commands.push({ type: 'IMPORT_COMPLETE' });
  }
  const next = state.draining ? undefined : nextTime(state, now, caNow);
  if (next !== state.timer) {
    state.timer = next;
    commands.push({ type: 'SET_TIMER', at: next });
  }
  return { state, commands };
}

function decideRunning(
  state: SupervisorState,
  event: SupervisorEvent,
  now: number,
  caNow: number,
): SupervisorCommand[] {
  switch (event.type) {
    case 'SOURCE_OBSERVED':
      return observe(state, event.source, now);
    case 'SOURCE_GONE':
      return forget(state, event.key, now);
    case 'SYNCED':
      return read(state, 'sources', now);
    case 'HOLDERS_READ':
      if (!event.recordExisted) state.importing = new Set();
      return [
        ...assign(state, state.ownership.replaceHolders(event.holders, now)),
        ...read(state, 'holders', now),
      ];
    case 'HOSTS_PROVED':
      return assign(state, state.ownership.setHolder(event.hosts, event.holder, now));
    case 'HOLDERS_PRUNED':
      return assign(state, state.ownership.setHolder(event.hosts, undefined, now));
    case 'NAMESPACE_OBSERVED':
      return reserve(state, event.namespace, now);
    case 'NAMESPACE_GONE':
      return assign(state, state.ownership.deleteNamespace(event.name, now));
    case 'NAMESPACES_READ':
      return read(state, 'namespaces', now);
    case 'WAKE_AT':
      state.importing?.delete(event.key);
      // A late event of a stopped actor must not wake its successor.
      if (event.at === undefined || !state.running.has(event.key)) state.schedule.delete(event.key);
      else state.schedule.set(event.key, event.at);
      return [];
    case 'SECRET_CHANGED': {
      const owner = state.ownership.ownerOf(event.namespace, event.secretName);
      if (owner !== undefined && state.running.has(owner) && !state.secretChecks.has(owner)) {
        state.secretChecks.set(owner, now + secretCheckDelay);
      }
      return [];
    }
    case 'TIMER': {
      state.timer = undefined;
      const due = new Set([...state.schedule.takeDue(now), ...state.secretChecks.takeDue(now)]);
      const freed = assign(state, state.ownership.endGraces(now));
      return [...freed, ...[...due].flatMap((key) => wake(state, key)), ...grant(state, caNow)];
    }
    case 'ACTOR_FAILED':
      state.running.delete(event.key);
      state.importing?.delete(event.key);
      state.secretChecks.delete(event.key);
      if (state.ownership.source(event.key)?.enabled === true)
        state.schedule.set(event.key, now + restartDelay);
      return [];
    case 'DRAIN':
      state.draining = true;
      return [];
    case 'ROUND_STARTED':
    case 'SLOT_REQUESTED':
    case 'SLOT_RETURNED':
    case 'ROUND_ENDED':
      applyToAdmission(state, event, caNow);
      return grant(state, caNow);
    case 'PAUSES_LIFTED':
      return [{ type: 'LIFT_PAUSES', hosts: event.hosts }];
    case 'ROOM_CHANGED':
      state.admission.roomChanged(event.change, caNow);
      return grant(state, caNow);
    case 'LEDGER_READ':
      state.ledgerRead = true;
      return grant(state, caNow);
    default:
      return event satisfies never;
  }
}

function decideDraining(state: SupervisorState, event: SupervisorEvent, caNow: number): SupervisorCommand[] {
  switch (event.type) {
    case 'SLOT_RETURNED':
    case 'ROUND_ENDED':
      applyToAdmission(state, event, caNow);
      return [];
    default:
      return [];
  }
}

function nextTime(
  { schedule, secretChecks, ownership, admission, ledgerRead }: SupervisorState,
  now: number,
  caNow: number,
): number | undefined {
  const byCa = ledgerRead ? admission.next(caNow) : undefined;
  return earliest([
    schedule.next(),
    secretChecks.next(),
    ownership.nextGraceEnd(),
    byCa === undefined ? undefined : byCa - caNow + now,
  ]);
}

function grant({ admission, ledgerRead }: SupervisorState, now: number): SupervisorCommand[] {
  return ledgerRead ? admission.grants(now).map(commandOf) : [];
}

function commandOf(grant: Grant): SupervisorCommand {
  const { id } = grant;
  if (grant.grant === 'none') return { type: 'HOLD', id, hold: grant.hold };
  return { type: grant.grant === 'admission' ? 'ADMIT' : 'GRANT_SLOT', id };
}

function observe(state: SupervisorState, source: SourceSpec, now: number): SupervisorCommand[] {
  const key = sourceKey(source);
  const known = state.ownership.source(key);
  const affected = state.ownership.set(source, now);
  const goesOn = source.enabled && known?.uid === source.uid;
  return [...(goesOn ? [] : stop(state, key)), ...assign(state, affected)];
}

function forget(state: SupervisorState, key: SourceKey, now: number): SupervisorCommand[] {
  const affected = state.ownership.delete(key, now);
  return [...stop(state, key), ...assign(state, affected)];
}

function reserve(state: SupervisorState, namespace: NamespaceSpec, now: number): SupervisorCommand[] {
  const { ownership } = state;
  const before = new Set(ownership.lostDomains(namespace.name));
  const commands = assign(state, ownership.setNamespace(namespace, now));
  const domains = ownership.lostDomains(namespace.name).filter((domain) => !before.has(domain));
  if (domains.length > 0) commands.push({ type: 'DOMAINS_TAKEN', namespace: namespace.name, domains });
  return commands;
}

function stop(state: SupervisorState, key: SourceKey): SupervisorCommand[] {
  state.schedule.delete(key);
  state.secretChecks.delete(key);
  state.importing?.delete(key);
  return state.running.delete(key) ? [{ type: 'STOP', key }] : [];
}

function wake(state: SupervisorState, key: SourceKey): SupervisorCommand[] {
  return state.running.has(key) ? [{ type: 'WAKE', key }] : assign(state, [key]);
}

function read(state: SupervisorState, what: Unread, now: number): SupervisorCommand[] {
  if (!state.unread.delete(what) || state.unread.size > 0) return [];
  state.ownership.settle(now);
  const commands = assign(state, state.ownership.keys());
  for (const key of state.running.keys()) state.importing?.add(key);
  return commands;
}

/** Starts or updates the actors of these sources according to their current assignments. */
function assign(state: SupervisorState, keys: Iterable<SourceKey>): SupervisorCommand[] {
  const commands: SupervisorCommand[] = [];
  for (const key of keys) {
    const source = state.ownership.source(key);
    const assignment = state.ownership.assignment(key);
    if (source === undefined || assignment === undefined) continue;
    const running = state.running.get(key);
    if (running === undefined) {
      state.running.set(key, assignment);
      commands.push({ type: 'START', key, source, assignment });
    } else if (!isEqual(running, assignment)) {
      state.running.set(key, assignment);
      commands.push({ type: 'ASSIGN', key, assignment });
    }
  }
  return commands;
}

type AdmissionEvent = Extract<
  SupervisorEvent,
  { type: 'ROUND_STARTED' | 'SLOT_REQUESTED' | 'SLOT_RETURNED' | 'ROUND_ENDED' }
>;

function applyToAdmission({ admission }: SupervisorState, event: AdmissionEvent, now: number): void {
  switch (event.type) {
    case 'ROUND_STARTED':
      return admission.enter(event.round, now);
    case 'SLOT_REQUESTED':
      return admission.requestSlot(event.id);
    case 'SLOT_RETURNED':
      return admission.returnSlot(event.id);
    case 'ROUND_ENDED':
      return admission.leave(event.id, now);
    default:
      return event satisfies never;
  }
}
