import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renewalTime } from '../../../machines/assessment/renewal.ts';
import { day, hour, now } from '../builders.ts';

/** How long before its end a certificate of this lifetime is renewed. */
function timeLeft(lifetime: number, minimumValidity = 30 * day): number {
  return now + lifetime - renewalTime({ notBefore: now, notAfter: now + lifetime }, minimumValidity);
}

describe('a certificate is renewed', () => {
  it('of 90 days when 30 are left', () => assert.equal(timeLeft(90 * day), 30 * day));
  it('of 45 days when 15 are left', () => assert.equal(timeLeft(45 * day), 15 * day));
  it('of a year when LEGO_MINIMUM_VALIDITY is left', () => assert.equal(timeLeft(366 * day), 30 * day));
  it('of 10 days when a third is left', () => assert.equal(timeLeft(10 * day), (10 * day) / 3));
  it('of less than 10 days when half is left', () => assert.equal(timeLeft(160 * hour), 80 * hour));
  it('later when LEGO_MINIMUM_VALIDITY is shorter than that', () => {
    assert.equal(timeLeft(90 * day, 5 * day), 5 * day);
    assert.equal(timeLeft(160 * hour, hour), hour);
  });
});
