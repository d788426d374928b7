import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { nextAttempt } from '../../../machines/ingress/backoff.ts';
import { type Failure, failureKind, type ReasonCode, reasons } from '../../../machines/reasons/reasons.ts';
import { nextBeat, spread } from '../../../machines/time/spread.ts';
import { day, hour, minute, now } from '../builders.ts';

const seed = 20261124;
const codes = Object.keys(reasons).filter((code): code is ReasonCode => code in reasons);
function failure(code: ReasonCode, retryAt?: number): Failure {
  return { code, message: 'It failed.', ...(retryAt === undefined ? {} : { retryAt }) };
}

function delays(code: ReasonCode): number[] {
  return [1, 2, 3, 4, 5, 50].map(
    (failures) => (nextAttempt(failure(code), failures, 'uid/a', now) ?? 0) - now,
  );
}

function assertLadder(actual: readonly number[], expected: readonly number[]): void {
  for (const [index, step] of expected.entries()) {
    const ratio = (actual[index] ?? 0) / step;
    assert.ok(ratio >= 0.85 && ratio <= 1.15, `step ${index + 1}: ${actual[index]} ms instead of ${step} ms`);
  }
}

describe('after a failure a certificate is tried again', () => {
  it('in 1, 10 and 100 minutes, then daily', () => {
    assertLadder(delays('ChallengeFailed'), [minute, 10 * minute, 100 * minute, day, day, day]);
  });

  it('within 5 minutes when it was nobody’s failure', () => {
    assertLadder(delays('CaUnavailable'), [5_000, 15_000, minute, 5 * minute, 5 * minute, 5 * minute]);
  });

  it('sooner when it was nobody’s failure and the certificate has only minutes left', () => {
    const waits = [4 * minute, minute, 10_000, -minute].map(
      (left) => (nextAttempt(failure('CaUnavailable'), 4, 'uid/a', now, now + left) ?? 0) - now,
    );
    assertLadder(waits, [40_000, 10_000, 5_000, 5 * minute]);
  });

  it('in ten minutes where a host was left out and can be reached again, however often it has failed before', () => {
    assertLadder(delays('HostReturning'), [1, 2, 3, 4, 5, 50].fill(10 * minute));
  });

  it('when the CA allows it where the CA has named its time, and never in a rush', () => {
    const limited = failure('RateLimited', now + hour);
    assert.equal(nextAttempt(limited, 4, 'uid/a', now), now + hour);
    for (const failures of [1, 10]) {
      const soon = nextAttempt(failure('RateLimited', now + 6000), failures, 'uid/a', now) ?? 0;
      assert.ok(soon - now <= 6000, 'who has bad luck again is back in the queue');
    }
    for (const failures of [1, 2, 10]) {
      const unregistered = failure('AccountNotReady', now + 6000);
      assert.ok((nextAttempt(unregistered, failures, 'uid/a', now) ?? 0) <= now + 6000);
    }
    assert.ok((nextAttempt(failure('RateLimited', now), 1, 'uid/a', now) ?? 0) > now + 4000);
    assert.ok((nextAttempt(failure('RateLimited', now), 14, 'uid/a', now) ?? 0) > now + 4 * minute);
    assert.ok((nextAttempt(failure('RateLimited'), 4, 'uid/a', now) ?? 0) > now + day / 2);
  });

  it('not at all where only a change helps', () => {
    for (const code of codes.filter((code) => failureKind(failure(code)) === 'terminal')) {
      assert.equal(nextAttempt(failure(code, now + hour), 1, 'uid/a', now), undefined, code);
    }
  });

  it('never before the time that was named, within 15 % of the ladder otherwise, and the same whoever asks', () => {
    const ladder = [minute, 10 * minute, 100 * minute, day];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.string({ maxLength: 80 }),
        fc.option(fc.integer({ min: now - day, max: now + 3 * day }), { nil: undefined }),
        (failures, id, retryAt) => {
          const at = nextAttempt(failure('OrderFailed', retryAt), failures, id, now) ?? 0;
          const step = ladder[Math.min(failures, 4) - 1] ?? day;
          const earliest = Math.max(now + 0.85 * step, retryAt ?? 0);
          const latest = Math.max(now + 1.15 * step, retryAt ?? 0);
          assert.ok(at >= earliest && at <= latest);
          assert.equal(nextAttempt(failure('OrderFailed', retryAt), failures, id, now), at);
        },
      ),
      { seed, numRuns: 300 },
    );
  });

  it('several times more before the certificate ends, however short its life is, and never in a rush', () => {
    fc.assert(
      fc.property(fc.integer({ min: 40 * hour, max: 45 * day }), fc.string({ maxLength: 80 }), (left, id) => {
        const notAfter = now + left;
        let at = now;
        let attempts = 0;
        for (let failures = 1; at < notAfter; failures += 1) {
          const next = nextAttempt(failure('ChallengeFailed'), failures, id, at, notAfter) ?? 0;
          const step = [minute, 10 * minute][failures - 1] ?? 100 * minute;
          assert.ok(next - at >= 0.85 * step && next - at <= 1.15 * day);
          at = next;
          attempts += 1;
        }
        assert.ok(attempts >= 10, `${attempts} attempts in ${left / hour} hours`);
        assert.ok(attempts <= 3 + left / day + 30, `${attempts} attempts in ${left / hour} hours`);
      }),
      { seed, numRuns: 200 },
    );
  });

  it('daily again once it has ended', () => {
    const at = nextAttempt(failure('ChallengeFailed'), 9, 'uid/a', now, now - hour) ?? 0;
    assert.ok(at > now + day / 2);
  });

  it('at a time of its own when many failed at once', () => {
    const times = Array.from({ length: 1_000 }, (_, index) =>
      nextAttempt(failure('ChallengeFailed'), 4, `uid-${index}/web-tls`, now),
    );
    assert.ok(new Set(times).size > 990);
  });
});

describe('a spread of texts', () => {
  it('is even over [0, 1), also for texts that differ at the end only', () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let index = 0; index < 10_000; index += 1) {
      const tenth = Math.floor(spread(`0b3c7e0e-4f5a-4d0e-9d53-${index}`) * 10);
      assert.ok(tenth >= 0 && tenth <= 9);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const count of tenths) assert.ok(count > 900 && count < 1_100, tenths.join());
  });
});

describe('the rhythm of checks', () => {
  it('has its next beat after now, at most an interval away, and goes on from beat to beat', () => {
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.integer({ min: minute, max: 7 * day }),
        fc.integer({ min: now, max: now + 365 * day }),
        (uid, interval, time) => {
          const beat = nextBeat(uid, interval, time);
          assert.ok(beat >= time && beat <= time + interval);
          const next = nextBeat(uid, interval, beat + 1);
          assert.ok(Math.abs(next - beat - interval) < 1);
        },
      ),
      { seed, numRuns: 300 },
    );
  });

  it('is even over the interval for 1,000 Ingresses of one moment', () => {
    const quarters = [0, 0, 0, 0];
    for (let index = 0; index < 1_000; index += 1) {
      const quarter = Math.floor((4 * (nextBeat(`uid-${index}`, 8 * hour, now) - now)) / (8 * hour));
      quarters[quarter] = (quarters[quarter] ?? 0) + 1;
    }
    for (const count of quarters) assert.ok(count > 200 && count < 300, quarters.join());
  });
});

it('every reason has a remedy that a person can read as a sentence', () => {
  for (const code of codes) assert.match(reasons[code].remedy, /^[A-Z].*\.$/, code);
});
