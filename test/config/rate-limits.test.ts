import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { presetLimits } from '../../machines/authority/known-cas.ts';
import { readConfig } from '../../src/config/config.ts';

const hour = 3_600_000;
const LEGO_URL = 'https://acme-v02.api.letsencrypt.org/directory';

function limitsOf(text?: string, url = LEGO_URL) {
  const reading = readConfig(
    { LEGO_URL: url, ...(text === undefined ? {} : { LEGO_RATE_LIMITS: text }) },
    [],
  );
  return reading.kind === 'config' ? reading.config.rateLimits : assert.fail(JSON.stringify(reading));
}

function errorOf(text: string): string {
  const reading = readConfig({ LEGO_URL, LEGO_RATE_LIMITS: text }, []);
  return reading.kind === 'errors' ? reading.errors.join() : assert.fail(`${text} is taken`);
}

describe('LEGO_RATE_LIMITS', () => {
  it("leaves the limits of Let's Encrypt as they are when it is not set", () => {
    assert.deepEqual(limitsOf(), presetLimits(LEGO_URL));
    assert.equal(limitsOf().limits['orders-per-account']?.burst, 300);
  });

  it('replaces one limit, lifts another, and changes the reserve', () => {
    const { limits, reserve } = limitsOf(
      '{"orders-per-account": {"burst": 900, "period": "3h"}, "authorization-failures": null, "reserve": 0.5}',
    );
    assert.deepEqual(limits['orders-per-account'], { burst: 900, period: 3 * hour });
    assert.equal(limits['authorization-failures'], undefined);
    assert.deepEqual(
      limits['certificates-per-exact-set'],
      presetLimits(LEGO_URL).limits['certificates-per-exact-set'],
    );
    assert.equal(reserve, 0.5);
  });

  it('gives limits to a CA that is not known', () => {
    const url = 'https://ca.example.com/directory';
    assert.deepEqual(limitsOf(undefined, url).limits, {});
    const { limits } = limitsOf('{"certificates-per-exact-set": {"burst": 5, "period": "168h"}}', url);
    assert.deepEqual(limits, { 'certificates-per-exact-set': { burst: 5, period: 168 * hour } });
  });

  for (const [text, words] of [
    ['300', /must be a JSON object such as \{/],
    ['{"orders', /must be a JSON object such as \{/],
    ['{"orders": null}', /no limit "orders": there are orders-per-account, /],
    ['{"reserve": 1}', /reserve from 0 up to, but not including, 1/],
    ['{"orders-per-account": 300}', /must give orders-per-account a burst, .* and a period such as "3h"/],
    ['{"orders-per-account": {"burst": 0, "period": "3h"}}', /a whole number from 1/],
    ['{"orders-per-account": {"burst": 300, "period": 3}}', /a period such as "3h"/],
  ] as const) {
    it(`is refused with what to write instead: ${text}`, () => {
      assert.match(errorOf(text), words);
    });
  }
});
