import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { OrderBudget } from '../../machines/order-budget.ts';
import { AccountStore } from '../../src/acme/account.ts';
import { installAdapter } from '../../src/acme/adapter.ts';
import { AcmeTransport } from '../../src/acme/transport.ts';
import { StepError } from '../../src/failures.ts';
import { createLedger } from '../../src/ledger-keeper.ts';
import { Rehearsal } from '../../src/steps/rehearsal.ts';
import { MemoryStore } from '../acme/memory-store.ts';
import { problem, ScriptedCa } from '../acme/scripted-ca.ts';
import { ManualClock } from '../kubernetes/manual-clock.ts';
import { certificateInput, hour, now, route } from '../machines/builders.ts';

const input = certificateInput({ hosts: [route('a.example')] });

describe('a rehearsal', () => {
  let ca: ScriptedCa;
  let clock: ManualClock;
  let rehearsal: Rehearsal;

  beforeEach(async () => {
    installAdapter();
    ca = new ScriptedCa();
    await ca.start();
    clock = new ManualClock(now);
    const { caBundle, directoryUrl } = ca;
    const proxy = { httpsProxy: '', noProxy: '' };
    const transport = new AcmeTransport({ clock, userAgent: 'test', caBundle, proxy });
    const account = new AccountStore({ transport, clock, store: new MemoryStore(), directoryUrl });
    const ledger = createLedger({ limits: {}, reserve: 0 }, directoryUrl);
    const budget = new OrderBudget(ledger);
    rehearsal = new Rehearsal({ account, transport, clock, profile: undefined, budget });
  });
  afterEach(async () => {
    await rehearsal.close();
    await ca.stop();
  });

  async function failure(id: string): Promise<StepError> {
    try {
      await rehearsal.rehearse({ ...input, id }, new AbortController().signal);
    } catch (error) {
      assert.ok(error instanceof StepError, String(error));
      return error;
    }
    return assert.fail('it went well');
  }

  for (const [what, status, type, code] of [
    ['a limit', 429, 'rateLimited', 'RateLimited'],
    ['a CA that is busy', 503, 'serverInternal', 'CaUnavailable'],
  ] as const) {
    it(`asks nothing within the time that ${what} was given`, async () => {
      ca.scripts.set('/new-order', () => problem(status, type, 'Later.', { 'retry-after': '3600' }));
      assert.equal((await failure('1')).failure.code, code);
      const asked = ca.received.length;
      clock.advance(hour / 2);
      const held = (await failure('2')).failure;
      assert.equal(held.code, code);
      assert.equal(held.retryAt, now + hour);
      assert.equal(ca.received.length, asked);
      clock.advance(hour / 2);
      await failure('3');
      assert.equal(ca.count('/new-order'), 2);
    });
  }
});
