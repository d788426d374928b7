import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type IngressContext,
  recheckTime,
  roundsOf,
  stateOf,
  toCheck,
  wakeTime,
} from '../../../machines/ingress/ingress-context.ts';
import {
  applyAssessments,
  applyAssignment,
  applyOutcome,
  applyWake,
  initialIngressContext,
} from '../../../machines/ingress/ingress-updates.ts';
import { type StatusDocument, statusOf } from '../../../machines/ingress/status.ts';
import { statusDiffers } from '../../../machines/ingress/status-difference.ts';
import type { Failure } from '../../../machines/reasons/reasons.ts';
import { earliest } from '../../../machines/time/earliest.ts';
import { assignment, day, hour, minute, now } from '../builders.ts';
import { dueResult } from '../issuance.ts';

const unresolved: Failure = {
  code: 'SelfCheckFailed',
  message: 'Host a.example.com does not exist in the DNS.',
  host: 'a.example.com',
};
const notWritable: Failure = { code: 'SecretNotWritable', message: 'A webhook denies it.' };
const ruleRefused: Failure = { code: 'ChallengeRuleRefused', message: 'A policy denies it.' };
const dead: Failure = {
  code: 'ChallengeFailed',
  message: 'The CA got a 404.',
  host: 'a.example.com',
  orderMade: true,
};

function begin(status?: StatusDocument, at = now, retry?: string): IngressContext {
  return initialIngressContext({
    key: 'Ingress/shop/web',
    uid: 'uid',
    assignment: assignment(['a'], { retry }),
    policy: { checkInterval: 8 * hour, minimumValidity: 30 * day },
    status,
    at,
  });
}

/** One Ingress of which every round ends before its order while the obstacle lasts. */
class Waiting {
  time = now;
  checks = 0;
  writes = 0;
  context = begin();
  #said: StatusDocument | undefined;

  /** @returns when a round got past its checks */
  until(obstacle: (time: number) => Failure | undefined): number {
    for (;;) {
      const results = toCheck(this.context).map((desired) => dueResult(desired));
      this.context = applyAssessments(this.context, results, this.time);
      if (roundsOf(this.context).length > 0) {
        const failure = obstacle(this.time);
        if (failure === undefined) return this.time;
        this.checks += 1;
        this.fail(failure);
      }
      this.time = Math.max(
        this.time + 1,
        earliest([wakeTime(this.context), recheckTime(this.context)]) ?? this.time,
      );
      this.context = applyWake(this.context, this.time);
    }
  }

