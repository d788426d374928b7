import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateRecord } from '../../../machines/ingress/certificate-record.ts';
import {
  type IngressContext,
  isRetried,
  roundsOf,
  stateOf,
  toCheck,
  wakeTime,
} from '../../../machines/ingress/ingress-context.ts';
import {
  applyAssessments,
  applyAssignment,
  applyHold,
  applyOutcome,
  applyPending,
  applyPhase,
  applyWake,
  initialIngressContext,
} from '../../../machines/ingress/ingress-updates.ts';
import { viewOf } from '../../../machines/ingress/ingress-view.ts';
import { statusOf } from '../../../machines/ingress/status.ts';
import type { Assignment, DesiredCertificate } from '../../../machines/ownership/desired-certificate.ts';
import type { Failure } from '../../../machines/reasons/reasons.ts';
import { assignment, day, desiredCertificate, hour, minute, now, route } from '../builders.ts';
import { dueResult, goodResult, validity } from '../issuance.ts';

const refused: Failure = { code: 'ForeignSecret', message: 'The Secret is foreign.' };
const unreachable: Failure = { code: 'ApiServerUnavailable', message: 'The API server is away.' };
const dead: Failure = { code: 'ChallengeFailed', message: 'The host is dead.', host: 'a.example.com' };

function begin(given: Assignment): IngressContext {
  const policy = { checkInterval: 8 * hour, minimumValidity: 30 * day };
  return initialIngressContext({ key: 'Ingress/shop/web', uid: 'uid', assignment: given, policy, at: now });
}

function record(context: IngressContext, secretName: string): CertificateRecord {
  const found = context.certificates.find(({ desired }) => desired.secretName === secretName);
  assert.ok(found !== undefined);
  return found;
}

function nextAttempt(context: IngressContext, secretName: string): number {
  const { status } = record(context, secretName);
  assert.ok(status.kind === 'failed' && status.nextAttemptAt !== undefined, 'no attempt is to come');
  return status.nextAttemptAt;
}

function checkDue(context: IngressContext, at = now): IngressContext {
  return applyAssessments(
    context,
    toCheck(context).map((desired) => dueResult(desired)),
    at,
  );
}

function failRound(context: IngressContext, secretName: string, failure = dead, at = now): IngressContext {
  return applyOutcome(context, secretName, { kind: 'failed', failure }, at);
}

describe('a limit of the CA', () => {
  it('is not the failure of a certificate: the first one that is has the first step of its ladder', () => {
    let context = checkDue(begin(assignment(['a'])));
    for (let count = 1; count <= 3; count += 1) {
      const retryAt = context.at + hour;
      context = failRound(context, 'a', { code: 'RateLimited', message: '429', retryAt }, context.at);
      assert.equal(record(context, 'a').failures.attempt, 0);
      assert.equal(statusOf(context).secrets['a']?.failures, undefined);
      context = checkDue(applyWake(context, nextAttempt(context, 'a')), nextAttempt(context, 'a'));
    }
    context = failRound(context, 'a', dead, context.at);
    assert.ok(nextAttempt(context, 'a') - context.at < 2 * minute);
  });
});

