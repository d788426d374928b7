import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OrderBudget } from '../../../machines/authority/order-budget.ts';
import type { OrderReport } from '../../../machines/authority/order-report.ts';
import { Admission, type AdmissionLimits } from '../../../machines/supervisor/admission.ts';
import type { Grant, Round } from '../../../machines/supervisor/round.ts';
import { hour, minute, now, orderBudget } from '../builders.ts';

const limits = { hosts: 500, ordersInFlight: 10 };

/** With what the budget is told, as the CA does it. */
class ToldAdmission extends Admission {
  readonly budget: OrderBudget;

  constructor(limits: AdmissionLimits, budget: OrderBudget) {
    super(limits, budget);
    this.budget = budget;
  }

  report(report: OrderReport, at: number): void {
    const change = this.budget.report(report, at);
    if (change !== undefined) this.roomChanged(change, at);
  }
}

function round(id: string, changes: Partial<Round> = {}): Round {
  return {
    id,
    namespace: 'shop',
    hosts: [`${id}.example.com`],
    harmAt: now,
    purpose: 'first',
    exemption: 'none',
    ...changes,
  };
}

function rounds(count: number, prefix: string, changes: Partial<Round> = {}): Round[] {
  return Array.from({ length: count }, (_, index) => round(`${prefix}${index}`, changes));
}

function enter(admission: Admission, entering: readonly Round[]): void {
  for (const each of entering) admission.enter(each, now);
}

/** All grants at this time: what there is too much of for one call is done in several. */
function settled(admission: Admission, at = now): Grant[] {
  const grants = admission.grants(at);
  while ((admission.next(at) ?? Number.POSITIVE_INFINITY) <= at) grants.push(...admission.grants(at));
  return grants;
}

function admitted(admission: Admission): string[] {
  return settled(admission)
    .filter(({ grant }) => grant === 'admission')
    .map(({ id }) => id);
}

function slots(admission: Admission, at = now): string[] {
  return admission
    .grants(at)
    .filter(({ grant }) => grant === 'slot')
    .map(({ id }) => id);
}

