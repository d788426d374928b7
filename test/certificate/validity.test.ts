import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { validityOf } from '../../src/certificate/validity.ts';

const validTo = 'Jan  1 00:00:00 2028 GMT';
const notAfter = Date.UTC(2028, 0, 1);

describe('the dates of a certificate', () => {
  it('are those that OpenSSL prints, up to the year 9999', () => {
    const certificate = {
      validFrom: 'Jan  1 00:00:00 2026 GMT',
      validFromDate: new Date(Date.UTC(2026, 0, 1)),
      validTo: 'Dec 31 23:59:59 9999 GMT',
      validToDate: new Date('9999-12-31T23:59:59Z'),
    };
    const last = Date.UTC(9999, 11, 31, 23, 59, 59);
    assert.deepEqual(validityOf(certificate), { notBefore: Date.UTC(2026, 0, 1), notAfter: last });
  });

  // What Node makes of such a date is now and then a valid one: it depends on what was in memory.
  for (const [name, made] of [
    ['that Node takes for one in the future', notAfter - 1],
    ['that Node takes for none', Number.NaN],
  ] as const) {
    it(`cannot be read if one is a 31st of June, ${name}`, () => {
      const bad = new Date(made);
      const good = new Date(notAfter);
      const unreadable = 'Bad time value';
      assert.equal(
        validityOf({ validFrom: unreadable, validFromDate: bad, validTo, validToDate: good }),
        undefined,
      );
      assert.equal(
        validityOf({ validFrom: validTo, validFromDate: good, validTo: unreadable, validToDate: bad }),
        undefined,
      );
    });
  }
});
