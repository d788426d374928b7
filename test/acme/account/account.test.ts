import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { OrderReport } from '../../../machines/authority/order-report.ts';
import { type AccountOptions, AccountStore } from '../../../src/acme/account/account.ts';
import { AccountError } from '../../../src/acme/account/account-error.ts';
import { nextKeyData } from '../../../src/acme/account/account-secret.ts';
import { BorrowedKey } from '../../../src/acme/account/borrowed-key.ts';
import { readAccountKey } from '../../../src/acme/protocol/account-key.ts';
import { requestRefused } from '../../../src/acme/protocol/order-error.ts';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import { AcmeProblem } from '../../../src/acme/transport/problem.ts';
import { AcmeTransport } from '../../../src/acme/transport/transport.ts';
import { OrderReports } from '../../../src/authority/order-reports.ts';
import { createCsr } from '../../../src/certificate/making/csr.ts';
import { failureOf } from '../../../src/steps/failures.ts';
import { type Clock, systemClock } from '../../../src/time/clock.ts';
import { newKeyPem, oldKeyPem } from '../keys.ts';
import { MemoryStore } from '../memory-store.ts';
import { problem, ScriptedCa } from '../scripted-ca.ts';
import { startWorld } from '../world.ts';

const { signal } = new AbortController();

async function accountError(work: Promise<unknown>): Promise<AccountError> {
  try {
    await work;
  } catch (error) {
    assert(error instanceof AccountError, String(error));
    return error;
  }
  return assert.fail('there is an account');
}

/** The machine's clock, set by hand. */
class ShiftedClock implements Clock {
  /** Milliseconds that have passed besides. */
  ahead = 0;
  /** Milliseconds by which it was set forward while no time passed. */
  error = 0;

  now(): number {
    return this.monotonic() + performance.timeOrigin + this.error;
  }

  monotonic(): number {
    return performance.now() + this.ahead;
  }

  setTimeout(fn: () => void, ms: number): unknown {
    return systemClock.setTimeout(fn, ms);
  }

  clearTimeout(handle: unknown): void {
    systemClock.clearTimeout(handle);
  }
}

