import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readAccountKey } from '../../../src/acme/protocol/account-key.ts';
import { SignedRequests } from '../../../src/acme/protocol/signed-requests.ts';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import type { CaAnswer, CaRequest } from '../../../src/acme/transport/connection.ts';
import { AcmeProblem } from '../../../src/acme/transport/problem.ts';
import { AcmeTransport, type RequestReport } from '../../../src/acme/transport/transport.ts';
import { userAgent } from '../../../src/process/user-agent.ts';
import { systemClock, untilAborted } from '../../../src/time/clock.ts';
import { newKeyPem } from '../keys.ts';
import { problem, type Reply, ScriptedCa } from '../scripted-ca.ts';

const noProxy = { httpsProxy: '', noProxy: '' };

async function refusal(work: Promise<unknown>): Promise<AcmeProblem> {
  try {
    await work;
  } catch (error) {
    assert(error instanceof AcmeProblem, String(error));
    return error;
  }
  return assert.fail('the CA accepted the request');
}

describe('transport', () => {
  let ca: ScriptedCa;
  let transport: AcmeTransport;
  let caClock: CaClock;
  let reports: RequestReport[];
  const { signal } = new AbortController();

  const key = readAccountKey(newKeyPem());

  beforeEach(async () => {
    ca = new ScriptedCa();
    await ca.start();
    reports = [];
    caClock = new CaClock(systemClock);
    transport = new AcmeTransport({
      clock: caClock,
      userAgent: userAgent('1.2.3', 'https://kube-lego.example'),
      caBundle: ca.caBundle,
      proxy: noProxy,
      requestTimeout: 60_000,
      maxBodyBytes: 100_000,
      onRequest: (report) => reports.push(report),
    });
    await account(transport).createAccount(signal, undefined);
    ca.received.length = 0;
    reports.length = 0;
  });

  afterEach(async () => {
    await transport.close();
    await ca.stop();
  });

  const account = (by: AcmeTransport): SignedRequests =>
    new SignedRequests({ transport: by, directoryUrl: ca.directoryUrl, key }, ca.url('/account'));
  const order = (by = transport): Promise<unknown> => account(by).newOrder(signal, { hosts: ['a.example'] });

  test('sends no signed request while it may not, and sends them again when it may', async () => {
    let mayWrite = true;
    const fenced = new AcmeTransport({
      clock: caClock,
      userAgent: 'kube-lego',
      caBundle: ca.caBundle,
      proxy: noProxy,
      mayWrite: () => mayWrite,
    });
    try {
      await order(fenced);
      mayWrite = false;
      ca.received.length = 0;
      const { message, transient, type } = await refusal(order(fenced));
      assert.deepEqual([type, transient], ['unreachable', true]);
      assert.match(message, /does not lead/);
      assert.deepEqual(
        ca.received.filter(({ method }) => method === 'POST'),
        [],
      );
      mayWrite = true;
      await order(fenced);
    } finally {
      await fenced.close();
    }
  });

  test('says who it is, speaks ACME types, and takes its nonces from earlier answers', async () => {
    await order();
    await order();
    assert.deepEqual(
      ca.received.map(({ method, path }) => `${method} ${path}`),
      ['POST /new-order', 'POST /new-order'],
    );
    const [first, second] = ca.received;
    assert.match(
      first?.headers['user-agent'] ?? '',
      /^kube-lego\/1\.2\.3 \(\+https:\/\/kube-lego\.example\) undici\/\d/,
    );
    assert.equal(first?.headers['content-type'], 'application/jose+json');
    assert.equal(first?.headers['accept-language'], 'en');
    assert.notEqual(first?.nonce, second?.nonce);
    assert.deepEqual(
      reports.map(({ endpoint, status }) => ({ endpoint, status })),
      [
        { endpoint: 'new-order', status: 201 },
        { endpoint: 'new-order', status: 201 },
      ],
    );
  });

  test('takes a nonce from an error as well, and never sends one twice', async () => {
    ca.scripts.set('/new-order', () => problem(403, 'rejectedIdentifier', 'no'));
    await refusal(order());
    await refusal(order());
    assert.equal(ca.count('/nonce'), 0);
    assert.equal(new Set(ca.received.map(({ nonce }) => nonce)).size, 2);
  });

  test('asks for nonces only as many times as there are requests at once', async () => {
    await Promise.all(Array.from({ length: 10 }, order));
    const asked = ca.count('/nonce');
    assert.ok(asked <= 9, `${asked} new-nonce requests`);
    await Promise.all(Array.from({ length: 10 }, order));
    assert.equal(ca.count('/nonce'), asked);
    assert.equal(
      new Set(ca.received.filter(({ method }) => method === 'POST').map(({ nonce }) => nonce)).size,
      20,
    );
  });

  test('ignores a malformed nonce', async () => {
    const well = ca.scripts.get('/new-order');
    ca.scripts.set('/new-order', (received, times) => {
      const reply = well?.(received, times);
      return typeof reply === 'object'
        ? { ...reply, headers: { ...reply.headers, 'replay-nonce': 'not a nonce!' } }
        : reply;
    });
    await order();
    await order();
    assert.equal(ca.count('/nonce'), 1);
  });

  test('signs again with the nonce of the rejection, and survives ten in a row', async () => {
    const well = ca.scripts.get('/new-order');
    ca.scripts.set('/new-order', (received, times) =>
      times > 10
        ? well?.(received, times)
        : problem(400, 'badNonce', 'old nonce', { 'replay-nonce': `fresh-${times}` }),
    );
    await order();
    assert.deepEqual(
      ca.received.slice(1).map(({ nonce }) => nonce),
      Array.from({ length: 10 }, (_, index) => `fresh-${index + 1}`),
    );
  });

  test('gives up on a CA that rejects every nonce, with a typed error', async () => {
    ca.scripts.set('/new-order', () => problem(400, 'badNonce', 'never good'));
    const clock = { ...systemClock, setTimeout: (fn: () => void) => systemClock.setTimeout(fn, 0) };
    const impatient = new AcmeTransport({
      clock: new CaClock(clock),
      userAgent: 'test',
      caBundle: ca.caBundle,
      proxy: noProxy,
    });
    const error = await refusal(order(impatient));
    await impatient.close();
    assert.equal(error.type, 'badNonce');
    assert.equal(ca.count('/new-order'), 21);
  });

  test('takes a few interim answers, and gives up a CA that sends them without end', async () => {
    const refuse = (interim: number): void => {
      ca.scripts.set('/new-order', () => ({ ...problem(403, 'unauthorized', 'no'), interim }));
    };
    refuse(10);
    assert.equal((await refusal(order())).type, 'unauthorized');
    refuse(5000);
    const error = await refusal(order());
    assert.equal(error.type, 'invalidResponse');
    assert.match(error.message, /more than 10 interim answers/);
  });

  test('takes no more of an answer than a real CA sends', async () => {
    const usual = new AcmeTransport({
      clock: caClock,
      userAgent: 'test',
      caBundle: ca.caBundle,
      proxy: noProxy,
    });
    const long = 'x'.repeat(344 * 1024);
    const certificate = '-----BEGIN CERTIFICATE-----\n';
    const download = (body: string): Promise<AcmeProblem> => {
      ca.scripts.set('/certificate', () => ({
        body,
        headers: { 'content-type': 'application/pem-certificate-chain' },
      }));
      return refusal(account(usual).certificate(signal, ca.url('/certificate')));
    };
    ca.scripts.set('/new-order', () => problem(403, 'unauthorized', long));
    assert.match((await refusal(order(usual))).message, /the answer is longer than 262144 bytes/);
    ca.scripts.set('/new-order', () => problem(403, 'unauthorized', 'no', { 'x-long': 'x'.repeat(20_000) }));
    assert.equal((await refusal(order(usual))).type, 'unreachable');
    assert.match((await download(certificate.repeat(17))).message, /holds 17 certificates/);
    await usual.close();
  });

  test('reads headers and links of any name', async () => {
    const names = ['__proto__', 'constructor', 'hasOwnProperty'];
    ca.scripts.set('/new-order', () =>
      problem(403, 'userActionRequired', 'agree', {
        ...Object.fromEntries(names.map((name) => [name, 'x'])),
        link: names.map((name) => `<x>;rel="${name}"`).join(', '),
      }),
    );
    const error = await refusal(order());
    assert.equal(error.type, 'userActionRequired');
    assert.equal(error.termsOfService, undefined);
  });

  test('throws a rate limit once, at once, with all that the CA said', async () => {
    ca.scripts.set('/new-order', () =>
      problem(429, 'rateLimited', 'too many new orders (300) from this account in the last 3h0m0s', {
        'retry-after': '3600',
      }),
    );
    const error = await refusal(order());
    assert.equal(ca.count('/new-order'), 1);
    assert.equal(error.type, 'rateLimited');
    assert.equal(error.status, 429);
    assert.equal(error.retryAfter, 3_600_000);
    assert.equal(error.transient, false);
    assert.match(
      error.message,
      /^localhost:\d+ refused the new-order request \(rateLimited, HTTP 429\): too many new orders/,
    );
  });

  test('reads a Retry-After date by the clock of the CA, even if that is an hour off, and says so', async () => {
    ca.clockError = 3_600_000;
    ca.scripts.set('/new-order', () =>
      problem(503, 'rateLimited', 'Service busy; retry later.', {
        'retry-after': new Date(Date.now() + ca.clockError + 30_000).toUTCString(),
      }),
    );
    const error = await refusal(order());
    assert.ok(error.transient);
    assert.ok(
      error.retryAfter !== undefined && Math.abs(error.retryAfter - 30_000) < 20_000,
      String(error.retryAfter),
    );
    ca.scripts.set('/renewal-info', () => ({ body: {} }));
    await transport.get(signal, 'renewal-info', ca.url('/renewal-info'));
    assert.ok(Math.abs((caClock.skew ?? 0) - 3_600_000) < 60_000);
  });

  test('takes the time of a rate limit from its words when the header is missing', async () => {
    const at = new Date(Date.now() + 7_200_000).toISOString().replace('T', ' ').slice(0, 19);
    ca.scripts.set('/new-order', () =>
      problem(429, 'rateLimited', `too many certificates, retry after ${at} UTC: see https://x`),
    );
    const { retryAfter } = await refusal(order());
    assert.ok(retryAfter !== undefined && Math.abs(retryAfter - 7_200_000) < 60_000, String(retryAfter));
  });

  test('keeps the link that lifts a pause out of the message', async () => {
    const url = 'https://ca.example/sfe/v1/unpause?jwt=abc.def.ghi';
    ca.scripts.set('/new-order', () =>
      problem(
        429,
        'rateLimited',
        `Your account is temporarily prevented from requesting certificates for a.example. Please visit: ${url}`,
      ),
    );
    const error = await refusal(order());
    assert.equal(error.unpauseUrl, url);
    assert.equal(error.retryAfter, undefined);
    assert.doesNotMatch(error.message, /abc\.def/);
    assert.match(error.message, /temporarily prevented/);
  });

  const strange: {
    name: string;
    reply: Reply | undefined;
    type: string;
    message: RegExp;
    transient: boolean;
  }[] = [
    {
      name: 'an HTML page of a proxy',
      reply: {
        status: 502,
        headers: { 'content-type': 'text/html; charset=utf-8' },
        body: '<html>SECRET</html>',
      },
      type: 'invalidResponse',
      message:
        /failed \(invalidResponse, HTTP 502\): the answer with status 502 explains nothing \(text\/html, 19 characters\)/,
      transient: true,
    },
    {
      name: 'an HTML page with status 200',
      reply: { headers: { 'content-type': 'text/html' }, body: '<html>SECRET</html>' },
      type: 'invalidResponse',
      message:
        /the answer with status 200 is no JSON object \(text\/html, 19 characters\)\. Check that LEGO_URL/,
      transient: true,
    },
    {
      name: 'garbage',
      reply: { headers: { 'content-type': 'application/json' }, body: '{"status": SECRET' },
      type: 'invalidResponse',
      message: /is no JSON object \(application\/json, 17 characters\)/,
      transient: true,
    },
    {
      name: 'half a body',
      reply: { body: { status: 'SECRET', pad: 'x'.repeat(500) }, half: true },
      type: 'unreachable',
      message: /broke off before the answer was complete/,
      transient: true,
    },
    {
      name: 'no answer',
      reply: undefined,
      type: 'unreachable',
      message: /broke off before the answer was complete/,
      transient: true,
    },
    {
      name: 'an order without a link',
      reply: { status: 201, body: { status: 'pending' } },
      type: 'invalidResponse',
      message: /the answer has no link to the order/,
      transient: true,
    },
    {
      name: 'a redirect',
      reply: { status: 302, headers: { location: 'https://elsewhere.example/' } },
      type: 'invalidResponse',
      message: /status 302 redirects to https:\/\/elsewhere\.example\/, which is not followed/,
      transient: true,
    },
    {
      name: 'an empty 404',
      reply: { status: 404, body: '' },
      type: 'invalidResponse',
      message: /status 404 explains nothing \(no content type, empty\)/,
      transient: false,
    },
    {
      name: 'an endless body',
      reply: { body: { status: 'SECRET', pad: 'x'.repeat(200_000) } },
      type: 'invalidResponse',
      message: /longer than 100000 bytes/,
      transient: true,
    },
  ];
  for (const { message, name, reply, transient, type } of strange) {
    test(`${name} is a clear error that shows nothing of the body`, async () => {
      ca.scripts.set('/new-order', () => reply);
      const error = await refusal(order());
      assert.equal(error.type, type);
      assert.equal(error.transient, transient);
      assert.match(error.message, message);
      assert.match(error.message, /^The new-order request to localhost:\d+ failed/);
      assert.doesNotMatch(error.message, /SECRET/);
    });
  }

  test('ends by its time limit when the CA says nothing', async () => {
    ca.scripts.set('/new-order', () => 'silence');
    const options = { clock: caClock, userAgent: 'test', caBundle: ca.caBundle, proxy: noProxy };
    const hasty = new AcmeTransport({ ...options, requestTimeout: 2000 });
    const error = await refusal(order(hasty));
    await hasty.close();
    assert.equal(error.type, 'timeout');
    assert.match(error.message, /no complete answer within 2 s/);
  });

  test('ends before its time limit when the caller gives up, and leaves others alone', async () => {
    ca.scripts.set('/new-order', (_received, times) =>
      times === 1 ? 'silence' : { status: 201, headers: { location: ca.url('/order') }, body: ca.order() },
    );
    const mine = new AbortController();
    const reason = new Error('the Ingress is gone');
    const ended = account(transport).newOrder(mine.signal, { hosts: ['a.example'] });
    while (ca.count('/new-order') === 0) await new Promise((resolve) => setImmediate(resolve));
    const other = order();
    mine.abort(reason);
    await assert.rejects(ended, reason);
    await other;
  });

  test('speaks HTTPS only', async () => {
    const error = await refusal(account(transport).order(signal, 'http://ca.example/order'));
    assert.match(
      error.message,
      /its address http:\/\/ca\.example\/order is not an https URL, and ACME requires HTTPS/,
    );
  });

  test('names the remedy when the root of a CA is not trusted', async () => {
    const strict = new AcmeTransport({ clock: new CaClock(systemClock), userAgent: 'test', proxy: noProxy });
    const error = await refusal(strict.directory(ca.directoryUrl, signal));
    await strict.close();
    assert.equal(error.type, 'unreachable');
    assert.match(error.message, /LEGO_CA_BUNDLE/);
  });

  test('names a host that cannot be connected to', async () => {
    const port = new URL(ca.directoryUrl).port;
    await ca.stop();
    const error = await refusal(transport.directory(`https://127.0.0.1:${port}/other`, signal));
    assert.match(
      error.message,
      /^The directory request to 127\.0\.0\.1:\d+ failed \(unreachable\): the connection was refused\. Check LEGO_URL/,
    );
    await ca.start();
  });

  test('refuses a CA bundle without certificates at the start', () => {
    assert.throws(
      () => new AcmeTransport({ clock: new CaClock(systemClock), userAgent: 'test', caBundle: 'no PEM' }),
      /LEGO_CA_BUNDLE/,
    );
  });

  test('reads the directory once for callers at the same time, and again after a resource has gone', async () => {
    const fresh = new AcmeTransport({
      clock: new CaClock(systemClock),
      userAgent: 'test',
      caBundle: ca.caBundle,
      proxy: noProxy,
    });
    await Promise.all([1, 2, 3].map(() => fresh.directory(ca.directoryUrl, signal)));
    assert.equal(ca.count('/directory'), 1);
    ca.scripts.set('/new-order', () => ({ status: 404, body: '' }));
    await refusal(order(fresh));
    await fresh.directory(ca.directoryUrl, signal);
    assert.equal(ca.count('/directory'), 2);
    await fresh.close();
  });

  test('asks for no directory and no nonce before the time that the CA named to any of the calls', async () => {
    let now = 0;
    const fresh = new AcmeTransport({
      clock: new CaClock({ ...systemClock, monotonic: () => now }),
      userAgent: 'test',
      caBundle: ca.caBundle,
      proxy: noProxy,
    });
    const ask: [path: string, ask: () => Promise<unknown>][] = [
      ['/directory', () => fresh.directory(ca.directoryUrl, signal)],
      ['/nonce', () => order(fresh)],
    ];
    for (const [path, want] of ask) {
      const well = ca.scripts.get(path) ?? assert.fail();
      ca.received.length = 0;
      ca.scripts.set(path, () => {
        const wait = ca.count(path) > 1 ? '30' : '60';
        return problem(503, 'rateLimited', 'Service busy; retry later.', { 'retry-after': wait });
      });
      await Promise.all([refusal(want()), refusal(want())]);
      const asked = ca.count(path);
      now += 40_000;
      const { retryAfter, transient } = await refusal(want());
      assert.deepEqual(
        { retryAfter, transient, asked: ca.count(path) },
        { retryAfter: 20_000, transient: true, asked },
      );
      ca.scripts.set(path, well);
      now += 20_000;
      await want();
      assert.equal(ca.count(path), asked + 1);
    }
    await fresh.close();
  });

  test('heeds the wait in an answer that nobody waits for any more', async () => {
    const resources = ['newNonce', 'newAccount', 'newOrder', 'renewalInfo'];
    const directory = Object.fromEntries(resources.map((name) => [name, `https://ca.example/${name}`]));
    const type = 'urn:ietf:params:acme:error:rateLimited';
    const wants: Record<string, (by: AcmeTransport, signal: AbortSignal) => Promise<unknown>> = {
      directory: (by, of) => by.directory('https://ca.example/directory', of),
      'new-nonce': (by, of) => by.nonce(of, 'https://ca.example/newNonce'),
      'new-order': (by, of) => account(by).newOrder(of, { hosts: ['a.example'] }),
      'renewal-info': (by, of) => by.get(of, 'renewal-info', 'https://ca.example/renewalInfo/1'),
    };
    for (const [busy, want] of Object.entries(wants)) {
      const asked = Promise.withResolvers<void>();
      const answer = Promise.withResolvers<CaAnswer>();
      let sent = 0;
      const connection = {
        send: async ({ endpoint, signal: given }: CaRequest): Promise<CaAnswer> => {
          const headers = { 'replay-nonce': 'nonce' };
          if (endpoint !== busy) return { status: 200, headers, text: JSON.stringify(directory) };
          sent += 1;
          asked.resolve();
          return untilAborted(answer.promise, given);
        },
        close: () => Promise.resolve(),
      };
      const fresh = new AcmeTransport({ clock: new CaClock(systemClock), userAgent: 'test', connection });
      const mine = new AbortController();
      const reason = new Error('the Ingress is gone');
      const left = assert.rejects(want(fresh, mine.signal), reason);
      await asked.promise;
      mine.abort(reason);
      await left;
      const text = JSON.stringify({ type, detail: 'Service busy; retry later.' });
      answer.resolve({ status: 503, headers: { 'retry-after': '3600' }, text });
      await nextTurn();
      const { retryAfter } = await refusal(want(fresh, signal));
      assert.ok(retryAfter !== undefined, busy);
      assert.equal(sent, 1, busy);
    }
  });

  test('sends nothing into a wait that the CA names while the request is queued for a connection', async () => {
    const options = { clock: caClock, userAgent: 'test', caBundle: ca.caBundle, proxy: noProxy };
    const narrow = new AcmeTransport({ ...options, connections: 1 });
    try {
      const url = ca.url('/renewal-info');
      ca.scripts.set('/renewal-info', () =>
        problem(503, 'rateLimited', 'Service busy; retry later.', { 'retry-after': '3600' }),
      );
      const ask = (): Promise<AcmeProblem> => refusal(narrow.get(signal, 'renewal-info', url));
      const problems = await Promise.all([ask(), ask(), ask()]);
      assert.ok(problems.every(({ retryAfter }) => retryAfter !== undefined));
      assert.equal(ca.count('/renewal-info'), 1);
    } finally {
      await narrow.close();
    }
  });

  test('asks about no certificate before the time that the CA named to a question about another one', async () => {
    let now = 0;
    const sent: string[] = [];
    let [status, type] = [503, 'serverInternal'];
    const connection = {
      send: ({ url }: CaRequest): Promise<CaAnswer> => {
        sent.push(url);
        const text = JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail: 'Later.' });
        return Promise.resolve({ status, headers: { 'retry-after': '3600' }, text });
      },
      close: () => Promise.resolve(),
    };
    const fresh = new AcmeTransport({
      clock: new CaClock({ ...systemClock, monotonic: () => now }),
      userAgent: 'test',
      connection,
    });
    const ask = (id: string): Promise<AcmeProblem> =>
      refusal(fresh.get(signal, 'renewal-info', `https://ca.example/renewal-info/${id}`));
    await ask('one');
    now += 1_800_000;
    const { retryAfter, transient } = await ask('other');
    assert.deepEqual([retryAfter, transient, sent.length], [1_800_000, true, 1]);
    now += 1_800_000;
    [status, type] = [404, 'malformed'];
    await ask('unknown');
    await ask('other');
    assert.equal(sent.length, 3, 'what is unknown is so alone');
  });

  test('sends no new order into the wait that another one was asked for while a nonce was fetched', async () => {
    const nonces: (() => void)[] = [];
    const connection = {
      send: async ({ endpoint, method }: CaRequest): Promise<CaAnswer> => {
        sent.push(endpoint);
        if (method === 'HEAD') await new Promise<void>((resolve) => nonces.push(resolve));
        const headers = { 'replay-nonce': `nonce${sent.length}` };
        if (endpoint !== 'new-order') return { status: 200, headers, text: JSON.stringify(directory) };
        return {
          status: refused.status,
          headers: { ...headers, 'retry-after': '60' },
          text: JSON.stringify(refused),
        };
      },
      close: () => Promise.resolve(),
    };
    const directory = Object.fromEntries(
      ['newNonce', 'newAccount', 'newOrder'].map((name) => [name, `https://ca.example/${name}`]),
    );
    const type = 'urn:ietf:params:acme:error:rateLimited';
    let sent: string[] = [];
    let refused = { type, status: 503, detail: 'Service busy; retry later.' };
    const placeTwo = async (): Promise<AcmeProblem[]> => {
      sent = [];
      const fresh = new AcmeTransport({ clock: new CaClock(systemClock), userAgent: 'test', connection });
      const place = (): Promise<AcmeProblem> => refusal(order(fresh));
      const [one, other] = [place(), place()];
      for (let turns = 0; nonces.length < 2 && turns < 100; turns += 1) await nextTurn();
      nonces.shift()?.();
      const first = await one;
      nonces.shift()?.();
      return [first, await other];
    };
    const [first, second] = await placeTwo();
    assert.equal(sent.filter((endpoint) => endpoint === 'new-order').length, 1);
    assert.ok((second?.retryAfter ?? 0) <= (first?.retryAfter ?? 0) && second?.transient);
    refused = { type, status: 429, detail: 'too many certificates' };
    await placeTwo();
    assert.equal(sent.filter((endpoint) => endpoint === 'new-order').length, 2, 'a limit is not for all');
  });

  test('takes the time of the CA from an answer although the clock here is set while it is awaited', async () => {
    const start = Date.parse('2026-11-05T00:00:00Z');
    for (const jump of [3_600_000, -3_600_000]) {
      let [passed, error] = [0, 0];
      const connection = {
        send: (): Promise<CaAnswer> => {
          passed += 2000;
          const date = new Date(start + passed).toUTCString();
          const answer = { status: 200, headers: { date }, text: '{}' };
          if (passed > 2000) error = jump;
          return Promise.resolve(answer);
        },
        close: () => Promise.resolve(),
      };
      const clock = { ...systemClock, now: () => start + passed + error, monotonic: () => passed };
      const known = new CaClock(clock);
      const fresh = new AcmeTransport({ clock: known, userAgent: 'test', connection });
      const get = (): Promise<unknown> => fresh.get(signal, 'renewal-info', 'https://ca.example/1');
      await get();
      assert.equal(known.skew, 0);
      await get();
      assert.equal(known.skew, -jump);
    }
  });

  test('believes no Date that no CA can mean, so that every time can be printed', async () => {
    for (const date of ['Tue, 13 Sep 275760 00:00:00 GMT', 'Wed, 31 Dec 1969 23:59:59 GMT', 'soon']) {
      const answer = { status: 200, headers: { date }, text: '{}' };
      const connection = { send: () => Promise.resolve(answer), close: () => Promise.resolve() };
      const clock = new CaClock(systemClock);
      const transport = new AcmeTransport({ clock, userAgent: 'test', connection });
      await transport.get(signal, 'renewal-info', 'https://ca.example/1');
      assert.equal(clock.skew, undefined, date);
    }
  });

  test('says what is no ACME directory', async () => {
    ca.scripts.set('/elsewhere', () => ({ body: { kind: 'APIGroupList' } }));
    const error = await refusal(transport.directory(ca.url('/elsewhere'), signal));
    assert.match(error.message, /is no ACME directory .* Check that LEGO_URL is the directory of an ACME CA/);
  });

  test('a key is not in any error', async () => {
    ca.scripts.set('/new-account', () => ({ status: 204 }));
    const error = await refusal(account(transport).createAccount(signal, undefined));
    assert.doesNotMatch(`${error.message}${error.stack}`, /PRIVATE KEY/);
  });
});
