import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { type Account, AccountStore } from '../../../src/acme/account/account.ts';
import type { AuthorizationReport } from '../../../src/acme/order/authorization.ts';
import { type OrderInput, placeOrder } from '../../../src/acme/order/order.ts';
import { OrderError } from '../../../src/acme/protocol/order-error.ts';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import { AcmeTransport } from '../../../src/acme/transport/transport.ts';
import { createCsr } from '../../../src/certificate/making/csr.ts';
import { type Clock, systemClock } from '../../../src/time/clock.ts';
import { presenterOf } from '../../challenges/presenter.ts';
import { newKeyPem } from '../keys.ts';
import { MemoryStore } from '../memory-store.ts';
import { problem, ScriptedCa } from '../scripted-ca.ts';

/** A clock whose timers take no time but move it on, and that remembers how long each was. */
class EagerClock implements Clock {
  readonly waits: number[] = [];
  #ahead = 0;

  now(): number {
    return Date.now() + this.#ahead;
  }

  monotonic(): number {
    return this.now();
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const fire = (): void => {
      this.waits.push(ms);
      this.#ahead += ms;
      fn();
    };
    return new Timer(setTimeout(fire, 1));
  }

  clearTimeout(handle: unknown): void {
    if (handle instanceof Timer) clearTimeout(handle.timeout);
  }
}

class Timer {
  readonly timeout: NodeJS.Timeout;

  constructor(timeout: NodeJS.Timeout) {
    this.timeout = timeout;
  }
}

