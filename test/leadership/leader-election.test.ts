import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import { LeaderElection, type LeaseState, type LeaseStore } from '../../src/leadership/leader-election.ts';
import { ManualClock } from '../time/manual-clock.ts';

const second = 1000;

/** A Lease in memory. */
class SharedLease {
  lease: LeaseState | undefined;
  #version = 0;
  refusal: Error | undefined;
  /** Until it resolves, what is written is kept and not answered. */
  silence: Promise<void> | undefined;
  reads = 0;
  writes = 0;

  /** As `kubectl delete lease`. */
  delete(): void {
    this.lease = undefined;
    this.#version += 1;
  }

  open(): LeaseStore {
    let known = -1;
    return {
      name: 'kube-lego/kube-lego',
      read: async () => {
        this.reads += 1;
        if (this.refusal !== undefined) throw this.refusal;
        known = this.#version;
        return this.lease;
      },
      write: async (lease) => {
        if (this.refusal !== undefined) throw this.refusal;
        if (known !== this.#version) throw new KubernetesError('Conflict', 'changed');
        this.writes += 1;
        this.lease = lease;
        this.#version += 1;
        await this.silence;
        known = this.#version;
      },
    };
  }
}

/** A process with a wall clock of its own. */
function candidate(shared: SharedLease, time: ManualClock, identity: string, wallError = 0) {
  const lost: string[] = [];
  const waited: string[] = [];
  const stopping = new AbortController();
  const election = new LeaderElection({
    store: shared.open(),
    identity,
    leaseDuration: 60 * second,
    longestLease: 3600 * second,
    clock: {
      now: () => time.now() + wallError,
      monotonic: () => time.monotonic(),
      setTimeout: (fn, ms) => time.setTimeout(fn, ms),
      clearTimeout: (handle) => time.clearTimeout(handle),
    },
    onWaiting: (holder) => waited.push(holder),
    onTrouble: () => undefined,
    onLost: (why) => lost.push(why),
  });
  return { election, lost, waited, stopping, acquired: election.acquire(stopping.signal) };
}

async function leaderAndFollower() {
  const shared = new SharedLease();
  const time = new ManualClock();
  const one = candidate(shared, time, 'one');
  await one.acquired;
  return { shared, time, one, other: candidate(shared, time, 'other') };
}

/** Lets time go by in steps, and all that follows from each. */
async function pass(time: ManualClock, seconds: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed += 1) {
    time.advance(second);
    for (let turns = 0; turns < 5; turns += 1) await setImmediate();
  }
}

