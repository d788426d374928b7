import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AccountStore } from '../../../src/acme/account/account.ts';
import { nextKeyData, type RolloverState } from '../../../src/acme/account/account-secret.ts';
import { BorrowedKey } from '../../../src/acme/account/borrowed-key.ts';
import { KeyRollover } from '../../../src/acme/account/key-rollover.ts';
import { readAccountKey } from '../../../src/acme/protocol/account-key.ts';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import { AcmeTransport } from '../../../src/acme/transport/transport.ts';
import { untilAborted } from '../../../src/time/clock.ts';
import { ScriptedCa } from '../../ca/ca.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { DirectConnection } from '../direct-connection.ts';
import { newKeyPem } from '../keys.ts';
import { MemoryStore } from '../memory-store.ts';

const { signal } = new AbortController();

/** The strict CA, a registered account, and processes that have its Secret. */
async function startWorld() {
  const clock = new ManualClock();
  const ca = new ScriptedCa({ now: () => clock.now(), validate: () => Promise.resolve('ok') });
  const connection = new DirectConnection(ca);
  const caClock = new CaClock(clock);
  const transport = new AcmeTransport({ clock: caClock, userAgent: 'test', connection });
  const store = new MemoryStore();
  const { directoryUrl } = ca;
  const outcomes: RolloverState[] = [];
  const open = () => {
    const account = new AccountStore({ transport, directoryUrl, clock: caClock, store });
    const rollover = new KeyRollover({
      account,
      borrowers: [],
      clock,
      signal,
      onOutcome: (outcome) => outcomes.push(outcome),
      onTrouble: () => undefined,
    });
    return { account, rollover };
  };
  const first = open();
  const { url, thumbprint } = await first.account.ensureAccount(signal);
  const request = async (keyPem = newKeyPem()): Promise<string> => {
    const secret = await store.read();
    assert.ok(secret && (await store.update(secret, nextKeyData(keyPem))));
    return readAccountKey(keyPem).thumbprint;
  };
  /** Whether the account can be used, and the thumbprint of its key. */
  const used = (account: AccountStore) =>
    account.withAccount(signal, async ({ requests, thumbprint: own }) => {
      await requests.newOrder(signal, { hosts: ['web.example.com'] });
      return own;
    });
  const changes = () => connection.exchanged.filter(({ endpoint }) => endpoint === 'key-change').length;
  return {
    ...first,
    ca,
    caClock,
    changes,
    clock,
    open,
    outcomes,
    request,
    store,
    thumbprint,
    transport,
    url,
    used,
  };
}

