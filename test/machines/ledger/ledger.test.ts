import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, it } from 'node:test';
import { presetLimits } from '../../../machines/authority/known-cas.ts';
import { registeredDomain } from '../../../machines/hosts/registered-domain.ts';
import { describeHold } from '../../../machines/ledger/hold.ts';
import { Ledger } from '../../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../../machines/ledger/order-limits.ts';
import type { LimitName, RateLimits } from '../../../machines/ledger/rate-limits.ts';
import { day, hour, minute, now } from '../builders.ts';

const letsEncrypt = presetLimits('https://acme-v02.api.letsencrypt.org/directory');
const second = 1000;

function ledger(limits: RateLimits = letsEncrypt): Ledger {
  return new Ledger(limits, registeredDomain, (text) =>
    hash('sha256', `ca ${text}`, 'base64url').slice(0, 16),
  );
}

function only(name: LimitName, burst: number, period: number, reserve = 0): RateLimits {
  return { limits: { [name]: { burst, period } }, reserve };
}

function order(host: string, changes: Partial<OrderRequest> = {}): OrderRequest {
  return { identifiers: [host], purpose: 'renewal', exemption: 'none', ...changes };
}

function issue(books: Ledger, made: OrderRequest, time = now): void {
  books.orderCreated(made, time);
  books.certificateIssued(made, time);
}

/** Issues until the ledger says no, and tells how many that were. */
function affordable(books: Ledger, next: (index: number) => OrderRequest, time = now): number {
  let count = 0;
  while (count < 2000 && books.hold(next(count), time) === undefined) {
    issue(books, next(count), time);
    count += 1;
  }
  return count;
}

function saved(books: Ledger, time = now): Map<number, string> {
  const documents = books
    .takeChanges(time)
    .flatMap(({ shard, text }) => (text === undefined ? [] : [[shard, text] as const]));
  return new Map(documents);
}

function restored(documents: ReadonlyMap<number, string>, time = now, limits = letsEncrypt): Ledger {
  const books = ledger(limits);
  assert.deepEqual(books.restore(documents, time), []);
  return books;
}

describe("Let's Encrypt's limits", () => {
  it('hold after 300 orders of an account, by 36 s each', () => {
    const books = ledger();
    assert.equal(
      affordable(books, (index) => order(`www.site-${index}.com`)),
      300,
    );
    assert.deepEqual(books.hold(order('www.another.com'), now), {
      cause: 'orders-per-account',
      scope: 'this account',
      until: now + 36 * second,
    });
    assert.equal(books.hold(order('www.another.com'), now + 36 * second), undefined);
  });

  it('hold after 50 certificates of a registered domain, and nobody else', () => {
    const books = ledger();
    assert.equal(
      affordable(books, (index) => order(`host-${index}.example.co.uk`)),
      50,
    );
    const hold = books.hold(order('another.example.co.uk'), now);
    assert.equal(hold?.cause, 'certificates-per-registered-domain');
    assert.equal(hold?.scope, 'registered domain example.co.uk');
    assert.equal(hold?.until, now + (7 * day) / 50);
    assert.equal(books.hold(order('www.other.co.uk'), now), undefined);
  });

  it('hold after 5 certificates for an exact set, in whatever order and case its names are', () => {
    const books = ledger();
    const sets = [
      ['a.example.com', 'b.example.com'],
      ['B.example.com', 'a.example.com.'],
    ];
    const next = (index: number) => order('', { identifiers: sets[index % 2] ?? [] });
    assert.equal(affordable(books, next), 5);
    assert.equal(books.hold(next(0), now)?.cause, 'certificates-per-exact-set');
    assert.equal(books.hold(order('a.example.com'), now), undefined);
  });

  it('hold after 5 failures of a host in an hour, whatever else is in the order', () => {
    const books = ledger();
    for (let count = 0; count < 5; count += 1) books.authorizationFailed('bad.example.com', now);
    const both = order('', { identifiers: ['good.example.com', 'bad.example.com'] });
    const until = now + 12 * minute;
    assert.deepEqual(books.hold(both, now), {
      cause: 'authorization-failures',
      scope: 'host bad.example.com',
      until,
    });
    assert.equal(books.hold(order('good.example.com'), now), undefined);
    books.authorizationSucceeded('bad.example.com');
    assert.equal(
      books.hold(both, now)?.until,
      until,
      'a success resets only the count that leads to a pause',
    );
  });

  it('count consecutive failures until a success', () => {
    const books = ledger(only('consecutive-authorization-failures', 3, 3 * day));
    for (let count = 0; count < 3; count += 1) books.authorizationFailed('bad.example.com', now);
    assert.equal(books.hold(order('bad.example.com'), now)?.until, now + day);
    books.authorizationSucceeded('bad.example.com');
    assert.equal(books.hold(order('bad.example.com'), now), undefined);
  });

  it('are others at the staging CA, with the same share of each kept', () => {
    assert.deepEqual(presetLimits('https://acme-staging-v02.api.letsencrypt.org/directory'), {
      limits: {
        'orders-per-account': { burst: 1500, period: 3 * hour },
        'certificates-per-registered-domain': { burst: 30_000, period: second },
        'certificates-per-exact-set': { burst: 30_000, period: 7 * day },
        'authorization-failures': { burst: 200, period: hour },
        'consecutive-authorization-failures': { burst: 3600, period: 6 * hour },
      },
      reserve: letsEncrypt.reserve,
    });
  });

  it('are not known of another CA', () => {
    const books = ledger(presetLimits('https://ca.internal/directory'));
    assert.equal(
      affordable(books, () => order('www.example.com')),
      2000,
    );
  });
});

