// Which process acts: leader election by a Lease, as client-go does it (k8s.io/client-go/tools/leaderelection). The Lease saves work;
// what must never happen twice is guarded where it is written, by resourceVersions. Called by the wiring.

import { second } from '../../machines/time/durations.ts';
import { doubledPause } from '../../machines/time/ladder.ts';
import { isConflict } from '../kubernetes/client/kubernetes-error.ts';
import { type Clock, sleep, untilAborted } from '../time/clock.ts';

/** The fields of a Lease (coordination.k8s.io/v1) that matter here. */
export interface LeaseState {
  /** Identity of the process that leads; empty if it has released the Lease. */
  readonly holder: string;
  /** Milliseconds. */
  readonly duration: number;
  /** Milliseconds since the epoch by the holder's clock: only a change of it means something to others. */
  readonly renewedAt: number;
  readonly acquiredAt: number;
  /** How often the holder has changed. */
  readonly transitions: number;
}

/** Storage of the Lease; a Lease that somebody else has changed is not overwritten. */
export interface LeaseStore {
  /** For messages. */
  readonly name: string;
  read(signal: AbortSignal): Promise<LeaseState | undefined>;
  /** @throws KubernetesError Conflict if the Lease is not as last read or written here */
  write(lease: LeaseState, signal: AbortSignal): Promise<void>;
}

export interface LeaderElectionOptions {
  readonly store: LeaseStore;
  /** Unique among the processes that may run at the same time. */
  readonly identity: string;
  /** Milliseconds after which others take over a Lease that is not renewed. */
  readonly leaseDuration: number;
  /** Milliseconds: the longest that any process can have, whatever a Lease says. */
  readonly longestLease: number;
  /** Its monotonic part decides: a wall clock that is set makes no leader. */
  readonly clock: Clock;
  /** Another process leads; told once for each. */
  readonly onWaiting: (holder: string) => void;
  /** The Lease cannot be read or written; it is tried again. */
  readonly onTrouble: (error: unknown) => void;
  /** The Lease was not renewed in time, or is another's: whatever this process still does must end now. */
  readonly onLost: (why: string) => void;
}

/** Milliseconds: a released Lease is taken over within this. */
const lookInterval = second;
/** Milliseconds: while the Lease cannot be read. */
const longestInterval = 30 * second;
/** Milliseconds: of a Lease that was released. */
const releasedDuration = second;