describe('order', () => {
  let ca: ScriptedCa;
  let transport: AcmeTransport;
  let clock: EagerClock;
  let caClock: CaClock;
  let account: Account;
  let csr: Buffer;
  const { signal } = new AbortController();

  before(async () => {
    csr = createCsr(['a.example'], newKeyPem());
  });

  beforeEach(async () => {
    ca = new ScriptedCa();
    await ca.start();
    clock = new EagerClock();
    ca.now = () => clock.now();
    caClock = new CaClock(clock);
    transport = new AcmeTransport({
      clock: caClock,
      userAgent: 'test',
      caBundle: ca.caBundle,
      proxy: { httpsProxy: '', noProxy: '' },
    });
    account = await new AccountStore({
      transport,
      clock: caClock,
      store: new MemoryStore(),
      directoryUrl: ca.directoryUrl,
    }).ensureAccount(signal);
    ca.received.length = 0;
  });

  afterEach(async () => {
    await transport.close();
    await ca.stop();
  });

  const obtain = (changes: Partial<OrderInput> = {}): ReturnType<typeof placeOrder> =>
    placeOrder({
      account,
      transport,
      clock: caClock,
      signal,
      hosts: ['a.example'],
      presenterOf,
      csr,
      ...changes,
    });

  async function failure(changes: Partial<OrderInput> = {}): Promise<OrderError> {
    try {
      await obtain(changes);
    } catch (error) {
      assert(error instanceof OrderError, String(error));
      return error;
    }
    return assert.fail('there is a certificate');
  }

  const paths = (): string[] => ca.received.map(({ path }) => path).filter((path) => path !== '/nonce');

  test('takes seven requests from the order to the certificate', async () => {
    const phases: string[] = [];
    const { chainPem, orderUrl } = await obtain({
      onPhase: (phase, url) => void phases.push(`${phase} ${url ?? ''}`),
    });
    assert.match(chainPem, /BEGIN CERTIFICATE/);
    assert.equal(orderUrl, ca.url('/order'));
    assert.deepEqual(paths(), [
      '/new-order',
      '/authz',
      '/challenge',
      '/authz',
      '/finalize',
      '/order',
      '/certificate',
    ]);
    const url = ca.url('/order');
    assert.deepEqual(phases, ['ordering ', `proving ${url}`, `finalizing ${url}`, `downloading ${url}`]);
  });

  test('an order that is ready already is finalized without a challenge', async () => {
    ca.scripts.set('/new-order', () => ({
      status: 201,
      headers: { location: ca.url('/order') },
      body: ca.order({ status: 'ready' }),
    }));
    await obtain();
    assert.deepEqual(paths(), ['/new-order', '/finalize', '/order', '/certificate']);
  });

  test('a host that is proven already is not challenged', async () => {
    ca.scripts.set('/authz', () => ({ body: ca.authorization({ status: 'valid' }) }));
    const reports: AuthorizationReport[] = [];
    await obtain({ onAuthorization: (report) => void reports.push(report) });
    assert.equal(ca.count('/challenge'), 0);
    assert.deepEqual(reports, [{ host: 'a.example', status: 'valid' }]);
  });

  test('what the CA says of a host is passed on without the token and the key authorization', async () => {
    const token = 'x'.repeat(43);
    const detail = `Invalid response from http://a.example/.well-known/acme-challenge/${token}: 404; expected "${token}.${'y'.repeat(43)}"`;
    const error = { type: 'urn:ietf:params:acme:error:unauthorized', detail };
    const challenge = { type: 'http-01', url: ca.url('/challenge'), status: 'invalid', token, error };
    ca.scripts.set('/authz', () => ({
      body: ca.authorization({ status: 'invalid', challenges: [challenge] }),
    }));
    const reports: AuthorizationReport[] = [];
    const { message } = await failure({ onAuthorization: (report) => void reports.push(report) });
    for (const words of [message, reports[0]?.detail ?? '']) {
      assert.match(
        words,
        /Invalid response from http:\/\/a\.example\/\.well-known\/acme-challenge\/…: 404; expected "\(the key authorization\)"/,
      );
      assert.ok(!words.includes(token));
    }
  });

  for (const status of ['processing', 'valid']) {
    test(`an order handed back as ${status} is not ours to finalize`, async () => {
      ca.scripts.set('/new-order', () => ({
        status: 201,
        headers: { location: ca.url('/order') },
        body: ca.order({ status }),
      }));
      const error = await failure();
      assert.equal(error.kind, 'not-ours');
      assert.match(error.message, /a\.example.*its certificate has another key/);
      assert.equal(ca.count('/finalize'), 0);
    });
  }

  const orderFor = (...values: readonly string[]): void => {
    const identifiers = values.map((value) => ({ type: 'dns', value }));
    ca.scripts.set('/new-order', () => ({
      status: 201,
      headers: { location: ca.url('/order') },
      body: ca.order({ identifiers, authorizations: values.map((value) => ca.url(`/authz-${value}`)) }),
    }));
    for (const value of values) {
      const usual = ca.scripts.get('/authz') ?? assert.fail();
      ca.scripts.set(`/authz-${value}`, (received, times) => {
        const reply = usual(received, times);
        assert(typeof reply === 'object' && typeof reply.body === 'object');
        return { ...reply, body: { ...reply.body, identifier: { type: 'dns', value } } };
      });
    }
  };

  test('an order for other names is refused', async () => {
    for (const names of [['b.example'], ['www.a.example']]) {
      orderFor(...names);
      const error = await failure();
      assert.equal(error.kind, 'identifiers-differ');
      assert.match(error.message, /other names \((?:b|www\.a)\.example\)/);
    }
  });

  test('an order for names in another order and spelling is good, as is one that lists none', async () => {
    const notices: string[] = [];
    const onNotice = (notice: string): void => void notices.push(notice);
    const hosts = ['a.example', 'b.example'];
    orderFor('B.example', 'A.EXAMPLE.');
    await obtain({ hosts, onNotice });
    ca.scripts.set('/new-order', () => ({
      status: 201,
      headers: { location: ca.url('/order') },
      body: ca.order({ identifiers: [] }),
    }));
    await obtain({ onNotice });
    assert.deepEqual(notices, []);
  });

  test('a name that the CA adds is something to know, and needs no proof if the CA wants none', async () => {
    const notices: string[] = [];
    orderFor('a.example', 'www.a.example');
    ca.scripts.set('/authz-www.a.example', () => ({
      body: ca.authorization({ status: 'valid', identifier: { type: 'dns', value: 'www.a.example' } }),
    }));
    await obtain({ onNotice: (notice) => void notices.push(notice) });
    assert.match(notices.join(), /added www\.a\.example to the order for a\.example\.$/);
    assert.equal(ca.count('/challenge'), 1);
  });

  test('a name that the CA adds and wants proven is told, with what to do', async () => {
    orderFor('a.example', 'www.a.example');
    const error = await failure({
      presenterOf: (host) => (host === 'a.example' ? presenterOf() : undefined),
    });
    assert.equal(error.kind, 'identifiers-differ');
    assert.equal(error.transient, false);
    assert.match(error.message, /wants a proof for www\.a\.example, .* by spec\.tls or a listener\./);
  });

  test('a leaf alone is downloaded again: the chain may have been cut after it', async () => {
    const leaf = ca.caBundle;
    ca.scripts.set('/certificate', (_, times) => ({ body: times === 1 ? leaf : ca.chainPem }));
    assert.equal((await obtain()).chainPem, ca.chainPem);
    assert.equal(ca.count('/certificate'), 2);
  });

  test('a leaf that is alone again is what the CA has', async () => {
    ca.scripts.set('/certificate', () => ({ body: ca.caBundle }));
    assert.equal((await obtain()).chainPem, ca.caBundle);
    assert.equal(ca.count('/certificate'), 2);
  });

  test('a chain that is cut within a certificate is downloaded again', async () => {
    ca.scripts.set('/certificate', (_, times) => ({
      body: times < 4 ? ca.chainPem.slice(0, -100) : ca.chainPem,
    }));
    assert.equal((await obtain()).chainPem, ca.chainPem);
  });

  test('a profile that the CA does not offer costs no order, and the message lists those it does', async () => {
    const error = await failure({ profile: 'long' });
    assert.equal(error.kind, 'profile-not-offered');
    assert.match(
      error.message,
      /does not offer the profile "long"\. Set kube-lego\.io\/profile to one of: classic, short;/,
    );
    assert.equal(ca.count('/new-order'), 0);
  });

  test('a profile is sent with the order', async () => {
    await obtain({ profile: 'short' });
    assert.deepEqual(ca.received[0]?.payload, {
      identifiers: [{ type: 'dns', value: 'a.example' }],
      profile: 'short',
    });
  });

  test('a profile that the CA does not repeat is something to know; one that it repeats is not', async () => {
    const notices: string[] = [];
    const onNotice = (notice: string): void => void notices.push(notice);
    await obtain({ onNotice, profile: 'short' });
    assert.match(notices.join(), /does not confirm the requested profile short in the order for a\.example/);
    const location = ca.url('/order');
    const body = ca.order({ profile: 'short' });
    ca.scripts.set('/new-order', () => ({ status: 201, headers: { location }, body }));
    await obtain({ onNotice, profile: 'short' });
    assert.equal(notices.length, 1);
  });

  test('Retry-After is kept to the millisecond, and own waits grow without it', async () => {
    const authz = ca.scripts.get('/authz');
    ca.scripts.set('/authz', (received, times) =>
      times < 6
        ? { body: ca.authorization(), ...(times === 3 && { headers: { 'retry-after': '7' } }) }
        : authz?.(received, times),
    );
    await obtain();
    assert.deepEqual(clock.waits.slice(0, 5), [20, 50, 7005, 330, 800]);
  });

  test('a wait beyond the time limit ends the order after one more look, and says how long the CA wants', async () => {
    const processing = () => ({
      headers: { 'retry-after': '7200' },
      body: ca.order({ status: 'processing' }),
    });
    ca.scripts.set('/finalize', processing);
    ca.scripts.set('/order', processing);
    const error = await failure();
    assert.equal(error.kind, 'out-of-time');
    assert.equal(error.retryAfter, 3_600_000);
    assert.equal(ca.received.filter(({ path }) => path === '/order').length, 1);
    assert.match(
      error.message,
      /a\.example.*before our time limit for an order ends; it asks to wait 7200 s/,
    );
  });

  test('a wait of a day for what is done within a minute costs nothing', async () => {
    const finalize = ca.scripts.get('/finalize');
    ca.scripts.set('/finalize', (received, times) => {
      finalize?.(received, times);
      return { headers: { 'retry-after': '86400' }, body: ca.order({ status: 'processing' }) };
    });
    const began = clock.now();
    await obtain();
    assert.ok(clock.now() - began < 600_000);
  });

  for (const wait of [86_400, 7 * 86_400, 1e9]) {
    test(`a wait of ${wait} s for a host that is proven within a minute costs nothing`, async () => {
      const headers = { 'retry-after': String(wait) };
      for (const path of ['/authz', '/challenge']) {
        const usual = ca.scripts.get(path) ?? assert.fail();
        ca.scripts.set(path, (received, times) => {
          const reply = usual(received, times);
          return typeof reply === 'object' ? { ...reply, headers } : reply;
        });
      }
      const began = clock.now();
      await obtain();
      assert.ok(clock.now() - began < 600_000);
    });
  }

  test('a wait of a day for one host takes no time from the others', async () => {
    const hosts = ['a.example', 'b.example'];
    const identifiers = hosts.map((value) => ({ type: 'dns', value }));
    const authorizations = hosts.map((host) => ca.url(`/authz/${host}`));
    ca.scripts.set('/new-order', () => ({
      status: 201,
      headers: { location: ca.url('/order') },
      body: ca.order({ identifiers, authorizations }),
    }));
    for (const value of hosts) {
      const identifier = { type: 'dns', value };
      ca.scripts.set(`/authz/${value}`, (_, times) =>
        value === 'a.example'
          ? { headers: { 'retry-after': '86400' }, body: ca.authorization({ identifier }) }
          : {
              headers: { 'retry-after': '50' },
              body: ca.authorization({ identifier, ...(times > 4 && { status: 'valid' }) }),
            },
      );
    }
    const reports: string[] = [];
    const error = await failure({
      hosts,
      onAuthorization: ({ host, status }) => reports.push(`${host} ${status}`),
    });
    assert.equal(error.kind, 'out-of-time');
    assert.ok(reports.includes('b.example valid'), reports.join());
  });

  test('an order that takes the CA minutes after its finalization is left to it after 90 seconds', async () => {
    ca.scripts.set('/order', () => ({ body: ca.order({ status: 'processing' }) }));
    const began = clock.now();
    assert.equal((await failure()).kind, 'out-of-time');
    const took = clock.now() - began;
    assert.ok(took > 75_000 && took < 120_000, `${took} ms`);
  });

  test('an order that cannot be recorded is not proven', async () => {
    const trouble = new Error('the journal cannot be written');
    await assert.rejects(obtain({ onPlaced: () => Promise.reject(trouble) }), trouble);
    assert.deepEqual(paths().slice(-1), ['/authz']);
  });

  test('an order is prepared while it is recorded, and no challenge is answered before', async () => {
    const recorded = Promise.withResolvers<void>();
    const presented = Promise.withResolvers<void>();
    const certificate = obtain({
      onPlaced: () => recorded.promise,
      presenterOf: () => ({
        type: 'http-01',
        present: async () => presented.resolve(),
      }),
    });
    await presented.promise;
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    assert(!paths().includes('/challenge'));
    recorded.resolve();
    await certificate;
    assert(paths().includes('/challenge'));
  });

  describe('that an earlier run has left', () => {
    for (const [status, requests] of [
      ['pending', ['/order', '/authz', '/challenge', '/authz', '/finalize', '/order', '/certificate']],
      ['ready', ['/order', '/finalize', '/order', '/certificate']],
      ['processing', ['/order', '/order', '/certificate']],
      ['valid', ['/order', '/certificate']],
    ] as const) {
      test(`and is ${status} goes on, and no other is made`, async () => {
        const certificate = ca.url('/certificate');
        const valid = { body: ca.order({ status: 'valid', certificate }) };
        ca.scripts.set('/order', (_, times) =>
          times === 1 && status !== 'valid' ? { body: ca.order({ status }) } : valid,
        );
        const placed: string[] = [];
        await obtain({
          earlierOrder: { url: ca.url('/order'), wait: 0 },
          onPlaced: async (url) => {
            placed.push(url);
          },
        });
        assert.deepEqual(placed, [ca.url('/order')]);
        assert.deepEqual(paths(), requests);
      });
    }

    for (const [what, answer] of [
      ['gone', { status: 404, body: { type: 'urn:ietf:params:acme:error:malformed', detail: 'No order' } }],
      ['invalid', undefined],
    ] as const) {
      test(`and is ${what} is made anew`, async () => {
        const order = ca.scripts.get('/order');
        ca.scripts.set('/order', (received, times) =>
          times === 1 ? (answer ?? { body: ca.order({ status: 'invalid' }) }) : order?.(received, times),
        );
        await obtain({ earlierOrder: { url: ca.url('/order'), wait: 0 } });
        assert.equal(ca.received.filter(({ path }) => path === '/new-order').length, 1);
      });
    }

    test('and is waited for as an earlier answer asks has only what the next answers ask told', async () => {
      const certificate = ca.url('/certificate');
      ca.scripts.set('/order', (_, times) =>
        times === 1
          ? { headers: { 'retry-after': '20' }, body: ca.order({ status: 'processing' }) }
          : { body: ca.order({ status: 'valid', certificate }) },
      );
      const told: number[] = [];
      await obtain({ earlierOrder: { url: ca.url('/order'), wait: 15_000 }, onWait: (ms) => told.push(ms) });
      assert.deepEqual(told, [20_000]);
      assert.deepEqual(clock.waits, [15_005, 20_005]);
    });

    test('and cannot be read is not made anew', async () => {
      ca.scripts.set('/order', () => ({ status: 503, body: {} }));
      const error = await failure({ earlierOrder: { url: ca.url('/order'), wait: 0 } });
      assert.ok(error.transient);
      assert.equal(ca.received.filter(({ path }) => path === '/new-order').length, 0);
    });
  });

  test('an order that never ends is given up when it expires, by the clock of the CA', async () => {
    ca.clockError = -3_600_000;
    // Its second answer by the new time will be that to new-order.
    caClock.observe(Date.now() + ca.clockError, clock.monotonic());
    const expires = new Date(Date.now() + ca.clockError + 60_000).toISOString();
    ca.scripts.set('/new-order', () => ({
      status: 201,
      headers: { location: ca.url('/order') },
      body: ca.order({ expires }),
    }));
    ca.scripts.set('/authz', () => ({ body: ca.authorization() }));
    const started = clock.now();
    const error = await failure();
    assert.equal(error.kind, 'expired');
    assert.match(error.message, /before the order expires/);
    const took = clock.now() - started;
    assert.ok(took > 30_000 && took < 90_000, `${took} ms`);
  });

  test('an order that has expired before it was made, as of a program that knows no expiry, is gone on with', async () => {
    ca.scripts.set('/new-order', () => ({
      status: 201,
      headers: { location: ca.url('/order') },
      body: ca.order({ expires: '0001-01-01T00:00:00Z' }),
    }));
    const { chainPem } = await obtain();
    assert.match(chainPem, /BEGIN CERTIFICATE/);
  });

  test('a presenter that never ends is given up at the time limit of the order', async () => {
    const present = (_: unknown, signal: AbortSignal): Promise<void> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    ca.scripts.set('/authz', () => ({ body: ca.authorization() }));
    const error = await failure({ presenterOf: () => ({ type: 'http-01', present }) });
    assert.equal(error.kind, 'out-of-time');
    assert.equal(ca.received.filter(({ path }) => path === '/challenge').length, 0);
  });

  test('every host that failed is named, with what the CA said', async () => {
    const hosts = ['a.example', 'b.example', 'c.example'];
    const identifiers = hosts.map((value) => ({ type: 'dns', value }));
    ca.scripts.set('/new-order', () => ({
      status: 201,
      headers: { location: ca.url('/order') },
      body: ca.order({ identifiers, authorizations: hosts.map((host) => ca.url(`/authz-${host}`)) }),
    }));
    for (const host of hosts) {
      const identifier = { type: 'dns', value: host };
      const challenge = {
        type: 'http-01',
        url: ca.url('/challenge'),
        status: 'pending',
        token: 'x'.repeat(43),
      };
      const error = {
        type: 'urn:ietf:params:acme:error:connection',
        detail: `10.0.0.1: Fetching http://${host}/: refused`,
      };
      ca.scripts.set(`/authz-${host}`, (_received, times) => {
        if (times === 1) return { body: ca.authorization({ identifier, challenges: [challenge] }) };
        if (host === 'b.example') return { body: ca.authorization({ identifier, status: 'valid' }) };
        return {
          body: ca.authorization({
            identifier,
            status: 'invalid',
            challenges: [{ ...challenge, status: 'invalid', error }],
          }),
        };
      });
    }
    const reports: string[] = [];
    const onAuthorization = ({ host, status, detail = '' }: AuthorizationReport): void =>
      void reports.push(`${host} ${status} ${detail}`.trim());
    const error = await failure({ hosts, clock: new CaClock(systemClock), onAuthorization });
    assert.equal(error.kind, 'challenge-failed');
    assert.deepEqual(
      error.failures.map(({ host, problem }) => `${host} ${problem.type}`),
      ['a.example connection', 'c.example connection'],
    );
    assert.match(
      error.message,
      /could not validate a\.example \(connection\): 10\.0\.0\.1: Fetching http:\/\/a\.example\/: refused\. Make port 80/,
    );
    assert.match(error.message, /could not validate c\.example/);
    assert.deepEqual(reports.map((report) => report.replace(/ Make port 80.*$/, '')).toSorted(), [
      'a.example answered',
      'a.example invalid 10.0.0.1: Fetching http://a.example/: refused.',
      'b.example answered',
      'b.example valid',
      'c.example answered',
      'c.example invalid 10.0.0.1: Fetching http://c.example/: refused.',
    ]);
  });

  /** As step-ca: a challenge that failed says so, and stays pending until it is answered again. */
  function scriptPendingError(): void {
    const error = { type: 'urn:ietf:params:acme:error:dns', detail: 'no such name' };
    const challenge = {
      type: 'http-01',
      url: ca.url('/challenge'),
      status: 'pending',
      token: 'x'.repeat(43),
    };
    ca.scripts.set('/authz', (_received, times) => ({
      body: ca.authorization({ challenges: [{ ...challenge, ...(times > 1 && { error }) }] }),
    }));
  }

  test('an error on a challenge that stays pending is answered three times, then it is the failure', async () => {
    scriptPendingError();
    const failed = await failure();
    assert.equal(ca.count('/challenge'), 3);
    assert.equal(failed.kind, 'challenge-failed');
    assert.equal(failed.host, 'a.example');
    assert.match(
      failed.message,
      /could not validate a\.example \(dns\): no such name\. Correct the DNS records/,
    );
  });

  test('a Retry-After to a repeated answer of a challenge is kept before anything more is asked', async () => {
    scriptPendingError();
    ca.scripts.set('/challenge', (_received, times) =>
      times === 2 ? problem(503, 'rateLimited', 'Service busy', { 'retry-after': '77' }) : undefined,
    );
    await failure();
    assert.equal(clock.waits.filter((wait) => wait >= 77_000 && wait < 78_000).length, 1);
  });

  for (const [offered, remedy] of [
    ['dns-01', /\(it offers: dns-01\)\. Set kube-lego\.io\/challenge to dns-01, or use another CA\.$/],
    ['tls-alpn-01', /\(it offers: tls-alpn-01\)\. Use another CA\.$/],
  ] as const) {
    test(`a CA that offers ${offered} alone for the host, where HTTP-01 is wanted, has its way to that told`, async () => {
      const challenges = [{ type: offered, url: ca.url('/challenge'), status: 'pending', token: 'x' }];
      ca.scripts.set('/authz', () => ({ body: ca.authorization({ challenges }) }));
      const error = await failure();
      assert.equal(error.kind, 'challenge-not-offered');
      assert.match(error.message, /offers no HTTP-01 challenge for a\.example /);
      assert.match(error.message, remedy);
    });
  }

  test('an order that is still ready after a good finalization is waited for', async () => {
    ca.scripts.set('/finalize', () => ({ body: ca.order({ status: 'ready' }) }));
    let polls = 0;
    ca.scripts.set('/order', () => {
      polls += 1;
      return {
        body:
          polls < 3
            ? ca.order({ status: 'ready' })
            : ca.order({ status: 'valid', certificate: ca.url('/certificate') }),
      };
    });
    await obtain();
    assert.equal(ca.count('/finalize'), 1);
  });

  test('a finalization whose answer is lost is repeated only if the order shows that it did not arrive', async () => {
    const finalize = ca.scripts.get('/finalize');
    ca.scripts.set('/finalize', (received, times) => (times === 1 ? undefined : finalize?.(received, times)));
    await obtain();
    assert.deepEqual(paths().slice(4), ['/finalize', '/order', '/finalize', '/order', '/certificate']);
  });

  test('a finalization that arrived though its answer is lost is not repeated', async () => {
    const finalize = ca.scripts.get('/finalize');
    ca.scripts.set('/finalize', (received, times) => {
      finalize?.(received, times);
      return undefined;
    });
    await obtain();
    assert.equal(ca.count('/finalize'), 1);
  });

  test('reads ride out trouble of the CA and keep its Retry-After', async () => {
    const order = ca.scripts.get('/order');
    ca.scripts.set('/order', (received, times) => {
      if (times === 1) return problem(500, 'serverInternal', 'database down', { 'retry-after': '60' });
      return times === 2 ? undefined : order?.(received, times);
    });
    await obtain();
    assert.ok(clock.waits.includes(60_005), clock.waits.join(' '));
  });

  test("a CA that stays out of order is nobody's failure", async () => {
    ca.scripts.set('/order', () => ({
      status: 502,
      headers: { 'content-type': 'text/html' },
      body: '<html>',
    }));
    const error = await failure();
    assert.equal(error.transient, true);
    assert.equal(ca.count('/order'), 6);
  });

  test('a new-order is sent once, whatever comes back', async () => {
    ca.scripts.set('/new-order', () => undefined);
    const error = await failure();
    assert.equal(ca.count('/new-order'), 1);
    assert.equal(error.kind, 'refused');
    assert.equal(error.transient, true);
    assert.match(
      error.message,
      /^No certificate for a\.example: The new-order request to localhost:\d+ failed \(unreachable\)/,
    );
  });

  describe('with a preferred chain', () => {
    function offerAlternates(...statuses: readonly number[]): void {
      const certificate = ca.scripts.get('/certificate');
      const links = statuses.map((_, index) => `<${ca.url(`/alternate-${index}`)}>;rel="alternate"`);
      ca.scripts.set('/certificate', (received, times) => {
        const reply = certificate?.(received, times);
        if (reply === undefined || reply === 'silence') return reply;
        return { ...reply, headers: { ...reply.headers, link: links.join(', ') } };
      });
      for (const [index, status] of statuses.entries()) {
        ca.scripts.set(`/alternate-${index}`, () =>
          status === 200
            ? { headers: { 'content-type': 'application/pem-certificate-chain' }, body: ca.caBundle }
            : problem(status, 'malformed', 'no such chain'),
        );
      }
    }

    test('an alternate that is not there costs a notice, not the certificate', async () => {
      offerAlternates(200, 404);
      const notices: string[] = [];
      const onNotice = (notice: string): void => void notices.push(notice);
      const { chainPem } = await obtain({ preferredChain: 'Some Root', onNotice });
      assert.equal(chainPem, ca.chainPem);
      assert.equal(ca.count('/certificate'), 2);
      assert.equal(notices.length, 1);
      assert.match(notices[0] ?? '', /default chain is used instead of Some Root: .*no such chain/);
    });

    test('a certificate that is not there is an error all the same', async () => {
      ca.scripts.set('/certificate', () => problem(404, 'malformed', 'no such certificate'));
      assert.match((await failure({ preferredChain: 'Some Root' })).message, /no such certificate/);
    });

    test('alternates that can all be had cost no notice', async () => {
      offerAlternates(200, 200);
      await obtain({ preferredChain: 'Some Root', onNotice: (notice) => assert.fail(notice) });
      assert.equal(ca.count('/certificate'), 1);
    });
  });

  test('a refused CSR is its own error', async () => {
    ca.scripts.set('/finalize', () => problem(400, 'badCSR', 'CSR signature algorithm is not supported'));
    const error = await failure();
    assert.equal(error.kind, 'csr-refused');
    assert.match(
      error.message,
      /a\.example.*CSR signature algorithm is not supported\. Choose another key type/,
    );
  });

  test('an order that fails after the proof tells why', async () => {
    const error = {
      type: 'urn:ietf:params:acme:error:caa',
      detail: 'CAA record for a.example prevents issuance',
    };
    ca.scripts.set('/order', () => ({ body: ca.order({ status: 'invalid', error }) }));
    const failed = await failure();
    assert.equal(failed.kind, 'invalid');
    assert.equal(failed.host, 'a.example');
    assert.match(
      failed.message,
      /the order failed \(caa\): CAA record for a\.example prevents issuance\. Add this CA to the CAA records/,
    );
  });

  test('the hosts that subproblems name are the ones to blame', async () => {
    ca.scripts.set('/new-order', () => ({
      status: 400,
      headers: { 'content-type': 'application/problem+json' },
      body: {
        type: 'urn:ietf:params:acme:error:rejectedIdentifier',
        detail: 'some names are rejected',
        subproblems: [
          {
            type: 'urn:ietf:params:acme:error:rejectedIdentifier',
            detail: 'policy forbids it',
            identifier: { type: 'dns', value: 'b.example' },
          },
        ],
      },
    }));
    const error = await failure({ hosts: ['a.example', 'b.example'] });
    assert.equal(error.host, 'b.example');
    assert.match(
      error.message,
      /No certificate for b\.example: .*some names are rejected.* b\.example \(rejectedIdentifier\): policy forbids it\./,
    );
  });

  test('an abort in the midst of a wait or a request ends the order', async () => {
    const mine = new AbortController();
    const reason = new Error('the Ingress changed');
    ca.scripts.set('/authz', (_received, times) => (times > 1 ? 'silence' : { body: ca.authorization() }));
    const work = obtain({ signal: mine.signal, clock: new CaClock(systemClock) });
    while (ca.count('/authz') < 2) await new Promise((resolve) => setImmediate(resolve));
    mine.abort(reason);
    await assert.rejects(work, reason);
  });

  test('a Date that jumps by an hour in the midst of an order does not end it', async () => {
    let ahead = 0;
    ca.now = () => clock.now() + ahead;
    const authz = ca.scripts.get('/authz');
    ca.scripts.set('/authz', (received, times) => {
      ahead = 3_600_000;
      return times < 4 ? { body: ca.authorization() } : authz?.(received, times);
    });
    const { chainPem } = await obtain();
    assert.match(chainPem, /BEGIN CERTIFICATE/);
  });
});
