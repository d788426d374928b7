import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ownership } from '../../../../machines/ownership/ownership.ts';
import { type SourceKey, sourceKey } from '../../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../../machines/ownership/source-spec.ts';
import { cpuTime } from '../../../time/cpu-time.ts';
import { day, ingressSpec, now, ownershipPolicy } from '../../builders.ts';

const host = 'web.example.com';
const haproxy = 'haproxy-ingress.github.io/controller';
const nginx = 'k8s.io/ingress-nginx';
const f5 = 'nginx.org/ingress-controller';
const traefik = 'traefik.io/ingress-controller';

/** `NAMESPACE/NAME`, which routes the host and lists it for Secret `NAME-tls`. */
function site(key: string, changes: Partial<SourceSpec> = {}): SourceSpec {
  const [namespace = '', name = ''] = key.split('/');
  const tls = [{ secretName: `${name}-tls`, hosts: [host] }];
  return ingressSpec({ namespace, name, tls, ruleHosts: [host], createdAt: now, ...changes });
}

/** Likewise without our annotation. */
function plain(key: string, changes: Partial<SourceSpec> = {}): SourceSpec {
  return site(key, { enabled: false, createdAt: now - day, ...changes });
}

/** @param controller of class nginx */
function clusterOf(controller: string | undefined, ...sources: readonly SourceSpec[]): Ownership {
  const ownership = new Ownership(ownershipPolicy);
  ownership.setClass('nginx', controller, now);
  for (const source of sources) ownership.set(source, now);
  ownership.settle(now);
  return ownership;
}

function keyOf(key: string): SourceKey {
  const [namespace = '', name = ''] = key.split('/');
  return sourceKey({ kind: 'Ingress', namespace, name });
}

/** `NAMESPACE/NAME` of those that may have a certificate for the host. */
function owners(ownership: Ownership, ...keys: readonly string[]): string[] {
  return keys.filter((key) => {
    const { desired = [] } = ownership.assignment(keyOf(key)) ?? {};
    return desired.some(({ hosts }) => hosts.some(({ standing }) => standing === 'ours'));
  });
}

function told(ownership: Ownership, key: string): string[] {
  const { notices = [] } = ownership.assignment(keyOf(key)) ?? {};
  return notices.map(({ code, message }) => `${code}: ${message}`);
}

const pair = [site('a/web', { uid: '1' }), site('b/web', { uid: '2' })] as const;

describe('two namespaces that ask for one host in the same second', () => {
  for (const [controller, owner] of [
    [haproxy, 'a/web'],
    [`${haproxy}/staging`, 'a/web'],
    [nginx, 'b/web'],
    ['k8s.io/internal-ingress-nginx', 'b/web'],
    [f5, 'b/web'],
    ['example.com/unknown', 'a/web'],
    [undefined, 'a/web'],
  ] as const) {
    it(`one owns it, the one that ${controller ?? 'an unknown controller'} serves, before and after the start`, () => {
      assert.deepEqual(owners(clusterOf(controller, ...pair), 'a/web', 'b/web'), [owner]);
      for (const [first, second] of [pair, pair.toReversed()]) {
        const ownership = clusterOf(controller);
        if (first !== undefined) ownership.set(first, now);
        if (second !== undefined) ownership.set(second, now);
        assert.deepEqual(owners(ownership, 'a/web', 'b/web'), [owner]);
        assert.deepEqual(ownership.hostOwner(host, now), {
          by: 'claim',
          namespace: owner.slice(0, 1),
          equalAge: true,
        });
      }
    });
  }

  it('follow what the operator says of the class', () => {
    const ownership = new Ownership({ ...ownershipPolicy, controllers: new Map([['nginx', nginx]]) });
    ownership.setClass('nginx', haproxy, now);
    for (const source of pair) ownership.set(source, now);
    ownership.settle(now);
    assert.deepEqual(owners(ownership, 'a/web', 'b/web'), ['b/web']);
  });

  it('follow the class when it becomes known, and stay with who has a certificate', () => {
    const ownership = clusterOf(undefined, ...pair);
    assert.equal(ownership.setClass('nginx', nginx, now).size, 2);
    assert.deepEqual(owners(ownership, 'a/web', 'b/web'), ['b/web']);
    const holder = { namespace: 'b', notBefore: now - day, notAfter: now + day, certificate: 'c' };
    ownership.setHolder([host], holder, now);
    ownership.setClass('nginx', haproxy, now);
    assert.deepEqual(owners(ownership, 'a/web', 'b/web'), ['b/web']);
    assert.deepEqual(told(ownership, 'b/web'), [
      `ServedByOther: The ingress controller serves host ${host} with the Secret of an Ingress of another namespace, which is of the same second, not with this certificate.`,
    ]);
  });

  it('are both told where the order of the ingress controller is not known', () => {
    const ownership = clusterOf('example.com/unknown', ...pair);
    assert.deepEqual(told(ownership, 'a/web'), [
      `ServedByOther: The ingress controller may serve host ${host} with the Secret of an Ingress of another namespace, which is of the same second, not with this certificate.`,
    ]);
    const [route] = ownership.assignment('Ingress/b/web')?.desired[0]?.hosts ?? [];
    assert.deepEqual([route?.standing, route?.equalAge], ['elsewhere', true]);
    assert.deepEqual(told(clusterOf(haproxy, ...pair), 'a/web'), []);
  });

  it('have it by their age where a watch tells of the older one later, unless that was not watched before', () => {
    const older = (seconds: number) => site('b/web', { createdAt: now - seconds * 1_000 });
    for (const [seconds, owner] of [
      [1, 'b/web'],
      [5, 'b/web'],
      [6, 'a/web'],
    ] as const) {
      const ownership = clusterOf(haproxy);
      ownership.set(pair[0], now);
      ownership.set(older(seconds), now);
      assert.deepEqual(owners(ownership, 'a/web', 'b/web'), [owner], `${seconds} s older`);
    }
  });

  it('give nobody a host that an Ingress of that second has got later', () => {
    const ownership = clusterOf(
      haproxy,
      site('a/web', { uid: '1', tls: [], ruleHosts: ['other.example.com'] }),
    );
    ownership.set(pair[1], now);
    ownership.set(pair[0], now);
    assert.deepEqual(owners(ownership, 'a/web', 'b/web'), ['b/web']);
  });
});

