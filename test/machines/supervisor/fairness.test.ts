import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OrderBudget, type PlannedOrder } from '../../../machines/authority/order-budget.ts';
import { registeredDomain } from '../../../machines/hosts/registered-domain.ts';
import { Ledger } from '../../../machines/ledger/ledger.ts';
import type { RateLimits } from '../../../machines/ledger/rate-limits.ts';
import { Admission } from '../../../machines/supervisor/admission.ts';
import type { Round } from '../../../machines/supervisor/round.ts';
import { day, hour, minute, now } from '../builders.ts';

/** Those of Let's Encrypt that all namespaces share. */
const shared = {
  'orders-per-account': { burst: 300, period: 3 * hour },
  'certificates-per-registered-domain': { burst: 50, period: 7 * day },
};

/** Comparisons of rounds, and questions about an order: what the choice among them costs. */
class Steps {
  count = 0;
}

class CountedRound implements Round {
  readonly id: string;
  readonly namespace: string;
  readonly hosts: readonly string[];
  readonly purpose = 'first';
  readonly exemption = 'none';
  readonly #harmAt: number;
  readonly #steps: Steps;

  constructor(id: string, namespace: string, host: string, harmAt: number, steps: Steps) {
    this.id = id;
    this.namespace = namespace;
    this.hosts = [host];
    this.#harmAt = harmAt;
    this.#steps = steps;
  }

  get harmAt(): number {
    this.#steps.count += 1;
    return this.#harmAt;
  }
}

class CountedBudget extends OrderBudget {
  readonly steps = new Steps();

  override gate(...[order, at, ahead]: Parameters<OrderBudget['gate']>) {
    this.steps.count += 1;
    return super.gate(order, at, ahead);
  }

  override foresee(...[order, taken, at]: Parameters<OrderBudget['foresee']>) {
    this.steps.count += 1;
    return super.foresee(order, taken, at);
  }
}

/** An admission whose rounds order at once when they are admitted, and end. */
class Orders {
  time = now;
  readonly budget: CountedBudget;
  readonly admission: Admission;
  /** The ids, in the order in which they were admitted. */
  readonly made: string[] = [];
  /** Minutes until the forecast order, as last told. */
  readonly told = new Map<string, number>();
  /** Of the calls that admitted something. */
  readonly stepsOfGrants: number[] = [];
  readonly #fails: (id: string) => boolean;

  constructor(limits: RateLimits['limits'], fails: (id: string) => boolean = () => false) {
    const ledger = new Ledger({ limits, reserve: 0 }, registeredDomain, (text) => text);
    this.budget = new CountedBudget(ledger);
    this.admission = new Admission({ hosts: 500, ordersInFlight: 10 }, this.budget);
    this.#fails = fails;
  }

  enter(...entering: readonly Round[]): void {
    for (const round of entering) this.admission.enter(round, this.time);
    this.go();
  }

  /** All that can happen now. */
  go(): void {
    const { admission, time } = this;
    for (;;) {
      const { steps } = this.budget;
      const before = steps.count;
      const grants = admission.grants(time);
      if (grants.some(({ grant }) => grant === 'admission')) this.stepsOfGrants.push(steps.count - before);
      for (const grant of grants) {
        if (grant.grant === 'none') this.told.set(grant.id, Math.round((grant.hold.until - time) / minute));
        if (grant.grant === 'admission') this.#order(grant.id);
      }
      if (grants.length === 0 && (admission.next(time) ?? Number.POSITIVE_INFINITY) > time) return;
    }
  }

  /** What happens within so many milliseconds. */
  pass(duration: number): void {
    const until = this.time + duration;
    for (;;) {
      const next = this.admission.next(this.time);
      if (next === undefined || next > until) break;
      this.time = Math.max(this.time, next);
      this.go();
    }
    this.time = until;
  }

  #order(id: string): void {
    const { admission, budget, time } = this;
    this.made.push(id);
    if (!this.#fails(id)) {
      for (const type of ['ORDER_SENT', 'ORDER_MADE', 'CERTIFICATE_ISSUED'] as const)
        budget.report({ type, id }, time);
    }
    admission.leave(id, time);
  }
}

function round(id: string, namespace: string, changes: Partial<Round> = {}): Round {
  const order: PlannedOrder = {
    id,
    namespace,
    hosts: [`${id}.example`],
    purpose: 'first',
    exemption: 'none',
  };
  return { harmAt: now, ...order, ...changes };
}