describe('admission', () => {
  it('is given at once while there is room', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    enter(admission, [round('a'), round('b')]);
    assert.deepEqual(admission.grants(now), [
      { id: 'a', grant: 'admission' },
      { id: 'b', grant: 'admission' },
    ]);
    assert.deepEqual(admission.grants(now), [], 'nothing is granted twice');
  });

  it('stops at 500 hosts, and goes on when some leave', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    enter(admission, rounds(600, 'r'));
    assert.equal(admitted(admission).length, 500);
    assert.deepEqual(admitted(admission), []);
    admission.leave('r0', now);
    assert.deepEqual(admitted(admission), ['r500']);
  });

  it('is not taken by rounds whose order has ended, however long their certificates wait to be stored', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    const large = rounds(5, 'large').map((each) => ({
      ...each,
      hosts: Array.from({ length: 100 }, (_, index) => `h${index}.${each.id}.example.com`),
    }));
    enter(admission, large);
    assert.equal(admitted(admission).length, 5);
    enter(admission, [round('other', { namespace: 'blog' })]);
    assert.deepEqual(admitted(admission), []);
    admission.requestSlot('large0');
    assert.deepEqual(slots(admission), ['large0']);
    admission.returnSlot('large0');
    assert.deepEqual(admitted(admission), ['other']);
    assert.equal(admission.occupancy.hosts, 401);
    for (const { id } of large) admission.leave(id, now);
    admission.leave('other', now);
    assert.equal(admission.occupancy.hosts, 0);
  });

  it('counts hosts and not certificates', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    const hosts = Array.from({ length: 99 }, (_, index) => `h${index}.example.com`);
    enter(
      admission,
      rounds(7, 'large').map((each) => ({ ...each, hosts: [...each.hosts, ...hosts] })),
    );
    assert.equal(admitted(admission).length, 5);
  });

  it('lets a certificate with more hosts than there is room for in alone, and nobody overtakes it for ever', () => {
    const admission = new ToldAdmission({ hosts: 3, ordersInFlight: 10 }, orderBudget());
    enter(admission, [
      round('first'),
      round('huge', { hosts: ['1', '2', '3', '4'] }),
      round('late', { harmAt: now + hour }),
    ]);
    assert.deepEqual(admitted(admission), ['first']);
    admission.leave('first', now);
    assert.deepEqual(admitted(admission), ['huge']);
    assert.deepEqual(admitted(admission), []);
    admission.leave('huge', now);
    assert.deepEqual(admitted(admission), ['late']);
  });

  it('comes first to the certificate whose harm comes first', () => {
    const admission = new ToldAdmission({ hosts: 1, ordersInFlight: 10 }, orderBudget());
    enter(admission, [
      round('next month', { harmAt: now + 30 * 24 * hour }),
      round('tomorrow', { harmAt: now + 24 * hour }),
      round('now'),
    ]);
    const order: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const [id = 'nobody'] = admitted(admission);
      order.push(id);
      admission.leave(id, now);
    }
    assert.deepEqual(order, ['now', 'tomorrow', 'next month']);
  });

  it('is given to another namespace at once that comes after 1,000 rounds of one', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    enter(admission, rounds(1_000, 'crowd', { namespace: 'crowd' }));
    assert.equal(admitted(admission).length, 500);
    enter(admission, rounds(3, 'single', { namespace: 'single' }));
    admission.leave('crowd0', now);
    admission.leave('crowd1', now);
    admission.leave('crowd2', now);
    assert.deepEqual(admitted(admission), ['single0', 'single1', 'single2']);
  });

  it('is shared by namespaces that come at the same time', () => {
    const admission = new ToldAdmission({ hosts: 10, ordersInFlight: 10 }, orderBudget());
    enter(admission, rounds(20, 'a', { namespace: 'a', harmAt: now }));
    enter(admission, rounds(20, 'b', { namespace: 'b', harmAt: now + hour }));
    const namespaces = admitted(admission).map((id) => id.charAt(0));
    assert.equal(namespaces.toSorted().join(''), 'aaaaabbbbb');
  });

  it('starts over for a round that enters again', () => {
    const admission = new ToldAdmission({ hosts: 1, ordersInFlight: 10 }, orderBudget());
    enter(admission, [round('a')]);
    assert.deepEqual(admitted(admission), ['a']);
    admission.enter(round('a'), now);
    assert.deepEqual(admitted(admission), ['a']);
  });
});

describe('the limits of the CA', () => {
  const oneAnHour = { 'orders-per-account': { burst: 1, period: hour } };

  it('hold who finds no room, without a place, until there is some', () => {
    const admission = new ToldAdmission({ hosts: 1, ordersInFlight: 10 }, orderBudget(oneAnHour));
    enter(admission, [round('a'), round('b')]);
    const hold = { cause: 'orders-per-account', scope: 'this account', until: now + hour };
    assert.deepEqual(admission.grants(now), [
      { id: 'b', grant: 'none', hold },
      { id: 'a', grant: 'admission' },
    ]);
    admission.report({ type: 'ORDER_SENT', id: 'a' }, now);
    admission.report({ type: 'CERTIFICATE_ISSUED', id: 'a' }, now);
    admission.leave('a', now);
    assert.deepEqual(admission.grants(now), []);
    assert.deepEqual(admission.grants(now + hour - 1), []);
    assert.equal(admission.next(now + hour - 1), now + hour);
    assert.deepEqual(admission.grants(now + hour), [{ id: 'b', grant: 'admission' }]);
  });

  it('are free again a moment after an order was given up before it was sent', () => {
    const admission = new ToldAdmission(limits, orderBudget(oneAnHour));
    enter(admission, [round('a'), round('b')]);
    assert.deepEqual(admitted(admission), ['a']);
    admission.leave('a', now);
    const at = admission.next(now);
    assert.ok(at !== undefined && at < now + minute);
    assert.deepEqual(admission.grants(at), [{ id: 'b', grant: 'admission' }]);
  });

  it('stay spent by an order that was sent and never heard of again', () => {
    const admission = new ToldAdmission(limits, orderBudget(oneAnHour));
    enter(admission, [round('a'), round('b')]);
    assert.deepEqual(admitted(admission), ['a']);
    admission.report({ type: 'ORDER_SENT', id: 'a' }, now);
    admission.leave('a', now);
    assert.deepEqual(admission.grants(now + minute), []);
    assert.deepEqual(admission.grants(now + hour), [{ id: 'b', grant: 'admission' }]);
  });

  it('that a refusal teaches hold what they are about, and nothing else', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    enter(admission, [round('a')]);
    assert.deepEqual(admitted(admission), ['a']);
    const scope = { type: 'registered-domain', name: 'example.com' } as const;
    const block = { cause: 'certificates-per-registered-domain', scope, retryAfter: hour } as const;
    admission.report({ type: 'ORDER_REFUSED', id: 'a', block }, now);
    admission.leave('a', now);
    enter(admission, [round('b'), round('other', { hosts: ['www.example.org'] })]);
    assert.deepEqual(admitted(admission), ['other']);
    assert.deepEqual(admission.grants(now + hour), [{ id: 'b', grant: 'admission' }]);
  });
});