describe('a certificate that is lost each time that it was stored', () => {
  const stored = (context: IngressContext): IngressContext =>
    applyOutcome(context, 'a', { kind: 'stored', reason: 'missing', validity }, context.at);

  /** It is found lost at this time. */
  function lose(context: IngressContext, at: number): IngressContext {
    return checkDue(applyWake(stored(context), at), at);
  }

  function loseOften(times: number): IngressContext {
    let context = checkDue(begin(assignment(['a'])));
    for (let count = 1; count <= times; count += 1) {
      context = lose(context, context.at + 2000);
      const { status } = record(context, 'a');
      if (count < times && status.kind === 'failed') {
        const at = nextAttempt(context, 'a');
        context = checkDue(applyWake(context, at), at);
      }
    }
    return context;
  }

  it('is lost as well when an older one that has ended is put in its place', () => {
    let context = checkDue(begin(assignment(['a'])));
    for (let count = 1; count <= 4; count += 1) {
      const at = context.at + 2000;
      const good = applyWake(stored(context), at);
      context = applyAssessments(
        good,
        toCheck(good).map((desired) => dueResult(desired, at, 'expired')),
        at,
      );
    }
    assert.equal(stateOf(context), 'backing-off');
  });

  it('is ordered anew at once three times a day', () => {
    for (const times of [1, 2, 3]) assert.equal(stateOf(loseOften(times)), 'queued');
  });

  for (const [times, wait] of [
    [4, minute],
    [5, 10 * minute],
    [6, 100 * minute],
  ] as const) {
    it(`waits ${wait / minute} minutes when it has happened ${times} times`, () => {
      const context = loseOften(times);
      assert.equal(stateOf(context), 'backing-off');
      const { status } = record(context, 'a');
      assert.ok(status.kind === 'failed');
      assert.equal(status.failure.code, 'SecretOverwritten');
      assert.equal(record(context, 'a').servesUntil, undefined, 'nothing serves');
      const waits = nextAttempt(context, 'a') - context.at;
      assert.ok(Math.abs(waits - wait) <= 0.15 * wait + 1);
      assert.equal(
        stateOf(checkDue(applyWake(context, context.at + 2000), context.at + 2000)),
        'backing-off',
      );
    });
  }

  it('is taken for an accident again when a day has passed', () => {
    const context = loseOften(3);
    assert.equal(stateOf(lose(context, context.at + day + minute)), 'queued');
  });

  it('is ordered when its back-off is ended by hand', () => {
    const context = loseOften(4);
    const retried = applyAssignment(context, assignment(['a'], { retry: 'now' }), context.at + 1);
    assert.equal(stateOf(checkDue(retried, context.at + 1)), 'queued');
  });

  it('is no loss when it is renewed', () => {
    let context = checkDue(begin(assignment(['a'])));
    for (let count = 1; count <= 5; count += 1) {
      context = stored(context);
      const [due] = toCheck(context).map((desired) => dueResult(desired));
      assert.ok(due?.kind === 'assessed' && due.assessment.kind === 'due');
      const renewal = { ...due, assessment: { ...due.assessment, reason: 'renewal-suggested' } as const };
      context = applyAssessments(context, [renewal], context.at + minute);
      assert.equal(stateOf(context), 'queued');
    }
  });
});

describe('the state of an Ingress', () => {
  const queued = checkDue(begin(assignment(['a', 'b'])));

  it('is that of its least advanced round', () => {
    assert.equal(stateOf(queued), 'queued');
    const one = applyPhase(queued, 'a', 'storing', now);
    assert.equal(stateOf(one), 'queued');
    const both = applyPhase(one, 'b', 'provisioning-challenge', now);
    assert.equal(stateOf(both), 'provisioning-challenge');
    assert.equal(stateOf(applyPhase(both, 'b', 'validating', now)), 'validating');
    assert.equal(stateOf(failRound(both, 'b')), 'storing', 'a failed one does not count while another runs');
  });

  it('is backing-off when no round runs and one is to be tried again', () => {
    const done = applyOutcome(queued, 'a', { kind: 'stored', reason: 'missing', validity }, now);
    assert.equal(stateOf(failRound(done, 'b')), 'backing-off');
  });

  it('is idle when only a change helps the ones that failed', () => {
    assert.equal(stateOf(failRound(failRound(queued, 'a', refused), 'b', refused)), 'idle');
  });
});

describe('the next wake time', () => {
  const [a, b] = assignment(['a', 'b']).desired;
  assert.ok(a !== undefined && b !== undefined);
  const start = begin(assignment(['a', 'b']));

  it('is the earliest of renewals, attempts and the next check', () => {
    const good = applyAssessments(start, [goodResult(a, now + hour / 2), goodResult(b)], now);
    const { nextCheckAt } = good;
    assert.ok(nextCheckAt !== undefined && nextCheckAt > now && nextCheckAt <= now + 8 * hour);
    assert.equal(wakeTime(good), Math.min(now + hour / 2, nextCheckAt));
    const failed = applyAssessments(
      start,
      [goodResult(a), { kind: 'unavailable', secretName: 'b', failure: unreachable }],
      now,
    );
    assert.equal(wakeTime(failed), nextAttempt(failed, 'b'));
  });

  it('is the next check when a failure is for people to end', () => {
    const context = applyAssessments(
      start,
      [
        goodResult(a),
        { kind: 'assessed', secretName: 'b', assessment: { kind: 'refused', failure: refused, notices: [] } },
      ],
      now,
    );
    assert.equal(wakeTime(context), context.nextCheckAt);
  });

  it('is there for an Ingress without any certificate, which is looked at like all others', () => {
    const context = applyAssessments(begin(assignment([])), [], now);
    assert.equal(stateOf(context), 'idle');
    assert.equal(wakeTime(context), context.nextCheckAt);
  });
});

