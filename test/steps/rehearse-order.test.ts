import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import pino from 'pino';
import { decodeLedger } from '../../machines/ledger/ledger-document.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import { AcmeTransport } from '../../src/acme/transport/transport.ts';
import { CertificateAuthority } from '../../src/authority/certificate-authority.ts';
import { Draining } from '../../src/authority/draining.ts';
import type { OrderSlots } from '../../src/steps/lent-slot.ts';
import { Rehearsal } from '../../src/steps/rehearse-order.ts';
import { MemoryStore } from '../acme/memory-store.ts';
import { problem, ScriptedCa } from '../acme/scripted-ca.ts';
import { presenterOf } from '../challenges/presenter.ts';
import { MemoryLedgerStore } from '../ledger/memory-ledger-store.ts';
import { certificateInput, day, hour, minute, now, route } from '../machines/builders.ts';
import { ManualClock } from '../time/manual-clock.ts';

/** Milliseconds by which the CA's clock is ahead of ours. */
const caAhead = 10 * minute;
const input = certificateInput({ hosts: [route('a.example')] });

describe('a rehearsal', () => {
  let ca: ScriptedCa;
  let clock: ManualClock;
  let store: MemoryLedgerStore;
  let authority: CertificateAuthority;
  let rehearsal: Rehearsal;
  let links: string[];
  /** What the round does with its slot, which is its own again at once. */
  let lent: string[];
  const slots: OrderSlots = {
    lendSlot: (round) => void lent.push(`lent by ${round}`),
    reclaimSlot(round) {
      lent.push(`reclaimed by ${round}`);
      return Promise.resolve();
    },
  };
  /** Ends what the process writes. */
  let ending: AbortController;

  beforeEach(async () => {
    ca = new ScriptedCa();
    await ca.start();
    clock = new ManualClock(now);
    ca.now = () => clock.now() + caAhead;
    store = new MemoryLedgerStore();
    links = [];
    lent = [];
    await start();
  });
  afterEach(async () => {
    await crash();
    await ca.stop();
  });

  /** A process that begins, with what another has kept. */
  async function start(rateLimits: RateLimits = { limits: {}, reserve: 0 }): Promise<void> {
    const { caBundle, directoryUrl } = ca;
    ending = new AbortController();
    authority = new CertificateAuthority({
      draining: new Draining(),
      directoryUrl,
      rateLimits,
      profile: undefined,
      accountSecret: new MemoryStore(),
      ledgerStore: store,
      userAgent: 'test',
      clock,
      signal: ending.signal,
      log: pino({ level: 'warn' }, { write: (line) => assert.match(line, /The local clock is/) }),
      newTransport: (options) =>
        new AcmeTransport({ ...options, caBundle, proxy: { httpsProxy: '', noProxy: '' } }),
    });
    rehearsal = new Rehearsal({
      ca: authority,
      clock,
      onPause: (link, { source }) => void links.push(`${source} ${link}`),
    });
    // Its time is believed.
    for (let times = 0; times < 2; times += 1) authority.clock.observe(ca.now(), authority.clock.monotonic());
    await authority.restore();
  }

  async function crash(): Promise<void> {
    ending.abort();
    await authority.close();
  }

  async function failure(id: string): Promise<StepError> {
    try {
      await rehearsal.rehearse({ ...input, id }, presenterOf, slots, new AbortController().signal);
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
    it(`asks nothing within the time that ${what} was given, over a crash either`, async () => {
      ca.scripts.set('/new-order', () => problem(status, type, 'Later.', { 'retry-after': '3600' }));
      assert.equal((await failure('1')).failure.code, code);
      const asked = ca.received.length;
      const held = (await failure('2')).failure;
      assert.deepEqual([held.code, held.retryAt], [code, now + hour]);
      // It is written at once, and not only after some seconds.
      await setImmediate();
      await crash();
      await start();
      clock.advance(hour / 2);
      const heldAfter = (await failure('3')).failure;
      assert.deepEqual([heldAfter.code, heldAfter.retryAt], [code, now + hour + 1000]);
      assert.equal(ca.received.length, asked);
      clock.advance(hour / 2 + 1000);
      await failure('4');
      assert.equal(ca.count('/new-order'), 2);
    });
  }

  it('leaves a name alone that its CA has paused, over a crash, until the owner says that it is mended', async () => {
    const link = 'https://ca.example/sfe/v1/unpause?jwt=e30.e30.sig';
    const detail = `Your account is temporarily prevented from requesting certificates for a.example and possibly others. Please visit: ${link}`;
    ca.scripts.set('/new-order', () => problem(429, 'rateLimited', detail));
    assert.equal((await failure('1')).failure.code, 'NamePaused');
    assert.deepEqual(links, [`${input.source} ${link}`]);
    await setImmediate();
    await crash();
    await start();
    clock.advance(hour);
    assert.equal((await failure('2')).failure.code, 'NamePaused');
    assert.equal(ca.count('/new-order'), 1);
    authority.liftPauses(['a.example']);
    await failure('3');
    assert.equal(ca.count('/new-order'), 2);
  });

  it('lends its slot while the key of the account is changed', async () => {
    const { signal } = new AbortController();
    const change = Promise.withResolvers<void>();
    const changed = authority.account.alone(signal, () => change.promise);
    ca.scripts.set('/new-order', () => problem(429, 'rateLimited', 'Later.', { 'retry-after': '3600' }));
    const failed = failure('1');
    await setImmediate();
    assert.deepEqual(lent, ['lent by 1']);
    change.resolve();
    await changed;
    await failed;
    assert.deepEqual(lent, ['lent by 1', 'reclaimed by 1']);
    assert.equal(ca.count('/new-order'), 1);
  });

  it('lends its slot while the record of a host spreads in the DNS', async () => {
    const presented = Promise.withResolvers<void>();
    const spread = Promise.withResolvers<void>();
    const present = (): Promise<void> => {
      presented.resolve();
      return spread.promise;
    };
    const rehearsed = rehearsal.rehearse(
      { ...input, id: '1' },
      () => ({ type: 'http-01', spreads: true, present }),
      slots,
      new AbortController().signal,
    );
    await presented.promise;
    assert.deepEqual(lent, ['lent by 1']);
    spread.reject(new Error('it lags'));
    await assert.rejects(rehearsed);
    assert.deepEqual(lent, ['lent by 1', 'reclaimed by 1']);
  });

  it('is counted some seconds after its end', async () => {
    await crash();
    await start({ limits: { 'orders-per-account': { burst: 20, period: day } }, reserve: 0 });
    const certificate = ca.url('/certificate');
    for (const [path, status, order] of [
      ['/new-order', 201, { status: 'ready' }],
      ['/finalize', 200, { status: 'valid', certificate }],
    ] as const) {
      ca.scripts.set(path, () => {
        return { status, headers: { location: ca.url('/order') }, body: ca.order(order) };
      });
    }
    await rehearsal.rehearse({ ...input, id: '1' }, presenterOf, slots, new AbortController().signal);
    await setImmediate();
    clock.advance(3000);
    await setImmediate();
    const kept = [...store.documents.values()].flatMap((text) => [...decodeLedger(text).buckets]);
    assert.equal(kept.length, 1);
  });
});
