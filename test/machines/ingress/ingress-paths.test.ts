import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { getShortestPaths, getSimplePaths } from 'xstate/graph';
import { type CertificatePhase, certificatePhases } from '../../../machines/ingress/certificate.ts';
import { ingressMachine } from '../../../machines/ingress/ingress.ts';
import {
  type IngressContext,
  roundsOf,
  settledStates,
  stateOf,
  toCheck,
  wakeTime,
} from '../../../machines/ingress/ingress-context.ts';
import type { CheckResult } from '../../../machines/ingress/ingress-updates.ts';
import { assignment, day, hour, now } from '../builders.ts';
import { dueResult, goodResult, validity } from '../issuance.ts';
import { transitionsNeverTaken } from './statechart-paths.ts';

interface PathEvent {
  readonly type: string;
}

// The paths are walked without a parent.
const machine: AnyStateMachine = ingressMachine.provide({ actions: { askToBeWoken: () => undefined } });

function contextOf(snapshot: AnyMachineSnapshot): IngressContext {
  return snapshot.context;
}

function byText(one: string, other: string): number {
  return one < other ? -1 : 1;
}

/** Every combination of one element of each list. */
function combinations<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>(
    (found, list) => found.flatMap((some) => list.map((one) => [...some, one])),
    [[]],
  );
}

function checkResults(secretName: string, context: IngressContext): CheckResult[] {
  const desired = toCheck(context).find((each) => each.secretName === secretName);
  assert.ok(desired !== undefined);
  return [
    goodResult(desired, context.at + 60 * day),
    dueResult(desired),
    {
      kind: 'unavailable',
      secretName,
      failure: { code: 'ApiServerUnavailable', message: 'The API server is away.' },
    },
    {
      kind: 'assessed',
      secretName,
      assessment: {
        kind: 'refused',
        failure: { code: 'ForeignSecret', message: 'It is foreign.' },
        notices: [],
      },
    },
  ];
}

/** All that can happen to an Ingress in this state; time goes on by two days, or by nothing. */
function events(snapshot: AnyMachineSnapshot): PathEvent[] {
  const context = contextOf(snapshot);
  const rounds = context.certificates.flatMap(({ desired: { secretName }, status }) => {
    if (status.kind !== 'working') return [];
    const next = certificatePhases[certificatePhases.indexOf(status.phase) + 1];
    const { at } = context;
    const finished = { type: 'CERTIFICATE_FINISHED', secretName, id: status.round.id, at };
    const hold = { cause: 'orders-per-account', scope: 'the account', until: at + hour };
    const pending = { code: 'OrderPending', message: 'The CA takes long.' };
    return [
      ...(status.phase === 'queued' ? [{ type: 'CERTIFICATE_HELD', secretName, hold, at }] : []),
      ...(status.phase === 'validating'
        ? [{ type: 'CERTIFICATE_PENDING', secretName, finding: pending, at }]
        : []),
      ...(next === undefined ? [] : [{ type: 'CERTIFICATE_PHASE', secretName, phase: next, at }]),
      ...(status.phase === 'storing'
        ? [
            {
              ...finished,
              outcome: {
                kind: 'stored',
                reason: 'missing',
                validity: { ...validity, notAfter: at + 90 * day },
              },
            },
          ]
        : []),
      ...(status.phase === 'queued'
        ? []
        : (['ChallengeFailed', 'WrongSecretType'] as const).map((code) => ({
            ...finished,
            outcome: { kind: 'failed', failure: { code, message: 'It failed.' } },
          }))),
    ];
  });
  const changes = [
    { type: 'WAKE', at: context.at + 2 * day },
    { type: 'CLOCK_SET', by: 5 * hour, at: context.at + 5 * hour },
    {
      type: 'ASSIGNED',
      assignment: assignment(context.certificates.map(({ desired }) => desired.secretName)),
      at: context.at,
    },
  ];
  if (!snapshot.matches('checking')) return [...rounds, ...changes];
  const results = combinations(toCheck(context).map(({ secretName }) => checkResults(secretName, context)));
  const checks = results.map((found) => ({
    type: 'xstate.done.actor.0.ingress.checking',
    output: { at: context.at, results: found },
  }));
  return [...rounds, ...checks, ...changes];
}

