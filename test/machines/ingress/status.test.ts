import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type IngressContext, toCheck } from '../../../machines/ingress/ingress-context.ts';
import {
  applyAssessments,
  applyAssignment,
  applyHold,
  applyOutcome,
  applyPending,
  applyPhase,
  initialIngressContext,
} from '../../../machines/ingress/ingress-updates.ts';
import {
  isAllWell,
  isEmpty,
  type StatusDocument,
  statusOf,
  statusOfWaiting,
} from '../../../machines/ingress/status.ts';
import { statusDiffers } from '../../../machines/ingress/status-difference.ts';
import { historyIn } from '../../../machines/ingress/status-restore.ts';
import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import type { Failure } from '../../../machines/reasons/reasons.ts';
import { decodeStatus, encodeStatus } from '../../../src/kubernetes/records/status-annotation.ts';
import { assignment, day, hour, minute, now } from '../builders.ts';
import { dueResult, goodResult, validity } from '../issuance.ts';

const policy = { checkInterval: 8 * hour, minimumValidity: 30 * day };
const dead: Failure = { code: 'ChallengeFailed', message: 'The host is dead.', host: 'a.example.com' };
const away: Failure = { code: 'CaUnavailable', message: 'The CA is away.' };
const foreign: Failure = { code: 'ForeignSecret', message: 'The Secret is foreign.' };

function begin(given: Assignment, status?: StatusDocument, at = now): IngressContext {
  return initialIngressContext({
    key: 'Ingress/shop/web',
    uid: 'uid',
    assignment: given,
    policy,
    status,
    at,
  });
}

/** Finds every Secret due that is not waiting. */
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

function failTimes(context: IngressContext, secretName: string, failure: Failure, times: number) {
  let [failing, at] = [context, now];
  for (let count = 0; count < times; count += 1) {
    failing = failRound(checkDue(failing, at), secretName, failure, at);
    at = nextAttempt(failing, secretName) ?? at;
  }
  return failing;
}

function record(context: IngressContext, secretName: string) {
  const found = context.certificates.find(({ desired }) => desired.secretName === secretName);
  assert.ok(found);
  return found;
}

function nextAttempt(context: IngressContext, secretName: string): number | undefined {
  const { status } = record(context, secretName);
  return status.kind === 'failed' ? status.nextAttemptAt : undefined;
}

/** As it comes back from the API server. */
function throughApi(document: StatusDocument): StatusDocument {
  const decoded = decodeStatus(encodeStatus(document) ?? undefined);
  assert.ok(decoded);
  return decoded;
}

