import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as settled } from 'node:timers/promises';
import { tendHeap } from '../../src/process/resting-heap.ts';
import { ManualClock } from '../time/manual-clock.ts';

const second = 1000;
const megabyte = 1e6;

describe('the heap of a process', () => {
  let clock: ManualClock;
  let stopping: AbortController;
  let tending: Promise<void>;
  let cpu: number;
  let used: number;
  let collections: number;
  beforeEach(() => {
    clock = new ManualClock();
    stopping = new AbortController();
    [cpu, used, collections] = [0, 100 * megabyte, 0];
    const heap = {
      cpu: () => cpu,
      used: () => used,
      collect: () => {
        collections += 1;
        return Promise.resolve();
      },
    };
    tending = tendHeap({ clock, signal: stopping.signal, heap });
  });
  afterEach(async () => {
    stopping.abort();
    await tending;
    assert.deepEqual(clock.pending, []);
  });

  /** @param work milliseconds of CPU in each */
  async function pass(intervals: number, work: number): Promise<void> {
    for (let count = 0; count < intervals; count += 1) {
      cpu += work;
      clock.advance(15 * second);
      await settled();
    }
  }

  it('is emptied once when a burst is over', async () => {
    await pass(4, 5000);
    assert.equal(collections, 0, 'not while there is work');
    await pass(10, 100);
    assert.equal(collections, 1);
    await pass(1, 400);
    await pass(10, 20);
    assert.equal(collections, 2);
  });

  it('is left to V8 while it is large', async () => {
    used = 300 * megabyte;
    await pass(1, 5000);
    await pass(4, 0);
    assert.equal(collections, 0);
  });
});

it('is that of the process if it may collect', () => {
  const module = new URL('../../src/process/resting-heap.ts', import.meta.url).href;
  const program = `
    const { v8Heap } = await import('${module}');
    const heap = v8Heap();
    globalThis.garbage = Array.from({ length: 1e6 }, (_, index) => ({ index }));
    globalThis.garbage = undefined;
    const before = heap?.used() ?? 0;
    await heap?.collect();
    console.log(heap === undefined, heap && heap.used() < before - 1e7, heap && heap.cpu() > 0);`;
  const run = (...options: string[]): string =>
    spawnSync(process.execPath, [...options, '--input-type=module', '-e', program], { encoding: 'utf8' })
      .stdout;
  assert.equal(run('--expose-gc'), 'false true true\n');
  assert.equal(run(), 'true undefined undefined\n');
});
