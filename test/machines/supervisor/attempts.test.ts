import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OrderReport } from '../../../machines/authority/order-report.ts';
import { Admission } from '../../../machines/supervisor/admission.ts';
import type { Round } from '../../../machines/supervisor/round.ts';
import { day, hour, minute, now, orderBudget } from '../builders.ts';

type Ending = readonly OrderReport['type'][];

const failing: Ending = ['ORDER_SENT', 'ORDER_MADE', 'HOSTS_FAILED', 'ORDER_FAILED'];

/** A tenant whose every change begins a round anew, whatever it did before: nothing is left of the back-off of its actor. */
class Toggler {
  readonly budget = orderBudget();
  readonly admission = new Admission({ hosts: 500, ordersInFlight: 10 }, this.budget);
  orders = 0;
  /** What the last round was told. */
  told: string | undefined;
  #serial = 0;

  /** One change; its order ends like this. */
  change(at: number, host: string, ending: Ending = failing, changes: Partial<Round> = {}): boolean {
    this.#serial += 1;
    const id = `${this.#serial}`;
    const order = { id, namespace: 'mallory', hosts: [host], purpose: 'first', exemption: 'none' } as const;
    this.admission.enter({ harmAt: at, ...order, ...changes }, at);
    const [grant] = this.admission.grants(at).filter((each) => each.id === id);
    this.told = grant?.grant === 'none' ? `${grant.hold.cause} (${grant.hold.scope})` : undefined;
    if (grant?.grant === 'admission') {
      this.orders += 1;
      for (const type of ending) this.budget.report(report(type, id, host), at);
    }
    this.admission.leave(id, at);
    return grant?.grant === 'admission';
  }
}

function report(type: OrderReport['type'], id: string, host: string): OrderReport {
  switch (type) {
    case 'HOSTS_FAILED':
    case 'HOSTS_PROVEN':
      return { type, id, hosts: [host] };
    case 'ORDER_REFUSED':
      return { type, id, block: undefined };
    case 'CA_UNAVAILABLE':
      return { type, id, retryAfter: undefined };
    case 'LIMIT_MET':
      return { type, id, block: { cause: 'blocked', scope: { type: 'order' }, retryAfter: 1 } };
    default:
      return { type, id };
  }
}

describe('settings toggled to and fro, Ingresses deleted and created again', () => {
  for (const [words, ending] of [
    ['fail', failing],
    ['are refused', ['ORDER_SENT', 'ORDER_REFUSED']],
    ['are ended by the next change', ['ORDER_SENT']],
    ['are ended by the next change when all is proved', ['ORDER_SENT', 'ORDER_MADE', 'HOSTS_PROVEN']],
  ] as const) {
    it(`make at most 40 orders of a host on the first day, and 20 on each other, if they ${words}`, () => {
      const mallory = new Toggler();
      const days = [0, 1, 2].map((index) => {
        const before = mallory.orders;
        for (let at = now + index * day; at < now + (index + 1) * day; at += minute) {
          mallory.change(at, 'dead.example', ending);
        }
        return mallory.orders - before;
      });
      assert.ok((days[0] ?? 0) >= 20 && (days[0] ?? 0) <= 40, days.join());
      assert.ok(
        days.slice(1).every((count) => count <= 20),
        days.join(),
      );
      assert.equal(mallory.told, 'attempts (host dead.example)');
    });
  }

  it('make at most 150 orders of a namespace in three hours, and 50 an hour then, whatever the hosts', () => {
    const mallory = new Toggler();
    for (let at = now; at < now + 6 * hour; at += 10_000) mallory.change(at, `${at}.example`);
    assert.ok(mallory.orders >= 300 && mallory.orders <= 150 + 300, `${mallory.orders}`);
    assert.equal(mallory.told, 'attempts (namespace mallory)');
    const at = now + 6 * hour;
    assert.ok(mallory.change(at, 'web.example', [], { namespace: 'alice' }), 'nobody else waits for that');
    assert.ok(mallory.change(at, 'old.example', [], { purpose: 'renewal' }), 'nor what is proved');
  });

  it('do not count for the host in another namespace', () => {
    const mallory = new Toggler();
    for (let index = 0; index < 30; index += 1) mallory.change(now, 'shop.example');
    assert.equal(mallory.change(now, 'shop.example'), false);
    assert.ok(mallory.change(now, 'shop.example', [], { namespace: 'alice' }));
  });
});

describe('orders without a certificate', () => {
  it('are forgiven by a certificate', () => {
    const owner = new Toggler();
    for (let index = 0; index < 19; index += 1) owner.change(now, 'web.example');
    owner.change(now, 'web.example', ['ORDER_SENT', 'ORDER_MADE', 'HOSTS_PROVEN', 'CERTIFICATE_ISSUED']);
    for (let index = 0; index < 20; index += 1) assert.ok(owner.change(now, 'web.example'), `${index}`);
    assert.equal(owner.change(now, 'web.example'), false);
  });

  it('do not count if they were never sent, or if the CA or a limit is to blame', () => {
    const owner = new Toggler();
    for (let index = 0; index < 30; index += 1) assert.ok(owner.change(now, 'web.example', []));
    for (let index = 0; index < 30; index += 1) {
      const at = now + index * day;
      assert.ok(owner.change(at, 'met.example', ['ORDER_SENT', 'ORDER_MADE', 'LIMIT_MET']));
      assert.ok(owner.change(at + hour, 'busy.example', ['ORDER_SENT', 'CA_UNAVAILABLE', 'ORDER_MADE']));
    }
  });

  it('leave room for the ladder of back-off with three retries an hour, for two hours', () => {
    const owner = new Toggler();
    for (let at = now; at < now + 2 * hour; at += 20 * minute) {
      for (const after of [0, minute, 11 * minute])
        assert.ok(owner.change(at + after, 'web.example'), `${at}`);
    }
  });
});