describe('back-off of a certificate', () => {
  it('climbs with each failure and is not cut short by the wake-up of a sibling', () => {
    let context = checkDue(begin(assignment(['a', 'b'])));
    context = failRound(context, 'a');
    const first = nextAttempt(context, 'a');
    assert.ok(Math.abs(first - now - minute) <= 0.15 * minute);
    const early = checkDue(applyWake(context, first - 1), first - 1);
    assert.equal(nextAttempt(early, 'a'), first);
    const due = checkDue(applyWake(context, first), first);
    assert.equal(record(due, 'a').status.kind, 'working');
    const second = nextAttempt(failRound(due, 'a', dead, first), 'a');
    assert.ok(Math.abs(second - first - 10 * minute) <= 0.15 * 10 * minute);
  });

  it('ends at once when a check finds the Secret good', () => {
    const context = failRound(checkDue(begin(assignment(['a']))), 'a');
    const [a] = toCheck(context);
    assert.ok(a !== undefined);
    const good = applyAssessments(context, [goodResult(a)], now + 1);
    assert.deepEqual(record(good, 'a').failures, { attempt: 0, check: 0, transient: 0 });
  });

  it('outlives trouble with the API server, and so does what the CA said', () => {
    const retryAt = now + 3 * hour;
    const context = failRound(checkDue(begin(assignment(['a']))), 'a', {
      code: 'RateLimited',
      message: 'Too many certificates.',
      retryAt,
    });
    const troubled = applyAssessments(
      applyWake(context, now + minute),
      [{ kind: 'unavailable', secretName: 'a', failure: unreachable }],
      now + minute,
    );
    const later = checkDue(applyWake(troubled, now + hour), now + hour);
    assert.equal(record(later, 'a').status.kind, 'failed');
    assert.equal(nextAttempt(later, 'a'), retryAt);
  });

  it('does not count trouble with the API server among the failures of the certificate', () => {
    const start = begin(assignment(['a']));
    const troubled = applyAssessments(
      start,
      [{ kind: 'unavailable', secretName: 'a', failure: unreachable }],
      now,
    );
    assert.equal(stateOf(troubled), 'backing-off');
    assert.deepEqual(record(troubled, 'a').failures, { attempt: 0, check: 0, transient: 1 });
    const at = nextAttempt(troubled, 'a');
    assert.equal(stateOf(checkDue(applyWake(troubled, at), at)), 'queued');
  });

  it('also holds a CA off that issues what is due for renewal at once', () => {
    const old = { notBefore: now - 89 * day, notAfter: now + day };
    const context = checkDue(begin(assignment(['a'])));
    const stored = applyOutcome(context, 'a', { kind: 'stored', reason: 'near-expiry', validity: old }, now);
    const first = nextAttempt(stored, 'a');
    assert.ok(first > now + minute / 2);
    const again = applyOutcome(
      checkDue(applyWake(stored, first), first),
      'a',
      { kind: 'stored', reason: 'near-expiry', validity: old },
      first,
    );
    assert.ok(nextAttempt(again, 'a') > first + 5 * minute);
  });
});

