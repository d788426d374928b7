import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { FairQueue, type Queued } from '../../../machines/supervisor/fair-queue.ts';

const seed = 20261129;

interface Item extends Queued {
  readonly name: string;
}

function item(namespace: string, harmAt: number, serial: number): Item {
  return { round: { namespace, harmAt }, serial, name: `${namespace}${serial}`, heapIndex: 0 };
}

/** The plainest queue that is right: it sorts whenever it is asked. */
class SortedQueue {
  readonly items = new Set<Item>();
  readonly shares = new Map<string, number>();

  inTurn(): Item[] {
    const turns = new Map(this.shares);
    return [...this.items]
      .toSorted((one, other) => one.round.harmAt - other.round.harmAt || one.serial - other.serial)
      .map((each) => {
        const turn = turns.get(each.round.namespace) ?? 0;
        turns.set(each.round.namespace, turn + 1);
        return { each, turn };
      })
      .toSorted((one, other) => one.turn - other.turn)
      .map(({ each }) => each);
  }
}

const namespace = fc.constantFrom('a', 'b', 'c', 'd');
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('add' as const), namespace, harmAt: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('grant' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), nth: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('give back' as const), namespace }) },
);

describe('a fair queue', () => {
  it('has the order of a list that is sorted by turn, harm and arrival, whatever comes, goes and is granted', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 150 }), (steps) => {
        const model = new SortedQueue();
        const { items, shares } = model;
        const queue = new FairQueue<Item>((of) => shares.get(of) ?? 0);
        const remove = (removed: Item | undefined): void => {
          if (removed === undefined || !items.delete(removed)) return;
          queue.delete(removed);
        };
        const changeShare = (of: string, change: 1 | -1): void => {
          shares.set(of, (shares.get(of) ?? 0) + change);
          queue.changeShare(of, change);
        };
        for (const [serial, each] of steps.entries()) {
          if (each.type === 'add') {
            const added = item(each.namespace, each.harmAt, serial);
            items.add(added);
            queue.add(added);
            const before = [...items].filter((other) => other !== added).length;
            assert.ok(queue.mostBefore(each.namespace) <= before);
            const last = model.inTurn().findLastIndex((other) => other.round.namespace === each.namespace);
            assert.ok(queue.mostBefore(each.namespace) >= last, 'never too few');
          } else if (each.type === 'grant') {
            const { first } = queue;
            remove(first);
            if (first !== undefined) changeShare(first.round.namespace, 1);
          } else if (each.type === 'delete') remove([...items][each.nth]);
          else if ((shares.get(each.namespace) ?? 0) > 0) changeShare(each.namespace, -1);
          const expected = model.inTurn();
          assert.equal(queue.size, items.size);
          assert.equal(queue.first, expected[0]);
          assert.deepEqual(
            [...queue.inTurn()].map(({ name }) => name),
            expected.map(({ name }) => name),
          );
        }
      }),
      { seed, numRuns: 200 },
    );
  });

  it('says exactly how many go before the last one of one namespace alone, and before one that had nothing', () => {
    const queue = new FairQueue<Item>((of) => (of === 'large' ? 7 : 0));
    for (let serial = 0; serial < 3000; serial += 1) {
      queue.add(item('large', 0, serial));
      assert.equal(queue.mostBefore('large'), serial);
    }
    queue.add(item('small', 9, 3000));
    assert.equal(queue.mostBefore('small'), 1);
    assert.equal(queue.first?.round.namespace, 'small');
  });
});
