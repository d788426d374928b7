import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type RecordTrouble, RecordTroubles } from '../../machines/records/record-troubles.ts';
import { second } from '../../machines/time/durations.ts';
import { longestLease } from '../config/options/leadership-options.ts';
import { KubernetesLease } from '../kubernetes/records/lease-record.ts';
import { RecordObserver } from '../kubernetes/records/record-observer.ts';
import { LeaderElection } from '../leadership/leader-election.ts';
import { Lifecycle, type Part } from '../process/lifecycle.ts';
import { settleWithin } from '../time/clock.ts';
import type { Connections } from './cluster.ts';
import type { Runtime } from './runtime.ts';

/** Milliseconds. */
const releaseLimit = 2 * second;

/** A time for which this process leads. */
export interface TermLimits {
  /** Aborted as soon as another process may lead. */
  readonly lost: AbortSignal;
  /** Whether it still leads: judged by a monotonic clock, also before `lost` has had its turn. */
  readonly mayAct: () => boolean;
  /** That the Lease cannot be read or written. */
  readonly troubles: () => readonly RecordTrouble[];
}

/** What this process has and does while it leads; when `lost` is aborted, its parts must stop without a write. */
export interface LedTerm {
  readonly parts: readonly Part[];
  /** `TermLimits.troubles` have changed. */
  onTroubles(): void;
}

/** Which of several processes acts. */
export interface Leadership<T extends LedTerm> {
  readonly leading: boolean;
  /** What this process has while it leads. */
  readonly term: T | undefined;
  /** Identity of the process that leads, if that is another one and known: the name of its pod. */
  readonly leader: string | undefined;
  /** Why it does not lead; a clause. */
  readonly waitingFor: string;
  /** That the Lease cannot be read or written. */
  readonly troubles: readonly RecordTrouble[];
  /** Leads whenever no other process does, until it is stopped. */
  readonly part: Part;
}

/**
 * @param begin makes all that a process needs to lead anew for each term: nothing is left of an earlier one
 * @param onFailure it cannot begin
 */
export function setUpLeadership<T extends LedTerm>(
  { config, clock, log, signal }: Runtime,
  { lease: client }: Connections,
  begin: (limits: TermLimits) => T,
  onFailure: (error: unknown) => void,
): Leadership<T> {
  const { leaseDuration, namespace, objectMetadata, podName } = config;
  const identity = podName ?? `${hostname()}_${randomUUID()}`;
  let term: T | undefined;
  const candidate = () => {
    // Anew: who follows does not write the Lease, and would never see that it can again.
    const records = new RecordTroubles(() => term?.onTroubles());
    const observer = new RecordObserver('lease', records, clock);
    const store = new KubernetesLease(client, namespace, objectMetadata, observer);
    const lost = new AbortController();
    const election = new LeaderElection({
      store,
      identity,
      leaseDuration,
      longestLease,
      clock,
      onWaiting: (leader) =>
        log.info({ leader }, `Another process leads, by Lease ${name}; this one follows.`),
      onTrouble: (error) =>
        log.warn(error, `Lease ${name} cannot be read or written; kube-lego tries again.`),
      onLost: (why) => {
        log.error(`This process no longer leads, and follows: ${why}.`);
        lost.abort();
      },
    });
    return { election, lost: lost.signal, name: store.name, records };
  };
  let current = candidate();
  const { name } = current;

  const lead = async (stopped: AbortSignal): Promise<void> => {
    const { election, lost, records } = current;
    const mayAct = (): boolean => election.leading && !lost.aborted;
    // Nobody has looked at the clock while another process led.
    clock.follow();
    term = begin({ lost, mayAct, troubles: () => records.current });
    const led = new Lifecycle(term.parts);
    await led.start();
    await aborted(AbortSignal.any([lost, stopped]));
    await led.stop();
    term = undefined;
  };
  const run = async (stopped: AbortSignal): Promise<void> => {
    while (!stopped.aborted) {
      try {
        await current.election.acquire(stopped);
        log.info({ identity }, `This process leads, by Lease ${name}.`);
        await lead(stopped);
      } catch (error) {
        if (stopped.aborted) break;
        log.fatal(error, 'kube-lego cannot work, and ends.');
        return onFailure(error);
      }
      if (!stopped.aborted) current = candidate();
    }
    const { election, lost } = current;
    if (!lost.aborted) await settleWithin(clock, releaseLimit, (limit) => [election.release(limit)]);
  };

  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  return {
    get leading() {
      return current.election.leading;
    },
    get term() {
      return term;
    },
    get leader() {
      return current.election.leading ? undefined : current.election.waitingFor.holder;
    },
    get waitingFor() {
      const { holder, trouble } = current.election.waitingFor;
      if (trouble !== undefined) return `Lease ${name} cannot be read or written: ${trouble}`;
      return holder === undefined
        ? `Lease ${name} has not been read yet`
        : `${holder} leads, by Lease ${name}`;
    },
    get troubles() {
      return current.records.current;
    },
    part: {
      name: 'leadership',
      start() {
        running = run(AbortSignal.any([stopping.signal, signal]));
      },
      async stop() {
        stopping.abort();
        await running;
      },
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