describe('a new assignment', () => {
  const failed = failRound(failRound(checkDue(begin(assignment(['a', 'b']))), 'a'), 'b');

  it('keeps the back-off of what has not changed', () => {
    const context = applyAssignment(failed, assignment(['a', 'c']), now + 1);
    assert.equal(nextAttempt(context, 'a'), nextAttempt(failed, 'a'));
    assert.equal(record(context, 'c').status.kind, 'unchecked');
    assert.deepEqual(
      toCheck(context).map(({ secretName }) => secretName),
      ['a', 'c'],
    );
    const due = checkDue(context, now + 1);
    assert.deepEqual(
      roundsOf(due).map(({ desired }) => desired.secretName),
      ['c'],
    );
  });

  it('goes on with the back-off of what was asked for within the past hour, however it is changed to and fro', () => {
    const only = (changes: Partial<DesiredCertificate>) => ({
      ...assignment([]),
      desired: [desiredCertificate({ secretName: 'a', hosts: [route('a.example.com')], ...changes })],
    });
    let context = failRound(checkDue(begin(only({}))), 'a');
    let rounds = 1;
    for (let at = now + minute; at < now + day; at += minute) {
      context = checkDue(
        applyAssignment(context, only({ selfCheck: (at - now) % (2 * minute) === 0 }), at),
        at,
      );
      if (roundsOf(context).length === 0) continue;
      rounds += 1;
      context = failRound(context, 'a', dead, at);
    }
    assert.ok(rounds <= 2 * 6, `${rounds} rounds: of each of the two as many as of one that is left alone`);
    const gone = applyAssignment(context, assignment([]), now + day);
    const back = applyAssignment(gone, only({ selfCheck: true }), now + day + minute);
    assert.ok(record(back, 'a').failures.attempt > 0, 'nor if it was taken away in between');
    const muchLater = applyAssignment(gone, only({ selfCheck: true }), now + day + 2 * hour);
    assert.equal(record(muchLater, 'a').failures.attempt, 0);
  });

  it('ends the back-off of what has changed', () => {
    const changed = desiredCertificate({ secretName: 'a', hosts: [route('new.example.com')] });
    const context = applyAssignment(failed, { ...assignment(['b']), desired: [changed] }, now + 1);
    assert.deepEqual(record(context, 'a').failures, { attempt: 0, check: 0, transient: 0 });
    assert.equal(stateOf(checkDue(context, now + 1)), 'queued');
  });

  it('gives each round an id of its own', () => {
    const first = checkDue(begin(assignment(['a', 'b'])));
    const desired = assignment(['a', 'b']).desired.map((each) => ({ ...each, selfCheck: false }));
    const second = checkDue(applyAssignment(first, { ...assignment([]), desired }, now), now);
    const ids = [...roundsOf(first), ...roundsOf(second)].map(({ id }) => id);
    assert.equal(ids.length, 4);
    assert.equal(new Set(ids).size, 4);
  });

  it('does not end a round because a host that is not ours now belongs to another, but shows it', () => {
    const before = desiredCertificate({
      secretName: 'a',
      hosts: [route('a.example.com'), route('b.example.com', { standing: 'elsewhere' })],
    });
    const kept = route('b.example.com', { standing: 'grace', until: now + minute });
    const working = checkDue(begin({ ...assignment([]), desired: [before] }));
    const after = { ...before, hosts: [route('a.example.com'), kept] };
    const next = applyAssignment(working, { ...assignment([]), desired: [after] }, now + 1);
    assert.deepEqual(roundsOf(next), roundsOf(working));
    assert.deepEqual(record(next, 'a').desired, after);
  });

  const changes: Record<string, Partial<DesiredCertificate>> = {
    'other hosts': { hosts: [route('new.example.com')] },
    'another class': {
      hosts: [route('a.example.com', { ingressClasses: [{ form: 'field', name: 'traefik' }] })],
    },
    'a host that another namespace owns': { hosts: [route('a.example.com', { standing: 'elsewhere' })] },
    'another kind of key': { keyType: 'rsa-2048' },
    'another profile': { profile: 'shortlived' },
    'no self-check': { selfCheck: false },
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`with ${what} ends the round of that Secret, and no other`, () => {
      const working = checkDue(begin(assignment(['a', 'b'])));
      const [a, ...rest] = assignment(['a', 'b']).desired;
      assert.ok(a);
      const next = { ...assignment([]), desired: [{ ...a, ...change }, ...rest] };
      assert.deepEqual(
        roundsOf(applyAssignment(working, next, now + 1)).map(({ desired }) => desired.secretName),
        ['b'],
      );
    });
  }

  it('replaces what was to be said of the Ingress', () => {
    assert.deepEqual(applyAssignment(failed, assignment(['a'], { notices: [refused] }), now).notices, [
      refused,
    ]);
  });
});

