import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OrderRequest } from '../../../machines/ledger/order-limits.ts';
import type { RateLimits } from '../../../machines/ledger/rate-limits.ts';
import { day, hour, minute, now } from '../builders.ts';
import { ledger, store } from './ledger-model.ts';

const domains: RateLimits = {
  limits: { 'certificates-per-registered-domain': { burst: 10, period: 7 * day } },
  reserve: 0,
};

function order(host: string): OrderRequest {
  return { identifiers: [host], purpose: 'renewal', exemption: 'none' };
}

describe('an order in the ledger', () => {
  it('is counted once, however often it is heard of', () => {
    const books = ledger({ limits: { 'orders-per-account': { burst: 2, period: hour } }, reserve: 0 });
    const made = order('a.example.com');
    books.orderCreated(made, now);
    books.orderMade(made, now);
    books.orderMade(made, now);
    books.certificateIssued(made, now);
    assert.equal(books.hold(order('b.example.com'), now), undefined);
  });

  it('has its certificate written down again when it takes longer than that is good for', () => {
    const books = ledger(domains);
    const made = order('a.example.com');
    books.orderCreated(made, now);
    books.coverCertificate(made, now);
    assert.equal(books.coversCertificate(made, now), false);
    books.takeChanges(now);
    books.changesWritten();
    assert.equal(books.coversCertificate(made, now + 45 * minute), true);
    assert.equal(books.coversCertificate(made, now + 46 * minute), false);
  });
});

describe('the buckets', () => {
  it('are told of with the emptiest first', () => {
    const books = ledger(domains);
    for (const [domain, count] of [
      ['one.example', 1],
      ['seven.example', 7],
      ['three.example', 3],
    ] as const) {
      for (let index = 0; index < count; index += 1) {
        books.orderCreated(order(`${index}.${domain}`), now);
        books.certificateIssued(order(`${index}.${domain}`), now);
      }
    }
    assert.deepEqual(
      books.forecast(now).map(({ scope, level }) => [scope, level]),
      [
        ['registered domain seven.example', 3],
        ['registered domain three.example', 7],
        ['registered domain one.example', 9],
      ],
    );
  });

  it('of a limit that has been lifted are forgotten', () => {
    const books = ledger(domains);
    books.orderCreated(order('a.example.com'), now);
    books.certificateIssued(order('a.example.com'), now);
    const documents = new Map<number, string>();
    store(books.takeChanges(now), documents);
    const after = ledger({ limits: {}, reserve: 0 });
    assert.deepEqual(after.restore(documents, now), []);
    assert.equal(after.size, 0);
    store(after.takeChanges(now), documents);
    assert.equal(documents.size, 0);
  });
});