describe('a reserve of a fifth', () => {
  it('is kept from first orders, for renewals and for certificates that got lost', () => {
    const books = ledger();
    const first = (index: number) => order(`host-${index}.example.com`, { purpose: 'first' });
    assert.equal(affordable(books, first), 40);
    assert.equal(books.hold(order('lost.example.com', { purpose: 'replacement' }), now), undefined);
    assert.equal(
      affordable(books, (index) => order(`old-${index}.example.com`)),
      10,
    );
  });

  it('is kept of every limit', () => {
    const first = (index: number) => order(`www.site-${index}.com`, { purpose: 'first' });
    const books = ledger();
    assert.equal(affordable(books, first), 240);
    assert.equal(books.hold(order('www.another.com'), now), undefined);
    const again = ledger();
    assert.equal(
      affordable(again, () => first(0)),
      4,
    );
    assert.equal(again.hold(order('www.site-0.com'), now), undefined);
    for (const name of ['authorization-failures', 'consecutive-authorization-failures'] as const) {
      const failures = ledger(only(name, 5, hour, 0.2));
      for (let count = 0; count < 4; count += 1) failures.authorizationFailed('www.site-0.com', now);
      assert.equal(failures.hold(first(0), now)?.cause, name);
      assert.equal(failures.hold(order('www.site-0.com'), now), undefined);
    }
  });

  it('never leaves a first order without a chance', () => {
    const books = ledger(only('certificates-per-exact-set', 1, day, 1));
    assert.equal(
      affordable(books, () => order('www.example.com', { purpose: 'first' })),
      1,
    );
  });
});

describe('exemptions', () => {
  it('free a renewal of the same set of orders and domain, but not of the set', () => {
    const books = ledger();
    affordable(books, (index) => order(`host-${index}.example.com`));
    affordable(books, (index) => order(`www.site-${index}.com`));
    const renewal = order('host-1.example.com', { exemption: 'same-set' });
    assert.notEqual(books.hold({ ...renewal, exemption: 'none' }, now), undefined);
    assert.equal(
      affordable(books, () => renewal),
      4,
    );
    assert.equal(books.hold(renewal, now)?.cause, 'certificates-per-exact-set');
  });

  it('free a renewal by ARI of everything, while its certificate still counts for its set', () => {
    const books = ledger();
    const renewal = order('www.example.com', { exemption: 'ari' });
    assert.equal(
      affordable(books, () => renewal),
      2000,
    );
    assert.equal(books.hold(order('www.example.com'), now)?.cause, 'certificates-per-exact-set');
    assert.equal(books.hold(order('other.example.com'), now), undefined);
  });
});

describe('failures of a host', () => {
  it('hold a renewal of the same set, too, but not one by ARI', () => {
    const books = ledger();
    for (let count = 0; count < 5; count += 1) books.authorizationFailed('www.example.com', now);
    const sameSet = order('www.example.com', { exemption: 'same-set' });
    assert.equal(books.hold(sameSet, now)?.cause, 'authorization-failures');
    assert.equal(books.hold({ ...sameSet, exemption: 'ari' }, now), undefined);
  });
});