describe('a rollover of the account key', () => {
  it('changes the key of the same account, and leaves one key in the Secret', async () => {
    const { account, changes, outcomes, request, rollover, store, thumbprint, url, used } =
      await startWorld();
    await rollover.workOff();
    assert.equal(changes(), 0);
    const next = await request();
    await rollover.workOff();
    assert.partialDeepStrictEqual(outcomes, [{ phase: 'changed' }]);
    assert.equal(store.text('acme-next-key'), undefined);
    assert.equal(readAccountKey(store.text('tls.key') ?? '').thumbprint, next);
    assert.equal(account.thumbprint(), next);
    assert.notEqual(next, thumbprint);
    assert.equal((await account.ensureAccount(signal)).url, url);
    assert.equal(await used(account), next);
    await rollover.workOff();
    assert.equal(changes(), 1);
  });

  it('begins when the orders in flight have ended, and lets no other one begin before its end', async () => {
    const { account, changes, request, rollover, store, thumbprint, used } = await startWorld();
    const inFlight = Promise.withResolvers<void>();
    const order = account.withAccount(signal, async ({ thumbprint: own }) => {
      await inFlight.promise;
      return own;
    });
    const next = await request();
    const work = rollover.workOff();
    await new Promise(setImmediate);
    const later = used(account);
    await new Promise(setImmediate);
    assert.equal(changes(), 0);
    assert.match(store.text('acme-rollover') ?? '', /draining/);
    inFlight.resolve();
    assert.equal(await order, thumbprint);
    await work;
    assert.equal(await later, next);
  });

  it('interrupts after five minutes what has not ended by itself, and waits no second time', async () => {
    const { account, changes, clock, request, rollover, used } = await startWorld();
    const stuck = account.withAccount(signal, (_, limit) =>
      untilAborted(new Promise<never>(() => undefined), limit),
    );
    const next = await request();
    const work = rollover.workOff();
    await new Promise(setImmediate);
    const later = used(account);
    clock.advance(299_000);
    await new Promise(setImmediate);
    assert.equal(changes(), 0);
    clock.advance(1000);
    await assert.rejects(stuck, { code: 'OrderError', kind: 'out-of-time' });
    await work;
    assert.equal(await later, next);
    assert.equal(changes(), 1);
  });

  it('is given up for now when something in flight ends not even then, and goes on later', async () => {
    const { account, changes, clock, request, rollover, thumbprint, used } = await startWorld();
    const never = Promise.withResolvers<void>();
    void account.withAccount(signal, () => never.promise);
    await request();
    const work = rollover.workOff();
    await new Promise(setImmediate);
    const later = used(account);
    clock.advance(720_000);
    await assert.rejects(work, /orders in flight have not ended/);
    assert.equal(await later, thumbprint);
    assert.equal(changes(), 0);
    never.resolve();
    await rollover.workOff();
    assert.equal(changes(), 1);
  });

  for (const [what, fault] of [
    ['the request does not arrive', 'reset'],
    ['its answer is lost', 'lost'],
  ] as const) {
    it(`goes on with the key that the CA knows if ${what}, in this process and the next`, async () => {
      for (const restarted of [false, true]) {
        const { account, ca, changes, open, request, rollover, store, thumbprint, used } = await startWorld();
        const next = await request();
        ca.faults.next('key-change', fault);
        await assert.rejects(rollover.workOff(), /connection broke off/);
        assert.notEqual(store.text('acme-next-key'), undefined);
        const process = restarted ? open() : { account, rollover };
        assert.equal(await used(process.account), fault === 'lost' ? next : thumbprint);
        await process.rollover.workOff();
        assert.equal(await used(process.account), next);
        assert.equal(store.text('acme-next-key'), undefined);
        assert.equal(changes(), fault === 'lost' ? 1 : 2);
      }
    });
  }

  it('goes on after a crash between the answer of the CA and the write of the Secret', async () => {
    const { open, request, rollover, store, used } = await startWorld();
    const next = await request();
    const update = store.update.bind(store);
    // The process ends, so that this write never happens.
    store.update = (current, data) =>
      'tls.key' in data ? Promise.reject(new Error('killed')) : update(current, data);
    await assert.rejects(rollover.workOff(), /killed/);
    store.update = update;
    const later = open();
    assert.equal(await used(later.account), next);
    assert.equal(readAccountKey(store.text('tls.key') ?? '').thumbprint, next);
  });

  it('is refused for a key of another account, in the words of the CA, and the old key stays', async () => {
    const { account, caClock, outcomes, request, rollover, store, thumbprint, transport, ca, used } =
      await startWorld();
    const keyPem = newKeyPem();
    const other = new AccountStore({
      transport,
      directoryUrl: ca.directoryUrl,
      clock: caClock,
      store: new MemoryStore({ 'tls.key': keyPem }),
    });
    await other.ensureAccount(signal);
    await request(keyPem);
    await rollover.workOff();
    assert.partialDeepStrictEqual(outcomes, [{ phase: 'refused' }]);
    assert.match(outcomes[0]?.message ?? '', /already in use/);
    assert.equal(store.text('acme-next-key'), undefined);
    assert.equal(await used(account), thumbprint);
  });

  it('gives up neither key while the CA knows neither, as behind a proxy that refuses all', async () => {
    const { account, ca, outcomes, request, rollover, store, used } = await startWorld();
    const next = await request();
    const refused = { status: 403, headers: {}, body: '{"type":"urn:ietf:params:acme:error:unauthorized"}' };
    ca.faults.script('all', () => refused);
    await assert.rejects(rollover.workOff(), /unauthorized/);
    assert.deepEqual(outcomes, []);
    assert.equal(readAccountKey(store.text('acme-next-key') ?? '').thumbprint, next);
    ca.faults.clear();
    await rollover.workOff();
    assert.equal(await used(account), next);
  });

  it('is refused for a key that another CA knows, as after a slip with LEGO_URL', async () => {
    const { outcomes, request, rollover, store, thumbprint, url } = await startWorld();
    const secret = await store.read();
    const other = { 'acme-directory-url': Buffer.from('https://other.test/directory') };
    assert.ok(secret && (await store.update(secret, other)));
    await request();
    await rollover.workOff();
    assert.partialDeepStrictEqual(outcomes, [{ phase: 'refused' }]);
    assert.match(outcomes[0]?.message ?? '', /registered at another CA .*LEGO_URL/);
    assert.equal(readAccountKey(store.text('tls.key') ?? '').thumbprint, thumbprint);
    assert.equal(store.text('acme-registration-url'), url);
    assert.equal(store.text('acme-next-key'), undefined);
  });

  it('registers the new key at the staging CA, which has the same key and another account', async () => {
    const { account, caClock, clock, request, store } = await startWorld();
    const staging = new ScriptedCa({
      now: () => clock.now(),
      validate: () => Promise.resolve('ok'),
      origin: 'https://staging.test',
    });
    const borrower = new AccountStore({
      transport: new AcmeTransport({
        clock: caClock,
        userAgent: 'test',
        connection: new DirectConnection(staging),
      }),
      directoryUrl: staging.directoryUrl,
      clock: caClock,
      store: new BorrowedKey(store),
    });
    const before = await borrower.ensureAccount(signal);
    const rollover = new KeyRollover({
      account,
      borrowers: [borrower],
      clock,
      signal,
      onOutcome: () => undefined,
      onTrouble: () => undefined,
    });
    const next = await request();
    await rollover.workOff();
    const after = await borrower.ensureAccount(signal);
    assert.equal(after.thumbprint, next);
    assert.notEqual(after.url, before.url);
  });
});
