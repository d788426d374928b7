// The supervisor as a pure function: `decide` maps state and event to commands. Here also admission (who may order, fairly) and the
// schedule of all wake times. src/actors runs it: passes events in and executes the commands.

import type { OrderBudget } from '../authority/order-budget.ts';
import type { Assignment } from '../ownership/desired-certificate.ts';
import { isEqual } from '../ownership/equality.ts';
import type { NamespaceSpec } from '../ownership/holders/holders.ts';
import { Ownership, type OwnershipPolicy } from '../ownership/ownership.ts';
import type { SourceHistory } from '../ownership/secret-claims.ts';
import { type SourceKey, sourceKey } from '../ownership/source-key.ts';
import type { SourceSpec } from '../ownership/source-spec.ts';
import { minute, second } from '../time/durations.ts';
import { earliest } from '../time/earliest.ts';
import { Schedule } from '../time/schedule.ts';
import { Zones } from '../zones/zone.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import { RecheckPace } from './recheck-pace.ts';
import { RecordNotices } from './record-notices.ts';
import type { Grant } from './round.ts';
import type { SupervisorCommand, SupervisorEvent } from './supervisor-messages.ts';

export interface SupervisorPolicy {
  readonly ownership: OwnershipPolicy;
  readonly admission: AdmissionLimits;
}

type History = ((source: SourceSpec) => SourceHistory) | undefined;

type Unread = 'sources' | 'holders' | 'namespaces' | 'classes' | 'zones';

export interface SupervisorState {
  readonly ownership: Ownership;
  /** What an earlier process has said of a source. */
  readonly history: History;
  /** The running actors with their latest assignment. */
  readonly running: Map<SourceKey, Assignment>;
  readonly schedule: Schedule<SourceKey>;
  readonly rechecks: RecheckPace;
  /** Checks due to changed Secrets. */
  readonly secretChecks: Schedule<SourceKey>;
  readonly admission: Admission;
  ledgerRead: boolean;
  /** For rounds that wait, and for sources before ownership is decided. */
  readonly roundNotices: RecordNotices<string>;
  readonly sourceNotices: RecordNotices<SourceKey>;
  /** What ownership still waits for. */
  readonly unread: Set<Unread>;
  /** Ownership is decided. */
  decided: boolean;
  /** The sources whose actors are still to be started after that; undefined: none. */
  starting: Iterator<SourceKey> | undefined;
  /** Without a record: the sources whose Secrets are not checked yet. Their certificates make holders. */
  importing: Set<SourceKey> | undefined;
  /** The sources whose actors have not ended their first check. */
  readonly unchecked: Set<SourceKey>;
  draining: boolean;
  timer: number | undefined;
}

/** Steps of the first decision at a time: some milliseconds. */
const decidesAtOnce = 500;
/** Sources at a time, at the start: some milliseconds with all that they set off. */
const startsAtOnce = 100;
/**
 * At the start so many actors are in their first check, beside those of sources to which something happens: those behind them would only
 * wait, each with 10 KB more than afterwards.
 */
const mostUnchecked = 1000;
/** Before a failed actor is restarted. */
const restartDelay = minute;
/** Debounces changes of Secrets. */
const secretCheckDelay = second;

/** @param history see `Ownership.settle` */
export function initialSupervisorState(
  policy: SupervisorPolicy,
  budget: OrderBudget,
  history?: History,
): SupervisorState {
  return {
    ownership: new Ownership(policy.ownership),
    history,
    running: new Map(),
    schedule: new Schedule(),
    rechecks: new RecheckPace(),
    secretChecks: new Schedule(),
    admission: new Admission(policy.admission, budget),
    ledgerRead: false,
    roundNotices: new RecordNotices(),
    sourceNotices: new RecordNotices(),
    unread: new Set([
      'sources',
      'holders',
      'namespaces',
      'classes',
      ...(policy.ownership.dns01 ? (['zones'] as const) : []),
    ]),
    decided: false,
    starting: undefined,
    importing: undefined,
    unchecked: new Set(),
    draining: false,
    timer: undefined,
  };
}

