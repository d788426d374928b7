import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Draining } from '../../src/authority/draining.ts';
import type { Script } from '../acme/scripted-ca.ts';
import { eventually } from '../time/eventually.ts';
import { Ordering } from './ordering.ts';

describe('a process that drains', () => {
  let ordering: Ordering;
  let ending: AbortController;
  let settled: boolean;
  beforeEach(async () => {
    ordering = await Ordering.start();
    ending = new AbortController();
    settled = false;
  });
  afterEach(() => ordering.stop());

  const run = () => ordering.run({}, ending.signal);
  const entries = () => ordering.journal.of('shop', 'web-tls');

  function drain(): void {
    const { draining } = ordering;
    draining.begin();
    void draining.settled(new AbortController().signal).then(() => {
      settled = true;
    });
  }

  /** It drains when this path is asked for, before the answer. */
  function drainAt(path: string, script: Script | undefined = ordering.ca.scripts.get(path)): void {
    assert.ok(script);
    ordering.ca.scripts.set(path, (received, times) => {
      if (times === 1) drain();
      return script(received, times);
    });
  }

  /** All that it waits for has ended: the rounds are aborted. */
  async function end(order: ReturnType<typeof run>): Promise<void> {
    await eventually('it waits for nothing', () => settled);
    ending.abort(new Error('the process ends'));
    await order;
  }

  it('makes no order, and leaves none in the journal', async () => {
    drain();
    const order = run();
    await eventually('the round has all it needs', () => entries().length === 1);
    await end(order);
    assert.equal(ordering.ca.count('/new-order'), 0);
    assert.deepEqual(entries(), []);
    assert.deepEqual(ordering.spent(), { orders: 0, certificates: 0 });
  });

  it('has the URL of an order written that was sent before, and answers no challenge', async () => {
    drainAt('/new-order');
    await end(run());
    assert.equal(ordering.ca.count('/challenge'), 0);
    assert.equal(entries()[0]?.orderUrl, ordering.ca.url('/order'));

    ordering.draining = new Draining();
    assert.equal(await ordering.run(), undefined);
    assert.equal(ordering.ca.count('/new-order'), 1);
  });

  it('waits while the CA validates a host, until the round has ended', async () => {
    drainAt('/challenge');
    assert.equal(await run(), undefined);
    assert.equal(ordering.ca.count('/certificate'), 1);
    assert.ok(!settled);
    // When the certificate is stored.
    ordering.draining.end('round');
    await eventually('it waits for nothing', () => settled);
  });

  it('has the failure of a host told', async () => {
    drainAt('/challenge');
    ordering.ca.scripts.set('/authz', (_, times) => ({
      body: ordering.ca.authorization(times === 1 ? {} : { status: 'invalid' }),
    }));
    assert.equal((await run())?.code, 'OrderFailed');
    await eventually('it waits for nothing', () => settled);
    assert.deepEqual(entries(), []);
  });

  it('leaves an order to the next process if the CA asks to wait', async () => {
    const body = ordering.ca.order({ status: 'processing' });
    drainAt('/finalize', () => ({ headers: { 'retry-after': '30' }, body }));
    await end(run());
    assert.equal(entries().length, 1);
  });
});
