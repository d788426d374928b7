import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { hostsToBlame, hostsToRescue, type Serving } from '../../../machines/assessment/rescue.ts';
import { day, hour, now } from '../builders.ts';
import { type HostState, SharedCertificate } from '../ingress/shared-certificate.ts';

const seed = 20261124;
const names = ['a.example.com', 'b.example.com', 'c.example.com', 'd.example.com'];

function serving(lifetime: number, left: number, dnsNames = names): Serving {
  const notAfter = now + left;
  const renewAt = notAfter - (lifetime < 10 * day ? lifetime / 2 : lifetime / 3);
  return { notBefore: notAfter - lifetime, notAfter, renewAt, dnsNames, issued: true };
}

describe('an order without the hosts that fail', () => {
  const subset = fc.subarray(names);

  it('is for hosts that are wanted, covered and not failing, near the end, and not soon after another', () => {
    fc.assert(
      fc.property(
        fc.subarray(names, { minLength: 1 }),
        subset,
        subset,
        fc.integer({ min: 6 * day, max: 90 * day }),
        fc.double({ min: -0.1, max: 1, noNaN: true }),
        fc.option(fc.integer({ min: now - 90 * day, max: now + day }), { nil: undefined }),
        (wanted, covered, failing, lifetime, share, lastAt) => {
          const certificate = serving(lifetime, share * lifetime, covered);
          const kept = hostsToRescue(wanted, certificate, failing, lastAt, now);
          const able = wanted.filter((host) => covered.includes(host) && !failing.includes(host));
          const near = 2 * (certificate.notAfter - now) <= certificate.notAfter - certificate.renewAt;
          const recent = lastAt !== undefined && lastAt <= now && now < lastAt + lifetime / 3;
          const reason = wanted.some((host) => failing.includes(host));
          if (kept === undefined) assert.ok(able.length === 0 || !near || recent || !reason);
          else {
            assert.deepEqual(kept, able);
            assert.ok(kept.length > 0 && near && !recent && reason);
          }
        },
      ),
      { seed, numRuns: 1000 },
    );
  });

  it('is never made because of a failure that is not that of a host', () => {
    const host = 'a.example.com';
    assert.deepEqual(hostsToBlame({ code: 'ChallengeFailed', message: '', host }), [host]);
    assert.deepEqual(hostsToBlame({ code: 'SelfCheckFailed', message: '', hosts: [host] }), [host]);
    for (const code of ['RateLimited', 'CaUnavailable', 'AccountNotReady', 'SecretNotWritable'] as const) {
      assert.equal(hostsToBlame({ code, message: '', host }), undefined);
    }
  });
});

