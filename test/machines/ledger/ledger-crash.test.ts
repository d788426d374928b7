import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import type { Ledger, LedgerShard } from '../../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../../machines/ledger/order-limits.ts';
import type { RateLimits } from '../../../machines/ledger/rate-limits.ts';
import { day, now } from '../builders.ts';
import { Ca, hosts, ledger, rateLimitsUpTo, request, store } from './ledger-model.ts';

const seed = 20261124;
const step = fc.record({
  type: fc.constantFrom(
    'order',
    'order',
    'order',
    'order',
    'order',
    'order',
    'write',
    'write',
    'crash',
    'stop',
    'fail',
    'succeed',
  ),
  order: request,
  host: fc.constantFrom(...hosts),
  /** What becomes of the order, and how many steps later. */
  end: fc.constantFrom('issued', 'issued', 'issued', 'failed', 'refused'),
  after: fc.nat(1),
  /** Whether a writing that begins now is still under way when the next things happen, and whether it comes to an end. */
  writing: fc.constantFrom('done', 'slow', 'slow', 'failed'),
  wait: fc.oneof({ weight: 8, arbitrary: fc.nat(1000) }, fc.nat(day / 4), fc.nat(3 * day)),
});
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

/** An order at the CA, and how much of it the ledger has heard. */
interface Running {
  /** Id of its entry in the journal. */
  readonly entry: string;
  readonly order: OrderRequest;
  readonly end: Step['end'];
  left: number;
  stage: 'asked' | 'made' | 'finalized' | 'issued';
  /** It was begun by an earlier process. */
  resumed: boolean;
}

/** A process with its ledger; what it wrote, and the entries of the journal, are all that is left of it after a crash. */
class Process {
  readonly #limits: RateLimits;
  readonly #ca: Ca;
  readonly #documents = new Map<number, string>();
  /** Written at once; taken out when the ledger is written. */
  readonly #journal = new Map<string, OrderRequest>();
  readonly #ended = new Set<string>();
  #takingOut: readonly string[] = [];
  #entries = 0;
  #books: Ledger;
  #running: Running[] = [];
  #writing: LedgerShard[] | undefined;

  constructor(limits: RateLimits, ca: Ca) {
    this.#limits = limits;
    this.#ca = ca;
    this.#books = ledger(limits);
  }

