import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { projectIngress } from '../../../src/sources/ingress/ingress-projection.ts';

const identity = { uid: 'u-1', namespace: 'shop', name: 'web', creationTimestamp: '2026-11-20T10:00:00Z' };

function project(annotations: object, spec: unknown = {}, metadata: object = {}): SourceSpec {
  const object = { metadata: { ...identity, annotations, ...metadata }, spec };
  return projectIngress(object, { annotationKey: 'kubernetes.io/tls-acme' });
}

const ours = { 'kubernetes.io/tls-acme': 'true' };

describe('the projection of an Ingress', () => {
  it('keeps what is asked of a keystore, as far as it can be valid', () => {
    const ours = { 'kubernetes.io/tls-acme': 'true' };
    const asked = { 'kube-lego.io/keystore': 'pkcs12', 'kube-lego.io/keystore-password': 'x'.repeat(1000) };
    assert.deepEqual(project({ ...ours, ...asked }).keystore, { type: 'pkcs12', password: '' });
    assert.equal(project(asked).keystore, undefined);
    assert.equal(project(ours).keystore, undefined);
  });

  it('keeps what kube-lego needs, and hosts as DNS compares them', () => {
    const spec = {
      ingressClassName: 'nginx',
      tls: [{ secretName: 'tls', hosts: ['Shop.Example', 'www.shop.example.'] }],
      rules: [{ host: 'shop.example' }, { host: 'OTHER.example' }, { host: 'other.example' }, { http: {} }],
    };
    const annotations = {
      ...ours,
      'kube-lego.io/adopt': 'True',
      'kube-lego.io/retry': '1',
      'kube-lego.io/key-type': 'rsa-2048',
      'kube-lego.io/profile': 'shortlived',
      'kube-lego.io/self-check': 'false',
      'kube-lego.io/status': '{}',
    };
    assert.deepEqual(project(annotations, spec), {
      kind: 'Ingress',
      uid: 'u-1',
      namespace: 'shop',
      name: 'web',
      createdAt: Date.UTC(2026, 10, 20, 10),
      enabled: true,
      ingressClass: { form: 'field', name: 'nginx' },
      tls: [{ secretName: 'tls', hosts: ['shop.example', 'www.shop.example'] }],
      ruleHosts: ['shop.example', 'other.example'],
      servesAnyHost: true,
      misplacedAdopt: true,
      retry: '1',
      keyType: 'rsa-2048',
      profile: 'shortlived',
      selfCheck: 'false',
      certManager: false,
      excess: undefined,
      status: '{}',
    });
  });

  for (const [value, enabled] of [
    ['true', true],
    ['TRUE', true],
    ['True', true],
    ['false', false],
    ['1', false],
    ['', false],
    [undefined, false],
    [true, false],
  ] as const) {
    it(`takes ${JSON.stringify(value)} of the annotation for ${enabled}`, () => {
      assert.equal(project({ 'kubernetes.io/tls-acme': value }).enabled, enabled);
    });
  }

  it('reads the annotation that is configured', () => {
    const object = { metadata: { ...identity, annotations: { 'example.com/acme': 'true' } } };
    assert.equal(projectIngress(object, { annotationKey: 'example.com/acme' }).enabled, true);
  });

  it('keeps of what is not enabled its class, the hosts it routes, and the Secrets of those it lists', () => {
    const spec = {
      ingressClassName: 'nginx',
      tls: [
        { secretName: 'one', hosts: ['A.example', 'listed.example'] },
        { secretName: 'two', hosts: ['listed.example'] },
      ],
      rules: [{ host: 'a.example.' }, {}, { host: '*.wild.example' }],
    };
    const { enabled, tls, ruleHosts, ingressClass } = project({ 'kube-lego.io/retry': '1' }, spec);
    assert.equal(enabled, false);
    assert.deepEqual(ruleHosts, ['a.example', '*.wild.example']);
    assert.deepEqual(tls, [
      { secretName: 'one', hosts: ['a.example', 'listed.example'] },
      { secretName: 'two', hosts: ['listed.example'] },
    ]);
    assert.deepEqual(ingressClass, { form: 'field', name: 'nginx' });
  });

  it('takes no memory of its own for what an idle Ingress does not have', () => {
    const [one, other] = [project({}), project({})];
    assert.equal(one.tls, other.tls);
    assert.equal(one.ruleHosts, other.ruleHosts);
    const spec = { tls: [{ secretName: 's', hosts: ['a.example'] }], rules: [{ host: 'a.example' }] };
    const { tls, ruleHosts } = project(ours, spec);
    assert.equal(tls[0]?.hosts, ruleHosts);
  });

  it('takes an Ingress that is being deleted for not enabled, and as no claim', () => {
    const spec = { tls: [{ secretName: 's', hosts: ['a.example'] }], rules: [{ host: 'a.example' }] };
    const { enabled, tls, ruleHosts } = project(ours, spec, { deletionTimestamp: '2026-11-20T11:00:00Z' });
    assert.deepEqual({ enabled, tls, ruleHosts }, { enabled: false, tls: [], ruleHosts: [] });
  });

  it('does not take a rule for a route that only answers ACME challenges', () => {
    const rule = (host: string, ...paths: string[]) => ({
      host,
      http: { paths: paths.map((path) => ({ path })) },
    });
    const challenge = '/.well-known/acme-challenge';
    const rules = [
      rule('a.example', `${challenge}/`),
      rule('b.example', challenge, `${challenge}/token`),
      rule('c.example', `${challenge}/`, '/'),
      rule('d.example', `${challenge}s`),
      rule('e.example'),
    ];
    assert.deepEqual(project({}, { rules }).ruleHosts, ['c.example', 'd.example', 'e.example']);
  });

  it('has the aliases that an annotation of its ingress controller names, within bounds', () => {
    const key = 'nginx.ingress.kubernetes.io/server-alias';
    const of = (value: string): unknown =>
      project({ [key]: value }, { rules: [{ host: 'a.example' }] }).aliases;
    assert.deepEqual(of('WWW.a.example, b.example.,~^c, *.d, b.example'), ['www.a.example', 'b.example']);
    assert.deepEqual(project({ ...ours, 'ingress.kubernetes.io/server-alias': 'x.y' }).aliases, ['x.y']);
    assert.equal(project({ 'nginx.ingress.kubernetes.io/from-to-www-redirect': 'true' }).redirectsWww, true);
    const many = Array.from({ length: 101 }, (_, index) => `${index}.example`);
    assert.deepEqual(of(many.join()), many.slice(0, 100));
    for (const value of ['', '.', '~.*', 'a,'.repeat(3000)]) assert.equal(of(value), undefined);
  });

  it('serves any host by a rule without host or a default backend, unless that only answers ACME challenges', () => {
    const http = (path: string) => ({ http: { paths: [{ path }] } });
    const cases: readonly (readonly [object, true | undefined])[] = [
      [{ rules: [http('/')] }, true],
      [{ rules: [{ host: 'a.example' }, { host: '', ...http('/') }] }, true],
      [{ defaultBackend: { service: { name: 'web', port: { number: 80 } } } }, true],
      [{ rules: [{ host: 'a.example' }] }, undefined],
      [{ rules: [http('/.well-known/acme-challenge/')] }, undefined],
      [{ tls: [{ hosts: ['a.example'], secretName: 's' }] }, undefined],
    ];
    for (const [spec, expected] of cases) {
      for (const annotations of [ours, {}]) assert.equal(project(annotations, spec).servesAnyHost, expected);
    }
  });

  it('finds the class in the field, else in the annotation, else nowhere', () => {
    const annotation = { ...ours, 'kubernetes.io/ingress.class': 'traefik' };
    assert.deepEqual(project(annotation, { ingressClassName: 'nginx' }).ingressClass, {
      form: 'field',
      name: 'nginx',
    });
    assert.deepEqual(project(annotation).ingressClass, { form: 'annotation', name: 'traefik' });
    assert.deepEqual(project(ours).ingressClass, { form: 'none' });
    assert.deepEqual(project({ ...ours, 'kubernetes.io/ingress.class': '' }).ingressClass, { form: 'none' });
  });

  for (const key of [
    'cert-manager.io/issuer',
    'cert-manager.io/cluster-issuer',
    'certmanager.k8s.io/acme-challenge-type',
  ]) {
    it(`sees cert-manager at work in ${key}`, () => {
      assert.equal(project({ ...ours, [key]: 'x' }).certManager, true);
    });
  }

  it('keeps wrong entries for the judgement of others', () => {
    const spec = {
      tls: [
        { hosts: ['*.example', '192.0.2.1'] },
        { secretName: '' },
        'nonsense',
        { secretName: 7, hosts: 7 },
      ],
    };
    assert.deepEqual(project(ours, spec).tls, [
      { secretName: undefined, hosts: ['*.example', '192.0.2.1'] },
      { secretName: undefined, hosts: [] },
      { secretName: undefined, hosts: [] },
      { secretName: undefined, hosts: [] },
    ]);
  });

  for (const garbage of [undefined, null, 7, 'x', [], {}, { metadata: null }, { metadata: { name: 'x' } }]) {
    it(`refuses ${JSON.stringify(garbage)}`, () => {
      assert.throws(() => projectIngress(garbage, { annotationKey: 'a' }), KubernetesError);
    });
  }

  it('survives garbage in every field', () => {
    const spec = project(
      ours,
      { ingressClassName: {}, tls: {}, rules: 'x' },
      { creationTimestamp: 'yesterday' },
    );
    assert.deepEqual([spec.createdAt, spec.tls, spec.ruleHosts], [0, [], []]);
    assert.equal(project(ours, 'x').ingressClass.form, 'none');
  });
});

