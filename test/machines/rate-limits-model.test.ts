import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { it } from 'node:test';
import * as fc from 'fast-check';
import type { BucketForecast } from '../../machines/ledger-buckets.ts';
import { type Limit, type LimitName, limitNames, type RateLimits } from '../../machines/limits.ts';
import type { OrderRequest } from '../../machines/order-limits.ts';
import { Ledger } from '../../machines/rate-limits.ts';
import { registeredDomain } from '../../machines/registered-domain.ts';
import { day, now } from './builders.ts';

const seed = 20261124;
const hosts = ['a.example.com', 'b.example.com', 'c.example.com', 'x.other.org', 'y.other.org'];
const sets = [
  ['a.example.com'],
  ['b.example.com'],
  ['a.example.com', 'x.other.org'],
  ['x.other.org', 'y.other.org'],
  hosts,
];

function ledger(limits: RateLimits): Ledger {
  return new Ledger(limits, registeredDomain, (text) => hash('sha256', text, 'base64url').slice(0, 16));
}

/** The CA's side, as its documentation puts it: a level that rises by one token each `period / burst`, up to `burst`. */
class Tokens {
  readonly #limit: Limit;
  #level: number;
  #at = now;

  constructor(limit: Limit) {
    this.#limit = limit;
    this.#level = limit.burst;
  }

