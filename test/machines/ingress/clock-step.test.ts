import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateRecord, CertificateStatus } from '../../../machines/ingress/certificate-record.ts';
import { unchecked } from '../../../machines/ingress/certificate-record.ts';
import { applyClockStep } from '../../../machines/ingress/clock-step.ts';
import { recheckTime, wakeTime } from '../../../machines/ingress/ingress-context.ts';
import { initialIngressContext } from '../../../machines/ingress/ingress-updates.ts';
import type { Failure } from '../../../machines/reasons/reasons.ts';
import { assignment, certificateInput, day, hour, minute, now } from '../builders.ts';

const limited: Failure = { code: 'RateLimited', message: 'Later.', retryAt: now + 2 * hour };

function contextOf(status: CertificateStatus, record: Partial<CertificateRecord> = {}) {
  const context = initialIngressContext({
    key: 'Ingress/shop/web',
    uid: 'uid-1',
    assignment: assignment(['tls']),
    policy: { checkInterval: 8 * hour, minimumValidity: 30 * day },
    at: now,
  });
  const [before] = context.certificates;
  assert.ok(before !== undefined);
  const certificates = [{ ...unchecked(before.desired), ...record, status }];
  return { ...context, nextCheckAt: now + 8 * hour, certificates };
}

for (const by of [-5 * hour, 5 * hour]) {
  describe(`an Ingress when the clock is set by ${by / hour} h`, () => {
    it('waits as long for its next attempt as before, and tells the same of a Retry-After', () => {
      const nextAttemptAt = now + 100 * minute;
      const context = contextOf({ kind: 'failed', failure: limited, nextAttemptAt, lookAt: now + minute });
      const moved = applyClockStep(context, by, now + by);
      assert.equal(wakeTime(moved), nextAttemptAt + by);
      assert.equal(recheckTime(moved), now + minute + by);
      const [record] = moved.certificates;
      assert.ok(record?.status.kind === 'failed');
      assert.equal(record.status.failure.retryAt, now + 2 * hour + by);
      assert.equal(moved.nextCheckAt, now + 8 * hour + by);
    });

    it('stays without a next attempt where only a change helps', () => {
      const failure: Failure = { code: 'ForeignSecret', message: 'It is not ours.' };
      const moved = applyClockStep(
        contextOf({ kind: 'failed', failure, nextAttemptAt: undefined }),
        by,
        now + by,
      );
      assert.equal(wakeTime(moved), now + 8 * hour + by);
    });

    it('renews by the time of day, and asks ARI after the time that the CA has named', () => {
      const [notAfter, renewAt, checkAt] = [now + 60 * day, now + 30 * day, now + hour];
      const moved = applyClockStep(contextOf({ kind: 'good', notAfter, renewAt, checkAt }), by, now + by);
      assert.deepEqual(moved.certificates[0]?.status, {
        kind: 'good',
        notAfter,
        renewAt,
        checkAt: checkAt + by,
      });
    });

    it('moves what a round waits for, and since when', () => {
      const hold = { cause: 'orders-per-account', scope: 'the account', until: now + hour } as const;
      const round = certificateInput();
      const status = { kind: 'working', phase: 'queued', since: now, round, hold } as const;
      const context = contextOf(status, { losses: [now - hour] });
      const moved = applyClockStep(context, by, now + by).certificates[0];
      assert.deepEqual(moved?.status, {
        ...status,
        since: now + by,
        hold: { ...hold, until: now + hour + by },
      });
      assert.deepEqual(moved.losses, [now - hour + by]);
    });
  });
}
