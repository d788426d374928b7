import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Standing } from '../../../machines/ownership/desired-certificate.ts';
import type { HostOwner } from '../../../machines/ownership/hosts/host-owner.ts';
import { checkOwners } from '../../../src/commands/explain/owner-checks.ts';
import { day, desiredCertificate, now, route } from '../../machines/builders.ts';

const host = 'web.example.com';
const holder = {
  namespace: 'blog',
  notBefore: now,
  notAfter: now + 90 * day,
  certificate: 'abcdefghijklmnop',
};

function told(owner: HostOwner, standing: Standing = 'elsewhere', operator = true): string[] {
  const desired = [desiredCertificate({ hosts: [route(host, { standing })] })];
  const wish = { desired, notices: [], retry: undefined };
  const holders = new Map([[host, holder]]);
  return checkOwners(wish, { hostOwner: () => owner, holders, operator }).map(({ text }) => text);
}

describe('whom a host belongs to', () => {
  it('is told to an operator, with what decides', () => {
    assert.match(
      told({ by: 'holder', namespace: 'blog' })[0] ?? '',
      /^Namespace blog holds web\.example\.com: .*valid until 2027-/,
    );
    assert.match(
      told({ by: 'grace', namespace: 'blog' }, 'grace')[0] ?? '',
      /free when LEGO_HOST_GRACE is over/,
    );
    assert.match(
      told({ by: 'claim', namespace: 'blog' })[0] ?? '',
      /belongs to namespace blog, where an Ingress or Gateway/,
    );
    assert.match(
      told({ by: 'reservation', namespace: 'blog' }, 'reserved')[0] ?? '',
      /^kube-lego\.io\/domains of Namespace blog reserves/,
    );
    assert.match(told({ by: 'nobody' }, 'not-reserved')[0] ?? '', /LEGO_REQUIRE_DOMAINS/);
  });

  it('is told of a host of its own only if that is reserved', () => {
    assert.deepEqual(told({ by: 'holder', namespace: 'shop' }, 'ours'), []);
    assert.match(told({ by: 'reservation', namespace: 'shop' }, 'ours')[0] ?? '', /for this namespace/);
  });

  it('is told to nobody else', () => {
    for (const by of ['holder', 'claim', 'grace', 'reservation'] as const) {
      assert.deepEqual(told({ by, namespace: 'blog' }, 'elsewhere', false), []);
    }
  });
});