describe('what the status says', () => {
  it('is the outcome of each Secret, not what goes on', () => {
    const checked = checkDue(begin(assignment(['a', 'b', 'c'])));
    assert.ok(isEmpty(statusOf(checked)));
    const stored = applyOutcome(checked, 'b', { kind: 'stored', reason: 'missing', validity }, now);
    const failed = failRound(stored, 'a', { ...dead, retryAt: now + hour });
    const { secrets } = statusOf(failed);
    assert.deepEqual(Object.keys(secrets), ['a', 'b']);
    assert.partialDeepStrictEqual(secrets, {
      a: {
        state: 'failed',
        since: '2026-11-24T12:00:00Z',
        reason: 'ChallengeFailed',
        message: 'The host is dead. See what the CA says: it could not validate the host over port 80.',
        host: 'a.example.com',
        failures: 1,
        nextAttempt: '2026-11-24T13:00:00Z',
        blockedUntil: '2026-11-24T13:00:00Z',
      },
      b: { state: 'good', since: '2026-11-24T12:00:00Z' },
    });
  });

  it('stays while a Secret is worked on again, and its since while nothing new is found', () => {
    const failed = failTimes(begin(assignment(['a'])), 'a', dead, 1);
    const before = statusOf(failed);
    const later = nextAttempt(failed, 'a') ?? now;
    const working = checkDue(failed, later);
    assert.deepEqual(statusOf(working, before), before);
    const again = statusOf(failRound(working, 'a', dead, later), before);
    assert.partialDeepStrictEqual(again.secrets, { a: { since: '2026-11-24T12:00:00Z', failures: 2 } });
    assert.ok(statusDiffers(before, again, later));
  });

  it('tells the end of a certificate that serves in spite of a failing renewal', () => {
    const [a] = assignment(['a']).desired;
    assert.ok(a);
    const good = applyAssessments(begin(assignment(['a'])), [goodResult(a)], now);
    const troubled = applyAssessments(
      good,
      [{ kind: 'unavailable', secretName: 'a', failure: { ...away, retryAt: now + hour } }],
      now,
    );
    const { notAfter } = statusOf(good).secrets['a'] ?? {};
    assert.ok(notAfter);
    assert.partialDeepStrictEqual(statusOf(troubled).secrets, { a: { state: 'failed', notAfter } });
  });

  it('does not speak of trouble that is over in seconds, but of trouble that lasts', () => {
    const once = failTimes(begin(assignment(['a'])), 'a', away, 1);
    assert.ok(isEmpty(statusOf(once)));
    const often = failTimes(begin(assignment(['a'])), 'a', away, 4);
    const document = statusOf(often);
    assert.partialDeepStrictEqual(document.secrets, { a: { reason: 'CaUnavailable' } });
    assert.equal(document.secrets['a']?.nextAttempt, undefined);
    const oftener = failTimes(begin(assignment(['a'])), 'a', { ...away, message: 'Still away.' }, 9);
    assert.ok(!statusDiffers(document, statusOf(oftener, document), now + hour));
  });

  it('tells what limit of the CA keeps an order waiting and until when, and does not follow every step of the queue', () => {
    const queued = checkDue(begin(assignment(['a'])));
    const hold = (ahead: number) =>
      ({ cause: 'orders-per-account', scope: 'the account', until: now + ahead }) as const;
    assert.ok(isEmpty(statusOf(applyHold(queued, 'a', hold(20_000), now))));
    const before = statusOf(applyHold(queued, 'a', hold(10 * minute), now));
    assert.partialDeepStrictEqual(before.secrets, { a: { state: 'waiting', reason: 'RateLimited' } });
    assert.match(before.secrets['a']?.message ?? '', /limit of new orders \(the account\)\. Wait/);
    assert.equal(
      before.secrets['a']?.nextAttempt,
      new Date(now + 10 * minute).toISOString().replace('.000', ''),
    );
    assert.ok(!statusDiffers(before, statusOf(applyHold(queued, 'a', hold(9.5 * minute), now), before), now));
    const far = statusOf(applyHold(queued, 'a', hold(30 * hour), now), before);
    assert.equal(far.secrets['a']?.nextAttempt, '2026-11-25T18:00:00Z');
    assert.ok(statusDiffers(before, far, now));
    const restored = record(begin(assignment(['a']), throughApi(far)), 'a');
    assert.equal(restored.status.kind, 'unchecked', 'whether it has to wait the ledger tells');
    assert.ok(isEmpty(statusOf(applyPhase(applyHold(queued, 'a', hold(hour), now), 'a', 'validating', now))));
  });

  it('says once that an order waits for a CA in trouble, and does not follow each try; but until when, if that is far', () => {
    const queued = checkDue(begin(assignment(['a'])));
    const held = (at: number, ahead: number) =>
      applyHold(queued, 'a', { cause: 'unavailable', scope: 'the CA', until: at + ahead }, at);
    const before = statusOf(held(now, 5 * minute));
    assert.partialDeepStrictEqual(before.secrets, { a: { state: 'waiting', reason: 'CaUnavailable' } });
    assert.equal(before.secrets['a']?.nextAttempt, undefined);
    for (let at = now; at < now + 2 * hour; at += 5 * minute) {
      assert.ok(!statusDiffers(before, statusOf(held(at, 5 * minute), before), at));
    }
    const far = statusOf(held(now, 2 * hour), before);
    assert.equal(far.secrets['a']?.nextAttempt, new Date(now + 2 * hour).toISOString().replace('.000', ''));
    assert.ok(statusDiffers(before, far, now));
  });

  it('has no token, key authorization or link that lifts a pause', () => {
    const token = 'TuX7mmNG0lqvOYu0mmsBTzvOhEcl1WLgLVmPOZQ7nJk';
    const message = `Invalid response from http://a.example.com/.well-known/acme-challenge/${token}: expected "${token}.${token}", see https://ca.example/unpause?jwt=eyJhbGciOi.x.y now.\nBye`;
    const { secrets } = statusOf(failTimes(begin(assignment(['a'])), 'a', { ...dead, message }, 1));
    assert.doesNotMatch(JSON.stringify(secrets), /TuX7|jwt|\\n/);
  });

  it('stays small with hundreds of failing Secrets, and keeps the counts of as many as it can', () => {
    const names = Array.from({ length: 400 }, (_, index) => `secret-${index}`);
    let context = checkDue(begin(assignment(names)));
    for (const name of names) context = failRound(context, name, { ...dead, message: 'x'.repeat(3000) });
    const document = statusOf(context);
    const text = encodeStatus(document) ?? '';
    assert.ok(text.length < 40_000, `${text.length}`);
    const kept = Object.values(document.secrets);
    assert.ok(kept.length > 100 && kept.every(({ failures }) => failures === 1));
    assert.equal(document.omitted, names.length - kept.length);
  });

  it('differs by a time only if that moves by more than a tenth', () => {
    const entry = (renewAt: string): StatusDocument => ({
      secrets: { a: { state: 'good', since: '2026-11-24T12:00:00Z', renewAt } },
      ingress: 'uid',
    });
    const before = entry('2026-12-04T12:00:00Z');
    assert.ok(!statusDiffers(before, entry('2026-12-05T11:00:00Z'), now));
    assert.ok(statusDiffers(before, entry('2026-12-06T12:00:00Z'), now));
  });
});