export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #renewDeadline: number;
  /** Ends the waits between renewals; a renewal under way may end. */
  readonly #ending = new AbortController();
  #lease: LeaseState | undefined;
  /** This process may have written the Lease, though no answer has said so. */
  #attempted = false;
  /** Monotonic, before the request that renewed it was sent. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  #renewing: Promise<void> | undefined;
  #deadline: unknown;
  #holder: string | undefined;
  #trouble: string | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#renewDeadline = (options.leaseDuration * 2) / 3;
  }

  /** Whether this process leads: judged by the time since the last renewal, also before a timer has had its turn. */
  get leading(): boolean {
    return (
      this.#lease !== undefined && this.#options.clock.monotonic() < this.#renewedAt + this.#renewDeadline
    );
  }

  /** Why it does not lead: who does, or why the Lease cannot be read or written. */
  get waitingFor(): { readonly holder: string | undefined; readonly trouble: string | undefined } {
    return { holder: this.#holder, trouble: this.#trouble };
  }

  /** Resolves when this process leads, however long it takes; the Lease is renewed from then on. Rejects only with the signal's reason. */
  async acquire(signal: AbortSignal): Promise<void> {
    const { clock, longestLease, onTrouble, onWaiting, store } = this.#options;
    let seen: { readonly lease: LeaseState; readonly at: number } | undefined;
    let troubles = 0;
    for (;;) {
      try {
        const lease = await store.read(signal);
        troubles = 0;
        this.#trouble = undefined;
        if (lease !== undefined && !isSame(lease, seen?.lease)) seen = { lease, at: clock.monotonic() };
        // One that somebody has deleted is written again by its holder, who goes on.
        const last = lease ?? seen?.lease;
        // Its holder's, which may be longer than ours while a setting is changed. Whoever may write the Lease can name any.
        const duration = Math.min(last?.duration ?? 0, longestLease);
        const expired = seen === undefined || clock.monotonic() >= seen.at + duration;
        if (last === undefined || expired || this.#isFree(last)) {
          this.#attempted = true;
          await this.#write(lease, signal);
          this.#renewing = this.#renew();
          return;
        }
        if (this.#holder !== last.holder) onWaiting(last.holder);
        this.#holder = last.holder;
      } catch (error) {
        signal.throwIfAborted();
        if (!isConflict(error)) {
          troubles += 1;
          this.#trouble = error instanceof Error ? error.message : String(error);
          onTrouble(error);
        }
      }
      const pause = troubles === 0 ? lookInterval : doubledPause(lookInterval, longestInterval, troubles);
      await sleep(clock, pause, signal);
    }
  }

  /** Ends the renewals, and lets another process take over at once if this one leads. */
  async release(signal: AbortSignal): Promise<void> {
    const { clock, identity, store } = this.#options;
    this.#ending.abort();
    clock.clearTimeout(this.#deadline);
    if (this.#renewing !== undefined) await untilAborted(this.#renewing, signal);
    const led = this.leading;
    const lease = this.#lease;
    this.#lease = undefined;
    if (!led && (lease !== undefined || !this.#attempted)) return;
    // The answer to a write that was aborted, or whose reply was lost, is not known.
    const found = led ? lease : await store.read(signal);
    if (found?.holder !== identity) return;
    const released = { ...found, holder: '', duration: releasedDuration };
    try {
      await store.write(released, signal);
    } catch (error) {
      if (!isConflict(error) || (await store.read(signal))?.holder !== identity) throw error;
      await store.write(released, signal);
    }
  }

  #isFree({ holder }: LeaseState): boolean {
    // Of this identity: an earlier process in the same pod.
    return holder === '' || holder === this.#options.identity;
  }

  /** Resolves when the renewals have ended. */
  async #renew(): Promise<void> {
    const { clock, leaseDuration, onTrouble } = this.#options;
    const { signal } = this.#ending;
    try {
      for (;;) {
        await sleep(clock, leaseDuration / 12, signal);
        try {
          await this.#write(this.#lease, never);
        } catch (error) {
          if (signal.aborted) return;
          if (!isConflict(error)) onTrouble(error);
          else if (await this.#isTaken()) return this.#lose('another process has the Lease');
        }
      }
    } catch (error) {
      if (!signal.aborted) this.#lose(error instanceof Error ? error.message : String(error));
    }
  }

  /** After a conflict: whether it is another's, or was changed by a write of this process whose reply was lost. */
  async #isTaken(): Promise<boolean> {
    try {
      const lease = await this.#options.store.read(never);
      return lease !== undefined && lease.holder !== this.#options.identity;
    } catch {
      return false;
    }
  }

  async #write(before: LeaseState | undefined, signal: AbortSignal): Promise<void> {
    const { clock, identity, leaseDuration, store } = this.#options;
    const begun = clock.monotonic();
    const now = clock.now();
    const kept = before?.holder === identity;
    const lease: LeaseState = {
      holder: identity,
      duration: leaseDuration,
      renewedAt: now,
      acquiredAt: kept ? before.acquiredAt : now,
      transitions: before === undefined ? 0 : before.transitions + (kept ? 0 : 1),
    };
    await store.write(lease, signal);
    if (this.#ending.signal.aborted) return;
    this.#lease = lease;
    this.#renewedAt = begun;
    this.#watchDeadline();
  }

  /** A renewal that gets no answer must not keep this process from ending. */
  #watchDeadline(): void {
    const { clock } = this.#options;
    clock.clearTimeout(this.#deadline);
    const left = this.#renewedAt + this.#renewDeadline - clock.monotonic();
    this.#deadline = clock.setTimeout(() => {
      if (this.leading) this.#watchDeadline();
      else this.#lose('the Lease was not renewed in time');
    }, left);
  }

  #lose(why: string): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    this.#options.clock.clearTimeout(this.#deadline);
    this.#options.onLost(why);
  }
}

/** A renewal is not aborted: whether it was made would not be known. The client limits its time. */
const never = new AbortController().signal;

function isSame(one: LeaseState, other: LeaseState | undefined): boolean {
  return (
    one.holder === other?.holder && one.renewedAt === other.renewedAt && one.transitions === other.transitions
  );
}
