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

  it('that nobody serves comes after whoever routes the host; one without annotation keeps its host from others', () => {
    const rival = ingressSpec({ namespace: 'rival', createdAt: now, ruleHosts: [host] });
    const older = { createdAt: now - day };
    const standing = (gateway: SourceSpec) =>
      settled([gateway, rival]).assignment('Ingress/rival/web')?.desired[0]?.hosts[0]?.standing;
    assert.equal(standing(gatewaySpec({ ...older, ruleHosts: [] })), 'ours');
    assert.equal(standing(gatewaySpec(older)), 'elsewhere');
    assert.equal(standing(gatewaySpec({ ...older, enabled: false, tls: [] })), 'elsewhere');
  });
});

describe('a certificate that namespaces share at a Gateway', () => {
  const key = 'Gateway/shop/web';
  const names = (namespace: string, count: number) =>
    Array.from({ length: count }, (_, at) => `h${at}.${namespace}.example.com`);

  /** Other namespaces have named these hosts by HTTPRoutes; that of each in turn. */
  function shared(counts: Readonly<Record<string, number>>, own: readonly string[] = []): SourceSpec {
    const shares = Object.entries(counts).map(([namespace, count]) => ({
      namespace,
      hosts: names(namespace, count),
    }));
    const most = Math.max(0, ...Object.values(counts));
    const inTurn = Array.from({ length: most }, (_, at) => shares.flatMap(({ hosts }) => hosts[at] ?? []));
    const hosts = [...own, ...inTurn.flat()];
    return gatewaySpec({ ruleHosts: hosts, tls: [{ secretName: 'tls', hosts, separable: true, shares }] });
  }

  /** How many names of each namespace are in the certificate. */
  function countsOf(ownership: Ownership): Record<string, number> {
    const hosts = ownership.assignment(key)?.desired[0]?.hosts ?? [];
    return hosts.reduce<Record<string, number>>((counts, { host: name }) => {
      const [, namespace = ''] = name.split('.');
      return { ...counts, [namespace]: (counts[namespace] ?? 0) + 1 };
    }, {});
  }

  /** The certificate was issued. */
  function issue(ownership: Ownership): void {
    const hosts = (ownership.assignment(key)?.desired[0]?.hosts ?? []).map((route) => route.host);
    ownership.setHolder(
      hosts,
      { namespace: 'shop', notBefore: now, notAfter: now + 90 * day, certificate: 'leaf' },
      now,
    );
  }

  it('has no more names of one than it leaves free for the next, and keeps those that it has', () => {
    const ownership = settled([shared({ greedy: 120 })]);
    assert.deepEqual(countsOf(ownership), { greedy: 50 });
    issue(ownership);
    assert.deepEqual(countsOf(ownership), { greedy: 50 });
    ownership.set(shared({ greedy: 120, blog: 40 }), now);
    assert.deepEqual(countsOf(ownership), { greedy: 50, blog: 25 });
    issue(ownership);
    ownership.set(shared({ greedy: 120, blog: 40, late: 2 }), now);
    assert.deepEqual(countsOf(ownership), { greedy: 50, blog: 25, late: 2 });
  });

  it('is shared evenly by those that come together, and fully by many with a few names', () => {
    assert.deepEqual(countsOf(settled([shared({ a: 60, b: 60, c: 60 })])), { a: 25, b: 25, c: 25 });
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`n${at}`, 2]));
    const counts = Object.values(countsOf(settled([shared(many)])));
    assert.equal(counts.length, 60);
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      98,
    );
  });

  it('leaves what its owner names itself alone', () => {
    const own = names('shop', 80);
    const ownership = settled([shared({ blog: 30 }, own)]);
    assert.deepEqual(countsOf(ownership), { shop: 80, blog: 10 });
  });

  it('keeps the names that it has when routes are older, or more are added to them', () => {
    const first = shared({ blog: 60 });
    const ownership = settled([first]);
    issue(ownership);
    const kept = ownership.assignment(key)?.desired[0]?.hosts.map((route) => route.host) ?? [];
    const [share] = first.tls[0]?.shares ?? [];
    const hosts = ['new.blog.example.com', ...(share?.hosts ?? [])];
    const shares = [{ namespace: 'blog', hosts }];
    ownership.set(
      gatewaySpec({ ruleHosts: hosts, tls: [{ secretName: 'tls', hosts, separable: true, shares }] }),
      now,
    );
    assert.deepEqual(
      ownership.assignment(key)?.desired[0]?.hosts.map((route) => route.host),
      kept,
    );
  });

  it('says which names are left out, and why', () => {
    const [notice] = settled([shared({ blog: 52 })]).assignment(key)?.notices ?? [];
    assert.equal(notice?.code, 'TooManyHosts');
    assert.match(
      notice?.message ?? '',
      /as it leaves free for others\. Left out: h50\.blog\.example\.com, h51/,
    );
  });
});