describe('leader election', () => {
  it('lets one of two lead, tells the other who does, and renews', async () => {
    const { shared, time, one, other } = await leaderAndFollower();
    await pass(time, 300);
    assert.deepEqual([one.election.leading, other.election.leading], [true, false]);
    assert.deepEqual(other.waited, ['one']);
    assert.deepEqual(one.lost, []);
    assert.ok(shared.writes > 50 && shared.writes < 70, `${shared.writes} writes in 5 minutes`);
    other.stopping.abort();
    await one.election.release(new AbortController().signal);
    await assert.rejects(other.acquired);
  });

  it('hands over within a second when the leader stops', async () => {
    const { shared, time, one, other } = await leaderAndFollower();
    await pass(time, 10);
    await one.election.release(new AbortController().signal);
    assert.equal(one.election.leading, false);
    await pass(time, 1);
    assert.equal(other.election.leading, true);
    assert.equal(shared.lease?.transitions, 1);
    await other.election.release(new AbortController().signal);
  });

  it('lets nobody take over from a leader that is alive, however wrong the clocks are', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    const one = candidate(shared, time, 'one', -3_600_000);
    await one.acquired;
    const other = candidate(shared, time, 'other', 3_600_000);
    await pass(time, 600);
    assert.deepEqual([one.election.leading, other.election.leading], [true, false]);
    other.stopping.abort();
    await one.election.release(new AbortController().signal);
    await assert.rejects(other.acquired);
  });

  it('takes over from one that has died, after the duration of its Lease', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    const now = time.now();
    const dead = { holder: 'dead', duration: 60 * second, renewedAt: now, acquiredAt: now, transitions: 4 };
    shared.lease = dead;
    const { election, acquired } = candidate(shared, time, 'next');
    await pass(time, 59);
    assert.equal(election.leading, false);
    await pass(time, 3);
    await acquired;
    assert.equal(election.leading, true);
    assert.equal(shared.lease.transitions, 5);
    await election.release(new AbortController().signal);
  });

  it('goes on at once as the same pod', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    const now = time.now();
    shared.lease = { holder: 'pod', duration: 60 * second, renewedAt: now, acquiredAt: now, transitions: 0 };
    const { election, acquired } = candidate(shared, time, 'pod');
    await acquired;
    assert.equal(election.leading, true);
    await election.release(new AbortController().signal);
  });

  it('ends the leader that cannot renew, before another can lead', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    const one = candidate(shared, time, 'one');
    await one.acquired;
    await pass(time, 10);
    shared.refusal = new KubernetesError('Unreachable', 'away');
    await pass(time, 30);
    assert.deepEqual(
      [one.election.leading, one.lost.length],
      [true, 0],
      'an outage of half a minute is survived',
    );
    await pass(time, 16);
    assert.deepEqual([one.election.leading, one.lost.length], [false, 1]);
  });

  it('does not lead from the moment on that it was too late, before any timer has fired', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    let now = 0;
    const election = new LeaderElection({
      store: shared.open(),
      identity: 'stopped',
      leaseDuration: 60 * second,
      longestLease: 3600 * second,
      clock: {
        now: () => time.now(),
        monotonic: () => now,
        setTimeout: (fn, ms) => time.setTimeout(fn, ms),
        clearTimeout: (handle) => time.clearTimeout(handle),
      },
      onWaiting: () => undefined,
      onTrouble: () => undefined,
      onLost: () => undefined,
    });
    await election.acquire(new AbortController().signal);
    assert.equal(election.leading, true);
    now += 40 * second;
    assert.equal(election.leading, false);
    // It does not write over whoever leads now.
    const { writes } = shared;
    await election.release(new AbortController().signal);
    assert.equal(shared.writes, writes);
  });

  it('ends a leader whose Lease another has taken', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    const one = candidate(shared, time, 'one');
    await one.acquired;
    const thief = shared.open();
    await thief.read(new AbortController().signal);
    assert.ok(shared.lease);
    await thief.write({ ...shared.lease, holder: 'thief' }, new AbortController().signal);
    await pass(time, 6);
    assert.deepEqual(one.lost, ['another process has the Lease']);
  });

  it('ends the leader whose renewal gets no answer', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    const one = candidate(shared, time, 'one');
    await one.acquired;
    shared.silence = new Promise(() => undefined);
    await pass(time, 39);
    assert.deepEqual(one.lost, []);
    await pass(time, 2);
    assert.deepEqual(one.lost, ['the Lease was not renewed in time']);
    assert.equal(one.election.leading, false);
  });

  it('hands over although a renewal is under way when it stops', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    const one = candidate(shared, time, 'one');
    await one.acquired;
    const { promise, resolve } = Promise.withResolvers<void>();
    shared.silence = promise;
    await pass(time, 5);
    const released = one.election.release(new AbortController().signal);
    shared.silence = undefined;
    resolve();
    await released;
    assert.equal(shared.lease?.holder, '');
  });

  it('hands over although it was stopped before it knew that it leads', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    const { promise, resolve } = Promise.withResolvers<void>();
    shared.silence = promise;
    const one = candidate(shared, time, 'one');
    await setImmediate();
    shared.silence = undefined;
    resolve();
    one.stopping.abort();
    const released = one.election.release(new AbortController().signal);
    await Promise.allSettled([one.acquired, released]);
    assert.notEqual(shared.lease?.holder, 'one');
  });

  it('waits as long as the Lease says, although its own duration is much shorter', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    const renewed = (): LeaseState => ({
      holder: 'old',
      duration: 600 * second,
      renewedAt: time.now(),
      acquiredAt: 0,
      transitions: 0,
    });
    shared.lease = renewed();
    const { election, acquired, stopping } = candidate(shared, time, 'new');
    for (let minutes = 0; minutes < 20; minutes += 1) {
      await pass(time, 50);
      shared.lease = renewed();
    }
    // It renews every 50 s, and would act for 400 s after that.
    await pass(time, 590);
    assert.equal(election.leading, false);
    stopping.abort();
    await assert.rejects(acquired);
  });

  it('lets the leader go on whose Lease somebody has deleted', async () => {
    const { shared, time, one, other } = await leaderAndFollower();
    await pass(time, 10);
    shared.delete();
    await pass(time, 3);
    assert.deepEqual([one.election.leading, other.election.leading], [true, false]);
    await pass(time, 120);
    assert.deepEqual([one.election.leading, other.election.leading], [true, false]);
    assert.deepEqual(one.lost, []);
    // Nobody is left who would write it again.
    await one.election.release(new AbortController().signal);
    other.stopping.abort();
    await assert.rejects(other.acquired);
  });

  it('takes over a Lease that was deleted when its holder has died, after its duration', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    const now = time.now();
    shared.lease = { holder: 'dead', duration: 60 * second, renewedAt: now, acquiredAt: now, transitions: 4 };
    const { election, acquired } = candidate(shared, time, 'next');
    await pass(time, 5);
    shared.delete();
    await pass(time, 53);
    assert.equal(election.leading, false);
    await pass(time, 5);
    await acquired;
    assert.equal(election.leading, true);
    await election.release(new AbortController().signal);
  });

  it('looks once a second, and believes no duration that none can have', async () => {
    const shared = new SharedLease();
    const time = new ManualClock();
    const now = time.now();
    shared.lease = {
      holder: 'thief',
      duration: 2 ** 31 * second,
      renewedAt: now,
      acquiredAt: now,
      transitions: 0,
    };
    const { election, acquired } = candidate(shared, time, 'one');
    await pass(time, 60);
    assert.ok(shared.reads > 58 && shared.reads < 63, `${shared.reads} reads in a minute`);
    await pass(time, 3600);
    await acquired;
    assert.equal(election.leading, true);
    await election.release(new AbortController().signal);
  });

  it('says why it waits', async () => {
    const shared = new SharedLease();
    shared.refusal = new KubernetesError('Forbidden', 'no');
    const time = new ManualClock();
    const { election, acquired, stopping } = candidate(shared, time, 'one');
    await setImmediate();
    assert.equal(election.waitingFor.trouble, 'no');
    stopping.abort();
    await assert.rejects(acquired);
  });
});