describe('an order', () => {
  it('that replaces a certificate is counted when it is issued, for its domain only if its names are others', () => {
    for (const newSet of [true, false]) {
      const books = ledger({
        limits: {
          'certificates-per-registered-domain': { burst: 1, period: day },
          'certificates-per-exact-set': { burst: 1, period: day },
        },
        reserve: 0,
      });
      const replacing = order('a.example.com', { exemption: 'ari', newSet });
      assert.equal(books.hold(replacing, now), undefined);
      issue(books, replacing);
      assert.equal(books.hold(replacing, now), undefined);
      assert.notEqual(books.hold(order('a.example.com'), now), undefined);
      assert.equal(books.hold(order('b.example.com'), now) === undefined, !newSet);
    }
  });

  it('takes its place while it is under way, and gives it back when it comes to nothing', () => {
    const books = ledger(only('certificates-per-registered-domain', 1, day));
    books.orderCreated(order('a.example.com'), now);
    assert.notEqual(books.hold(order('b.example.com'), now), undefined);
    books.orderEnded(order('a.example.com'), now);
    assert.equal(books.hold(order('b.example.com'), now), undefined);
  });

  it('comes back when the CA has it come back, which counts from the moment when it makes the order', () => {
    const books = ledger(only('orders-per-account', 2, hour));
    books.orderCreated(order('a.example.com'), now);
    books.orderCreated(order('b.example.com'), now);
    books.orderMade(order('a.example.com'), now + 10 * 60_000);
    books.orderMade(order('b.example.com'), now + 11 * 60_000);
    assert.equal(books.hold(order('c.example.com'), now + 11 * 60_000)?.until, now + 40 * 60_000);
  });

  it('costs nothing when it is refused', () => {
    const books = ledger(only('orders-per-account', 1, hour));
    books.orderCreated(order('a.example.com'), now);
    books.orderRefused(order('a.example.com'), now);
    books.orderRefused(order('a.example.com'), now);
    assert.equal(
      affordable(books, () => order('b.example.com')),
      1,
    );
  });

  it('that waits for days, as while the CA is away, costs nothing if it is never made', () => {
    const books = ledger(only('certificates-per-exact-set', 1, 7 * day));
    books.orderCreated(order('a.example.com'), now);
    books.takeChanges(now + 3 * day);
    books.orderRefused(order('a.example.com'), now + 3 * day);
    assert.equal(books.hold(order('a.example.com'), now + 3 * day), undefined);
  });
});

describe('the ledger after a restart', () => {
  it('knows what was spent, and takes what was under way as spent', () => {
    const books = ledger();
    affordable(books, (index) => order(`host-${index}.example.com`));
    books.orderCreated(order('www.other.com', { exemption: 'same-set' }), now);
    const after = restored(saved(books));
    const hold = after.hold(order('new.example.com'), now);
    assert.deepEqual(hold, books.hold(order('new.example.com'), now));
    // What had not ended, the order journal tells of.
    assert.equal(
      affordable(after, () => order('www.other.com', { exemption: 'same-set' })),
      5,
    );
  });

  it('gives out again what could not be written', () => {
    const books = ledger();
    issue(books, order('www.example.com'));
    const [change] = books.takeChanges(now);
    assert.deepEqual(books.takeChanges(now), []);
    books.returnChanges([0]);
    assert.deepEqual(books.takeChanges(now), [change]);
  });

  it('does not hold against a CA what was spent at another', () => {
    const books = ledger();
    affordable(books, (index) => order(`host-${index}.example.com`));
    const other = new Ledger(letsEncrypt, registeredDomain, (text) => `other${hash('sha256', text)}`);
    other.restore(saved(books), now);
    assert.equal(other.hold(order('new.example.com'), now), undefined);
  });

  for (const [what, text] of [
    ['is not JSON', '{"version":1,"buck'],
    ['has an unknown version', '{}'],
    ['has missing or invalid fields', '{"version":1,"buckets":[]}'],
  ] as const) {
    it(`takes all as spent that it cannot read, when a document ${what}, over further restarts, too`, () => {
      const books = ledger();
      const [sentence = ''] = books.restore(new Map([[3, text]]), now);
      assert.ok(sentence.includes(what), sentence);
      const hold = books.hold(order('www.example.com'), now) ?? assert.fail();
      assert.equal(hold.until, now + (7 * day) / 5);
      const { code, message } = describeHold(hold);
      assert.equal(code, 'LedgerDamaged');
      assert.match(
        message,
        /^The order waits, because document 3 of the rate-limit ledger could not be read/,
      );
      assert.equal(books.hold(order('www.example.com', { exemption: 'ari' }), now), undefined);
      const written = saved(books);
      assert.deepEqual([...written.keys()], [3]);
      const again = restored(written, now + hour);
      const until = again.hold(order('www.example.com'), now + hour)?.until ?? 0;
      assert.ok(Math.abs(until - now - (7 * day) / 5) <= second);
      again.takeChanges(now + 8 * day);
      assert.equal(again.hold(order('www.example.com', { purpose: 'first' }), now + 8 * day), undefined);
    });
  }

  it('takes a damaged entry as spent, and only that', () => {
    const books = ledger(only('certificates-per-exact-set', 5, 7 * day));
    issue(books, order('a.example.com'));
    issue(books, order('b.example.com'));
    const text = saved(books).get(0) ?? '';
    const damaged = text.replace(/:\d{10}/, ':"x"');
    const after = ledger(only('certificates-per-exact-set', 5, 7 * day));
    assert.match(after.restore(new Map([[0, damaged]]), now)[0] ?? '', /1 damaged/);
    const holds = ['a', 'b', 'c'].map((name) => after.hold(order(`${name}.example.com`), now) !== undefined);
    assert.deepEqual(holds, [true, false, false]);
  });

  it('gives a document back for deletion when all in it is full again', () => {
    const books = restored(new Map([[0, '{"version":1,"buckets":{}}']]));
    assert.deepEqual(books.takeChanges(now), [{ shard: 0, text: undefined }]);
    issue(books, order('www.example.com'));
    assert.equal(saved(books).size, 1);
    assert.deepEqual(books.takeChanges(now + 8 * day), [{ shard: 0, text: undefined }]);
    assert.equal(books.size, 0);
  });
});

