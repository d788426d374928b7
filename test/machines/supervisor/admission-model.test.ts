import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { Admission } from '../../../machines/supervisor/admission.ts';
import type { Progress, Round } from '../../../machines/supervisor/round.ts';
import { now, orderBudget } from '../builders.ts';

const ids = 'abcdefgh'.split('');
const hostSets = [['x'], ['y'], ['x', 'y'], ['y', 'x'], ['x', 'y', 'z'], ['p', 'q', 'r', 's', 't', 'u']];
const limits = { hosts: 5, ordersInFlight: 2 };

type Stage = Progress['stage'];

/** Those that have a slot, or have asked for one. */
const withSlot: readonly Stage[] = ['awaiting-slot', 'ordering', 'lent', 'reclaiming'];
/** Those that are past the queue. */
const inside: readonly Stage[] = ['admitted', ...withSlot];

const step = fc.record({
  type: fc.constantFrom(
    'enter',
    'enter',
    'requestSlot',
    'requestSlot',
    'lendSlot',
    'reclaimSlot',
    'returnSlot',
    'leave',
  ),
  id: fc.constantFrom(...ids),
  namespace: fc.constantFrom('n1', 'n2'),
  hosts: fc.constantFrom(...hostSets),
  harmAt: fc.integer({ min: now, max: now + 5 }),
  purpose: fc.constant('first' as const),
  exemption: fc.constant('none' as const),
});

/** What the rounds hold, as a caller of Admission can know it. */
class Model {
  /** `over`: its order has ended, so that its hosts do not count any more. */
  readonly rounds = new Map<string, { round: Round; stage: Stage; over?: true }>();

  holding(...stages: Stage[]): Round[] {
    return [...this.rounds.values()].filter(({ stage }) => stages.includes(stage)).map(({ round }) => round);
  }

  move(id: string, from: readonly Stage[], to: Stage): void {
    const held = this.rounds.get(id);
    if (held !== undefined && from.includes(held.stage)) held.stage = to;
  }

  end(id: string): void {
    const held = this.rounds.get(id);
    if (held === undefined || !withSlot.includes(held.stage)) return;
    held.stage = 'admitted';
    held.over = true;
  }

  /** Those whose hosts count. */
  occupying(): Round[] {
    const held = [...this.rounds.values()].filter(({ stage, over }) => inside.includes(stage) && !over);
    return held.map(({ round }) => round);
  }

  hosts(): number {
    return this.occupying().reduce((sum, { hosts }) => sum + hosts.length, 0);
  }
}

function identifiers({ hosts }: Round): string {
  return hosts.toSorted().join();
}

function assertWithinLimits(model: Model): void {
  const admitted = model.holding(...inside);
  assert.ok(
    model.hosts() <= limits.hosts || model.occupying().length === 1,
    'beyond the limit only one, alone',
  );
  assert.ok(model.holding('ordering').length <= limits.ordersInFlight);
  assert.equal(
    new Set(admitted.map(identifiers)).size,
    admitted.length,
    'one round for an exact set of hosts',
  );
}

/** Nothing that is free is kept from somebody who could use it. */
function assertNothingIdle(model: Model): void {
  const admitted = new Set(model.holding(...inside).map(identifiers));
  const waiting = model.holding('waiting').filter((round) => !admitted.has(identifiers(round)));
  const fits = ({ hosts }: Round): boolean => model.hosts() + hosts.length <= limits.hosts;
  assert.ok(waiting.length === 0 || (model.hosts() > 0 && !waiting.every(fits)));
  const free = model.holding('ordering').length < limits.ordersInFlight;
  assert.ok(
    !free || model.holding('awaiting-slot', 'reclaiming').length === 0,
    'no slot is free while one could use it',
  );
}

it('admission and slots keep their limits, leave nothing idle and get all back, whatever the rounds do', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const admission = new Admission(limits, orderBudget());
      const model = new Model();
      for (const { type, ...round } of steps) {
        if (type === 'enter') {
          admission.enter(round, now);
          model.rounds.set(round.id, { round, stage: 'waiting' });
        } else if (type === 'requestSlot') {
          admission.requestSlot(round.id);
          model.move(round.id, ['admitted'], 'awaiting-slot');
        } else if (type === 'lendSlot') {
          admission.lendSlot(round.id);
          model.move(round.id, ['ordering'], 'lent');
        } else if (type === 'reclaimSlot') {
          admission.reclaimSlot(round.id);
          model.move(round.id, ['lent'], 'reclaiming');
        } else if (type === 'returnSlot') {
          admission.returnSlot(round.id);
          model.end(round.id);
        } else {
          admission.leave(round.id, now);
          model.rounds.delete(round.id);
        }
        const back = admission.givesBack();
        for (const { id } of back) {
          assert.equal(model.rounds.get(id)?.stage, 'reclaiming', `a slot for ${id}, which has not lent it`);
          model.move(id, ['reclaiming'], 'ordering');
        }
        assert.ok(
          model.holding('reclaiming').length === 0 ||
            model.holding('ordering').length === limits.ordersInFlight,
          'before others get a slot',
        );
        for (const { id, grant } of admission.grants(now)) {
          const from: Stage = grant === 'admission' ? 'waiting' : 'awaiting-slot';
          assert.equal(model.rounds.get(id)?.stage, from, `${grant} for ${id}, which did not ask for it`);
          model.move(id, [from], grant === 'admission' ? 'admitted' : 'ordering');
        }
        assertWithinLimits(model);
        assertNothingIdle(model);
        assert.equal(admission.ordersInFlight, model.holding('ordering').length);
        assert.equal(admission.occupancy.lent, model.holding('lent', 'reclaiming').length);
      }
      for (const id of ids) admission.leave(id, now);
      for (const id of ids)
        admission.enter(
          { id, namespace: id, hosts: [id], harmAt: now, purpose: 'first', exemption: 'none' },
          now,
        );
      assert.equal(admission.grants(now).length, limits.hosts, 'every admission came back');
      for (const id of ids) admission.requestSlot(id);
      assert.equal(admission.grants(now).length, limits.ordersInFlight, 'every slot came back');
    }),
    { seed: 20261124, numRuns: 300 },
  );
});
