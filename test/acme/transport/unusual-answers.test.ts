import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { RenewalInfoSource } from '../../../src/acme/order/renewal-info.ts';
import { readAccountKey } from '../../../src/acme/protocol/account-key.ts';
import { SignedRequests } from '../../../src/acme/protocol/signed-requests.ts';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import { AcmeProblem } from '../../../src/acme/transport/problem.ts';
import { AcmeTransport } from '../../../src/acme/transport/transport.ts';
import { createCsr } from '../../../src/certificate/making/csr.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { newKeyPem } from '../keys.ts';
import { type Reply, ScriptedCa } from '../scripted-ca.ts';

const { signal } = new AbortController();
const key = readAccountKey(newKeyPem());
const hour = 3_600_000;

async function refusal(work: Promise<unknown>): Promise<AcmeProblem> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert(error instanceof AcmeProblem, String(error));
  return error;
}

/** What CAs, load balancers and proxies answer that follow RFC 8555 less closely than Boulder does. */
describe('an unusual answer', () => {
  let ca: ScriptedCa;
  let transport: AcmeTransport;
  let account: SignedRequests;

  beforeEach(async () => {
    ca = new ScriptedCa();
    await ca.start();
    const { caBundle, directoryUrl } = ca;
    transport = new AcmeTransport({ clock: new CaClock(systemClock), userAgent: 'test', caBundle });
    account = new SignedRequests({ transport, directoryUrl, key }, ca.url('/account'));
  });

  afterEach(async () => {
    await transport.close();
    await ca.stop();
  });

  const order = async () => (await account.newOrder(signal, { hosts: ['a.example'] })).value;
  const paths = (): string[] => ca.received.map(({ method, path }) => `${method} ${path}`);

  describe('to a new order', () => {
    for (const status of [200, 201, 202]) {
      test(`with status ${status} is the order`, async () => {
        ca.scripts.set('/new-order', () => ({
          status,
          headers: { location: ca.url('/order') },
          body: ca.order(),
        }));
        assert.equal((await order()).url, ca.url('/order'));
        assert.equal(ca.count('/order'), 0);
      });
    }

    test('with a relative Location, and relative URLs in it, is the order', async () => {
      const body = { ...ca.order(), authorizations: ['/authz'], finalize: 'finalize', certificate: '/c' };
      ca.scripts.set('/new-order', () => ({ status: 201, headers: { location: '/order' }, body }));
      const { authorizations, certificate, finalize, url } = await order();
      assert.deepEqual(
        [url, authorizations, finalize, certificate],
        [ca.url('/order'), [ca.url('/authz')], ca.url('/finalize'), ca.url('/c')],
      );
    });

    for (const body of ['{"status": "pending", "identi', '', '[]']) {
      test(`that cannot be read (${body}) is read at its Location, and no second order is made`, async () => {
        ca.scripts.set('/new-order', () => ({ status: 201, headers: { location: ca.url('/order') }, body }));
        assert.equal((await order()).status, 'ready');
        assert.deepEqual([ca.count('/new-order'), ca.count('/order')], [1, 1]);
      });
    }
  });

  test('of another good status to any request is an answer', async () => {
    for (const path of ['/order', '/authz', '/challenge', '/finalize', '/certificate', '/account']) {
      const usual = ca.scripts.get(path) ?? assert.fail();
      ca.scripts.set(path, (received, times) => {
        const reply = usual(received, times);
        return typeof reply === 'object' ? { ...reply, status: 202 } : reply;
      });
    }
    const { value: made } = await account.order(signal, ca.url('/order'));
    await account.authorization(signal, ca.url('/authz'));
    await account.answerChallenge(signal, ca.url('/challenge'));
    await account.finalize(signal, made, createCsr(['a.example'], newKeyPem()));
    await account.certificate(signal, ca.url('/certificate'));
  });

  describe('of a load balancer', () => {
    const page = {
      headers: { 'content-type': 'text/html', 'retry-after': '30' },
      body: '<html>SECRET</html>',
    };

    for (const [path, status] of [
      ['/nonce', 503],
      ['/nonce', 500],
      ['/nonce', 429],
      ['/new-order', 503],
      ['/new-order', 429],
      ['/directory', 503],
    ] as const) {
      test(`with status ${status} at ${path} says that the CA is busy, and all wait`, async () => {
        ca.scripts.set(path, () => ({ ...page, status }));
        const error = await refusal(order());
        assert.deepEqual([error.type, error.transient, error.retryAfter], ['busy', true, 30_000]);
        assert.match(
          error.message,
          /failed \(busy, HTTP \d+\): .* The CA is busy, failing or under maintenance:/,
        );
        assert.doesNotMatch(error.message, /LEGO_URL|SECRET/);
        const asked = ca.received.length;
        assert.equal((await refusal(order())).type, 'busy');
        assert.equal(ca.received.length, asked);
      });
    }

    test('with status 502 may be that of something else than a CA', async () => {
      ca.scripts.set('/new-order', () => ({ ...page, status: 502 }));
      assert.match((await refusal(order())).message, /Check that LEGO_URL is the directory of an ACME CA/);
    });
  });

  describe('that is cut off', () => {
    const half = '{"suggestedWindow": {"start": "2026-';
    const window = { start: '2026-12-01T00:00:00Z', end: '2026-12-02T00:00:00Z' };
    const headers = { 'retry-after': '21600' };

    const source = (): RenewalInfoSource => {
      const directory = ca.scripts.get('/directory') ?? assert.fail();
      ca.scripts.set('/directory', (received, times) => {
        const reply = directory(received, times);
        assert(typeof reply === 'object' && typeof reply.body === 'object');
        return { ...reply, body: { ...reply.body, renewalInfo: ca.url('/ari') } };
      });
      ca.scripts.set('/ari/good', () => ({ headers, body: { suggestedWindow: window } }));
      const { directoryUrl } = ca;
      return new RenewalInfoSource({ transport, directoryUrl, clock: { now: () => 0 } });
    };

    test('is asked for again at once', async () => {
      const ari = source();
      ca.scripts.set('/ari/cut', (_, times) => ({
        headers,
        body: times === 1 ? half : { suggestedWindow: window },
      }));
      assert.equal((await ari.ask('cut', signal)).window?.start, Date.parse(window.start));
      assert.equal(ca.count('/ari/cut'), 2);
    });

    for (const body of [half, '', '<html>']) {
      test(`each time (${body}) silences no question about another certificate`, async () => {
        const ari = source();
        ca.scripts.set('/ari/cut', () => ({ headers, body }));
        const { askAt, window: none } = await ari.ask('cut', signal);
        assert.equal(none, undefined);
        assert.ok(askAt >= hour && askAt <= 2 * hour, `${askAt}`);
        assert.equal((await ari.ask('good', signal)).window?.start, Date.parse(window.start));
      });
    }

    for (const [status, silences] of [
      [429, true],
      [503, true],
      [500, false],
      [404, false],
    ] as const) {
      test(`is none with status ${status}, which ${silences ? 'silences' : 'does not silence'} the others`, async () => {
        const ari = source();
        ca.scripts.set('/ari/refused', () => ({
          status,
          headers: { ...headers, 'content-type': 'application/problem+json' },
          body: JSON.stringify({ type: 'urn:ietf:params:acme:error:serverInternal', detail: 'Later.' }),
        }));
        await ari.ask('refused', signal);
        await ari.ask('good', signal);
        assert.equal(ca.count('/ari/good'), silences ? 0 : 1);
      });
    }

    test('is a fault of a chain, although its leaf is complete', async () => {
      const first = ca.caBundle;
      const chain = first + first;
      for (const text of [
        chain.slice(0, -100),
        `${first}-----BEGIN CERTIFICATE-----\n`,
        `${first}-----BEGIN CERT`,
        `${first}--`,
        first + first.replace(/-----END CERTIFICATE-----\n?$/, '-----END CERTIFICATE'),
        first + first.replace(/-----END CERTIFICATE-----\n?$/, ''),
      ]) {
        ca.scripts.set('/certificate', () => ({ body: text }));
        const error = await refusal(account.certificate(signal, ca.url('/certificate')));
        assert.match(error.message, /is cut off within a certificate/);
        assert.equal(error.transient, true);
      }
      for (const text of [
        chain,
        chain.trimEnd(),
        chain.replaceAll('\n', '\r\n'),
        `\uFEFF${chain}`,
        `to\n${chain}`,
      ]) {
        ca.scripts.set('/certificate', () => ({ body: text }));
        assert.equal((await account.certificate(signal, ca.url('/certificate'))).value, text);
      }
    });
  });

  describe('that redirects', () => {
    const to =
      (location: string, status = 301): (() => Reply) =>
      () => ({ status, headers: { location } });
    const moved = (): Promise<unknown> => transport.directory(ca.url('/old'), signal);

    for (const status of [301, 302, 303, 307, 308]) {
      test(`to the directory (${status}) is followed`, async () => {
        ca.scripts.set('/old', to('/directory', status));
        await moved();
        assert.deepEqual(paths(), ['GET /old', 'GET /directory']);
      });
    }

    test('again is not, and both addresses are named', async () => {
      ca.scripts.set('/old', to(ca.url('/older')));
      ca.scripts.set('/older', to(ca.url('/directory')));
      const { message } = await refusal(moved());
      assert.ok(message.includes(`redirects to ${ca.url('/directory')}, which is not followed`), message);
      assert.equal(ca.count('/directory'), 0);
    });

    test('to http is not, and the address is named', async () => {
      ca.scripts.set('/old', to('http://ca.example/directory'));
      const { message } = await refusal(moved());
      assert.match(
        message,
        /its address http:\/\/ca\.example\/directory is not an https URL, and ACME requires/,
      );
    });

    test('a signed request is not, and the address is named', async () => {
      ca.scripts.set('/new-order', to('https://other.example/new-order', 308));
      const { message } = await refusal(order());
      assert.match(
        message,
        /status 308 redirects to https:\/\/other\.example\/new-order, which is not followed/,
      );
    });
  });

  test('with an http URL where to go on names it', async () => {
    ca.scripts.set('/new-order', () => ({
      status: 201,
      headers: { location: ca.url('/order') },
      body: ca.order({ authorizations: ['http://ca.example/authz/1'] }),
    }));
    const { authorizations } = await order();
    const { message } = await refusal(account.authorization(signal, authorizations[0] ?? ''));
    assert.match(message, /its address http:\/\/ca\.example\/authz\/1 is not an https URL/);
  });

  describe('to HEAD new-nonce', () => {
    for (const [name, reply] of Object.entries<Reply>({
      'that refuses it': { status: 405 },
      'that knows no HEAD': { status: 501 },
      'of a firewall': { status: 403 },
      'without a nonce': { headers: { 'replay-nonce': '' } },
    })) {
      test(`${name} leads to GET, from then on`, async () => {
        ca.scripts.set('/nonce', ({ method }) => (method === 'HEAD' ? reply : { status: 204 }));
        // The other nonces come from answers.
        await Promise.all([order(), order()]);
        await Promise.all([order(), order(), order()]);
        const asked = paths().filter((path) => path.endsWith('/nonce'));
        assert.equal(asked.filter((path) => path.startsWith('HEAD')).length, 2);
        assert.equal(asked.at(-1), 'GET /nonce');
      });
    }

    test('that is refused for GET as well is told', async () => {
      ca.scripts.set('/nonce', () => ({ status: 403 }));
      assert.match((await refusal(order())).message, /^The new-nonce request .*status 403 explains nothing/);
    });
  });

  test('with a problem is read whatever it is said to be, with or without a byte order mark', async () => {
    const text = JSON.stringify({ type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids it' });
    for (const [type, body] of [
      ['text/html', text],
      ['application/octet-stream', `\uFEFF${text}`],
      ['application/json; charset=utf-8', `\uFEFF  ${text}\n`],
      ['', text],
    ] as const) {
      ca.scripts.set('/new-order', () => ({ status: 403, headers: { 'content-type': type }, body }));
      const error = await refusal(order());
      assert.deepEqual([error.type, error.detail], ['caa', 'CAA forbids it']);
    }
  });

  test('with relative links to alternate chains has these downloaded', async () => {
    ca.scripts.set('/certificate', () => ({
      headers: { link: '</alternate/1>;rel="alternate", <alternate/2>;rel="alternate"' },
      body: ca.caBundle,
    }));
    ca.scripts.set('/alternate/1', () => ({ body: ca.caBundle }));
    ca.scripts.set('/alternate/2', () => ({ body: ca.caBundle }));
    await account.certificate(signal, ca.url('/certificate'), 'Some Root');
    assert.deepEqual([ca.count('/alternate/1'), ca.count('/alternate/2')], [1, 1]);
  });
});
