import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { assess } from '../../../machines/assessment/assessment.ts';
import type { AssessmentPolicy } from '../../../machines/assessment/defects.ts';
import {
  certificateFacts,
  day,
  desiredCertificate,
  hour,
  nobodyRecorded,
  now,
  secretFacts,
} from '../builders.ts';

const policy: AssessmentPolicy = {
  minimumValidity: 30 * day,
  directory: 'https://ca.example/directory',
  keyType: 'ec-p256',
  profile: undefined,
  staging: false,
};

/** The verdict on a certificate of 90 days that ends so many days after this machine's now. */
function verdict(daysLeft: number, caAhead: number) {
  const notAfter = now + daysLeft * day;
  const certificate = certificateFacts({ notBefore: notAfter - 90 * day, notAfter });
  return assess(
    desiredCertificate(),
    secretFacts({ certificate }),
    policy,
    nobodyRecorded,
    now,
    now + caAhead,
  );
}

function reason(daysLeft: number, caAhead: number): string {
  const found = verdict(daysLeft, caAhead);
  return found.kind === 'due' ? found.reason : found.kind;
}

describe("a certificate when this machine's clock and the CA's differ", () => {
  it('by a day at most, is judged by that of this machine', () => {
    for (const caAhead of [-day, 12 * hour, day]) {
      assert.equal(reason(30.1, caAhead), 'good');
      assert.equal(reason(30, caAhead), 'near-expiry');
      assert.equal(reason(0, caAhead), 'expired');
      assert.deepEqual(verdict(40, caAhead).notices, []);
    }
  });

  it('by more, is judged by that of the CA, and says so', () => {
    assert.equal(reason(39, 10 * day), 'near-expiry', 'this clock is behind');
    assert.equal(reason(41, 10 * day), 'good');
    assert.equal(reason(21, -10 * day), 'good', 'this clock is ahead');
    assert.equal(reason(19, -10 * day), 'near-expiry');
    assert.match(
      verdict(41, 10 * day)
        .notices.map(({ code, message }) => `${code}: ${message}`)
        .join(),
      /^ClockSkewed: The clock of kube-lego's machine is about 10 days behind the CA's\./,
    );
  });

  it('has expired, or begins later, only if both say so', () => {
    assert.equal(reason(-1, -10 * day), 'near-expiry');
    assert.equal(reason(5, 10 * day), 'near-expiry');
    assert.equal(reason(-11, -10 * day), 'expired');
    assert.equal(reason(95, 10 * day), 'good');
  });

  it('is renewed by the same time, told by the clock of this machine', () => {
    const found = verdict(50, 10 * day);
    assert.ok(found.kind === 'good');
    assert.equal(found.renewAt, now + 10 * day);
  });

  it('is never ordered more than twenty days early or late because of a wrong Date', () => {
    const anyTime = fc.integer({ min: -5000, max: 20_000 });
    fc.assert(
      fc.property(anyTime, fc.integer({ min: 1, max: 89 }), (caAhead, daysLeft) => {
        const verdictBy = reason(daysLeft, caAhead * day);
        if (daysLeft > 50) assert.equal(verdictBy, 'good');
        if (daysLeft < 10) assert.equal(verdictBy, 'near-expiry');
      }),
      { seed: 20261130 },
    );
  });
});
