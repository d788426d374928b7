import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AnyMachineSnapshot, type AnyStateMachine, transition } from 'xstate';
import { getShortestPaths, getSimplePaths } from 'xstate/graph';
import { certificateMachine } from '../../../machines/ingress/certificate.ts';
import type { Failure } from '../../../machines/reasons/reasons.ts';
import { certificateInput, now } from '../builders.ts';
import { validity } from '../issuance.ts';
import { transitionsNeverTaken } from './statechart-paths.ts';

const input = certificateInput({ id: 'uid/web-tls/1' });

// The paths are walked without a parent.
const machine: AnyStateMachine = certificateMachine.provide({
  actions: {
    reportPhase: () => undefined,
    reportHold: () => undefined,
    reportPending: () => undefined,
    reportOutcome: () => undefined,
  },
});

const failure: Failure = { code: 'ChallengeFailed', message: 'It failed.' };

/** The ends of each effect, whichever state the round is in: those that do not fit it are ignored. */
const events = [
  { type: 'ADMITTED', at: now },
  { type: 'SLOT_GRANTED', at: now },
  { type: 'HELD', at: now, hold: { cause: 'blocked', scope: 'these names', until: now } },
  { type: 'PENDING', at: now, finding: { code: 'OrderPending', message: 'It takes long.' } },
  ...['provisioning-challenge', 'validating.ordering', 'storing'].flatMap((state) =>
    [
      { kind: 'done', at: now, value: state === 'storing' ? validity : 'vault-id' },
      { kind: 'failed', at: now, failure },
    ].map((output) => ({ type: `xstate.done.actor.0.certificate.${state}`, output })),
  ),
];

function serializeState({ value }: AnyMachineSnapshot): string {
  return JSON.stringify(value);
}

const traversal = { input, events: () => events, serializeState };
const paths = getSimplePaths(machine, traversal);
const toTheEnd = paths.filter(({ state }) => state.matches('ended'));

function ordered({ steps }: (typeof paths)[number]): boolean {
  return steps.some(({ state }) => state.matches('validating'));
}

/** What a round does on its way, by the names of its actions. */
function actionsOn(path: (typeof paths)[number]): string[] {
  return path.steps.flatMap(({ event }, index) => {
    const before = path.steps[index - 1]?.state;
    if (before === undefined) return [];
    const [, actions] = transition(machine, before, event);
    return actions.map(({ type, params }) => {
      const { event: sent, phase } = { event: { type: '' }, phase: '', ...Object(params) };
      return type === 'xstate.sendTo' ? sent.type : `${type} ${phase}`.trim();
    });
  });
}

describe('the statechart of a round', () => {
  it('reaches all of its states', () => {
    const reached = getShortestPaths(machine, traversal).map(({ state }) => serializeState(state));
    assert.deepEqual(
      new Set(reached),
      new Set([
        '"queued"',
        '"provisioning-challenge"',
        '{"validating":"awaiting-slot"}',
        '{"validating":"ordering"}',
        '"storing"',
        '"ended"',
      ]),
    );
  });

  it('has no transition that cannot happen', () => {
    assert.deepEqual(transitionsNeverTaken(machine, traversal), []);
  });

  it('ends in four ways: hosts not reached, order failed, write failed, stored', () => {
    assert.equal(toTheEnd.length, 4);
  });

  it('reports exactly one outcome, at its end', () => {
    for (const path of toTheEnd) {
      const reports = actionsOn(path).filter((action) => action.startsWith('reportOutcome'));
      assert.equal(reports.length, 1);
    }
  });

  it('reports each phase as it comes to it', () => {
    const longest = toTheEnd.map(actionsOn).toSorted((one, other) => other.length - one.length)[0];
    assert.deepEqual(
      longest?.filter((action) => action.startsWith('reportPhase')),
      ['provisioning-challenge', 'validating', 'validating', 'storing'].map(
        (phase) => `reportPhase ${phase}`,
      ),
    );
  });

  it('asks for a slot once at most, and returns it before anything else is begun', () => {
    for (const path of toTheEnd) {
      const actions = actionsOn(path).filter((action) => action.endsWith('_SLOT'));
      assert.equal(actions.join(' '), ordered(path) ? 'REQUEST_SLOT RETURN_SLOT' : '');
    }
  });

  it('never loses what was issued before it is stored', () => {
    for (const { steps } of paths) {
      for (const { state } of steps) {
        if (state.matches('storing')) assert.equal(state.context.issued, 'vault-id');
      }
    }
  });
});
