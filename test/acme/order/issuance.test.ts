import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { minute } from '../../../machines/time/durations.ts';
import { OrderError } from '../../../src/acme/protocol/order-error.ts';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import { type Clock, systemClock } from '../../../src/time/clock.ts';
import { startWorld, type World } from '../world.ts';

function leaf(chainPem: string): X509Certificate {
  return new X509Certificate(chainPem);
}

async function failure(work: Promise<unknown>): Promise<OrderError> {
  try {
    await work;
  } catch (error) {
    assert(error instanceof OrderError, String(error));
    return error;
  }
  return assert.fail('there is a certificate');
}

describe('issuance at pebble', () => {
  test('one host after the other: no request that it could do without, new-nonce only at the start', async (context) => {
    await using world = await startWorld();
    await world.obtain(['warm-up.example']);
    const warmUp = world.endpoints();
    assert.equal(warmUp.filter((endpoint) => endpoint === 'new-nonce').length, 1);
    const times: number[] = [];
    for (let index = 0; index < 20; index += 1) {
      world.reports.length = 0;
      const started = performance.now();
      const { chainPem } = await world.obtain([`host-${index}.example`]);
      times.push(performance.now() - started);
      // How often authorizations and orders are polled is up to pebble and the machine.
      const steps = world.endpoints().filter((endpoint, at, all) => endpoint !== all[at - 1]);
      assert.deepEqual(steps, [
        'new-order',
        'authorization',
        'challenge',
        'authorization',
        'finalize',
        'order',
        'certificate',
      ]);
      assert.equal(leaf(chainPem).subjectAltName, `DNS:host-${index}.example`);
    }
    times.sort((a, b) => a - b);
    context.diagnostic(`median ${times[10]?.toFixed(0)} ms`);
  });

  test('ten orders in flight share nonces and connections', async (context) => {
    await using world = await startWorld();
    await world.accounts.ensureAccount(new AbortController().signal);
    world.reports.length = 0;
    const total = 60;
    let next = 0;
    const started = performance.now();
    const worker = async (): Promise<void> => {
      while (next < total) await world.obtain([`host-${next++}.example`]);
    };
    await Promise.all(Array.from({ length: 10 }, worker));
    const seconds = (performance.now() - started) / 1000;
    const nonces = world.endpoints().filter((endpoint) => endpoint === 'new-nonce').length;
    const perCertificate = (world.reports.length - nonces) / total;
    context.diagnostic(
      `${(total / seconds).toFixed(0)} certificates/s, ${perCertificate} requests each, ${nonces} new-nonce`,
    );
    assert.ok(nonces <= 10, `${nonces} new-nonce requests`);
    // How often authorizations and orders are polled is up to pebble and the machine.
    for (const endpoint of ['new-order', 'challenge', 'finalize', 'certificate']) {
      assert.equal(world.endpoints().filter((one) => one === endpoint).length, total, endpoint);
    }
  });

  test('several hosts are one order', async () => {
    await using world = await startWorld();
    const hosts = ['a.example', 'b.example', 'c.example'];
    const { chainPem } = await world.obtain(hosts);
    assert.deepEqual(
      leaf(chainPem).subjectAltName?.split(', ').toSorted(),
      hosts.map((host) => `DNS:${host}`),
    );
    assert.equal(world.endpoints().filter((endpoint) => endpoint === 'new-order').length, 1);
  });

  test('half of all nonces rejected: every order ends well', async () => {
    await using world = await startWorld({ pebble: { nonceReject: 50 } });
    for (let index = 0; index < 10; index += 1) await world.obtain([`host-${index}.example`]);
    assert.ok(world.reports.some(({ problemType }) => problemType === 'badNonce'));
  });

  test('authorizations that are valid already are used again', async () => {
    await using world = await startWorld({ pebble: { authzReuse: 100 } });
    await world.obtain(['a.example']);
    world.reports.length = 0;
    await world.obtain(['a.example']);
    assert.ok(!world.endpoints().includes('challenge'));
  });

  test('a host that answers wrongly is named with what the CA saw, the good one beside it is not', async () => {
    await using world = await startWorld();
    world.wrongHosts.add('bad.example');
    const error = await failure(world.obtain(['good.example', 'bad.example']));
    assert.equal(error.kind, 'challenge-failed');
    assert.equal(error.host, 'bad.example');
    assert.equal(error.problem?.type, 'unauthorized');
    assert.match(error.message, /could not validate bad\.example \(unauthorized\): .*key authorization/i);
  });

  test('a name on the blocklist is named', async () => {
    await using world = await startWorld({ pebble: { blocklist: ['blocked.example'] } });
    const error = await failure(world.obtain(['good.example', 'blocked.example']));
    assert.equal(error.kind, 'refused');
    assert.equal(error.problem?.type, 'rejectedIdentifier');
    assert.equal(error.host, 'blocked.example');
    assert.match(error.message, /blocked\.example.*remove it from spec\.tls/);
  });

  test('a profile decides the lifetime, and one that is not offered is refused before the order', async () => {
    const profiles = {
      classic: { description: 'the usual', validityPeriod: 7_776_000 },
      short: { description: 'an hour', validityPeriod: 3600 },
    };
    await using world = await startWorld({ pebble: { profiles } });
    const { chainPem } = await world.obtain(['a.example'], { profile: 'short' });
    const { validFromDate, validToDate } = leaf(chainPem);
    assert.ok(Math.abs(validToDate.getTime() - validFromDate.getTime() - 3_600_000) < 5000);
    world.reports.length = 0;
    const error = await failure(world.obtain(['a.example'], { profile: 'long' }));
    assert.match(error.message, /one of: classic, short/);
    assert.deepEqual(world.reports, []);
  });

  test('the preferred chain is chosen, and only then are alternates asked for', async () => {
    await using world = await startWorld({ pebble: { alternateRoots: 2 } });
    const preferredChain = /CN=(.+)/.exec(leaf(await world.pebble.rootPem(2)).subject)?.[1] ?? '';
    await world.obtain(['a.example']);
    assert.equal(world.endpoints().filter((endpoint) => endpoint === 'certificate').length, 1);
    const { chainPem } = await world.obtain(['a.example'], { preferredChain });
    const last = new X509Certificate(chainPem.slice(chainPem.lastIndexOf('-----BEGIN')));
    assert.equal(last.issuer, `CN=${preferredChain}`);
    assert.equal(world.endpoints().filter((endpoint) => endpoint === 'certificate').length, 4);
  });

  test("pebble's default Retry-After is never undercut, and no more than that is waited", async (context) => {
    await using world = await startWorld({ pebble: { retryAfter: { authz: 3, order: 5 } } });
    await world.accounts.ensureAccount(new AbortController().signal);
    world.reports.length = 0;
    const waits: number[] = [];
    const setTimeout: Clock['setTimeout'] = (fn, ms) => {
      waits.push(ms);
      return systemClock.setTimeout(fn, ms);
    };
    await world.obtain(['a.example'], { clock: new CaClock({ ...systemClock, setTimeout }) });
    context.diagnostic(`${waits.join(' ')} ms; ${world.endpoints().join(' ')}`);
    const requests = await loggedRequests(world);
    const finalized = requests.find(({ path }) => path.startsWith('/finalize-order/'));
    const polled = requests.find(({ path }) => path.startsWith('/my-order/'));
    assert(finalized && polled);
    // The longest one is the time limit of the order. The first waits for a new state are its own; on a busy machine there may be more
    // than one of the others.
    const others = waits.filter((ms) => ms > 100 && ms < minute);
    const isAsked = (ms: number): boolean => [3000, 5000].some((asked) => ms >= asked && ms < asked + 100);
    assert.ok(others.length > 0 && others.every(isAsked), waits.join(' '));
    // The log counts whole seconds.
    assert.ok(polled.at - finalized.at >= 5000, `${polled.at - finalized.at} ms`);
  });

  test('an abort in mid-order ends it before its next wait is over, and leaves the other order alone', async () => {
    await using world = await startWorld({ pebble: { retryAfter: { authz: 1, order: 1 } } });
    await world.accounts.ensureAccount(new AbortController().signal);
    const mine = new AbortController();
    const reason = new Error('the Ingress is gone');
    const finalizing = Promise.withResolvers<void>();
    let endless = false;
    const setTimeout: Clock['setTimeout'] = (fn, ms) =>
      endless ? undefined : systemClock.setTimeout(fn, ms);
    const work = world.obtain(['a.example'], {
      signal: mine.signal,
      clock: new CaClock({ ...systemClock, setTimeout }),
      onPhase(phase) {
        if (phase !== 'finalizing') return;
        endless = true;
        finalizing.resolve();
      },
    });
    const other = world.obtain(['b.example']);
    await finalizing.promise;
    mine.abort(reason);
    await assert.rejects(work, reason);
    await other;
  });
});

/** The requests as pebble logs them, with their time in milliseconds, exact to the second. */
async function loggedRequests(world: World): Promise<{ at: number; path: string }[]> {
  const log = await readFile(world.pebble.log, 'utf8');
  return Array.from(
    log.matchAll(/^Pebble (\d{4})\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d) (?:POST|GET|HEAD) (\S+)/gm),
    (match) => ({
      at: Date.parse(`${match[1]}-${match[2]}-${match[3]}T${match[4]}Z`),
      path: match[5] ?? '',
    }),
  );
}