describe('a restart', () => {
  const given = assignment(['a', 'b']);
  const failed = failTimes(begin(given), 'a', dead, 3);
  const document = throughApi(statusOf(failed));

  it('takes over failures, reason and next attempt, and climbs on from there', () => {
    const at = now + 30 * minute;
    const restored = begin(given, document, at);
    const next = nextAttempt(failed, 'a');
    assert.ok(next !== undefined);
    assert.ok(Math.abs((nextAttempt(restored, 'a') ?? 0) - next) <= 1000);
    assert.deepEqual(record(restored, 'a').failures, { attempt: 3, check: 0, transient: 0 });
    assert.deepEqual(record(restored, 'b').status, { kind: 'unchecked' });
    const checked = checkDue(restored, at);
    assert.equal(record(checked, 'a').status.kind, 'failed');
    assert.ok(!statusDiffers(document, statusOf(checked, document), at), 'and has nothing to write');
    const due = checkDue(restored, next + 1000);
    const fourth = nextAttempt(failRound(due, 'a', dead, next + 1000), 'a') ?? 0;
    assert.ok(fourth - next > 20 * hour);
  });

  it('has nothing to write of a message that was too long either', () => {
    for (const namesRemedy of [{}, { namesRemedy: true }] as const) {
      const failure: Failure = {
        code: 'SelfCheckFailed',
        message: 'Long words. '.repeat(200),
        ...namesRemedy,
      };
      const written = throughApi(statusOf(failRound(checkDue(begin(given)), 'a', failure)));
      const checked = checkDue(begin(given, written, now + 1000), now + 1000);
      assert.ok(!statusDiffers(written, statusOf(checked, written), now + 1000));
    }
  });

  it('does not count for another Ingress, or for other hosts', () => {
    for (const [status, wish] of [
      [{ ...document, ingress: 'another' }, given],
      [document, { ...given, desired: given.desired.map((one) => ({ ...one, hosts: one.hosts.slice(1) })) }],
    ] as const) {
      assert.deepEqual(record(begin(wish, status), 'a').status, { kind: 'unchecked' });
      assert.deepEqual(record(begin(wish, status), 'a').failures, { attempt: 0, check: 0, transient: 0 });
    }
  });

  it('acts on a new value of the retry annotation, but not before the CA allows it', () => {
    const retried = { ...given, retry: 'now' };
    assert.deepEqual(record(begin(retried, document), 'a').status, { kind: 'unchecked' });
    const blocked = throughApi(
      statusOf(failRound(checkDue(begin(given)), 'a', { ...dead, retryAt: now + hour })),
    );
    assert.equal(nextAttempt(begin(retried, blocked), 'a'), now + hour);
    const known = throughApi(statusOf(failRound(checkDue(begin(retried)), 'a')));
    assert.equal(record(begin(retried, known), 'a').status.kind, 'failed');
    assert.equal(begin(given, known).retry, 'now', 'taken away and put back it is the same value');
  });

  it('never waits longer than the longest back-off, or than a CA may ask, whatever the text says', () => {
    const entry = document.secrets['a'];
    assert.ok(entry);
    for (const [blockedUntil, latest] of [
      [undefined, 1.15 * day],
      ['+275000-01-01T00:00:00Z', 31 * day],
    ] as const) {
      const far = { ...entry, nextAttempt: '9999-01-01T00:00:00Z', ...(blockedUntil && { blockedUntil }) };
      const status = { ...document, secrets: { a: { ...far, failures: 1e300 } } };
      const restored = begin(given, status);
      assert.ok((nextAttempt(restored, 'a') ?? 0) <= now + latest);
      assert.ok(Number.isFinite(record(restored, 'a').failures.attempt));
    }
  });

  it('waits as long as the CA has asked, be it for days', () => {
    const failure = { ...dead, retryAt: now + 5 * day };
    const blocked = throughApi(statusOf(failRound(checkDue(begin(given)), 'a', failure)));
    assert.equal(nextAttempt(begin(given, blocked), 'a'), now + 5 * day);
  });

  it('looks again at once at what only a person can mend', () => {
    const context = applyAssessments(
      begin(given),
      [{ kind: 'assessed', secretName: 'a', assessment: { kind: 'refused', failure: foreign, notices: [] } }],
      now,
    );
    const status = throughApi(statusOf(context));
    assert.equal(status.secrets['a']?.reason, 'ForeignSecret');
    assert.equal(record(begin(given, status), 'a').status.kind, 'unchecked');
  });

  it('keeps the count while something else changes on the Ingress', () => {
    const changed = applyAssignment(begin(given, document), { ...given, notices: [foreign] }, now);
    assert.equal(record(changed, 'a').failures.attempt, 3);
  });
});