  fail(failure: Failure): void {
    this.context = applyOutcome(this.context, 'a', { kind: 'failed', failure }, this.time);
    const document = statusOf(this.context, this.#said);
    if (this.#said !== undefined && !statusDiffers(this.#said, document, this.time)) return;
    this.#said = document;
    this.writes += 1;
  }

  restart(): void {
    this.context = begin(this.#said, this.time);
  }
}

describe('what fails before an order, at no cost to the CA', () => {
  for (const failure of [unresolved, notWritable, ruleRefused]) {
    it(`is over minutes after its cause: ${failure.code}`, () => {
      for (const [late, atMost] of [
        [125_000, 1.2 * minute],
        [9 * minute, 1.2 * minute],
        [3 * hour, 6 * minute],
        [20 * hour, 6 * minute],
        [3 * day, 35 * minute],
      ] as const) {
        const passed = new Waiting().until((time) => (time < now + late ? failure : undefined));
        assert.ok(
          passed - now >= late && passed - now - late <= atMost,
          `${(passed - now - late) / minute} min`,
        );
      }
    });
  }

  it('is said once, however often it is checked', () => {
    const waiting = new Waiting();
    waiting.until((time) => (time < now + 3 * day ? unresolved : undefined));
    assert.equal(waiting.writes, 1);
    assert.ok(waiting.checks > 300 && waiting.checks < 500, `${waiting.checks} checks in three days`);
  });

  it('is said again when it is another failure', () => {
    const waiting = new Waiting();
    const other = { ...unresolved, message: 'Host a.example.com answers with status 404.' };
    waiting.until((time) => (time < now + hour ? unresolved : time < now + 2 * hour ? other : undefined));
    assert.equal(waiting.writes, 2);
  });

  it('is no attempt: the first order that fails has the first step of its ladder, the next one the second', () => {
    const waiting = new Waiting();
    for (const step of [minute, 10 * minute, 100 * minute]) {
      const until = waiting.time + hour;
      const passed = waiting.until((time) => (time < until ? unresolved : undefined));
      waiting.fail(dead);
      const wait = (wakeTime(waiting.context) ?? 0) - passed;
      assert.ok(Math.abs(wait - step) <= 0.15 * step + 1, `${wait / minute} min`);
      waiting.time = passed + wait;
      waiting.context = applyWake(waiting.context, waiting.time);
    }
  });

  it('goes on at its pace after a restart, at moments of its own, and without another word', () => {
    const waiting = new Waiting();
    waiting.until((time) => (time < now + hour ? unresolved : undefined));
    waiting.fail(unresolved);
    waiting.restart();
    assert.equal(stateOf(waiting.context), 'backing-off');
    const restarted = waiting.time;
    const first = recheckTime(waiting.context) ?? 0;
    assert.ok(first > restarted && first <= restarted + 5 * minute);
    const { checks } = waiting;
    const passed = waiting.until((time) => (time < restarted + hour ? unresolved : undefined));
    assert.ok(passed - restarted - hour < 6 * minute);
    assert.ok(waiting.checks - checks < 20, 'not every minute again');
    assert.equal(waiting.writes, 1);
  });

  it('is checked at once when its owner asks for it, or changes what he asks for', () => {
    const waiting = new Waiting();
    waiting.until((time) => (time < now + hour ? unresolved : undefined));
    waiting.fail(unresolved);
    const at = waiting.time + 1;
    for (const given of [assignment(['a'], { retry: 'now' }), assignment(['b'])]) {
      const changed = applyAssignment(waiting.context, given, at);
      const results = toCheck(changed).map((desired) => dueResult(desired));
      assert.equal(stateOf(applyAssessments(changed, results, at)), 'queued');
    }
  });

  it('is left to the pace of the supervisor', () => {
    const waiting = new Waiting();
    const results = toCheck(waiting.context).map((desired) => dueResult(desired));
    waiting.context = applyAssessments(waiting.context, results, now);
    waiting.fail(unresolved);
    assert.ok((recheckTime(waiting.context) ?? 0) < now + 2 * minute);
    assert.ok((wakeTime(waiting.context) ?? 0) > now + 2 * minute, 'only the next look at the Secrets');
    assert.deepEqual(roundsOf(waiting.context), []);
  });
});

describe('a host that neither the CA nor the resolver of the pod can find', () => {
  const notFound: Failure = { ...dead, message: 'NXDOMAIN', hosts: ['a.example.com'], unresolved: true };
  const unsure: Failure = { ...unresolved, message: 'It does not answer.' };
  /** One check at this time, in which the host has appeared or not. */
  function check(context: IngressContext, at: number, appeared: boolean): IngressContext {
    const woken = applyWake(context, at);
    const awaited = toCheck(woken).flatMap((request) => request.awaited ?? []);
    const looked = awaited.length === 0 ? {} : { appeared };
    const results = toCheck(woken).map((desired) => ({ ...dueResult(desired), ...looked }));
    return applyAssessments(woken, results, at);
  }

  function failed(failure: Failure, times: number): IngressContext {
    let context = begin();
    let at = now;
    for (let count = 0; count < times; count += 1) {
      context = check(context, at, true);
      context = applyOutcome(context, 'a', { kind: 'failed', failure }, at);
      at = wakeTime(context) ?? at;
    }
    return context;
  }

  it('is looked for at the pace of checks, beside the ladder, and ordered when it has appeared', () => {
    let context = failed(notFound, 3);
    const next = wakeTime(context) ?? 0;
    assert.ok(next - context.at > 80 * minute, 'the ladder');
    let looks = 0;
    const late = context.at + hour;
    for (let at = recheckTime(context); at !== undefined && at < late; at = recheckTime(context)) {
      context = check(context, at, false);
      assert.equal(stateOf(context), 'backing-off');
      assert.equal(wakeTime(context), next);
      looks += 1;
    }
    assert.ok(looks > 15 && looks < 30, `${looks} looks in an hour`);
    const at = recheckTime(context) ?? 0;
    assert.ok(at - late < 6 * minute);
    context = check(context, at, true);
    assert.equal(stateOf(context), 'queued');
    const again = applyOutcome(context, 'a', { kind: 'failed', failure: notFound }, at);
    assert.equal(again.certificates[0]?.failures.attempt, 4, 'and the ladder goes on');
    const { status } = again.certificates[0] ?? {};
    assert.ok(status?.kind === 'failed' && (status.nextAttemptAt ?? 0) - at > 20 * hour);
  });

  it('goes on waiting for its time if it appeared, but does not reach us', () => {
    const context = failed(notFound, 3);
    const next = wakeTime(context);
    const early = check(context, recheckTime(context) ?? 0, true);
    assert.ok(roundsOf(early)[0]?.early !== undefined);
    const back = applyOutcome(early, 'a', { kind: 'failed', failure: unsure }, early.at);
    assert.equal(wakeTime(back), next);
    const entry = statusOf(back).secrets['a'];
    assert.deepEqual([entry?.reason, entry?.failures], ['ChallengeFailed', 3]);
    assert.ok((recheckTime(back) ?? 0) > back.at);
  });

  it('is alone in that: another failure of an order has its ladder only', () => {
    assert.equal(recheckTime(failed(dead, 3)), undefined);
  });

  it('costs no write while it is looked for', () => {
    let context = failed(notFound, 3);
    const said = statusOf(context);
    for (let count = 0; count < 10; count += 1) {
      context = check(context, recheckTime(context) ?? 0, false);
      assert.ok(!statusDiffers(said, statusOf(context, said), context.at));
    }
  });
});
