import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import { settleWhilePermitted } from '../../src/wiring/drained.ts';
import { ManualClock } from '../time/manual-clock.ts';

/** The last work of a process whose account Secret is read with these outcomes, one after the other. */
function working(...readings: ('read' | 'denied' | 'unreachable')[]) {
  const clock = new ManualClock();
  const limit = new AbortController();
  const write = Promise.withResolvers<void>();
  let reads = 0;
  let signal: AbortSignal | undefined;
  const account = {
    read() {
      const reading = readings[reads] ?? 'read';
      reads += 1;
      if (reading === 'denied') return Promise.reject(new KubernetesError('Forbidden', 'not any more'));
      if (reading === 'unreachable') return Promise.reject(new KubernetesError('Unreachable', 'not now'));
      return Promise.resolve(undefined);
    },
  };
  const ended = settleWhilePermitted(clock, account, limit.signal, (given) => {
    signal = given;
    return [write.promise];
  });
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  return {
    ended,
    limit,
    write,
    reads: () => reads,
    isOver: () => isOver,
    isAborted: () => signal?.aborted,
    pass: async (ms: number) => {
      clock.advance(ms);
      await new Promise(setImmediate);
    },
  };
}

describe('the last work of a process', () => {
  it('is given up half a second after it began if its rights are gone', async () => {
    const { pass, reads, isOver, isAborted } = working('denied');
    await pass(499);
    assert.deepEqual([reads(), isOver()], [0, false]);
    await pass(1);
    assert.deepEqual([reads(), isOver(), isAborted()], [1, true, true]);
  });

  it('goes on while it may read its account, or is not told, and until it may not', async () => {
    const { pass, isOver } = working('read', 'unreachable', 'denied');
    await pass(500);
    await pass(1000);
    assert.equal(isOver(), false);
    await pass(1000);
    assert.equal(isOver(), true);
  });

  it('ends when it is done, also if that fails, and asks nothing then', async () => {
    const { ended, write, pass, reads } = working('denied');
    write.reject(new Error('refused'));
    await ended;
    await pass(10_000);
    assert.equal(reads(), 0);
  });

  it('ends with its limit', async () => {
    const { ended, limit, isAborted } = working();
    limit.abort();
    await ended;
    assert.equal(isAborted(), true);
  });
});
