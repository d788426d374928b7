import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OrderRequest } from '../../../machines/ledger/order-limits.ts';
import type { RateLimits } from '../../../machines/ledger/rate-limits.ts';
import { day, hour, now } from '../builders.ts';
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

  it('is not in the documents before its end', () => {
    const books = ledger(domains);
    books.orderCreated(order('a.example.com'), now);
    assert.deepEqual(books.takeChanges(now), []);
    books.certificateIssued(order('a.example.com'), now);
    assert.equal(books.takeChanges(now).length, 1);
  });
});

describe('an order of an earlier process', () => {
  const limits: RateLimits = {
    limits: {
      'orders-per-account': { burst: 10, period: hour },
      'certificates-per-exact-set': { burst: 5, period: 7 * day },
    },
    reserve: 0,
  };
  const unfinished = order('a.example.com');
  const resumed = () => {
    const books = ledger(limits);
    books.resumeOrder('entry', unfinished, now);
    return books;
  };
  const levels = (books: ReturnType<typeof ledger>) =>
    books
      .forecast(now)
      .map(({ limit, level }) => `${limit} ${level}`)
      .toSorted();
  const one = ['certificates-per-exact-set 4', 'orders-per-account 9'];

  it('counts as one with a certificate until its entry ends, and after that', () => {
    const books = resumed();
    assert.deepEqual(levels(books), one);
    assert.deepEqual(books.takeChanges(now), [], 'the journal has it');
    books.settleOrder('entry', now);
    books.settleOrder('entry', now);
    assert.deepEqual(levels(books), one);
    assert.equal(books.takeChanges(now).length, 1);
  });

  it('counts once when a round goes on with it, however that ends', () => {
    for (const end of ['certificateIssued', 'orderEnded', 'orderRefused'] as const) {
      const books = resumed();
      books.orderCreated(unfinished, now);
      books[end](unfinished, now);
      assert.deepEqual(levels(books), one, end);
      books.settleOrder('entry', now);
      assert.deepEqual(levels(books), one, end);
    }
  });

  it('counts as an order beside the one that is made in its place', () => {
    const books = resumed();
    books.orderCreated(unfinished, now);
    books.orderSent(unfinished, now);
    books.orderMade(unfinished, now);
    books.certificateIssued(unfinished, now);
    books.settleOrder('entry', now);
    assert.deepEqual(levels(books), ['certificates-per-exact-set 4', 'orders-per-account 8']);
  });

  it('that has been let go makes room for another, which is counted, too', () => {
    const books = resumed();
    books.orderCreated(unfinished, now);
    books.settleOrder('entry', now);
    books.orderSent(unfinished, now);
    books.orderMade(unfinished, now);
    books.orderEnded(unfinished, now);
    assert.deepEqual(levels(books), ['certificates-per-exact-set 4', 'orders-per-account 8']);
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

  it('do not keep an entry that no order can have, in place of which a new one would stand for ever', () => {
    const text = JSON.stringify({ version: 1, buckets: { 'a,b': 1, '\u0000': 'x' }, blocks: { '': 1 } });
    const documents = new Map([[0, text]]);
    assert.match(ledger(domains).restore(documents, now).join(), /has 3 damaged entries/);
    const books = ledger(domains);
    books.restore(documents, now);
    store(books.takeChanges(now), documents);
    assert.deepEqual(ledger(domains).restore(documents, now), []);
  });
});