function rounds(count: number, namespace: string, changes: (index: number) => Partial<Round> = () => ({})) {
  return Array.from({ length: count }, (_, index) =>
    round(`${namespace}-${index}`, namespace, changes(index)),
  );
}

describe('among namespaces', () => {
  it('the first order of one is made next, however many thousands of another wait and were made', () => {
    const orders = new Orders(shared);
    orders.enter(...rounds(3000, 'crowd'));
    orders.pass(2 * hour);
    assert.equal(orders.made.length, 300 + 200);
    orders.enter(round('single', 'alone', { harmAt: orders.time }));
    assert.ok((orders.told.get('single') ?? 0) <= 2, `told ${orders.told.get('single')} minutes`);
    orders.pass(minute);
    assert.equal(orders.made.at(-1), 'single');
  });

  it('what was granted counts for the period of the limit: who had its share waits for who had less of it', () => {
    const orders = new Orders(shared);
    orders.enter(...rounds(200, 'early'));
    orders.enter(...rounds(100, 'middle'));
    assert.equal(orders.made.length, 300, 'nobody is under way any more');
    orders.enter(...rounds(300, 'early', (index) => ({ id: `again-${index}` })), ...rounds(300, 'late'));
    const before = orders.made.length;
    orders.pass(2 * hour - minute);
    const served = orders.made.slice(before);
    assert.equal(served.length, 198);
    assert.deepEqual(
      served.filter((id) => !id.startsWith('late')),
      [],
      'it has had 200 in these three hours',
    );
    orders.pass(2 * hour);
    const then = orders.made.slice(before + 199);
    assert.ok(then.filter((id) => id.startsWith('again')).length > 50, 'they are over');
  });

  it('what was returned unspent does not count', () => {
    const orders = new Orders(shared, (id) => id.startsWith('dead'));
    orders.enter(...rounds(1000, 'dead'));
    assert.equal(orders.made.length, 1000, 'a dead host costs nothing');
    orders.enter(...rounds(300, 'full'));
    orders.enter(round('wanted', 'dead', { harmAt: now + 2 }), round('other', 'full', { harmAt: now + 1 }));
    orders.pass(2 * minute);
    assert.deepEqual(orders.made.slice(-2), ['wanted', 'other']);
  });

  it('a domain is shared by what each had of this domain', () => {
    const orders = new Orders(shared);
    const ours = (namespace: string) => (index: number) => ({ hosts: [`${index}.${namespace}.company.com`] });
    orders.enter(...rounds(200, 'many', ours('many')));
    assert.equal(orders.made.length, 50);
    orders.pass(4 * day);
    orders.enter(...rounds(2, 'few', (index) => ({ ...ours('few')(index), harmAt: orders.time })));
    orders.pass(7 * hour);
    assert.deepEqual(orders.made.slice(-2), ['few-0', 'few-1']);
    assert.equal(orders.made.length, 50 + 28 + 2);
  });

  it('none of them waits behind the host of another that its domain holds up', () => {
    const orders = new Orders(shared);
    orders.enter(...rounds(500, 'held', (index) => ({ hosts: [`${index}.company.com`] })));
    orders.enter(...rounds(200, 'free', () => ({ harmAt: now + hour })));
    assert.equal(orders.made.length, 250);
  });

  it('within one, the harm that comes first goes first', () => {
    const orders = new Orders(shared);
    orders.enter(...rounds(400, 'shop', (index) => ({ harmAt: now + hour - index })));
    orders.pass(hour);
    assert.deepEqual(
      orders.made,
      Array.from({ length: 400 }, (_, index) => `shop-${399 - index}`),
    );
  });

  it('renewals keep going by their reserve', () => {
    const ledger = new Ledger({ limits: shared, reserve: 0.2 }, registeredDomain, (text) => text);
    const admission = new Admission({ hosts: 500, ordersInFlight: 10 }, new OrderBudget(ledger));
    for (const each of rounds(3000, 'crowd')) admission.enter(each, now);
    while ((admission.next(now) ?? 0) <= now) admission.grants(now);
    for (const each of rounds(60, 'old', () => ({ purpose: 'renewal', harmAt: now + day })))
      admission.enter(each, now);
    const granted = [1, 2, 3]
      .flatMap(() => admission.grants(now))
      .filter(({ grant }) => grant === 'admission');
    assert.equal(granted.length, 60);
  });
});