describe('a pause that a person has lifted', () => {
  it('lets go on who was held by it, within seconds', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    enter(admission, [round('a')]);
    assert.deepEqual(admitted(admission), ['a']);
    const scope = { type: 'identifiers', names: ['a.example.com'] } as const;
    const block = { cause: 'paused', scope, retryAfter: undefined } as const;
    admission.report({ type: 'ORDER_REFUSED', id: 'a', block }, now);
    admission.leave('a', now);
    enter(admission, [round('b', { namespace: 'blog', hosts: ['a.example.com', 'b.example.com'] })]);
    assert.deepEqual(admitted(admission), []);
    assert.deepEqual(admission.grants(now + hour), []);
    admission.budget.liftPauses(['a.example.com']);
    admission.roomChanged('room', now + hour);
    const at = admission.next(now + hour) ?? 0;
    assert.ok(at > 0 && at < now + hour + minute);
    assert.deepEqual(admission.grants(at), [{ id: 'b', grant: 'admission' }]);
  });
});

function ready(admission: Admission, entering: readonly Round[]): void {
  enter(admission, entering);
  admission.grants(now);
  for (const { id } of entering) admission.requestSlot(id);
}

describe('an order slot', () => {
  it('is given to as many as LEGO_MAX_ORDERS_IN_FLIGHT says, and then as they come back', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    ready(admission, rounds(15, 'r'));
    assert.equal(slots(admission).length, 10);
    assert.equal(admission.ordersInFlight, 10);
    assert.deepEqual(slots(admission), []);
    admission.returnSlot('r3');
    assert.deepEqual(slots(admission), ['r10']);
    admission.leave('r4', now);
    assert.deepEqual(slots(admission), ['r11']);
  });

  it('is not taken by hosts that are being prepared, however many they are', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    enter(admission, rounds(400, 'dead'));
    const turns: number[] = [];
    do turns.push(admission.grants(now).length);
    while (admission.next(now) === now);
    assert.deepEqual(turns, Array(20).fill(20), 'a few in each turn of the event loop');
    ready(admission, [round('good')]);
    assert.deepEqual(slots(admission), ['good']);
  });

  it('is not given without admission', () => {
    const admission = new ToldAdmission({ hosts: 1, ordersInFlight: 10 }, orderBudget());
    enter(admission, [round('a'), round('b')]);
    admission.grants(now);
    admission.requestSlot('b');
    admission.requestSlot('unknown');
    assert.deepEqual(admission.grants(now), []);
    assert.equal(admission.ordersInFlight, 0);
  });

  it('waits while the CA is in trouble: one asks at a time, and who waits is told once', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    ready(admission, rounds(4, 'r'));
    assert.equal(slots(admission, now).length, 4);
    for (const id of ['r0', 'r1']) {
      admission.report({ type: 'CA_UNAVAILABLE', id, retryAfter: hour }, now);
      admission.leave(id, now);
    }
    ready(admission, rounds(3, 'late'));
    const until = now + hour;
    const told = admission.grants(now).flatMap((grant) => (grant.grant === 'none' ? [grant.hold] : []));
    assert.deepEqual(
      told,
      Array.from({ length: 3 }, () => ({ cause: 'unavailable', scope: 'the CA', until })),
    );
    assert.deepEqual(admission.grants(now), [], 'nothing is told twice');
    assert.equal(admission.next(now), until);
    assert.deepEqual(slots(admission, until), ['late0'], 'one asks');
    admission.report({ type: 'ORDER_MADE', id: 'late0' }, until);
    assert.deepEqual(slots(admission, until), ['late1', 'late2'], 'the rest follows when it is answered');
  });

  it('tells of the trouble also those who find no admission because of it', () => {
    const admission = new ToldAdmission({ hosts: 2, ordersInFlight: 2 }, orderBudget());
    ready(admission, [round('first')]);
    assert.deepEqual(slots(admission), ['first']);
    admission.report({ type: 'CA_UNAVAILABLE', id: 'first', retryAfter: hour }, now);
    admission.leave('first', now);
    ready(admission, rounds(2, 'admitted'));
    admission.enter(round('waiting'), now);
    const told = admission.grants(now).flatMap(({ id, grant }) => (grant === 'none' ? [id] : []));
    assert.deepEqual(told, ['admitted0', 'admitted1', 'waiting']);
  });

  it('is given to one round at a time for an exact set of hosts, in whatever order they are listed', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    ready(admission, [
      round('a', { namespace: 'a', hosts: ['x.example.com', 'y.example.com'] }),
      round('b', { namespace: 'b', hosts: ['y.example.com', 'x.example.com'] }),
      round('c', { namespace: 'c', hosts: ['x.example.com'] }),
    ]);
    assert.deepEqual(slots(admission), ['a', 'c']);
    admission.leave('a', now);
    assert.deepEqual(admitted(admission), ['b']);
  });

  it('does not wait behind a round that waits for its twin', () => {
    const admission = new ToldAdmission({ hosts: 500, ordersInFlight: 2 }, orderBudget());
    const hosts = ['same.example.com'];
    ready(admission, [...rounds(5, 'twin', { hosts }), round('other', { harmAt: now + hour })]);
    assert.deepEqual(slots(admission), ['twin0', 'other']);
  });

  it('goes to another namespace before the second one of a crowd', () => {
    const admission = new ToldAdmission({ hosts: 500, ordersInFlight: 2 }, orderBudget());
    ready(admission, rounds(20, 'crowd', { namespace: 'crowd' }));
    assert.deepEqual(slots(admission), ['crowd0', 'crowd1']);
    ready(admission, [round('single', { namespace: 'single', harmAt: now + hour })]);
    admission.returnSlot('crowd0');
    assert.deepEqual(slots(admission), ['single']);
  });

  it('that came back can be asked for again by the same round', () => {
    const admission = new ToldAdmission(limits, orderBudget());
    ready(admission, [round('a')]);
    assert.deepEqual(slots(admission), ['a']);
    admission.returnSlot('a');
    admission.requestSlot('a');
    assert.deepEqual(slots(admission), ['a']);
  });
});

