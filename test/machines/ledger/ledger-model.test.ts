import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { registeredDomain } from '../../../machines/hosts/registered-domain.ts';
import type { BucketForecast } from '../../../machines/ledger/buckets.ts';
import type { OrderRequest } from '../../../machines/ledger/order-limits.ts';
import { day, now } from '../builders.ts';
import { hosts, ledger, rateLimitsUpTo, request, sets, store } from './ledger-model.ts';

const seed = 20261124;
const step = fc.record({
  type: fc.constantFrom('order', 'order', 'order', 'fail', 'other'),
  order: request,
  host: fc.constantFrom(...hosts),
  end: fc.constantFrom('issued', 'issued', 'issued', 'failed', 'ended'),
  wait: fc.oneof(fc.nat(1000), fc.nat(day / 4), fc.nat(3 * day)),
});

it('what is kept and taken up again holds the same orders, to two seconds and never sooner', () => {
  fc.assert(
    fc.property(rateLimitsUpTo(9), fc.array(step, { maxLength: 60 }), (limits, steps) => {
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
      store(books.takeChanges(time), documents);
      const after = ledger(limits);
      assert.deepEqual(after.restore(documents, time), []);
      for (const identifiers of sets) {
        for (const exemption of ['none', 'same-set', 'ari'] as const) {
          const order: OrderRequest = { identifiers, purpose: 'first', exemption };
          const expected = books.hold(order, time)?.until ?? time;
          const actual = after.hold(order, time)?.until ?? time;
          assert.ok(actual >= expected && actual < expected + 2001, `${actual - expected} ms`);
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
    fc.property(rateLimitsUpTo(9), document, (limits, text) => {
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
    fc.property(rateLimitsUpTo(9), fc.array(step, { maxLength: 40 }), (limits, steps) => {
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
