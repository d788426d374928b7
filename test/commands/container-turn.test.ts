import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type Turn, waitForTurn } from '../../src/commands/container-turn.ts';
import { ManualClock } from '../time/manual-clock.ts';

const mebibyte = 2 ** 20;

describe('commands in the container of the controller', () => {
  let clock: ManualClock;
  let socket: string;
  let left: number | undefined;
  let aborting: AbortController;

  beforeEach(() => {
    clock = new ManualClock(0);
    socket = `\0kube-lego-test-${randomUUID()}`;
    left = 300 * mebibyte;
    aborting = new AbortController();
  });

  const ask = (): Promise<Turn> =>
    waitForTurn({ socket, memoryLeft: () => Promise.resolve(left), clock, signal: aborting.signal });

  async function begin(): Promise<() => void> {
    const turn = await ask();
    assert.ok(turn.kind === 'begun');
    return turn.end;
  }

  /** Lets time pass until the turn is decided. */
  async function decided(asked: Promise<Turn>): Promise<Turn> {
    const turns: Turn[] = [];
    void asked.then((turn) => turns.push(turn));
    for (let step = 0; step < 1000; step += 1) {
      for (let wait = 0; wait < 20; wait += 1) await setImmediate();
      const [turn] = turns;
      if (turn !== undefined) return turn;
      clock.advance(250);
    }
    return assert.fail('It is not decided.');
  }

  it('begin one after another', async () => {
    const end = await begin();
    const second = ask();
    let begun = false;
    void second.then(() => {
      begun = true;
    });
    for (let wait = 0; wait < 50; wait += 1) await setImmediate();
    assert.equal(begun, false);
    end();
    const turn = await decided(second);
    assert.ok(turn.kind === 'begun');
    turn.end();
  });

  it('begin beside one that has run for a while, by the memory that it takes', async () => {
    const end = await begin();
    const second = ask();
    left = 100 * mebibyte;
    const turn = await decided(second);
    assert.ok(turn.kind === 'refused');
    assert.match(turn.why, /has 100 MiB of memory left, and a command may take 128 MiB: .* kubeconfig/);
    end();
  });

  it('that would not fit do not begin, and keep nobody from it', async () => {
    left = 127 * mebibyte;
    assert.equal((await ask()).kind, 'refused');
    left = 128 * mebibyte;
    (await begin())();
  });

  it('do not wait where there is no limit', async () => {
    const end = await begin();
    left = undefined;
    (await begin())();
    end();
  });

  it('stop waiting when they are interrupted', async () => {
    const end = await begin();
    const second = ask();
    for (let wait = 0; wait < 50; wait += 1) await setImmediate();
    aborting.abort();
    await assert.rejects(second, { name: 'AbortError' });
    end();
  });
});
