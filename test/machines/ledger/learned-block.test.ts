import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { presetLimits } from '../../../machines/authority/known-cas.ts';
import { registeredDomain } from '../../../machines/hosts/registered-domain.ts';
import { readBlock } from '../../../machines/ledger/learned-block.ts';
import { Ledger } from '../../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../../machines/ledger/order-limits.ts';
import { day, hour, minute, now } from '../builders.ts';

const see = 'retry after 2026-11-24 14:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/#';
const week = 'in the last 168h0m0s';
const refused: OrderRequest = {
  identifiers: ['www.example.com', 'www.example.org'],
  purpose: 'renewal',
  exemption: 'none',
};

function order(...identifiers: string[]): OrderRequest {
  return { ...refused, identifiers };
}

function ledger(directory = 'https://acme-v02.api.letsencrypt.org/directory'): Ledger {
  return new Ledger(presetLimits(directory), registeredDomain, (text) => Buffer.from(text).toString('hex'));
}

function block(detail: string, retryAfter: number | undefined, type = 'rateLimited') {
  return readBlock({ type, detail, retryAfter }) ?? assert.fail(`${detail} teaches nothing`);
}

/** Which of these orders wait, after the first one was refused in these words. */
function waiting(detail: string, retryAfter: number | undefined, ...orders: OrderRequest[]): boolean[] {
  const books = ledger();
  books.learn(block(detail, retryAfter), refused, now);
  return [refused, ...orders].map((each) => books.hold(each, now)?.until === now + (retryAfter ?? minute));
}

describe('a refusal by a limit holds up exactly its scope', () => {
  const sibling = order('api.example.com');
  const other = order('www.example.net');

  it('all orders of the account', () => {
    const detail = `too many new orders (300) from this account in the last 3h0m0s, ${see}new-orders-per-account`;
    assert.deepEqual(waiting(detail, 2 * hour, sibling, other), [true, true, true]);
    assert.deepEqual(waiting('See https://ca/#new-orders-per-account', 2 * hour, other), [true, true]);
  });

  it('all orders while the account cannot be registered', () => {
    const detail = `too many new registrations (10) from this IP address in the last 3h0m0s, ${see}new-registrations-per-ip-address`;
    assert.deepEqual(waiting(detail, 2 * hour, other), [true, true]);
  });

  it('a registered domain', () => {
    const detail = `too many certificates (50) already issued for "example.com" ${week}, ${see}new-certificates-per-registered-domain`;
    assert.deepEqual(waiting(detail, 2 * hour, sibling, order('www.example.org'), other), [
      true,
      true,
      false,
      false,
    ]);
  });

  it('an exact set', () => {
    const detail = `too many certificates (5) already issued for this exact set of identifiers ${week}, ${see}new-certificates-per-exact-set-of-identifiers`;
    assert.deepEqual(waiting(detail, 2 * hour, sibling, order('www.example.com')), [true, false, false]);
  });

  it('a host', () => {
    const detail = `too many failed authorizations (5) for "www.example.com" in the last 1h0m0s, ${see}authorization-failures-per-identifier-per-account`;
    assert.deepEqual(waiting(detail, hour, order('www.example.com'), sibling), [true, true, false]);
  });

  it('no more than the order, where it names something else or its words are not known', () => {
    const strange = `too many certificates (50) already issued for "example.net" ${week}, ${see}new-certificates-per-registered-domain`;
    assert.deepEqual(waiting(strange, hour, sibling, other), [true, false, false]);
    assert.deepEqual(waiting('Slow down, please.', hour, sibling, other), [true, false, false]);
    assert.deepEqual(waiting('', undefined, sibling, other), [true, false, false]);
  });
});

describe('a pause', () => {
  const detail =
    'Your account is temporarily prevented from requesting certificates for www.example.com and possibly others. ' +
    'Please visit: https://ca.example/sfe/v1/unpause?jwt=e30.e30.sig';

  it('holds the hosts that are named for a day, ARI or not, until a person lifts it', () => {
    const books = ledger();
    books.learn(block(detail, undefined), refused, now);
    const alone = order('www.example.com');
    assert.deepEqual(books.hold({ ...alone, exemption: 'ari' }, now), {
      cause: 'paused',
      scope: 'host www.example.com',
      until: now + day,
    });
    assert.equal(books.hold(order('www.example.org'), now), undefined);
    books.liftPause(['www.example.com']);
    assert.equal(books.hold(alone, now), undefined);
  });

  it('is never looked at more than once a day', () => {
    const books = ledger();
    for (const time of [now, now + day, now + 2 * day]) {
      assert.equal(books.hold(refused, time), undefined);
      books.learn(block(detail, undefined), refused, time);
      assert.equal(books.hold(refused, time)?.until, time + day);
    }
  });

  it('shows nobody where it is lifted', () => {
    const books = ledger();
    books.learn(block(detail, undefined), refused, now);
    assert.doesNotMatch(JSON.stringify([books.blocks(now), books.takeChanges(now), block(detail, 1)]), /jwt/);
  });
});