describe('a certificate for several hosts of which one is dead', () => {
  for (const [name, lifetime] of [
    ['160 hours', 160 * hour],
    ['45 days', 45 * day],
    ['90 days', 90 * day],
  ] as const) {
    for (const death of ['wrong answer', 'refused by the CA'] as const) {
      it(`of ${name} goes on without it (${death}), names it, and takes it back when it has passed twice`, async () => {
        const world = new SharedCertificate(names, lifetime);
        await world.run(now + lifetime / 2);
        assert.equal(world.orders.length, 1);
        world.hosts.set('b.example.com', death);
        await world.run(now + 3 * lifetime);
        assert.equal(world.expired, 0);
        assert.deepEqual(world.covered(), ['a.example.com', 'c.example.com', 'd.example.com']);
        assert.match(
          JSON.stringify(world.status()),
          /"HostLeftOut","message":"Host b\.example\.com is left out/,
        );
        const rescues = world.orders.filter(({ rescue }) => rescue);
        assert.equal(rescues.length, 1, 'later ones are ordinary renewals of what is left');
        if (death === 'refused by the CA') return;
        const before = world.orders.length;
        world.hosts.set('b.example.com', 'alive');
        await world.run(world.time + 3 * day);
        assert.deepEqual(world.covered(), names);
        assert.equal(world.orders.length, before + 1);
        assert.deepEqual(world.status().notices ?? [], []);
      });
    }
  }

  for (const code of ['RateLimited', 'NamePaused', 'AccountNotReady', 'InternalError'] as const) {
    it(`does not end because the round that is to rescue it gets no order (${code})`, async () => {
      const lifetime = 90 * day;
      const world = new SharedCertificate(names, lifetime);
      await world.run(now + lifetime / 2);
      world.hosts.set('b.example.com', 'wrong answer');
      world.refusals.push({ code, message: 'No order is made now.' });
      await world.run(now + 2 * lifetime);
      assert.equal(world.refusals.length, 0);
      assert.equal(world.expired, 0);
    });
  }

  it('takes back a host although the round that is to do it gets no order at first', async () => {
    const world = new SharedCertificate(names, 90 * day);
    await world.run(now + day);
    world.hosts.set('b.example.com', 'wrong answer');
    await world.run(now + 80 * day);
    assert.ok(!world.covered().includes('b.example.com'));
    world.hosts.set('b.example.com', 'alive');
    const message = 'A limit of the CA is used up.';
    world.refusals.push({ code: 'RateLimited', message, retryAt: world.time + 3 * hour });
    await world.run(world.time + 3 * day);
    assert.equal(world.refusals.length, 0);
    assert.deepEqual(world.covered(), names);
  });

  it('takes back the host that is mended although another one stays dead', async () => {
    const world = new SharedCertificate(names, 90 * day);
    await world.run(now + day);
    for (const host of ['b.example.com', 'c.example.com']) world.hosts.set(host, 'wrong answer');
    await world.run(now + 80 * day);
    assert.deepEqual(world.covered(), ['a.example.com', 'd.example.com']);
    const orders = world.orders.length;
    world.hosts.set('b.example.com', 'alive');
    await world.run(world.time + 3 * day);
    assert.deepEqual(world.covered(), ['a.example.com', 'b.example.com', 'd.example.com']);
    assert.equal(world.orders.length, orders + 1);
    assert.match(JSON.stringify(world.status()), /Host c\.example\.com is left out/);
    assert.doesNotMatch(JSON.stringify(world.status()), /Host b\.example\.com is left out/);
  });

  it('goes on over restarts, and a host that fails never causes an order', async () => {
    const state = fc.constantFrom<HostState>('alive', 'alive', 'wrong answer', 'refused by the CA', 'silent');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(160 * hour, 45 * day, 90 * day),
        fc.array(fc.tuple(fc.constantFrom(...names.slice(1)), state, fc.boolean()), {
          minLength: 3,
          maxLength: 12,
        }),
        async (lifetime, changes) => {
          const world = new SharedCertificate(names, lifetime);
          await world.run(now + hour);
          for (const [host, next, restart] of changes) {
            world.hosts.set(host, next);
            if (restart) world.restart();
            await world.run(world.time + 0.4 * lifetime);
            assert.ok(world.covered().includes('a.example.com'));
          }
          const rescues = world.orders.filter(({ rescue }) => rescue);
          for (const [index, { at }] of rescues.entries()) {
            const last = rescues[index - 1];
            assert.ok(last === undefined || at - last.at >= lifetime / 3, 'once in a third of the lifetime');
          }
          const restarted = changes.some(([, , restart]) => restart);
          const refused = world.orders.filter(({ returned, failed }) => returned.length > 0 && failed);
          for (const [index, { at }] of refused.entries()) {
            const last = refused[index - 1];
            assert.ok(
              restarted || last === undefined || at - last.at >= lifetime / 3,
              'a refused return is rare',
            );
          }
          for (const order of world.orders) {
            for (const host of order.returned)
              assert.ok((order.passes.get(host) ?? 0) >= 2, `${host} came back`);
          }
        },
      ),
      { seed, numRuns: 40 },
    );
  });
});
