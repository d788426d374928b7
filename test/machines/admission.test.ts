import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Admission, type Round } from '../../machines/admission.ts';
import { hour, now } from './builders.ts';

const limits = { hosts: 500, ordersInFlight: 10 };

function round(id: string, changes: Partial<Round> = {}): Round {
  return { id, namespace: 'shop', hosts: [`${id}.example.com`], harmAt: now, ...changes };
}

function rounds(count: number, prefix: string, changes: Partial<Round> = {}): Round[] {
  return Array.from({ length: count }, (_, index) => round(`${prefix}${index}`, changes));
}

function enter(admission: Admission, entering: readonly Round[]): void {
  for (const each of entering) admission.enter(each);
}

function admitted(admission: Admission): string[] {
  return admission
    .grants()
    .filter(({ grant }) => grant === 'admission')
    .map(({ id }) => id);
}

function slots(admission: Admission): string[] {
  return admission
    .grants()
    .filter(({ grant }) => grant === 'slot')
    .map(({ id }) => id);
}

describe('admission', () => {
  it('is given at once while there is room', () => {
    const admission = new Admission(limits);
    enter(admission, [round('a'), round('b')]);
    assert.deepEqual(admission.grants(), [
      { id: 'a', grant: 'admission' },
      { id: 'b', grant: 'admission' },
    ]);
    assert.deepEqual(admission.grants(), [], 'nothing is granted twice');
  });

  it('stops at 500 hosts, and goes on when some leave', () => {
    const admission = new Admission(limits);
    enter(admission, rounds(600, 'r'));
    assert.equal(admitted(admission).length, 500);
    assert.deepEqual(admitted(admission), []);
    admission.leave('r0');
    assert.deepEqual(admitted(admission), ['r500']);
  });

  it('counts hosts and not certificates', () => {
    const admission = new Admission(limits);
    const hosts = Array.from({ length: 100 }, (_, index) => `h${index}.example.com`);
    enter(admission, rounds(7, 'large', { hosts }));
    assert.equal(admitted(admission).length, 5);
  });

  it('lets a certificate with more hosts than there is room for in alone, and nobody overtakes it for ever', () => {
    const admission = new Admission({ hosts: 3, ordersInFlight: 10 });
    enter(admission, [
      round('first'),
      round('huge', { hosts: ['1', '2', '3', '4'] }),
      round('late', { harmAt: now + hour }),
    ]);
    assert.deepEqual(admitted(admission), ['first']);
    admission.leave('first');
    assert.deepEqual(admitted(admission), ['huge']);
    assert.deepEqual(admitted(admission), []);
    admission.leave('huge');
    assert.deepEqual(admitted(admission), ['late']);
  });

  it('comes first to the certificate whose harm comes first', () => {
    const admission = new Admission({ hosts: 1, ordersInFlight: 10 });
    enter(admission, [
      round('next month', { harmAt: now + 30 * 24 * hour }),
      round('tomorrow', { harmAt: now + 24 * hour }),
      round('now'),
    ]);
    const order: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const [id = 'nobody'] = admitted(admission);
      order.push(id);
      admission.leave(id);
    }
    assert.deepEqual(order, ['now', 'tomorrow', 'next month']);
  });

  it('is given to another namespace at once that comes after 1,000 rounds of one', () => {
    const admission = new Admission(limits);
    enter(admission, rounds(1_000, 'crowd', { namespace: 'crowd' }));
    assert.equal(admitted(admission).length, 500);
    enter(admission, rounds(3, 'single', { namespace: 'single' }));
    admission.leave('crowd0');
    admission.leave('crowd1');
    admission.leave('crowd2');
    assert.deepEqual(admitted(admission), ['single0', 'single1', 'single2']);
  });

  it('is shared by namespaces that come at the same time', () => {
    const admission = new Admission({ hosts: 10, ordersInFlight: 10 });
    enter(admission, rounds(20, 'a', { namespace: 'a', harmAt: now }));
    enter(admission, rounds(20, 'b', { namespace: 'b', harmAt: now + hour }));
    const namespaces = admitted(admission).map((id) => id.charAt(0));
    assert.equal(namespaces.toSorted().join(''), 'aaaaabbbbb');
  });

  it('starts over for a round that enters again', () => {
    const admission = new Admission({ hosts: 1, ordersInFlight: 10 });
    enter(admission, [round('a')]);
    assert.deepEqual(admitted(admission), ['a']);
    admission.enter(round('a'));
    assert.deepEqual(admitted(admission), ['a']);
  });
});

function ready(admission: Admission, entering: readonly Round[]): void {
  enter(admission, entering);
  admission.grants();
  for (const { id } of entering) admission.requestSlot(id);
}

describe('an order slot', () => {
  it('is given to as many as LEGO_MAX_ORDERS_IN_FLIGHT says, and then as they come back', () => {
    const admission = new Admission(limits);
    ready(admission, rounds(15, 'r'));
    assert.equal(slots(admission).length, 10);
    assert.equal(admission.ordersInFlight, 10);
    assert.deepEqual(slots(admission), []);
    admission.returnSlot('r3');
    assert.deepEqual(slots(admission), ['r10']);
    admission.leave('r4');
    assert.deepEqual(slots(admission), ['r11']);
  });

  it('is not taken by hosts that are being prepared, however many they are', () => {
    const admission = new Admission(limits);
    enter(admission, rounds(400, 'dead'));
    admission.grants();
    ready(admission, [round('good')]);
    assert.deepEqual(slots(admission), ['good']);
  });

  it('is not given without admission', () => {
    const admission = new Admission({ hosts: 1, ordersInFlight: 10 });
    enter(admission, [round('a'), round('b')]);
    admission.grants();
    admission.requestSlot('b');
    admission.requestSlot('unknown');
    assert.deepEqual(admission.grants(), []);
    assert.equal(admission.ordersInFlight, 0);
  });

  it('is given to one order at a time for an exact set of hosts, in whatever order they are listed', () => {
    const admission = new Admission(limits);
    ready(admission, [
      round('a', { namespace: 'a', hosts: ['x.example.com', 'y.example.com'] }),
      round('b', { namespace: 'b', hosts: ['y.example.com', 'x.example.com'] }),
      round('c', { namespace: 'c', hosts: ['x.example.com'] }),
    ]);
    assert.deepEqual(slots(admission), ['a', 'c']);
    admission.returnSlot('a');
    assert.deepEqual(slots(admission), ['b']);
  });

  it('does not wait behind a round that waits for its twin', () => {
    const admission = new Admission({ hosts: 500, ordersInFlight: 2 });
    const hosts = ['same.example.com'];
    ready(admission, [...rounds(5, 'twin', { hosts }), round('other', { harmAt: now + hour })]);
    assert.deepEqual(slots(admission), ['twin0', 'other']);
  });

  it('goes to another namespace before the second one of a crowd', () => {
    const admission = new Admission({ hosts: 500, ordersInFlight: 2 });
    ready(admission, rounds(20, 'crowd', { namespace: 'crowd' }));
    assert.deepEqual(slots(admission), ['crowd0', 'crowd1']);
    ready(admission, [round('single', { namespace: 'single', harmAt: now + hour })]);
    admission.returnSlot('crowd0');
    assert.deepEqual(slots(admission), ['single']);
  });

  it('that came back can be asked for again by the same round', () => {
    const admission = new Admission(limits);
    ready(admission, [round('a')]);
    assert.deepEqual(slots(admission), ['a']);
    admission.returnSlot('a');
    admission.requestSlot('a');
    assert.deepEqual(slots(admission), ['a']);
  });
});