/**
 * Decides what to do about an event, without effects. `now` never steps without a `CLOCK_SET` that says so. The state is modified in place: with 100,000 sources, a copy per event would
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
  if (state.decided && state.starting === undefined && state.importing?.size === 0) {
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
      return [
        ...assign(state, state.ownership.setNamespacesReadable(event.denied !== true, now)),
        ...read(state, 'namespaces', now),
      ];
    case 'CLASS_OBSERVED':
      return assign(state, state.ownership.setClass(event.name, event.controller, now));
    case 'CLASS_GONE':
      return assign(state, state.ownership.setClass(event.name, undefined, now));
    case 'CLASSES_READ':
      state.ownership.setClassesReadable(event.denied !== true);
      return read(state, 'classes', now);
    case 'ZONES_READ':
      return [
        ...assign(state, state.ownership.setZones(new Zones(event.zones, event.closed), now)),
        ...read(state, 'zones', now),
      ];
    case 'WAKE_AT':
      firstCheckEnded(state, event.key);
      // A late event of a stopped actor must not wake its successor.
      if (event.at === undefined || !state.running.has(event.key)) state.schedule.delete(event.key);
      else state.schedule.set(event.key, event.at);
      state.rechecks.set(event.key, state.running.has(event.key) ? event.recheckAt : undefined);
      return assign(state, state.ownership.setOutcomes(event.key, event.outcomes ?? []));
    case 'SECRET_CHANGED': {
      const owner = state.ownership.ownerOf(event.namespace, event.secretName);
      if (owner !== undefined && state.running.has(owner) && !state.secretChecks.has(owner)) {
        state.secretChecks.set(owner, now + secretCheckDelay);
      }
      return [];
    }
    case 'TIMER': {
      state.timer = undefined;
      const due = new Set([
        ...state.schedule.takeDue(now),
        ...state.secretChecks.takeDue(now),
        ...state.rechecks.take(now, state.admission.hostsRepeating, (key) => hostsOf(state, key)),
      ]);
      const freed = assign(state, state.ownership.endGraces(now));
      return [
        ...freed,
        ...(state.decided ? startSome(state) : decideSome(state, now)),
        ...[...due].flatMap((key) => wake(state, key)),
        ...tellOfRecords(state, now),
        ...grant(state, caNow),
      ];
    }
    case 'CLOCK_SET':
      return setClock(state, event.by, now);
    case 'ACTOR_FAILED':
      // It has stopped already.
      stop(state, event.key);
      if (state.ownership.source(event.key)?.enabled === true)
        state.schedule.set(event.key, now + restartDelay);
      return [];
    case 'DRAIN':
      state.draining = true;
      return [];
    case 'ROUND_STARTED':
      applyToAdmission(state, event, caNow);
      state.roundNotices.add(event.round.id);
      // With those that begin together, by the timer.
      return [];
    case 'SLOT_REQUESTED':
      state.roundNotices.add(event.id);
      applyToAdmission(state, event, caNow);
      return grant(state, caNow);
    case 'SLOT_LENT':
    case 'SLOT_RECLAIMED':
      applyToAdmission(state, event, caNow);
      return grant(state, caNow);
    case 'SLOT_RETURNED':
    case 'ROUND_ENDED':
      state.roundNotices.delete(event.id);
      applyToAdmission(state, event, caNow);
      return grant(state, caNow);
    case 'PAUSES_LIFTED':
      return [{ type: 'LIFT_PAUSES', hosts: event.hosts }];
    case 'ROOM_CHANGED':
      state.admission.roomChanged(event.change, caNow);
      return grant(state, caNow);
    case 'RECORDS_CHANGED':
      state.roundNotices.set(event.troubles);
      state.sourceNotices.set(event.troubles);
      return grant(state, caNow);
    case 'LEDGER_READ':
      state.ledgerRead = true;
      return grant(state, caNow);
    default:
      return event satisfies never;
  }
}

/** What is waited for comes neither earlier nor later. The actors then tell anew when they are to be woken. */
function setClock(state: SupervisorState, by: number, now: number): SupervisorCommand[] {
  const { ownership, rechecks, running, roundNotices, schedule, secretChecks, sourceNotices } = state;
  for (const times of [schedule, rechecks, secretChecks, roundNotices, sourceNotices]) times.move(by);
  const moved = [...running.keys()].map((key) => ({ type: 'MOVE_TIMES', key, by }) as const);
  return [...moved, ...assign(state, ownership.moveGraces(by, now))];
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

function nextTime(state: SupervisorState, now: number, caNow: number): number | undefined {
  const { schedule, secretChecks, rechecks, ownership, admission } = state;
  const { roundNotices, sourceNotices } = state;
  const byCa = mayOrder(state) ? admission.next(caNow) : undefined;
  return earliest([
    schedule.next(),
    secretChecks.next(),
    rechecks.next(),
    ownership.nextGraceEnd(),
    isStarting(state) ? now : undefined,
    roundNotices.next(now),
    sourceNotices.next(now),
    byCa === undefined ? undefined : byCa - caNow + now,
  ]);
}

/** Whether the records that orders need can be read and written, as far as is known. */
function mayOrder({ ledgerRead, roundNotices }: SupervisorState): boolean {
  return ledgerRead && !roundNotices.blocked;
}

function grant(state: SupervisorState, now: number): SupervisorCommand[] {
  const back = state.admission.givesBack().map(commandOf);
  if (!mayOrder(state)) return back;
  const grants = state.admission.grants(now);
  for (const { id, grant: granted } of grants) if (granted !== 'none') state.roundNotices.delete(id);
  return [...back, ...grants.map(commandOf)];
}

/** Tells whoever waits for a record. */
function tellOfRecords(state: SupervisorState, now: number): SupervisorCommand[] {
  const { roundNotices, sourceNotices, ownership } = state;
  const rounds = roundNotices
    .take(now)
    .map(({ waiter: id, finding }) => ({ type: 'TELL_ROUND', id, finding }) as const);
  const sources = sourceNotices.take(now).flatMap(({ waiter, finding }) => {
    const source = ownership.source(waiter);
    // That it is over, its actor tells.
    if (source?.enabled !== true || finding === undefined) return [];
    return [{ type: 'TELL_SOURCE', source, finding } as const];
  });
  return [...rounds, ...sources];
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
  if (!state.decided && known?.uid !== source.uid) state.sourceNotices.add(key);
  const goesOn = source.enabled && known?.uid === source.uid;
  return [...(goesOn ? [] : stop(state, key)), ...assign(state, affected)];
}

function forget(state: SupervisorState, key: SourceKey, now: number): SupervisorCommand[] {
  const affected = state.ownership.delete(key, now);
  state.sourceNotices.delete(key);
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
  state.rechecks.set(key, undefined);
  firstCheckEnded(state, key);
  return state.running.delete(key) ? [{ type: 'STOP', key }] : [];
}

/** Also if it ended earlier, or with its actor. */
function firstCheckEnded({ importing, unchecked }: SupervisorState, key: SourceKey): void {
  importing?.delete(key);
  unchecked.delete(key);
}

function hostsOf({ running }: SupervisorState, key: SourceKey): number {
  const desired = running.get(key)?.desired ?? [];
  return desired.reduce((sum, { hosts }) => sum + hosts.length, 0);
}

function wake(state: SupervisorState, key: SourceKey): SupervisorCommand[] {
  return state.running.has(key) ? [{ type: 'WAKE', key }] : assign(state, [key]);
}

function read(state: SupervisorState, what: Unread, now: number): SupervisorCommand[] {
  return state.unread.delete(what) ? decideSome(state, now) : [];
}

/** Whether something of the start is to be done in the next turn of the event loop. */
function isStarting(state: SupervisorState): boolean {
  return state.decided ? mayStartMore(state) : state.unread.size === 0;
}

function mayStartMore({ starting, unchecked }: SupervisorState): boolean {
  return starting !== undefined && unchecked.size + startsAtOnce <= mostUnchecked;
}

/** Decides ownership, a part in each turn of the event loop. */
function decideSome(state: SupervisorState, now: number): SupervisorCommand[] {
  if (state.unread.size > 0) return [];
  state.decided = state.ownership.settle(now, state.history, decidesAtOnce);
  if (!state.decided) return [];
  state.sourceNotices.clear();
  state.starting = state.ownership.keys();
  return startSome(state);
}

/** Starts the next actors; the others follow in later turns of the event loop, when enough of those before have been checked. */
function startSome(state: SupervisorState): SupervisorCommand[] {
  const commands: SupervisorCommand[] = [];
  if (!mayStartMore(state)) return commands;
  for (let count = 0; count < startsAtOnce && state.starting !== undefined; count += 1) {
    const { done, value: key } = state.starting.next();
    if (done === true) state.starting = undefined;
    else {
      // Something may have happened to it that has started it; then it may have been checked, too.
      if (!state.running.has(key)) commands.push(...assign(state, [key]));
      if (state.unchecked.has(key)) state.importing?.add(key);
    }
  }
  return commands;
}

/** Starts or updates the actors of these sources according to their current assignments. */
function assign(state: SupervisorState, keys: Iterable<SourceKey>): SupervisorCommand[] {
  const commands: SupervisorCommand[] = [];
  for (const key of keys) {
    const source = state.ownership.source(key);
    const assignment = state.ownership.assignment(key);
    if (source === undefined || assignment === undefined) continue;
    if (assignment.outside === true) {
      commands.push(...stop(state, key));
      continue;
    }
    const running = state.running.get(key);
    if (running === undefined) {
      state.running.set(key, assignment);
      state.unchecked.add(key);
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
  {
    type:
      | 'ROUND_STARTED'
      | 'SLOT_REQUESTED'
      | 'SLOT_LENT'
      | 'SLOT_RECLAIMED'
      | 'SLOT_RETURNED'
      | 'ROUND_ENDED';
  }
>;

function applyToAdmission({ admission }: SupervisorState, event: AdmissionEvent, now: number): void {
  switch (event.type) {
    case 'ROUND_STARTED':
      return admission.enter(event.round, now);
    case 'SLOT_REQUESTED':
      return admission.requestSlot(event.id);
    case 'SLOT_LENT':
      return admission.lendSlot(event.id);
    case 'SLOT_RECLAIMED':
      return admission.reclaimSlot(event.id);
    case 'SLOT_RETURNED':
      return admission.returnSlot(event.id);
    case 'ROUND_ENDED':
      return admission.leave(event.id, now);
    default:
      return event satisfies never;
  }
}