const serialized = new WeakMap<AnyMachineSnapshot, string>();

/** Written once for each snapshot: a search of all paths asks for it at every step of them. */
function serializeState(snapshot: AnyMachineSnapshot): string {
  const text = serialized.get(snapshot) ?? serialize(snapshot);
  serialized.set(snapshot, text);
  return text;
}

function serialize(snapshot: AnyMachineSnapshot): string {
  const certificates = contextOf(snapshot).certificates.map(({ status }) => {
    if (status.kind === 'working') return status.hold === undefined ? status.phase : 'held';
    return status.kind === 'failed'
      ? `failed${status.nextAttemptAt === undefined ? '' : ', to be retried'}`
      : status.kind;
  });
  return JSON.stringify([snapshot.value, certificates]);
}

function traversal(secretNames: readonly string[]) {
  const input = {
    key: 'Ingress/shop/web',
    uid: 'uid',
    assignment: assignment(secretNames),
    policy: { checkInterval: 8 * hour, minimumValidity: 30 * day },
    at: now,
  };
  return { input, events, serializeState };
}
function roundOf(snapshot: AnyMachineSnapshot): { id: string; phase: CertificatePhase } | undefined {
  const [record] = contextOf(snapshot).certificates;
  return record?.status.kind === 'working'
    ? { id: record.status.round.id, phase: record.status.phase }
    : undefined;
}

const one = getSimplePaths(machine, traversal(['a']));
const two = getShortestPaths(machine, traversal(['a', 'b']));
/** Each once, however many paths share it. */
const snapshots = [
  ...new Set([...one, ...two].flatMap(({ steps }) => steps.map(({ state }): AnyMachineSnapshot => state))),
];

describe('the statechart of an Ingress', () => {
  it('reaches exactly the states of the design', () => {
    assert.deepEqual(new Set(snapshots.map(({ value }) => value)), new Set(['checking', ...settledStates]));
  });

  it('has no transition that cannot happen', () => {
    assert.deepEqual(transitionsNeverTaken(machine, traversal(['a', 'b'])), []);
  });

  it('is, after a check, in the state that its certificates are in', () => {
    for (const snapshot of snapshots.filter(({ value }) => value !== 'checking')) {
      assert.equal(snapshot.value, stateOf(contextOf(snapshot)));
    }
  });

  it('knows when it is to be woken wherever it may stay', () => {
    for (const snapshot of snapshots.filter(({ value }) => value !== 'checking')) {
      const context = contextOf(snapshot);
      const at = wakeTime(context);
      assert.ok(at !== undefined && at > context.at, `${serializeState(snapshot)} sleeps for ever`);
    }
  });

  it('leaves no Secret unjudged by a check', () => {
    for (const snapshot of snapshots.filter(({ value }) => value !== 'checking')) {
      assert.ok(contextOf(snapshot).certificates.every(({ status }) => status.kind !== 'unchecked'));
    }
  });

  it('has a child for each round that runs, and none besides', () => {
    for (const snapshot of snapshots) {
      const children = Object.keys(snapshot.children).filter((id) => id !== '0.ingress.checking');
      const rounds = roundsOf(contextOf(snapshot)).map(({ id }) => id);
      assert.deepEqual(children.toSorted(byText), rounds.toSorted(byText));
    }
  });

  it('begins a round queued, only lets it advance, and never uses its id again', () => {
    for (const { steps } of one) {
      const ended = new Set<string>();
      let before: ReturnType<typeof roundOf>;
      for (const { state } of steps) {
        const round = roundOf(state);
        if (round?.id !== before?.id) {
          assert.ok(round === undefined || round.phase === 'queued');
          if (before !== undefined) ended.add(before.id);
        } else if (round !== undefined && before !== undefined) {
          assert.ok(certificatePhases.indexOf(round.phase) >= certificatePhases.indexOf(before.phase));
        }
        assert.ok(round === undefined || !ended.has(round.id));
        before = round;
      }
    }
  });
});