describe('what a refusal teaches', () => {
  const domainLimit = `too many certificates (50) already issued for "example.com" ${week}, ${see}new-certificates-per-registered-domain`;

  it('is nothing where the CA is only busy, or the problem is another', () => {
    assert.equal(
      readBlock({ type: 'rateLimited', detail: 'Service busy; retry later.', retryAfter: 60 }),
      undefined,
    );
    assert.equal(readBlock({ type: 'malformed', detail: domainLimit, retryAfter: undefined }), undefined);
  });

  it('does not hold up those that the CA exempts, unless one of them was refused', () => {
    const books = ledger();
    const renewal: OrderRequest = { ...order('www.example.com'), purpose: 'renewal', exemption: 'same-set' };
    books.learn(block(domainLimit, hour), order('www.example.com'), now);
    assert.equal(books.hold(renewal, now), undefined);
    books.learn(block(domainLimit, hour), renewal, now);
    assert.equal(books.hold(renewal, now)?.until, now + hour);
    assert.equal(books.hold({ ...renewal, exemption: 'ari' }, now), undefined);
  });

  it('survives a restart', () => {
    const books = ledger();
    books.learn(block(domainLimit, hour), refused, now);
    const after = ledger();
    const documents = books.takeChanges(now).map(({ shard, text = '' }) => [shard, text] as const);
    assert.deepEqual(after.restore(new Map(documents), now), []);
    const before = books.hold(refused, now);
    assert.ok(before !== undefined);
    // The next process knows the CA's clock to the second.
    assert.deepEqual(after.hold(refused, now), { ...before, until: before.until + 1000 });
  });

  it('counts in the bucket, too: one order after the block, not fifty', () => {
    const books = ledger();
    books.learn(block(domainLimit, hour), refused, now);
    const next: OrderRequest = { ...order('a.example.com'), purpose: 'renewal' };
    assert.equal(books.hold(next, now + hour), undefined);
    books.orderCreated(next, now + hour);
    assert.equal(books.hold(order('b.example.com'), now + hour)?.cause, 'certificates-per-registered-domain');
  });

  it('holds for 1, 10 and 100 minutes and then a day, where the CA does not say how long', () => {
    const books = ledger('https://ca.internal/directory');
    let time = now;
    for (const pause of [minute, 10 * minute, 100 * minute, day, day]) {
      books.learn(block('Slow down.', undefined), refused, time);
      assert.equal(books.hold(refused, time)?.until, time + pause);
      time += pause;
      assert.equal(books.hold(refused, time), undefined);
    }
  });

  it('is never shortened', () => {
    const books = ledger();
    books.learn(block(domainLimit, 2 * hour), refused, now);
    books.learn(block(domainLimit, minute), refused, now);
    assert.equal(books.hold(refused, now)?.until, now + 2 * hour);
  });

  it('is that the whole account is meant, when a second order is refused in words that are not known', () => {
    const books = ledger('https://ca.internal/directory');
    books.learn(block('Slow down.', hour), refused, now);
    assert.equal(books.hold(order('www.example.net'), now), undefined);
    books.learn(block('Slow down.', hour), order('www.example.net'), now);
    assert.equal(books.hold(order('elsewhere.test'), now)?.scope, 'this account');
  });
});

it('a registered domain is what the CA counts under', () => {
  const expected = {
    'www.example.com': 'example.com',
    'WWW.Example.COM.': 'example.com',
    'a.b.example.co.uk': 'example.co.uk',
    'co.uk': 'co.uk',
    'shop.me.github.io': 'me.github.io',
    'github.io': 'github.io',
    localhost: 'localhost',
    'xn--bcher-kva.example': 'xn--bcher-kva.example',
  };
  for (const [name, domain] of Object.entries(expected)) assert.equal(registeredDomain(name), domain);
});