describe('who shares a Secret', () => {
  const failed = statusOf(failTimes(begin(assignment(['a', 'b'])), 'a', dead, 1));
  const message = 'The host is dead. See the message.';
  const entry = { state: 'failed', since: '2026-11-24T12:00:00Z', reason: dead.code, message } as const;
  const outcomesIn = (secrets: StatusDocument['secrets'], uid = 'uid') => [
    ...historyIn({ ingress: 'uid', secrets }, uid).outcomes,
  ];

  it('is told after a restart what failed, and what was good again', () => {
    const failure = { code: dead.code, message, namesRemedy: true } as const;
    assert.deepEqual(
      outcomesIn({ a: entry, b: { ...entry, state: 'good' }, c: { ...entry, state: 'waiting' } }),
      [
        ['a', failure],
        ['b', undefined],
      ],
    );
    assert.deepEqual(historyIn({ ...failed, notices: [{ reason: dead.code, message }] }, 'uid').notices, [
      failure,
    ]);
  });

  it('is not told of what passes, or was copied, and of nothing that nobody knows; and nothing endless', () => {
    assert.deepEqual(outcomesIn({ a: { ...entry, reason: 'CaUnavailable' } }), []);
    assert.deepEqual(outcomesIn({ a: entry }, 'another'), []);
    assert.deepEqual(historyIn({ ...failed, notices: [{ reason: 'Forged', message }] }, 'uid').notices, []);
    assert.deepEqual(outcomesIn({ a: { ...entry, reason: 'constructor' } }), []);
    const [endless] = outcomesIn({ a: { ...entry, message: 'x\n'.repeat(9000) } });
    assert.match(endless?.[1]?.message ?? '', /^[x ]{800}…/);
  });

  it('gets no write for another address of the same host', () => {
    const told = (address: string) => {
      const notice = { reason: dead.code, message: `It answers with status 404 from ${address}. See there.` };
      return { ...failed, notices: [notice] };
    };
    assert.ok(!statusDiffers(told('192.0.2.1'), told('2001:db8::1'), now));
    assert.ok(statusDiffers(told('192.0.2.1'), failed, now));
  });
});