describe('a certificate that the ingress controller does not serve', () => {
  const own = site('shop/web');
  const ofNeighbour = (kind: string): string[] => [
    `ServedByOther: The ingress controller ${kind} host ${host} with Secret old-tls of Ingress old, which is older, not with this certificate.`,
  ];

  it('is told of to its Ingress: the older one names another Secret, annotated or not', () => {
    assert.deepEqual(told(clusterOf(haproxy, plain('shop/old'), own), 'shop/web'), ofNeighbour('serves'));
    const annotated = site('shop/old', { createdAt: now - day });
    assert.deepEqual(told(clusterOf(haproxy, annotated, own), 'shop/web'), ofNeighbour('serves'));
    assert.deepEqual(told(clusterOf(undefined, annotated, own), 'shop/web'), ofNeighbour('probably serves'));
    assert.deepEqual(told(clusterOf(haproxy, annotated, own), 'shop/old'), []);
  });

  it('is told of without the name of an Ingress of another namespace', () => {
    const listing = plain('other/old', { ruleHosts: [] });
    assert.deepEqual(told(clusterOf(haproxy, listing, own), 'shop/web'), [
      `ServedByOther: The ingress controller serves host ${host} with the Secret of an Ingress of another namespace, which is older, not with this certificate.`,
    ]);
  });

  it('is told of where the older one lists the host without naming a Secret', () => {
    const nameless = plain('shop/old', { tls: [{ secretName: undefined, hosts: [host] }] });
    assert.deepEqual(told(clusterOf(haproxy, nameless, own), 'shop/web'), [
      `ServedByOther: The ingress controller serves host ${host} with no Secret of Ingress old, which is older, not with this certificate.`,
    ]);
  });

  for (const [why, controller, other] of [
    ['the older one names the same Secret', haproxy, { tls: own.tls }],
    ['the older one does not list the host', haproxy, { tls: [] }],
    ['the older one is of another class', haproxy, { ingressClass: { form: 'none' } }],
    ['the other one is younger', haproxy, { createdAt: now + 1_000 }],
    ['the controller looks at rules only, and the older one has none', nginx, { ruleHosts: [] }],
    ['the controller goes by the certificate, not by the Ingress', traefik, {}],
  ] as const) {
    it(`is none: ${why}`, () => {
      assert.deepEqual(told(clusterOf(controller, plain('shop/old', other), own), 'shop/web'), []);
    });
  }

  it('is told of as soon as that is so, and no longer', () => {
    const ownership = clusterOf(haproxy, own);
    const old = plain('shop/old');
    assert.deepEqual([...ownership.set(old, now)].toSorted(), ['Ingress/shop/old', 'Ingress/shop/web']);
    assert.deepEqual(told(ownership, 'shop/web'), ofNeighbour('serves'));
    ownership.set({ ...old, ingressClass: { form: 'field', name: 'other' } }, now);
    assert.deepEqual(told(ownership, 'shop/web'), []);
    ownership.set(old, now);
    assert.deepEqual(told(ownership, 'shop/web'), ofNeighbour('serves'));
    ownership.delete('Ingress/shop/old', now);
    assert.deepEqual(told(ownership, 'shop/web'), []);
  });

  it('is found among ten thousand Ingresses that name the host without delay', () => {
    const crowd = Array.from({ length: 10_000 }, (_, index) => plain(`crowd/c${index}`));
    const ownership = clusterOf(haproxy, own, ...crowd);
    const took = cpuTime(() => {
      for (let turn = 0; turn < 100; turn += 1) ownership.set(plain('crowd/late', { uid: `${turn}` }), now);
    });
    assert.ok(took < 1_000, `${took} ms`);
  });
});

it('who shares a Secret with an Ingress of the same second is not told that that one is older', () => {
  const shared = { tls: [{ secretName: 'shared', hosts: [host] }] };
  const ownership = clusterOf(undefined, site('shop/a', shared), site('shop/b', shared));
  assert.deepEqual(told(ownership, 'shop/b'), [
    'SecretOwnedByOther: Secret shared is owned by the equally old Ingress a.',
  ]);
});
