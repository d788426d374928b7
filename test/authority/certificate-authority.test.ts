import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pino from 'pino';
import type { BudgetChange } from '../../machines/authority/order-budget.ts';
import type { LearnedBlock } from '../../machines/ledger/learned-block.ts';
import { CertificateAuthority } from '../../src/authority/certificate-authority.ts';
import { Draining } from '../../src/authority/draining.ts';
import { MemoryStore } from '../acme/memory-store.ts';
import { MemoryLedgerStore } from '../ledger/memory-ledger-store.ts';
import { day, hour, minute } from '../machines/builders.ts';
import { ManualClock } from '../time/manual-clock.ts';

const order = { identifiers: ['web.example.com'], purpose: 'first', exemption: 'none' } as const;
const planned = {
  id: 'r',
  namespace: 'shop',
  hosts: order.identifiers,
  purpose: 'first',
  exemption: 'none',
} as const;
const pause: LearnedBlock = {
  cause: 'paused',
  scope: { type: 'identifiers', names: ['web.example.com'] },
  retryAfter: undefined,
};
const clock = new ManualClock();

function newCa(directoryUrl = 'https://ca.example/directory', ledgerStore = new MemoryLedgerStore()) {
  const changes: BudgetChange[] = [];
  const ca = new CertificateAuthority({
    draining: new Draining(),
    directoryUrl,
    rateLimits: { limits: {}, reserve: 0 },
    profile: undefined,
    accountSecret: new MemoryStore(),
    ledgerStore,
    userAgent: 'test',
    clock,
    signal: new AbortController().signal,
    log: pino({ level: 'silent' }),
    onRoomChanged: (change) => changes.push(change),
  });
  return { ca, changes };
}

describe('a CA', () => {
  it('orders again for a name that it had paused when the owner says so', async () => {
    const { ca, changes } = newCa();
    await ca.restore();
    ca.ledger.learn(pause, order, clock.now());
    assert.equal(ca.ledger.hold(order, clock.now())?.cause, 'paused');
    ca.liftPauses(['web.example.com']);
    assert.equal(ca.ledger.hold(order, clock.now()), undefined);
    assert.deepEqual(changes, ['room']);
  });

  it('does so also when that was said before it was known what is paused', async () => {
    const store = new MemoryLedgerStore();
    const before = newCa(undefined, store).ca;
    before.ledger.learn(pause, order, clock.now());
    await before.drain();
    const { ca, changes } = newCa(undefined, store);
    ca.liftPauses(['web.example.com']);
    assert.deepEqual(changes, []);
    await ca.restore();
    assert.equal(ca.ledger.hold(order, clock.now()), undefined);
    assert.deepEqual(changes, ['room']);
  });

  it('is looked at again after a day for a paused name, and not before', () => {
    const { ca } = newCa();
    ca.ledger.learn(pause, order, clock.now());
    assert.notEqual(ca.ledger.hold(order, clock.now() + day - minute), undefined);
    assert.equal(ca.ledger.hold(order, clock.now() + day), undefined);
  });

  it('holds an order back by what it knows, with the time of our clock, and another CA beside it does not', () => {
    const [{ ca }, { ca: other }] = [newCa(), newCa('https://staging.example/directory')];
    ca.clock.observe(clock.now() + hour, ca.clock.monotonic());
    ca.report({ type: 'CA_UNAVAILABLE', id: 'another', retryAfter: 10 * minute });
    assert.throws(
      () => ca.admit(planned),
      ({ failure }) => {
        assert.deepEqual([failure.code, failure.retryAt], ['CaUnavailable', clock.now() + 10 * minute]);
        return true;
      },
    );
    other.admit(planned);
    assert.deepEqual(other.budget.release('r', clock.now()), { freed: true, spent: [] });
  });

  it('tells those who wait only of what changes something for them', () => {
    const { ca, changes } = newCa();
    ca.admit(planned);
    ca.report({ type: 'ORDER_SENT', id: 'r' });
    ca.report({ type: 'ORDER_MADE', id: 'r' });
    ca.report({ type: 'HOSTS_FAILED', id: 'r', hosts: ['web.example.com'] });
    assert.deepEqual(changes, []);
    ca.report({ type: 'CA_UNAVAILABLE', id: 'r', retryAfter: minute });
    ca.report({ type: 'ORDER_MADE', id: 'r' });
    ca.report({ type: 'ORDER_REFUSED', id: 'r', block: undefined });
    assert.deepEqual(changes, ['health', 'health', 'room']);
  });
});