function retried(context: IngressContext, retry: string | undefined, at: number): IngressContext {
  return applyAssignment(context, assignment(['a'], { retry }), at);
}

describe('the retry annotation', () => {
  const failed = failRound(checkDue(begin(assignment(['a'], { retry: 'old' }))), 'a');
  function isTriedAtOnce(context: IngressContext, at: number): boolean {
    return stateOf(checkDue(context, at)) === 'queued';
  }

  it('resets the back-off with a new value', () => {
    assert.ok(isTriedAtOnce(retried(failed, 'new', now + 1), now + 1));
    assert.deepEqual(record(retried(failed, 'new', now + 1), 'a').failures, {
      attempt: 0,
      check: 0,
      transient: 0,
    });
  });

  it('has an order that the CA has not finished looked at at once, though the CA named a time', () => {
    const due = checkDue(begin(assignment(['a'], { retry: 'old' })));
    const unfinished = { code: 'OrderUnfinished', message: 'It is at work.', retryAt: now + hour } as const;
    const waiting = failRound(due, 'a', unfinished);
    assert.ok(!isTriedAtOnce(waiting, now + 1));
    assert.ok(isTriedAtOnce(retried(waiting, 'new', now + 1), now + 1));
  });

  it('does nothing with a value that was there before, nor when it is removed', () => {
    assert.ok(!isTriedAtOnce(retried(failed, 'old', now + 1), now + 1));
    assert.ok(!isTriedAtOnce(retried(failed, undefined, now + 1), now + 1));
  });

  it('acts on a value once, even when it is taken away and put back', () => {
    const again = retried(retried(failed, undefined, now + 1), 'old', now + 2);
    assert.ok(!isTriedAtOnce(again, now + 2));
  });

  it('acts at most three times an hour', () => {
    let context = failed;
    const acted: boolean[] = [];
    for (const minutes of [0, 10, 20, 30, 59, 61]) {
      const at = now + minutes * minute;
      context = retried(context, `after ${minutes} minutes`, at);
      acted.push(isTriedAtOnce(context, at));
      context = failRound(checkDue(applyWake(context, at), at), 'a', dead, at);
      // A failure of three in a row would wait 100 minutes.
      for (let more = 0; more < 3; more += 1) context = failRound(context, 'a', dead, at);
    }
    assert.deepEqual(acted, [true, true, true, false, false, true]);
  });

  it('ends no round that is under way, but has its failure count as the first', () => {
    const again = checkDue(applyWake(failed, now + hour), now + hour);
    const asked = retried(again, 'new', now + hour);
    assert.deepEqual(roundsOf(asked), roundsOf(again));
    assert.deepEqual(record(failRound(asked, 'a', dead, now + hour), 'a').failures, {
      attempt: 1,
      check: 0,
      transient: 0,
    });
  });

  it('looks again at a Secret that waits for a limit of the CA', () => {
    const hold = { cause: 'paused', scope: 'a.example.com', until: now + day } as const;
    const held = applyHold(checkDue(begin(assignment(['a']))), 'a', hold, now);
    const asked = retried(held, 'new', now + 1);
    assert.deepEqual(roundsOf(asked), []);
    assert.ok(isTriedAtOnce(asked, now + 1));
  });

  it('does not forget the end of a certificate that serves', () => {
    const [a] = assignment(['a']).desired;
    assert.ok(a);
    const good = applyAssessments(begin(assignment(['a'])), [goodResult(a)], now);
    const asked = retried(good, 'new', now + 1);
    const troubled = applyAssessments(
      asked,
      [{ kind: 'unavailable', secretName: 'a', failure: unreachable }],
      now + 1,
    );
    const { servesUntil, status } = record(troubled, 'a');
    assert.ok(status.kind === 'failed' && servesUntil !== undefined);
  });

  it('is acted on by a process that finds it beside an older one in the status', () => {
    const said = statusOf(failed);
    const begun = (retry: string): IngressContext =>
      initialIngressContext({
        key: 'Ingress/shop/web',
        uid: failed.uid,
        assignment: assignment(['a'], { retry }),
        policy: failed.policy,
        status: said,
        at: now + 1,
      });
    assert.ok(isRetried(begun('new')));
    assert.ok(!isRetried(begun('old')));
  });

  it('never overrides the time that the CA named', () => {
    const retryAt = now + 3 * hour;
    const limited: Failure = { code: 'RateLimited', message: 'Too many certificates.', retryAt };
    const context = failRound(checkDue(begin(assignment(['a'], { retry: 'old' }))), 'a', limited);
    const asked = retried(context, 'new', now + 1);
    assert.ok(!isTriedAtOnce(asked, now + 1));
    assert.equal(nextAttempt(checkDue(asked, now + 1), 'a'), retryAt);
    assert.ok(isTriedAtOnce(asked, retryAt));
  });
});

