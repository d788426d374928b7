import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RecordTrouble } from '../../../machines/records/record-troubles.ts';
import { RecordNotices } from '../../../machines/supervisor/record-notices.ts';

const second = 1000;
const ledger: RecordTrouble = {
  record: 'ledger',
  operation: 'read',
  object: 'ConfigMap kube-lego/kube-lego-ledger-0',
  cause: 'denied',
  since: 0,
  message: 'The ledger cannot be read',
  remedy: 'Allow it',
};
const journal: RecordTrouble = { ...ledger, record: 'journal', message: 'The journal cannot be read' };
const ledgerWords = 'The ledger cannot be read. Allow it.';
const journalWords = 'The journal cannot be read. Allow it.';

class Waiting {
  readonly notices = new RecordNotices<number>();
  #now = 0;

  pass(milliseconds: number): number {
    this.#now += milliseconds;
    return this.#now;
  }

  constructor(waiters: number) {
    for (let waiter = 0; waiter < waiters; waiter += 1) this.notices.add(waiter);
  }

  /** All that is told until nothing is left to tell, with the seconds at which it began and ended. */
  tell(): { from: number; to: number; told: (string | undefined)[] } | undefined {
    const first = this.notices.next(this.#now);
    if (first === undefined) return undefined;
    const told: (string | undefined)[] = [];
    for (let next: number | undefined = first; next !== undefined; next = this.notices.next(this.#now)) {
      this.#now = next;
      const taken = this.notices.take(next);
      assert.ok(taken.length <= 100, 'at a time');
      told.push(...taken.map(({ finding }) => finding?.message));
    }
    return { from: first / second, to: this.#now / second, told };
  }
}

describe('what is told to those that wait for a record', () => {
  it('is told to a thousand within half a minute, a hundred at a time and once', () => {
    const all = new Waiting(1000);
    assert.equal(all.notices.blocked, false);
    all.notices.set([ledger]);
    assert.equal(all.notices.blocked, true);
    const { from, to, told } = all.tell() ?? assert.fail();
    assert.equal(from, 15);
    assert.ok(to < 20);
    assert.deepEqual([told.length, ...new Set(told)], [1000, ledgerWords]);
  });

  it('is taken back when the record can be read again, from those that were told', () => {
    const waiting = new Waiting(3);
    waiting.notices.set([ledger]);
    waiting.tell();
    waiting.notices.delete(0);
    waiting.notices.set([]);
    waiting.notices.add(3);
    assert.deepEqual(waiting.tell()?.told, [undefined, undefined]);
    assert.equal(waiting.notices.blocked, false);
  });

  it('is nothing if it passes sooner', () => {
    const waiting = new Waiting(1);
    waiting.notices.set([ledger]);
    assert.equal(waiting.notices.next(0), 15 * second);
    waiting.notices.set([]);
    assert.equal(waiting.tell(), undefined);
  });

  it('is told no later when the clock is set back, and another trouble comes', () => {
    const waiting = new Waiting(1);
    waiting.notices.set([ledger]);
    waiting.notices.move(-3600 * second);
    waiting.notices.set([ledger, { ...journal, since: -3595 * second }]);
    assert.equal(waiting.notices.next(-3595 * second), -3585 * second);
  });

  it('is told to those that come later', () => {
    const waiting = new Waiting(1);
    waiting.notices.set([ledger]);
    waiting.tell();
    waiting.notices.add(1);
    assert.deepEqual(waiting.tell()?.told, [ledgerWords]);
  });

  it('is the next trouble when the first one is over', () => {
    const waiting = new Waiting(1);
    waiting.notices.set([ledger, journal]);
    assert.deepEqual(waiting.tell()?.told, [ledgerWords]);
    waiting.notices.set([journal]);
    assert.deepEqual(waiting.tell()?.told, [journalWords]);
  });

  it('is a few words in hours though it comes and goes every minute, and the truth when that is over', () => {
    const waiting = new Waiting(1);
    const told: (string | undefined)[] = [];
    const minutes = 5 * 60;
    for (let turn = 0; turn < minutes; turn += 1) {
      const now = waiting.pass(30 * second);
      waiting.notices.set(turn % 2 === 0 ? [{ ...ledger, since: now }] : []);
      told.push(...waiting.notices.take(waiting.pass(30 * second)).map(({ finding }) => finding?.message));
    }
    assert.deepEqual(told.slice(0, 3), [ledgerWords, undefined, ledgerWords]);
    assert.ok(told.length < 20, `${told.length} times`);
    waiting.notices.set([]);
    told.push(...(waiting.tell()?.told ?? []));
    assert.equal(told.at(-1), undefined);
    waiting.pass(3600 * second);
    waiting.notices.set([{ ...ledger, since: waiting.pass(0) }]);
    assert.deepEqual(waiting.tell()?.told, [ledgerWords], 'as if it had never been');
    waiting.notices.set([]);
    assert.deepEqual(waiting.tell()?.told, [undefined]);
  });

  it('is nothing to those that come when it is over, though others are told so later', () => {
    const waiting = new Waiting(1);
    for (const troubles of [[ledger], [], [ledger]]) {
      waiting.notices.set(troubles);
      waiting.tell();
    }
    waiting.notices.set([]);
    waiting.notices.add(1);
    const { from = 0, told } = waiting.tell() ?? {};
    assert.ok(from > 60, 'in a minute');
    assert.deepEqual(told, [undefined]);
  });

  it('is no other words for another document of the same record', () => {
    const waiting = new Waiting(1);
    waiting.notices.set([ledger]);
    waiting.tell();
    waiting.notices.set([
      { ...ledger, object: 'ConfigMap kube-lego/kube-lego-ledger-1', message: 'Another' },
    ]);
    assert.equal(waiting.tell(), undefined);
    assert.equal(waiting.notices.blocked, true);
  });

  it('is nothing while the API server does not answer, and no other words for what has been told', () => {
    const waiting = new Waiting(1);
    const away = { ...ledger, cause: 'unreachable' } as const;
    waiting.notices.set([away]);
    assert.equal(waiting.tell(), undefined);
    assert.equal(waiting.notices.blocked, true);
    waiting.notices.set([ledger]);
    assert.deepEqual(waiting.tell()?.told, [ledgerWords]);
    waiting.notices.set([away]);
    assert.equal(waiting.tell(), undefined);
    waiting.notices.set([{ ...ledger, cause: 'failing', message: 'The ledger fails' }]);
    assert.deepEqual(waiting.tell()?.told, ['The ledger fails. Allow it.']);
  });
});