describe('an Ingress that is larger than any that serves a purpose', () => {
  const named = (letter: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${letter}${index}.example.com`);

  it('is read to the bound of hosts, and what is beyond is counted', () => {
    const hosts = named('h', 140_000);
    const tls = [
      { secretName: 'first', hosts: named('f', 3) },
      { secretName: 'big', hosts },
      { secretName: 'last', hosts: named('l', 2) },
    ];
    const spec = project(ours, { tls, rules: hosts.map((host) => ({ host })) });
    assert.deepEqual(
      spec.tls.map((entry) => [entry.secretName, entry.hosts.length, entry.incomplete]),
      [
        ['first', 3, undefined],
        ['big', 1997, true],
        ['last', 0, true],
      ],
    );
    assert.equal(spec.ruleHosts.length, 2000);
    const beyond = { entries: 0, tlsHosts: 138_005, ruleHosts: 138_000, annotations: [] };
    assert.deepEqual(spec.excess, beyond);
  });

  it('is bounded without our annotation, too', () => {
    const hosts = named('h', 140_000);
    const { tls, ruleHosts } = project({}, { tls: [{ hosts }], rules: hosts.map((host) => ({ host })) });
    assert.deepEqual([tls.length, tls[0]?.hosts.length, ruleHosts.length], [1, 2000, 2000]);
  });

  it('is read to the bound of entries', () => {
    const tls = named('s', 6000).map((secretName) => ({ secretName, hosts: [secretName] }));
    const spec = project(ours, { tls });
    assert.equal(spec.tls.length, 200);
    assert.deepEqual(spec.excess, { entries: 5800, tlsHosts: 0, ruleHosts: 0, annotations: [] });
  });

  it('has no setting of an annotation without a value, as templates write it where nothing is given', () => {
    const names = [
      'adopt',
      'retry',
      'key-type',
      'profile',
      'self-check',
      'challenge',
      'keystore',
      'keystore-password',
    ].map((name) => `kube-lego.io/${name}`);
    for (const value of ['', ' ']) {
      const empty = Object.fromEntries(names.map((name) => [name, value]));
      assert.deepEqual(project({ ...ours, ...empty }), project(ours));
    }
    assert.equal(project({ ...ours, 'kube-lego.io/self-check': 'false ' }).selfCheck, 'false');
  });

  it('has no value of an annotation of more than 64 characters', () => {
    const keys = ['retry', 'key-type', 'profile', 'self-check'].map((name) => `kube-lego.io/${name}`);
    const full = Object.fromEntries(keys.map((key) => [key, 'x'.repeat(64)]));
    assert.equal(project({ ...ours, ...full }).excess, undefined);
    const long = Object.fromEntries(keys.map((key) => [key, 'x'.repeat(65)]));
    const { retry, keyType, profile, selfCheck, excess } = project({ ...ours, ...long });
    assert.deepEqual([retry, keyType, profile, selfCheck], [undefined, undefined, undefined, undefined]);
    assert.deepEqual(excess?.annotations, keys);
  });

  it('has no class, Secret, host or status that is longer than there can be', () => {
    const long = 'x'.repeat(254);
    const spec = project(
      { ...ours, 'kubernetes.io/ingress.class': long, 'kube-lego.io/status': 'x'.repeat(70_000) },
      { tls: [{ secretName: long, hosts: ['y'.repeat(100_000)] }] },
    );
    assert.deepEqual(spec.ingressClass, { form: 'none' });
    assert.deepEqual(spec.excess?.annotations, ['kubernetes.io/ingress.class']);
    assert.equal(spec.status, '');
    assert.equal(spec.tls[0]?.secretName, undefined);
    assert.equal(spec.tls[0]?.hosts[0]?.length, 255);
  });
});