describe('account at a scripted CA', () => {
  let ca: ScriptedCa;
  let transport: AcmeTransport;
  let store: MemoryStore;
  let clock: ShiftedClock;
  let caClock: CaClock;

  beforeEach(async () => {
    ca = new ScriptedCa();
    await ca.start();
    store = new MemoryStore();
    clock = new ShiftedClock();
    ca.now = () => clock.monotonic() + performance.timeOrigin;
    caClock = new CaClock(clock);
    transport = new AcmeTransport({
      clock: caClock,
      userAgent: 'test',
      caBundle: ca.caBundle,
      proxy: { httpsProxy: '', noProxy: '' },
    });
  });

  afterEach(async () => {
    await transport.close();
    await ca.stop();
  });

  const accounts = (changes: Partial<AccountOptions> = {}): AccountStore =>
    new AccountStore({ transport, store, clock: caClock, directoryUrl: ca.directoryUrl, ...changes });

  test('the key is stored before it is registered, the URL after', async () => {
    const steps: string[] = [];
    ca.scripts.set('/new-account', () => {
      steps.push(...store.history, 'register');
      return { status: 201, headers: { location: ca.url('/account') }, body: { status: 'valid' } };
    });
    const found: unknown[] = [];
    await accounts({ email: 'ops@example.com', onRegistered: (report) => found.push(report) }).ensureAccount(
      signal,
    );
    assert.deepEqual(steps, ['create tls.key', 'register']);
    assert.deepEqual(store.history, ['create tls.key', 'update acme-registration-url acme-directory-url']);
    assert.equal(store.text('acme-registration-url'), ca.url('/account'));
    assert.deepEqual(found, [{ termsOfService: 'https://ca.example/terms', existing: false }]);
    const { payload } = ca.received.find(({ path }) => path === '/new-account') ?? {};
    assert.deepEqual(payload, { termsOfServiceAgreed: true, contact: ['mailto:ops@example.com'] });
  });

  test('after a restart the recorded account is used without a request', async () => {
    const first = await accounts().ensureAccount(signal);
    ca.received.length = 0;
    const second = await accounts().ensureAccount(signal);
    assert.equal(second.url, first.url);
    assert.equal(second.thumbprint, first.thumbprint);
    assert.deepEqual(ca.received, []);
  });

  test('the CA is not asked while it asks all to wait, and what it asks for is told', async () => {
    const told: unknown[] = [];
    const asked = accounts({
      beforeAsking: () => {
        throw new Error('all have to wait');
      },
    });
    await assert.rejects(asked.ensureAccount(signal), /all have to wait/);
    assert.deepEqual(ca.received, []);
    ca.scripts.set('/new-account', () => problem(503, 'serverInternal', 'Later.', { 'retry-after': '60' }));
    await assert.rejects(
      accounts({ onTrouble: (retryAfter) => told.push(retryAfter) }).ensureAccount(signal),
    );
    assert.deepEqual(told, [60_000]);
  });

  test('an account recorded for another directory is looked up at this one', async () => {
    await accounts().ensureAccount(signal);
    ca.received.length = 0;
    ca.scripts.set('/directory-2', ca.scripts.get('/directory') ?? (() => undefined));
    await accounts({ directoryUrl: ca.url('/directory-2') }).ensureAccount(signal);
    assert.deepEqual(ca.received[1]?.payload ?? ca.received[0]?.payload, { onlyReturnExisting: true });
    assert.equal(store.text('acme-directory-url'), ca.url('/directory-2'));
  });

  test('callers at the same time share one registration, and one that gives up does not end it for the others', async () => {
    const mine = new AbortController();
    const held = accounts();
    const reason = new Error('not needed any more');
    const gone = assert.rejects(held.ensureAccount(mine.signal), reason);
    const others = [1, 2, 3].map(() => held.ensureAccount(signal));
    mine.abort(reason);
    await gone;
    const found = await Promise.all(others);
    assert.equal(new Set(found).size, 1);
    assert.equal(ca.count('/new-account'), 1);
  });

  test('when the last caller has given up the registration ends, and the next caller starts a new one', async () => {
    const answer = ca.scripts.get('/new-account');
    ca.scripts.set('/new-account', (received, times) =>
      times === 1 ? 'silence' : answer?.(received, times),
    );
    const held = accounts();
    const mine = new AbortController();
    const work = held.ensureAccount(mine.signal);
    while (ca.count('/new-account') === 0) await new Promise((resolve) => setImmediate(resolve));
    mine.abort(new Error('gone'));
    await assert.rejects(work, /gone/);
    await held.ensureAccount(signal);
    assert.equal(store.history.filter((step) => step.startsWith('create')).length, 1);
  });

  test('a Secret that holds no usable key is never overwritten', async () => {
    for (const data of [{}, { 'tls.key': '' }, { 'tls.key': 'garbage' }]) {
      store = new MemoryStore(data);
      const error = await accountError(accounts().ensureAccount(signal));
      assert.equal(error.kind, 'unusable-secret');
      assert.match(
        error.message,
        /^Secret kube-lego\/kube-lego-account exists, but its tls\.key is not a usable private key.*delete the Secret/,
      );
      assert.deepEqual(store.history, []);
    }
    assert.deepEqual(ca.received, []);
  });

  test('a trouble with reading the Secret is no reason for a new key', async () => {
    store.read = () => Promise.reject(new Error('the API server is away'));
    await assert.rejects(accounts().ensureAccount(signal), /the API server is away/);
    assert.deepEqual(store.history, []);
  });

  test('a Secret that another hand touched meanwhile keeps its change and gets the URL', async () => {
    const answer = ca.scripts.get('/new-account');
    ca.scripts.set('/new-account', (received, times) => {
      store.touch();
      return answer?.(received, times);
    });
    await accounts().ensureAccount(signal);
    assert.equal(store.text('acme-registration-url'), ca.url('/account'));
  });

  test('after a refusal the CA is left alone for a minute, then ten', async () => {
    ca.scripts.set('/new-account', (received) =>
      JSON.stringify(received.payload).includes('onlyReturn')
        ? problem(400, 'accountDoesNotExist', 'no account')
        : problem(400, 'invalidContact', 'the e-mail address is invalid'),
    );
    const held = accounts({ email: 'ops@example.com' });
    const started = clock.now();
    const first = await accountError(held.ensureAccount(signal));
    assert.equal(first.kind, 'refused');
    assert.equal(first.transient, false);
    assert.match(
      first.message,
      /^No account at localhost:\d+: .*invalidContact.*the e-mail address is invalid\. Correct LEGO_EMAIL\./,
    );
    assert.ok(Math.abs((first.retryAt ?? 0) - started - 60_000) < 30_000);
    const asked = ca.received.length;
    assert.equal(await accountError(held.ensureAccount(signal)), first);
    assert.equal(ca.received.length, asked);
    clock.ahead += 61_000;
    const second = await accountError(held.ensureAccount(signal));
    assert.ok(Math.abs((second.retryAt ?? 0) - clock.now() - 600_000) < 30_000);
    assert.ok(first.cause instanceof AcmeProblem);
  });

  test('a rate limit of registrations is kept to, by the next process, too, and at this CA only', async () => {
    const usual = ca.scripts.get('/new-account');
    assert.ok(usual !== undefined);
    ca.scripts.set('/new-account', () =>
      problem(429, 'rateLimited', 'too many new registrations (10)', { 'retry-after': '1080' }),
    );
    const error = await accountError(accounts().ensureAccount(signal));
    const until = error.retryAt ?? 0;
    assert.ok(Math.abs(until - clock.now() - 1_080_000) < 30_000);
    const asked = ca.received.length;
    const next = accounts();
    const kept = await accountError(next.ensureAccount(signal));
    assert.equal(kept.kind, 'waiting');
    assert.ok(Math.abs((kept.retryAt ?? 0) - until) < 2000);
    assert.match(
      kept.message,
      /^localhost:\d+ refused to register an account before kube-lego was restarted/,
    );
    clock.ahead += 1_000_000;
    await accountError(next.ensureAccount(signal));
    assert.equal(ca.received.length, asked);
    await accountError(accounts({ directoryUrl: ca.url('/elsewhere') }).ensureAccount(signal));
    assert.ok(ca.received.length > asked, 'another CA is asked');
    ca.scripts.set('/new-account', usual);
    clock.ahead += 85_000;
    await next.ensureAccount(signal);
    assert.equal(store.text('acme-registration-url'), ca.url('/account'));
  });

  test('a rate limit of registrations is kept to although our clock is set forward meanwhile', async () => {
    ca.scripts.set('/new-account', () =>
      problem(429, 'rateLimited', 'too many new registrations (10)', { 'retry-after': '1080' }),
    );
    const held = accounts();
    await accountError(held.ensureAccount(signal));
    const asked = ca.count('/new-account');
    clock.error = 3_600_000;
    const { retryAt = 0 } = await accountError(held.ensureAccount(signal));
    assert.equal(ca.count('/new-account'), asked);
    assert.ok(Math.abs(retryAt - clock.now() - 1_080_000) < 30_000);
  });

  test('an account of the same key at the CA of rehearsals is recorded beside the other one, and found after a restart', async () => {
    const key = newKeyPem();
    const own = {
      'acme-registration-url': 'https://ca.example/acct/1',
      'acme-directory-url': 'https://ca.example/',
    };
    store = new MemoryStore({ 'tls.key': key, ...own });
    const borrowing = (): AccountStore => accounts({ store: new BorrowedKey(store) });
    const { url } = await borrowing().ensureAccount(signal);
    assert.equal(store.text('rehearsal-acme-registration-url'), url);
    assert.equal(store.text('rehearsal-acme-directory-url'), ca.directoryUrl);
    for (const [field, value] of Object.entries({ 'tls.key': key, ...own }))
      assert.equal(store.text(field), value);
    const asked = ca.count('/new-account');
    assert.equal((await borrowing().ensureAccount(signal)).url, url);
    assert.equal(ca.count('/new-account'), asked);
  });

  test('the CA of rehearsals that makes no account is left alone over a restart', async () => {
    store = new MemoryStore({ 'tls.key': newKeyPem() });
    ca.scripts.set('/new-account', () =>
      problem(429, 'rateLimited', 'too many new registrations (10)', { 'retry-after': '1080' }),
    );
    const borrowing = (): AccountStore => accounts({ store: new BorrowedKey(store) });
    await accountError(borrowing().ensureAccount(signal));
    const asked = ca.count('/new-account');
    await accountError(borrowing().ensureAccount(signal));
    assert.equal(ca.count('/new-account'), asked);
    assert.equal(store.text('acme-registration-refused-until'), undefined);
  });

  test('a wait that only a wrong clock can have named holds up nothing, nor does one that cannot be read', async () => {
    const far = `${new Date(clock.now() + 40 * 86_400_000).toISOString()} ${ca.directoryUrl}`;
    for (const refusal of [far, '', 'soon', `soon ${ca.directoryUrl}`]) {
      store = new MemoryStore({ 'tls.key': newKeyPem(), 'acme-registration-refused-until': refusal });
      await accounts().ensureAccount(signal);
    }
  });

  test('a refusal that cannot be written is told all the same', async () => {
    ca.scripts.set('/new-account', () =>
      problem(429, 'rateLimited', 'too many new registrations (10)', { 'retry-after': '1080' }),
    );
    store.update = () => Promise.reject(new Error('the API server is away'));
    const error = await accountError(accounts().ensureAccount(signal));
    assert.match(error.message, /too many new registrations/);
  });

  test('a deactivated account needs a person', async () => {
    store = new MemoryStore({ 'tls.key': newKeyPem() });
    ca.scripts.set('/new-account', () =>
      problem(403, 'unauthorized', 'An account with the provided public key exists but is deactivated'),
    );
    const error = await accountError(accounts().ensureAccount(signal));
    assert.equal(error.kind, 'deactivated');
    assert.match(error.message, /Delete the Secret and restart kube-lego/);
  });

  test('a deactivated account is asked for once a day, and told of once', async () => {
    store = new MemoryStore({ 'tls.key': newKeyPem() });
    ca.scripts.set('/new-account', () =>
      problem(403, 'unauthorized', 'An account with the provided public key exists but is deactivated'),
    );
    const told: AccountError[] = [];
    const held = accounts({ onRefused: (refusal) => told.push(refusal) });
    for (let ingress = 0; ingress < 20; ingress += 1) await accountError(held.ensureAccount(signal));
    assert.equal(ca.count('/new-account'), 1);
    assert.deepEqual(
      told.map(({ kind }) => kind),
      ['deactivated'],
    );
    clock.ahead += 86_401_000;
    await accountError(held.ensureAccount(signal));
    assert.equal(ca.count('/new-account'), 2);
  });

  describe('an account that the CA refuses in the midst of the work', () => {
    const changed = new AcmeProblem({
      type: 'userActionRequired',
      detail: 'Terms of service have changed',
      endpoint: 'new-order',
      ca: 'ca.example',
      status: 403,
      instance: 'https://ca.example/agree',
    });
    const refused = requestRefused('refused', ['a.example'], changed);
    let asked = 0;
    let terms = 'old';
    const order = (): Promise<string> => {
      asked += 1;
      return terms === 'old' ? Promise.reject(refused) : Promise.resolve('certificate');
    };

    test('is used by nobody for a day, then by one, and by all when that works; people are told once a day', async () => {
      const told: AccountError[] = [];
      const held = accounts({ onRefused: (refusal) => told.push(refusal) });
      const first = await accountError(held.withAccount(signal, order));
      assert.equal(first.kind, 'action-required');
      assert.match(first.message, /See https:\/\/ca\.example\/agree\./);
      for (let ingress = 0; ingress < 20; ingress += 1) {
        assert.equal(await accountError(held.withAccount(signal, order)), first);
        assert.equal(await accountError(held.ensureAccount(signal)), first);
      }
      assert.equal(asked, 1);
      assert.equal(told.length, 1);

      clock.ahead += 86_401_000;
      const crowd = Array.from({ length: 20 }, () => accountError(held.withAccount(signal, order)));
      const kinds = new Set((await Promise.all(crowd)).map(({ kind }) => kind));
      assert.deepEqual([...kinds], ['action-required']);
      assert.equal(asked, 2);
      assert.equal(told.length, 2);

      clock.ahead += 86_401_000;
      terms = 'new';
      assert.equal(await held.withAccount(signal, order), 'certificate');
      const all = Array.from({ length: 20 }, () => held.withAccount(signal, order));
      assert.equal((await Promise.all(all)).length, 20);
    });

    test('is a refused order for the ledger, and a failure with the time of the next look for the Ingress', async () => {
      terms = 'old';
      const error = await accountError(accounts().withAccount(signal, order));
      const told: OrderReport[] = [];
      const reports = new OrderReports('round', ['a.example'], (report) => told.push(report));
      reports.enters('ordering');
      reports.failed(error);
      assert.deepEqual(told.at(-1), { type: 'ORDER_REFUSED', id: 'round', block: undefined });
      const failure = failureOf(error, clock.now());
      assert.equal(failure.code, 'AccountNotReady');
      assert.equal(failure.retryAt, error.retryAt);
    });
  });

  test('changed terms of service show where to agree', async () => {
    ca.scripts.set('/new-account', () => ({
      status: 403,
      headers: {
        'content-type': 'application/problem+json',
        link: '<https://ca.example/terms-2>;rel="terms-of-service"',
      },
      body: {
        type: 'urn:ietf:params:acme:error:userActionRequired',
        detail: 'Terms of service have changed',
        instance: 'https://ca.example/agree',
      },
    }));
    const error = await accountError(accounts().ensureAccount(signal));
    assert.match(error.message, /See https:\/\/ca\.example\/agree and https:\/\/ca\.example\/terms-2\./);
  });

  test('a CA that loses the account twice within the hour gets the key again only after it', async () => {
    const held = accounts();
    const lost = new AcmeProblem({
      type: 'accountDoesNotExist',
      detail: 'unknown account',
      endpoint: 'new-order',
      ca: 'ca.example',
    });
    let rounds = 0;
    const lose = (): Promise<never> => {
      rounds += 1;
      return Promise.reject(lost);
    };
    const { thumbprint } = await held.ensureAccount(signal);
    await assert.rejects(held.withAccount(signal, lose), lost);
    assert.equal(rounds, 2);
    assert.equal(ca.count('/new-account'), 2);
    const error = await accountError(held.withAccount(signal, lose));
    assert.equal(error.kind, 'waiting');
    assert.ok(error.retryAt !== undefined && error.retryAt - clock.now() > 3_500_000);
    assert.equal(ca.count('/new-account'), 2);
    clock.ahead += 3_601_000;
    await assert.rejects(held.withAccount(signal, lose), lost);
    assert.equal(ca.count('/new-account'), 3);
    assert.equal((await held.ensureAccount(signal)).thumbprint, thumbprint);
  });
});

