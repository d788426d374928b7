import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { GroupCommit } from '../../src/time/group-commit.ts';
import { ManualClock } from './manual-clock.ts';

function commits(burst: number) {
  const clock = new ManualClock();
  const begun = clock.now();
  const written: number[] = [];
  const { signal } = new AbortController();
  const write = async (): Promise<void> => void written.push(clock.now() - begun);
  const onFailure = (error: unknown): never => assert.fail(String(error));
  return {
    clock,
    written,
    group: new GroupCommit({ clock, signal, interval: 100, burst, write, onFailure }),
  };
}

describe('a group commit', () => {
  for (const [burst, times] of [
    [1, [0, 100, 200, 300]],
    [3, [0, 0, 0, 100]],
  ] as const) {
    it(`lets ${burst} follow one another at once, and then one in each interval`, async () => {
      const { clock, written, group } = commits(burst);
      for (let index = 0; index < times.length; index += 1) {
        const committed = group.commit();
        for (let turns = 0; turns < 3; turns += 1) await setImmediate();
        if (written.length === index) clock.advance(100);
        await committed;
      }
      assert.deepEqual(written, times);
    });
  }

  for (const jump of [-5, 5]) {
    it(`keeps its interval when the clock is set by ${jump} h`, async () => {
      const { clock, group } = commits(1);
      await group.commit();
      clock.set(jump * 3_600_000);
      const next = group.commit();
      for (let turns = 0; turns < 3; turns += 1) await setImmediate();
      assert.deepEqual(clock.pending, [100]);
      clock.advance(100);
      await next;
    });
  }

  it('is one write for all that come during another', async () => {
    const { clock, written, group } = commits(1);
    await group.commit();
    const all = [group.commit(), group.commit(), group.commit()];
    await setImmediate();
    clock.advance(100);
    await Promise.all(all);
    assert.deepEqual(written, [0, 100]);
  });

  describe('whose writes fail', () => {
    const failing = (failures: number, pauseAfter?: () => number) => {
      const clock = new ManualClock();
      const begun = clock.now();
      const tries: number[] = [];
      const failed: unknown[] = [];
      const ending = new AbortController();
      const write = async (): Promise<void> => {
        tries.push(clock.now() - begun);
        if (tries.length <= failures) throw new Error(`failure ${tries.length}`);
      };
      const onFailure = (error: unknown): void => void failed.push(error);
      const options = { clock, signal: ending.signal, interval: 100, write, onFailure };
      const group = new GroupCommit(pauseAfter === undefined ? options : { ...options, pauseAfter });
      const pass = async (): Promise<void> => {
        for (let turn = 0; turn < 40; turn += 1) {
          for (let turns = 0; turns < 3; turns += 1) await setImmediate();
          clock.advance(500);
        }
      };
      return { clock, tries, failed, ending, group, pass };
    };
    const never = new AbortController().signal;

    it('repeats until one succeeds, though nobody commits again', async () => {
      const { clock, tries, failed, group, pass } = failing(4);
      await assert.rejects(group.commit(), /failure 1/);
      await pass();
      assert.deepEqual(tries, [0, 500, 1500, 3500, 7500]);
      assert.equal(failed.length, 4);
      assert.deepEqual(clock.pending, []);
    });

    it('repeats once for all that wait for it', async () => {
      const { tries, group, pass } = failing(3);
      const all = Promise.all([group.persist(never), group.persist(never), group.persist(never)]);
      await pass();
      await all;
      assert.deepEqual(tries, [0, 500, 1500, 3500]);
    });

    it('makes no write for who comes while it waits, except for one that commits', async () => {
      const { clock, tries, group, pass } = failing(1);
      const first = group.persist(never);
      for (let turns = 0; turns < 3; turns += 1) await setImmediate();
      clock.advance(200);
      const second = group.persist(never);
      await group.commit();
      assert.deepEqual(tries, [0, 200]);
      clock.advance(300);
      await pass();
      await Promise.all([first, second]);
      assert.deepEqual(tries, [0, 200, 500]);
    });

    it('lets one that waits give up after so many writes, or when it is aborted', async () => {
      const { group, pass } = failing(9);
      const stopping = new AbortController();
      const given = assert.rejects(group.persist(never, 3), /failure 3/);
      const aborted = assert.rejects(group.persist(stopping.signal), /stopped/);
      for (let turns = 0; turns < 3; turns += 1) await setImmediate();
      stopping.abort(new Error('stopped'));
      await aborted;
      await pass();
      await given;
    });

    it('waits as long as the failure asks for', async () => {
      const { tries, group, pass } = failing(1, () => 4000);
      const written = group.persist(never);
      await pass();
      await written;
      assert.deepEqual(tries, [0, 4000]);
    });

    it('stops when all ends', async () => {
      const { clock, ending, group } = failing(9);
      const waiting = assert.rejects(group.persist(never), /over/);
      for (let turns = 0; turns < 3; turns += 1) await setImmediate();
      ending.abort(new Error('over'));
      await waiting;
      assert.deepEqual(clock.pending, []);
    });
  });
});