describe('an order that a refusal holds which others have met', () => {
  const retryAt = now + hour;
  const held: Failure = { code: 'RateLimited', message: 'The order waits.', retryAt, held: true };

  it('goes back into the queue within a second, and counts as no failure', () => {
    let context = checkDue(begin(assignment(['a'])));
    for (let count = 1; count <= 10; count += 1) {
      context = failRound(context, 'a', held, context.at);
      assert.deepEqual(record(context, 'a').failures, { attempt: 0, check: 0, transient: 0 });
      assert.deepEqual(statusOf(context).secrets, {}, 'nothing is said of it');
      const at = nextAttempt(context, 'a');
      assert.equal(at - context.at, 1000);
      context = checkDue(applyWake(context, at), at);
      assert.equal(stateOf(context), 'queued');
    }
  });
});

describe('a name that the CA has paused', () => {
  const paused: Failure = { code: 'NamePaused', message: 'It is paused.', retryAt: now + day };

  it('is next asked for at the end of the pause, or when its owner says that it is lifted', () => {
    const failed = failRound(checkDue(begin(assignment(['a'], { retry: 'old' }))), 'a', paused);
    assert.equal(nextAttempt(failed, 'a'), now + day);
    assert.equal(statusOf(failed).secrets['a']?.nextAttempt, '2026-11-25T12:00:00Z');
    const asked = applyAssignment(failed, assignment(['a'], { retry: 'new' }), now + 1);
    assert.equal(stateOf(checkDue(asked, now + 1)), 'queued');
    const restarted = initialIngressContext({
      key: 'Ingress/shop/web',
      uid: failed.uid,
      assignment: assignment(['a'], { retry: 'new' }),
      policy: failed.policy,
      status: statusOf(failed),
      at: now + 1,
    });
    assert.equal(stateOf(checkDue(restarted, now + 1)), 'queued');
  });
});

describe('an order over which the CA takes long', () => {
  const pending: Failure = { code: 'OrderPending', message: 'The CA has not issued the certificate yet.' };

  it('is told of in status and page until the round goes on', () => {
    const validating = applyPhase(checkDue(begin(assignment(['a']))), 'a', 'validating', now);
    const slow = applyPending(validating, 'a', pending, now + minute);
    const { state, reason, nextAttempt: next } = statusOf(slow).secrets['a'] ?? {};
    assert.deepEqual([state, reason, next], ['waiting', 'OrderPending', undefined]);
    const view = viewOf('validating', slow);
    assert.match(view.notices.join(), /^The CA has not issued the certificate yet\./);
    assert.equal(view.next.action, 'store the certificate when the CA has finished the order');
    assert.deepEqual(view.problems, [], 'nothing has failed');
    const storing = applyPhase(slow, 'a', 'storing', now + 2 * minute);
    assert.deepEqual(viewOf('storing', storing).notices, []);
  });

  it('is not restored: after a restart the order is taken up again, or made anew', () => {
    const validating = applyPhase(checkDue(begin(assignment(['a']))), 'a', 'validating', now);
    const status = statusOf(applyPending(validating, 'a', pending, now + minute));
    const { key, policy, uid } = validating;
    const restarted = initialIngressContext({
      key,
      uid,
      assignment: assignment(['a']),
      policy,
      status,
      at: now,
    });
    assert.equal(record(restarted, 'a').status.kind, 'unchecked');
  });
});