describe('account at pebble', () => {
  test('an account of 2016 is taken over with its RSA key, foreign data stays', async () => {
    const store = new MemoryStore({
      'tls.key': oldKeyPem(),
      'acme-registration-url': 'https://acme-v01.api.letsencrypt.org/acme/reg/123',
      'acme-registration.json': '{"uri":"https://acme-v01.api.letsencrypt.org/acme/reg/123"}',
      'something-else': 'kept',
    });
    await using world = await startWorld({ store });
    await world.obtain(['a.example']);
    assert.match(store.text('acme-registration-url') ?? '', /^https:\/\/127\.0\.0\.1:/);
    assert.match(store.text('tls.key') ?? '', /BEGIN RSA PRIVATE KEY/);
    assert.equal(store.text('something-else'), 'kept');
    assert.match(store.text('acme-registration.json') ?? '', /acme-v01/);
  });

  test('an account whose URL was not written is found by its key, not made again', async () => {
    const key = newKeyPem();
    await using world = await startWorld({ store: new MemoryStore({ 'tls.key': key }) });
    const first = await world.accounts.ensureAccount(signal);
    const found: { existing: boolean }[] = [];
    const again = world.restarted({
      store: new MemoryStore({ 'tls.key': key }),
      onRegistered: (report) => found.push(report),
    });
    assert.equal((await again.ensureAccount(signal)).url, first.url);
    assert.deepEqual(
      found.map(({ existing }) => existing),
      [true],
    );
  });

  test('its certificates are revoked by it or by their own key, and its key is changed', async () => {
    const store = new MemoryStore();
    await using world = await startWorld({ store });
    const { accounts } = world;
    const keyPem = newKeyPem();
    const obtain = async (host: string): Promise<Buffer> => {
      const { chainPem } = await world.obtain([host], { csr: createCsr([host], keyPem) });
      return new X509Certificate(chainPem).raw;
    };
    const [one, other] = [await obtain('a.example'), await obtain('b.example')];
    await accounts.revoke({ certificate: one, reason: 4 }, signal);
    await assert.rejects(accounts.revoke({ certificate: one, reason: 4 }, signal), {
      type: 'alreadyRevoked',
    });
    await accounts.revoke({ certificate: other, reason: 1, key: readAccountKey(keyPem) }, signal);

    const { url } = await accounts.ensureAccount(signal);
    const next = newKeyPem();
    const secret = await store.read();
    assert.ok(secret && (await store.update(secret, nextKeyData(next))));
    assert.equal((await accounts.changeKey(signal))?.phase, 'changed');
    await world.obtain(['c.example']);
    const { thumbprint, url: after } = await world.restarted().ensureAccount(signal);
    assert.deepEqual([thumbprint, after], [readAccountKey(next).thumbprint, url]);
  });

  test('an external account binding is asked for before anything is sent, and used when configured', async () => {
    const externalAccountKeys = { 'kid-1': Buffer.alloc(32, 7).toString('base64url') };
    await using world = await startWorld({ pebble: { externalAccountKeys } });
    const error = await accountError(world.accounts.ensureAccount(signal));
    assert.equal(error.kind, 'binding-required');
    assert.match(
      error.message,
      /external account binding\. Get a key id and an HMAC key from the CA and set LEGO_EAB_KID/,
    );
    assert.ok(!world.endpoints().includes('new-account'));
    const bound = world.restarted({
      externalAccount: { keyId: 'kid-1', hmacKey: externalAccountKeys['kid-1'] },
    });
    await bound.ensureAccount(signal);
    const unknown = world.restarted({
      store: new MemoryStore(),
      externalAccount: { keyId: 'kid-2', hmacKey: externalAccountKeys['kid-1'] },
    });
    assert.equal((await accountError(unknown.ensureAccount(signal))).kind, 'refused');
  });

  test('after a restart of the CA the same key is registered again, once, and the order goes on', async () => {
    await using world = await startWorld();
    await world.obtain(['a.example']);
    const key = world.store.text('tls.key');
    await world.pebble.restart();
    world.reports.length = 0;
    await Promise.all(['b.example', 'c.example', 'd.example'].map((host) => world.obtain([host])));
    assert.equal(world.endpoints().filter((endpoint) => endpoint === 'new-account').length, 1);
    assert.equal(world.store.text('tls.key'), key);
  });
});