describe('the turns of those that are held', () => {
  const tenAtOnce = { 'orders-per-account': { burst: 10, period: 10 * minute } };

  function told(grants: ReturnType<Admission['grants']>): [string, number][] {
    return grants.flatMap((grant) =>
      grant.grant === 'none' ? [[grant.id, (grant.hold.until - now) / minute]] : [],
    );
  }

  /** Makes the orders of all that are admitted. */
  function order(admission: ToldAdmission, grants: ReturnType<Admission['grants']>, at: number): number {
    const ids = grants.flatMap(({ id, grant }) => (grant === 'admission' ? [id] : []));
    for (const id of ids) {
      admission.report({ type: 'ORDER_SENT', id }, at);
      admission.report({ type: 'ORDER_MADE', id }, at);
      admission.report({ type: 'CERTIFICATE_ISSUED', id }, at);
      admission.leave(id, at);
    }
    return ids.length;
  }

  it('are one after the other, as the CA has room, and each is told once', () => {
    const admission = new ToldAdmission(limits, orderBudget(tenAtOnce));
    enter(admission, rounds(60, 'r'));
    const first = admission.grants(now);
    const turns = told(first);
    assert.equal(order(admission, first, now) + turns.length, 60);
    assert.deepEqual(
      turns.map(([, minutes]) => minutes),
      Array.from(turns, (_, index) => index + 1),
    );
    for (const [id, minutes] of turns) {
      const at = now + minutes * minute;
      const grants = admission.grants(at);
      assert.deepEqual(grants, [{ id, grant: 'admission' }]);
      order(admission, grants, at);
    }
  });

  it('are earlier for who comes later and has its harm sooner', () => {
    const admission = new ToldAdmission(limits, orderBudget(tenAtOnce));
    enter(admission, rounds(30, 'r', { harmAt: now + hour }));
    order(admission, admission.grants(now), now);
    admission.enter(round('urgent'), now);
    const atMost = told(admission.grants(now)).find(([id]) => id === 'urgent')?.[1] ?? 0;
    assert.ok(atMost > 15 && atMost <= 21, 'by how many wait');
    const at = admission.next(now) ?? 0;
    assert.deepEqual(
      told(admission.grants(at)).filter(([id]) => id === 'urgent'),
      [['urgent', 1]],
    );
  });

  it('are looked at a hundred at a time, 3 ms apart for each, whatever is given back', () => {
    const admission = new ToldAdmission(limits, orderBudget(tenAtOnce));
    enter(admission, rounds(5000, 'r'));
    const given = settled(admission).flatMap(({ id, grant }) => (grant === 'admission' ? [id] : []));
    let count = 0;
    for (let time = now; time < now + minute; time += 100) {
      const [id] = time % 1000 === 0 ? given.splice(0, 1) : [];
      if (id !== undefined) admission.leave(id, time);
      const grants = admission.grants(time);
      for (const grant of grants) if (grant.grant === 'admission') given.push(grant.id);
      assert.ok(grants.length <= 110, `${grants.length}`);
      count += told(grants).length;
    }
    assert.ok(count > 1000 && count <= 20_000, `${count}`);
  });

  it('are forgotten with the last one that was held', () => {
    const admission = new ToldAdmission(limits, orderBudget(tenAtOnce));
    enter(admission, rounds(40, 'r'));
    const first = admission.grants(now);
    order(admission, first, now);
    for (const [, minutes] of told(first)) {
      order(admission, admission.grants(now + minutes * minute), now + minutes * minute);
    }
    const at = now + 30 * minute;
    admission.enter(round('late'), at);
    assert.deepEqual(told(admission.grants(at)), [['late', 31]]);
  });

  it('are given anew when somebody who waits leaves and another comes', () => {
    const admission = new ToldAdmission(limits, orderBudget(tenAtOnce));
    enter(admission, rounds(30, 'r'));
    const first = admission.grants(now);
    order(admission, first, now);
    const turns = told(first);
    const last = Math.max(...turns.map(([, minutes]) => minutes));
    for (const [id] of turns.slice(0, 10)) admission.leave(id, now);
    admission.enter(round('late'), now);
    const late = told(admission.grants(now)).find(([id]) => id === 'late');
    assert.deepEqual(late, ['late', last - 9]);
    const at = admission.next(now) ?? 0;
    assert.ok(at <= now + 5000);
    assert.deepEqual(
      told(admission.grants(at)),
      turns.slice(10).map(([id, minutes]) => [id, minutes - 10]),
    );
  });
});