describe('the text of the annotation', () => {
  for (const text of [
    undefined,
    '',
    'good',
    '{',
    '[]',
    'null',
    '{"version":2,"ingress":"uid","secrets":{}}',
    '{"version":1,"secrets":{}}',
    `{"version":1,"ingress":"uid","secrets":{"a":"${'x'.repeat(200_000)}"}}`,
  ]) {
    it(`says nothing when it is ${String(text).slice(0, 50)}`, () => {
      assert.equal(decodeStatus(text), undefined);
    });
  }

  it('loses what has the wrong type', () => {
    const entry = {
      state: 'failed',
      since: '2026-11-24T12:00:00Z',
      reason: 7,
      failures: -1,
      nextAttempt: 'soon',
    };
    const secrets = { a: entry, b: { state: 'odd', since: entry.since }, c: null, constructor: entry };
    const text = JSON.stringify({ version: 1, ingress: 'uid', secrets, notices: 'none', omitted: '3' });
    const kept = { state: 'failed', since: '2026-11-24T12:00:00Z' };
    assert.deepEqual(decodeStatus(text), { secrets: { a: kept, constructor: kept }, ingress: 'uid' });
  });
});

describe('the status of an Ingress that waits for a record of kube-lego', () => {
  const finding: Failure = {
    code: 'RecordUnavailable',
    message: 'It is denied. Allow it.',
    namesRemedy: true,
  };

  it('says so, and says it no more when it waits only for its turn', () => {
    const begun = checkDue(begin(assignment(['a'])));
    const waiting = statusOf(applyPending(begun, 'a', finding, now));
    assert.deepEqual(
      [waiting.secrets['a']?.state, waiting.secrets['a']?.reason],
      ['waiting', 'RecordUnavailable'],
    );
    assert.deepEqual(statusOf(applyPending(begun, 'a', undefined, now), waiting).secrets, {});
  });

  it('keeps the number of failures before that', () => {
    const context = failRound(checkDue(begin(assignment(['a']))), 'a');
    const begun = checkDue(context, now + hour);
    const waiting = statusOf(applyPending(begun, 'a', finding, now), statusOf(context));
    const { a } = statusOf(applyPending(begun, 'a', undefined, now), waiting).secrets;
    assert.deepEqual([a?.failures, a?.reason], [1, undefined]);
  });

  it('is a notice beside what was said of its Secrets, as long as it has no actor', () => {
    const before = statusOf(failRound(checkDue(begin(assignment(['a']))), 'a'));
    const notices = [{ reason: 'RecordUnavailable', message: finding.message }];
    assert.deepEqual(statusOfWaiting('uid', finding, before), { ...before, notices });
    assert.deepEqual(statusOfWaiting('another', finding, before), {
      secrets: {},
      ingress: 'another',
      notices,
    });
    const fresh = begin(assignment(['a']));
    const good = statusOf(
      applyAssessments(
        fresh,
        fresh.certificates.map(({ desired }) => goodResult(desired)),
        now,
      ),
    );
    assert.equal(isAllWell(good, 'uid', now), true);
    assert.equal(isAllWell(good, 'another', now), false);
    assert.equal(isAllWell(before, 'uid', now), false);
    assert.equal(isAllWell(good, 'uid', now + 3650 * day), false, 'its renewal is due');
  });
});
