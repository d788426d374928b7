import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestedRoutes } from '../../../machines/ownership/desired-certificate.ts';
import { Ownership, type OwnershipPolicy } from '../../../machines/ownership/ownership.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { day, ingressSpec, now, ownershipPolicy } from '../builders.ts';

const host = 'web.example.com';

/** A Gateway `shop/web`, younger than the Ingress of the same name, with the same Secret. */
function gatewaySpec(changes: Partial<SourceSpec> = {}): SourceSpec {
  return ingressSpec({
    kind: 'Gateway',
    uid: 'uid-of-gateway',
    createdAt: now,
    gateway: true,
    ingressClass: { form: 'none' },
    ruleHosts: [host],
    ...changes,
  });
}

function settled(sources: readonly SourceSpec[], changes: Partial<OwnershipPolicy> = {}): Ownership {
  const ownership = new Ownership({ ...ownershipPolicy, ...changes });
  for (const source of sources) ownership.set(source, now);
  ownership.settle(now);
  return ownership;
}

describe('a Gateway among the sources', () => {
  it('shares a Secret with an Ingress, and takes it over when the Ingress goes', () => {
    const ownership = settled([ingressSpec(), gatewaySpec()]);
    const [shared] = ownership.assignment('Ingress/shop/web')?.desired ?? [];
    assert.deepEqual(shared?.hosts, [
      {
        host,
        ingressClasses: [{ form: 'field', name: 'nginx' }],
        gateways: ['Gateway/shop/web'],
        standing: 'ours',
      },
    ]);
    assert.deepEqual(
      ownership.assignment('Gateway/shop/web')?.notices.map(({ code }) => code),
      ['SecretOwnedByOther'],
    );

    ownership.delete('Ingress/shop/web', now + day);
    const [own] = ownership.assignment('Gateway/shop/web')?.desired ?? [];
    assert.deepEqual(own?.hosts, [
      { host, ingressClasses: [], gateways: ['Gateway/shop/web'], standing: 'ours' },
    ]);
    assert.equal(own?.secretName, shared?.secretName);
  });

  it('is one of the ways to a host, so that a round starts over when it comes', () => {
    const ownership = settled([ingressSpec()]);
    const before = ownership.assignment('Ingress/shop/web')?.desired[0]?.hosts ?? [];
    ownership.set(gatewaySpec(), now);
    const after = ownership.assignment('Ingress/shop/web')?.desired[0]?.hosts ?? [];
    assert.notDeepEqual(requestedRoutes(after), requestedRoutes(before));
  });

  it('has no class: neither is it refused for one, nor does an Ingress get challenge rules for it', () => {
    const ownership = settled([gatewaySpec()], { supportedClasses: ['nginx'], defaultClass: 'traefik' });
    assert.equal(ownership.assignment('Gateway/shop/web')?.desired.length, 1);
    assert.deepEqual(
      ownership.challengeRules('shop', { host, ingressClasses: [{ form: 'field', name: 'nginx' }] }),
      [{ host, ingressClass: { form: 'field', name: 'nginx' }, ruleHost: host }],
    );
    assert.deepEqual(ownership.challengeRules('shop', { host, ingressClasses: [] }), []);
  });

  it('is not served with the certificate of an older Ingress of its namespace', () => {
    const other = ingressSpec({ name: 'other', tls: [{ secretName: 'other-tls', hosts: [host] }] });
    const ownership = settled([other, gatewaySpec()]);
    assert.deepEqual(ownership.assignment('Gateway/shop/web')?.notices, []);
  });

  it('owns a host as an Ingress does, and says what it asks for in vain', () => {
    const refusal = { code: 'MissingHosts', message: 'Listener https has no hostname.' } as const;
    const ownership = settled([
      gatewaySpec({ createdAt: now - day, notices: [refusal] }),
      ingressSpec({ namespace: 'rival', createdAt: now }),
    ]);
    assert.equal(ownership.assignment('Ingress/rival/web')?.desired[0]?.hosts[0]?.standing, 'elsewhere');
    assert.deepEqual(ownership.assignment('Gateway/shop/web')?.notices, [refusal]);
  });
});