  /** Makes the order if the ledger holds it not, as src/authority/ca-order.ts and the steps do it. */
  order({ order, end, after }: Step, time: number): void {
    const books = this.#books;
    if (books.hold(order, time) !== undefined) return;
    if (this.#running.some((one) => one.order.identifiers === order.identifiers)) return;
    books.orderCreated(order, time);
    this.#entries += 1;
    const entry = `${this.#entries}`;
    this.#journal.set(entry, order);
    this.#send({ order, end, resumed: false }, time);
    this.#running.push({ entry, order, end, left: after, stage: 'asked', resumed: false });
  }

  /** Every order gets on by a stage, of which the ledger hears one step later: in between the process may end. */
  goOn(time: number): void {
    for (const one of this.#running) {
      if (one.stage === 'asked' && one.resumed) this.#askAgain(one, time);
      else if (one.stage === 'asked' && one.end !== 'refused') {
        this.#books.orderMade(one.order, time);
        one.stage = 'made';
      } else if (one.left > 0) {
        one.left -= 1;
      } else {
        this.#end(one, time);
      }
    }
    this.#running = this.#running.filter(({ left }) => left >= 0);
  }

  fail(host: string, time: number): void {
    this.#ca.fail(host, time);
    this.#books.authorizationFailed(host, time);
    // It can't be known ahead. What a crash within the seconds before it is written may lose is this one failure.
    this.#writeAll(time);
  }

  succeed(host: string): void {
    this.#ca.succeed(host);
    this.#books.authorizationSucceeded(host);
  }

  write({ writing }: Pick<Step, 'writing'>, time: number): void {
    this.#endWriting();
    this.#beginWriting(time);
    if (writing === 'done') this.#endWriting();
    if (writing !== 'failed') return;
    this.#books.returnChanges((this.#writing ?? []).map(({ shard }) => shard));
    this.#writing = undefined;
  }

  /**
   * Nothing is written any more, what was under way is never heard of again, and the CA forgets nothing. The last writing may
   * have reached its place unheard. The orders of the journal go on.
   */
  crash({ writing }: Pick<Step, 'writing'>, time: number): void {
    if (writing === 'done' && this.#writing !== undefined) store(this.#writing, this.#documents);
    this.#writing = undefined;
    this.#ended.clear();
    this.#books = ledger(this.#limits);
    assert.deepEqual(this.#books.restore(this.#documents, time), []);
    for (const [entry, order] of this.#journal) {
      this.#books.resumeOrder(entry, { ...order, newSet: true }, time);
    }
    this.#running = this.#running.filter(({ entry }) => this.#journal.has(entry));
    for (const one of this.#running) one.resumed = true;
    const known = new Set(this.#running.map(({ entry }) => entry));
    for (const entry of this.#journal.keys()) if (!known.has(entry)) this.#settle(entry, time);
  }

  stop(time: number): void {
    this.#writeAll(time);
    this.crash({ writing: 'done' }, time);
  }

  #send({ order, end, resumed }: Pick<Running, 'order' | 'end' | 'resumed'>, time: number): void {
    this.#books.orderSent(order, time);
    // One entry stands for one order.
    if (resumed) this.#writeAll(time);
    assert.equal(this.#ca.newOrder(order, time), undefined, 'the CA refuses what the ledger allowed');
    if (end === 'refused' && order.exemption === 'none') this.#ca.refund(time);
  }

  /** The reply was lost: the CA counts another order. */
  #askAgain(one: Running, time: number): void {
    if (this.#books.hold(one.order, time) !== undefined) return;
    this.#books.orderCreated(one.order, time);
    this.#send(one, time);
    one.resumed = false;
  }

  #end(one: Running, time: number): void {
    const { entry, order, end, stage } = one;
    const books = this.#books;
    if (end === 'issued' && stage === 'made') {
      one.stage = 'finalized';
      return;
    }
    if (stage === 'finalized') {
      assert.ok(this.#ca.issue(order, time), 'more certificates than the CA allows');
      one.stage = 'issued';
      return;
    }
    if (stage === 'issued') books.certificateIssued(order, time);
    else if (end === 'refused') books.orderRefused(order, time);
    else books.orderEnded(order, time);
    this.#settle(entry, time);
    one.left = -1;
  }

  #settle(entry: string, time: number): void {
    this.#books.settleOrder(entry, time);
    this.#ended.add(entry);
  }

  #writeAll(time: number): void {
    this.#endWriting();
    this.#beginWriting(time);
    this.#endWriting();
  }

  #beginWriting(time: number): void {
    this.#takingOut = [...this.#ended];
    this.#writing = this.#books.takeChanges(time);
  }

  #endWriting(): void {
    if (this.#writing === undefined) return;
    store(this.#writing, this.#documents);
    this.#writing = undefined;
    for (const entry of this.#takingOut) {
      this.#journal.delete(entry);
      this.#ended.delete(entry);
    }
  }
}

function play(limits: RateLimits, steps: readonly Step[]): void {
  const process = new Process(limits, new Ca(limits));
  let time = now;
  for (const step of steps) {
    time += step.wait;
    if (step.type === 'crash') process.crash(step, time);
    else if (step.type === 'stop') process.stop(time);
    else process.goOn(time);
    if (step.type === 'order') process.order(step, time);
    else if (step.type === 'write') process.write(step, time);
    else if (step.type === 'fail') process.fail(step.host, time);
    else if (step.type === 'succeed') process.succeed(step.host);
  }
}

it('the CA never refuses what the ledger allows, whatever its limits are, over crashes that forget what is not written', () => {
  fc.assert(fc.property(rateLimitsUpTo(11), fc.array(step, { minLength: 40, maxLength: 120 }), play), {
    seed,
    numRuns: 2000,
  });
});