describe('a clock that jumps', () => {
  it('an hour back or ahead loses nothing that was spent', () => {
    for (const jump of [-hour, hour]) {
      const books = ledger();
      affordable(books, (index) => order(`host-${index}.example.com`));
      books.takeChanges(now + jump);
      const made = order('late.example.com');
      if (books.hold(made, now + jump) === undefined) issue(books, made, now + jump);
      const until = books.hold(order('new.example.com'), now)?.until ?? 0;
      assert.ok(until >= now + (7 * day) / 50 && until <= now + (8 * day) / 50 + hour, `${jump}`);
    }
  });

  it('back after a year ahead lets what was counted and refused then come back within its time', () => {
    const refused = order('b.example.com');
    const ahead = (books: Ledger): void => {
      affordable(books, () => order('a.example.com'), now + 400 * day);
      const block = { cause: 'blocked', scope: { type: 'order' }, retryAfter: hour } as const;
      books.learn(block, refused, now + 400 * day);
    };
    const kept = ledger();
    ahead(kept);
    const running = ledger();
    ahead(running);
    for (const books of [running, restored(saved(kept, now + 400 * day))]) {
      assert.notEqual(books.hold(order('a.example.com'), now), undefined);
      assert.notEqual(books.refusal(refused, now), undefined);
      assert.equal(books.hold(order('a.example.com'), now + 8 * day), undefined);
      assert.equal(books.refusal(refused, now + 2 * day), undefined);
    }
  });

  it('years ahead blocks nobody for years', () => {
    const books = ledger();
    affordable(books, (index) => order(`host-${index}.example.com`), now + 900 * day);
    assert.equal(books.hold(order('new.example.com'), now)?.until, now + (7 * day) / 50);
  });
});

it('100,000 certificates at once change few documents at a time, none too large for a ConfigMap, and are forgotten', () => {
  const books = ledger({
    ...letsEncrypt,
    limits: { ...letsEncrypt.limits, 'orders-per-account': { burst: 1e6, period: day } },
  });
  let written = 0;
  let largest = 0;
  const documents = new Map<number, string>();
  for (let group = 0; group < 1000; group += 1) {
    for (let index = 0; index < 100; index += 1)
      issue(books, order(`www.site-${group}-${index}.com`), now + group);
    const changes = books.takeChanges(now + group);
    assert.ok(changes.length <= 3, `${changes.length} documents at once`);
    for (const { shard, text = '' } of changes) {
      documents.set(shard, text);
      written += text.length;
      largest = Math.max(largest, text.length);
    }
  }
  assert.ok(largest < 256 * 1024, `${largest} bytes`);
  assert.ok(written / 1000 < 200 * 1024, `${written / 1000} bytes for 100 certificates`);
  const after = ledger();
  assert.deepEqual(after.restore(documents, now + second), []);
  assert.equal(after.size, books.size);
  books.takeChanges(now + 9 * day);
  assert.equal(books.size, 0);
});
