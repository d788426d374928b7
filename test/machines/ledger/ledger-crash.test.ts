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

/** Milliseconds, as src/acme/order/order.ts has it. */
const orderTimeLimit = 600_000;

/** An order at the CA, and how much of it the ledger has heard. */
interface Running {
  readonly order: OrderRequest;
  readonly end: Step['end'];
  left: number;
  stage: 'asked' | 'made' | 'finalized' | 'issued';
  finalizedAt: number;
}

/** A process with its ledger, and what it wrote, which is all that is left of it after a crash. */
class Process {
  readonly #limits: RateLimits;
  readonly #ca: Ca;
  readonly #documents = new Map<number, string>();
  #books: Ledger;
  #running: Running[] = [];
  #writing: LedgerShard[] | undefined;

  constructor(limits: RateLimits, ca: Ca) {
    this.#limits = limits;
    this.#ca = ca;
    this.#books = ledger(limits);
  }

  /** Makes the order if the ledger holds it not, as src/ledger/ledger-keeper.ts and the steps do it. */
  order({ order, end, after }: Step, time: number): void {
    const books = this.#books;
    if (books.hold(order, time) !== undefined) return;
    if (this.#running.some((one) => one.order.identifiers === order.identifiers)) return;
    books.orderCreated(order, time);
    while (!books.coversOrders(time)) {
      books.coverOrders(time);
      this.#writeAll(time);
    }
    assert.equal(this.#ca.newOrder(order, time), undefined, 'the CA refuses what the ledger allowed');
    if (end === 'refused' && order.exemption === 'none') this.#ca.refund(time);
    this.#running.push({ order, end, left: after, stage: 'asked', finalizedAt: 0 });
  }

  /** Every order gets on by a stage, of which the ledger hears one step later: in between the process may end. */
  goOn(time: number): void {
    for (const one of this.#running) {
      if (one.stage === 'asked' && one.end !== 'refused') {
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
   * have reached its place unheard.
   */
  crash({ writing }: Pick<Step, 'writing'>, time: number): void {
    if (writing === 'done' && this.#writing !== undefined) store(this.#writing, this.#documents);
    this.#running = [];
    this.#writing = undefined;
    this.#books = ledger(this.#limits);
    assert.deepEqual(this.#books.restore(this.#documents, time), []);
  }

  stop(time: number): void {
    this.#writeAll(time);
    this.crash({ writing: 'done' }, time);
  }

  #end(one: Running, time: number): void {
    const { order, end, stage } = one;
    const books = this.#books;
    if (end === 'issued' && stage === 'made') {
      while (!books.coversCertificate(order, time)) {
        books.coverCertificate(order, time);
        this.#writeAll(time);
      }
      one.stage = 'finalized';
      one.finalizedAt = time;
      return;
    }
    if (stage === 'finalized' && time <= one.finalizedAt + orderTimeLimit) {
      assert.ok(this.#ca.issue(order, time), 'more certificates than the CA allows');
      one.stage = 'issued';
      return;
    }
    if (stage === 'issued') books.certificateIssued(order, time);
    else if (end === 'refused') books.orderRefused(order, time);
    else books.orderEnded(order, time);
    one.left = -1;
  }

  #writeAll(time: number): void {
    this.#endWriting();
    this.#beginWriting(time);
    this.#endWriting();
  }

  #beginWriting(time: number): void {
    this.#writing = this.#books.takeChanges(time);
  }

  #endWriting(): void {
    if (this.#writing === undefined) return;
    store(this.#writing, this.#documents);
    this.#writing = undefined;
    this.#books.changesWritten();
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