describe('the forecast of a queue', () => {
  it('is told to each by its turn: 100 an hour after the first 300, and of one domain 50 a week', () => {
    const orders = new Orders(shared);
    orders.enter(...rounds(1000, 'shop'));
    orders.enter(...rounds(100, 'tenant', (index) => ({ hosts: [`${index}.company.com`] })));
    orders.pass(10 * minute);
    for (const [id, hours] of [
      ['shop-399', 1],
      ['shop-999', 8],
    ] as const) {
      const told = (orders.told.get(id) ?? 0) / 60;
      assert.ok(Math.abs(told - hours) <= 1, `${id}: ${told} hours`);
    }
    assert.ok(Math.abs((orders.told.get('tenant-99') ?? 0) / 60 / 24 - 7) < 1);
    const backlog = orders.admission.backlog(orders.time) ?? assert.fail();
    assert.equal(backlog.orders, 1100 - orders.made.length);
    assert.equal(
      backlog.withinDay,
      backlog.orders - (50 - 7),
      '50 wait for the domain, which gets room for 7 a day',
    );
    assert.ok(Math.abs(backlog.lastAt - now - 7 * day) < 4 * hour);
  });

  it('is nothing without a queue, and what has room now is within the day', () => {
    const orders = new Orders(shared);
    assert.equal(orders.admission.backlog(now), undefined);
    orders.admission.enter(round('a', 'shop'), now);
    assert.deepEqual(orders.admission.backlog(now), { orders: 1, withinDay: 1, lastAt: now });
  });

  it('comes true: nobody is told an earlier time than that of its order, but for a tenth', () => {
    const orders = new Orders({ 'orders-per-account': { burst: 10, period: 10 * minute } });
    for (let tenant = 0; tenant < 30; tenant += 1) orders.enter(...rounds(tenant, `tenant${tenant}`));
    orders.pass(minute);
    const told = new Map([...orders.told].map(([id, minutes]) => [id, minutes + 1]));
    const before = orders.made.length;
    orders.pass(10 * hour);
    for (const [index, id] of orders.made.slice(before).entries()) {
      const at = index + 2;
      const expected = told.get(id) ?? assert.fail(`${id} was not told`);
      assert.ok(
        Math.abs(expected - at) <= 2 + expected / 10,
        `${id} was told ${expected} and made after ${at} minutes`,
      );
    }
  });
});

describe('one grant', () => {
  type Shape = (index: number) => { namespace: string; host: string };
  const shapes: Readonly<Record<string, Shape>> = {
    'of one namespace': (index) => ({ namespace: 'one', host: `${index}.example` }),
    'of a namespace each': (index) => ({ namespace: `${index}`, host: `${index}.example` }),
    'for one domain, of two that wait': (index) =>
      index % 2 === 0
        ? { namespace: 'other', host: `${index}.example` }
        : { namespace: `${index % 50}`, host: `${index}.company.com` },
    'for many domains': (index) => ({
      namespace: `${index % 50}`,
      host: `${index}.company${index % 90}.com`,
    }),
  };

  /** Of a grant on average, after so many came at once. */
  function stepsOfGrant(count: number, shape: Shape): number {
    const orders = new Orders(shared);
    for (let index = 0; index < count; index += 1) {
      const { namespace, host } = shape(index);
      const harmAt = now + ((index * 7919) % count);
      orders.admission.enter(new CountedRound(`${index}`, namespace, host, harmAt, orders.budget.steps), now);
    }
    orders.go();
    // All are told their time.
    orders.pass(3 * minute);
    const { length } = orders.stepsOfGrants;
    orders.pass(6 * minute);
    const measured = orders.stepsOfGrants.slice(length);
    return measured.reduce((sum, steps) => sum + steps, 0) / measured.length;
  }

  for (const [words, shape] of Object.entries(shapes)) {
    it(`takes less than twice the steps when ten times as many wait ${words}`, () => {
      const [few, many] = [stepsOfGrant(1000, shape), stepsOfGrant(10_000, shape)];
      assert.ok(few > 0 && many < 2 * few, `${few} and ${many}`);
    });
  }
});