  level(time: number): number {
    const gained = ((time - this.#at) * this.#limit.burst) / this.#limit.period;
    this.#level = Math.min(this.#level + Math.max(gained, 0), this.#limit.burst);
    this.#at = time;
    return this.#level;
  }

  /** @returns whether there was one */
  take(time: number): boolean {
    const enough = this.level(time) >= 1 - 1e-6;
    if (enough) this.#level -= 1;
    return enough;
  }

  putBack(time: number): void {
    this.#level = Math.min(this.level(time) + 1, this.#limit.burst);
  }
}

/** A CA that counts as acme.md says of Boulder: orders at new-order, certificates at issuance, failures when they happen. */
class Ca {
  readonly #limits: RateLimits;
  readonly #tokens = new Map<string, Tokens>();

  constructor(limits: RateLimits) {
    this.#limits = limits;
  }

  /** The first limit that refuses this order; it is spent otherwise. */
  newOrder(order: OrderRequest, time: number): LimitName | undefined {
    if (order.exemption === 'ari') return undefined;
    const checked: [LimitName, string][] = [['certificates-per-exact-set', order.identifiers.join()]];
    for (const host of order.identifiers) {
      checked.push(['authorization-failures', host], ['consecutive-authorization-failures', host]);
      if (order.exemption === 'none')
        checked.push(['certificates-per-registered-domain', registeredDomain(host)]);
    }
    const [refused] = checked.find(([name, scope]) => this.#bucket(name, scope).level(time) < 1 - 1e-6) ?? [];
    if (refused !== undefined || order.exemption === 'same-set') return refused;
    return this.#bucket('orders-per-account', '').take(time) ? undefined : 'orders-per-account';
  }

  refund(time: number): void {
    this.#bucket('orders-per-account', '').putBack(time);
  }

  /** @returns whether all limits allowed it (an ARI renewal is not asked) */
  issue(order: OrderRequest, time: number): boolean {
    const set = this.#bucket('certificates-per-exact-set', order.identifiers.join()).take(time);
    if (order.exemption === 'same-set') return set;
    if (order.exemption === 'ari' && order.newSet !== true) return true;
    const domains = new Set(order.identifiers.map(registeredDomain));
    const taken = [...domains].map((name) =>
      this.#bucket('certificates-per-registered-domain', name).take(time),
    );
    return order.exemption === 'ari' || (set && taken.every(Boolean));
  }

  fail(host: string, time: number): void {
    this.#bucket('authorization-failures', host).take(time);
    this.#bucket('consecutive-authorization-failures', host).take(time);
  }

  succeed(host: string): void {
    this.#tokens.delete(`consecutive-authorization-failures ${host}`);
  }

  #bucket(name: LimitName, scope: string): Tokens {
    const key = `${name} ${scope}`;
    const limit = this.#limits.limits[name] ?? { burst: 1e9, period: 1 };
    const tokens = this.#tokens.get(key) ?? new Tokens(limit);
    this.#tokens.set(key, tokens);
    return tokens;
  }
}

const limit = fc.record({
  burst: fc.integer({ min: 1, max: 6 }),
  period: fc.integer({ min: 1000, max: day }),
});
const rateLimits: fc.Arbitrary<RateLimits> = fc.record({
  limits: fc.record(Object.fromEntries(limitNames.map((name) => [name, limit])), { requiredKeys: [] }),
  reserve: fc.constantFrom(0, 0.2, 0.5),
});
const request: fc.Arbitrary<OrderRequest> = fc.record({
  identifiers: fc.constantFrom(...sets),
  purpose: fc.constantFrom('first', 'replacement', 'renewal'),
  exemption: fc.constantFrom('none', 'none', 'none', 'same-set', 'ari'),
  newSet: fc.boolean(),
});
const step = fc.record({
  type: fc.constantFrom('order', 'order', 'order', 'order', 'fail', 'succeed', 'restart'),
  order: request,
  host: fc.constantFrom(...hosts),
  /** What becomes of the order, and how many steps later. */
  end: fc.constantFrom('issued', 'issued', 'issued', 'failed', 'refused'),
  after: fc.nat(3),
  wait: fc.oneof(fc.nat(1000), fc.nat(day / 4), fc.nat(3 * day)),
});
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

function keep(books: Ledger, documents: Map<number, string>, time: number): void {
  for (const { shard, text } of books.takeChanges(time)) {
    if (text === undefined) documents.delete(shard);
    else documents.set(shard, text);
  }
  books.changesWritten();
}

/** Plays the steps against the CA; an order is made only if the ledger holds it not. */
function play(limits: RateLimits, steps: readonly Step[]): void {
  const ca = new Ca(limits);
  const documents = new Map<number, string>();
  let books = ledger(limits);
  let time = now;
  let running: { order: OrderRequest; end: Step['end']; left: number }[] = [];
  for (const { type, order, host, end, after, wait } of steps) {
    time += wait;
    if (type === 'fail') {
      ca.fail(host, time);
      books.authorizationFailed(host, time);
    } else if (type === 'succeed') {
      ca.succeed(host);
      books.authorizationSucceeded(host);
    } else if (type === 'restart') {
      // What was under way when the process ended is taken up from the journal of orders by the next one.
      keep(books, documents, time);
      for (const { order, end } of running) if (end === 'issued') assert.ok(ca.issue(order, time));
      books = ledger(limits);
      assert.deepEqual(books.restore(documents, time), []);
      for (const { order, end } of running) if (end === 'issued') books.certificateIssued(order, time);
      running = [];
    } else if (
      books.hold(order, time) === undefined &&
      !running.some((one) => one.order.identifiers === order.identifiers)
    ) {
      books.orderCreated(order, time);
      assert.equal(ca.newOrder(order, time), undefined, 'the CA refuses what the ledger allowed');
      if (end !== 'refused') books.orderMade(order, time);
      running.push({ order, end, left: after });
    }
    const ending = running.filter(({ left }) => left === 0);
    running = running.filter(({ left }) => left > 0).map((one) => ({ ...one, left: one.left - 1 }));
    for (const { order, end } of ending) {
      if (end === 'issued') {
        assert.ok(ca.issue(order, time), 'more certificates than the CA allows');
        books.certificateIssued(order, time);
      } else if (end === 'failed') {
        books.orderEnded(order, time);
      } else {
        if (order.exemption === 'none') ca.refund(time);
        books.orderRefused(order, time);
      }
    }
    if (time % 2 === 0) keep(books, documents, time);
  }
}

it('the CA never refuses what the ledger allows, whatever its limits are, across restarts', () => {
  fc.assert(fc.property(rateLimits, fc.array(step, { maxLength: 80 }), play), { seed, numRuns: 1000 });
});

it('what is kept and taken up again holds the same orders, to the second', () => {
  fc.assert(
    fc.property(rateLimits, fc.array(step, { maxLength: 60 }), (limits, steps) => {
      const books = ledger(limits);
      let time = now;
      for (const { type, order, host, end, wait } of steps) {
        time += wait;
        if (type === 'fail') books.authorizationFailed(host, time);
        else if (type === 'order') books.orderCreated(order, time);
        if (end === 'issued') books.certificateIssued(order, time);
        else if (end === 'failed')
          books.learn({ cause: 'blocked', scope: { type: 'order' }, retryAfter: wait }, order, time);
        else books.orderEnded(order, time);
      }
      for (const identifiers of sets)
        books.orderEnded({ identifiers, purpose: 'first', exemption: 'none' }, time);
      const documents = new Map<number, string>();
      keep(books, documents, time);
      const after = ledger(limits);
      assert.deepEqual(after.restore(documents, time), []);
      for (const identifiers of sets) {
        for (const exemption of ['none', 'same-set', 'ari'] as const) {
          const order: OrderRequest = { identifiers, purpose: 'first', exemption };
          const expected = books.hold(order, time)?.until ?? time;
          const actual = after.hold(order, time)?.until ?? time;
          assert.ok(actual >= expected && actual < expected + 1001, `${actual - expected} ms`);
        }
      }
    }),
    { seed, numRuns: 300 },
  );
});

it('no text in place of a document makes it fail, or holds an order that the CA exempts', () => {
  const document = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((json) => `{"version":1,"buckets":${json}}`),
  );
  fc.assert(
    fc.property(rateLimits, document, (limits, text) => {
      const books = ledger(limits);
      const said = books.restore(new Map([[0, text]]), now);
      const order: OrderRequest = { identifiers: ['a.example.com'], purpose: 'first', exemption: 'none' };
      const counts = Object.values(limits.limits).length > 0;
      const limited = limits.limits['certificates-per-exact-set'] !== undefined && counts;
      if (said.some((sentence) => /told of/.test(sentence)) && limited)
        assert.notEqual(books.hold(order, now), undefined);
      assert.equal(books.hold({ ...order, exemption: 'ari' }, now), undefined);
      books.takeChanges(now);
    }),
    { seed, numRuns: 500 },
  );
});

it('the forecast says the same as the hold', () => {
  fc.assert(
    fc.property(rateLimits, fc.array(step, { maxLength: 40 }), (limits, steps) => {
      const books = ledger(limits);
      let time = now;
      for (const { type, order, host, wait } of steps) {
        time += wait % (day / 8);
        if (type === 'fail') books.authorizationFailed(host, time);
        else if (type === 'order' && books.hold(order, time) === undefined) books.orderCreated(order, time);
        else books.certificateIssued(order, time);
      }
      const forecast = books.forecast(time);
      for (const identifiers of sets) {
        for (const purpose of ['first', 'renewal'] as const) {
          const concerned = new Set([
            'this account',
            ...identifiers.flatMap((host) => [`host ${host}`, `registered domain ${registeredDomain(host)}`]),
          ]);
          const exact = (scope: string): boolean => scope.startsWith('a certificate for exactly');
          const mine = forecast.filter(
            ({ scope }) => concerned.has(scope) || (exact(scope) && isOf(scope, identifiers)),
          );
          const at = ({ nextFirst, nextRenewal }: BucketForecast): number =>
            purpose === 'first' ? nextFirst : nextRenewal;
          const until = books.hold({ identifiers, purpose, exemption: 'none' }, time)?.until ?? time;
          assert.equal(Math.max(time, ...mine.map(at)), until);
        }
      }
    }),
    { seed, numRuns: 300 },
  );
});

function isOf(scope: string, identifiers: readonly string[]): boolean {
  const shown = identifiers.toSorted().slice(0, 3).join(', ');
  return (
    scope === `a certificate for exactly ${shown}` ||
    (identifiers.length > 3 && scope.startsWith(`a certificate for exactly ${shown} and`))
  );
}
