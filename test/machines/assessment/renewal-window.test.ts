import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { drawRenewal, isWithin, renewalTime } from '../../../machines/assessment/renewal.ts';
import { day, hour, minute, now } from '../builders.ts';

const seed = 20261124;
const lifetimes = fc.integer({ min: hour, max: 400 * day });
const offsets = fc.integer({ min: -400 * day, max: 400 * day });
const widths = fc.integer({ min: 1, max: 10 * day });

describe('the moment in a window of the CA', () => {
  it('lies in the window, and is the same each time', () => {
    fc.assert(
      fc.property(fc.string(), offsets, widths, (id, offset, width) => {
        const start = now + offset;
        const end = start + width;
        fc.pre(end > now);
        const at = drawRenewal(id, start, end, now);
        assert.ok(start <= at && at < end);
        assert.equal(drawRenewal(id, start, end, now), at);
      }),
      { seed },
    );
  });

  it('is spread evenly over different certificates, also where the window has passed', () => {
    for (const end of [now + hour, now]) {
      const tenths = Array.from({ length: 10 }, () => 0);
      for (let serial = 0; serial < 5000; serial += 1) {
        const after = drawRenewal(`aki.${serial}`, end - hour, end, now) - now;
        const tenth = Math.floor(after / (6 * minute));
        tenths[tenth] = (tenths[tenth] ?? 0) + 1;
      }
      assert.ok(
        tenths.every((count) => count > 400 && count < 600),
        String(tenths),
      );
    }
  });

  it('comes within the next hour where the window has passed', () => {
    fc.assert(
      fc.property(fc.string(), widths, (id, width) => {
        const at = drawRenewal(id, now - width - day, now - day, now);
        assert.ok(now <= at && at < now + hour);
      }),
      { seed },
    );
  });
});

describe('the renewal of a certificate that the CA has a say in', () => {
  it('never comes later than half of the time that would be left without', () => {
    fc.assert(
      fc.property(lifetimes, offsets, widths, lifetimes, (lifetime, offset, width, minimumValidity) => {
        const validity = { notBefore: now, notAfter: now + lifetime };
        const window = { start: now + offset, end: now + offset + width, at: now + offset };
        const rule = validity.notAfter - renewalTime(validity, minimumValidity);
        const left = validity.notAfter - renewalTime(validity, minimumValidity, window);
        assert.ok(left >= rule / 2 - 1, `${left} of ${rule}`);
      }),
      { seed },
    );
  });

  it('never comes before the moment that was drawn, unless that is too late', () => {
    fc.assert(
      fc.property(lifetimes, offsets, (lifetime, offset) => {
        const validity = { notBefore: now, notAfter: now + lifetime };
        const window = { start: now + offset, end: now + offset + hour, at: now + offset };
        const at = renewalTime(validity, 30 * day, window);
        const backstop = renewalTime(validity, 30 * day);
        assert.ok(at >= window.at || at >= backstop);
      }),
      { seed },
    );
  });

  it('never comes within a day of the issuance, or a quarter of its life', () => {
    const window = { start: 0, end: 1, at: 0 };
    assert.equal(renewalTime({ notBefore: now, notAfter: now + 90 * day }, 30 * day, window), now + day);
    assert.equal(renewalTime({ notBefore: now, notAfter: now + 8 * hour }, 30 * day, window), now + 2 * hour);
  });

  it('is free of limits from the start of the window to its end', () => {
    const window = { start: now, end: now + hour, at: now };
    assert.deepEqual(
      [now - 1, now, now + hour - 1, now + hour].map((at) => isWithin(window, at)),
      [false, true, true, false],
    );
  });
});
