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
      misplacedAdopt: true,
      retry: '1',
      keyType: 'rsa-2048',
      profile: 'shortlived',
      selfCheck: 'false',
      certManager: false,
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

  it('keeps only the identity of what is not enabled', () => {
    const { enabled, tls, ruleHosts } = project(
      {},
      { tls: [{ secretName: 'tls', hosts: ['a.example'] }], rules: [{ host: 'a' }] },
    );
    assert.deepEqual({ enabled, tls, ruleHosts }, { enabled: false, tls: [], ruleHosts: [] });
  });

  it('takes an Ingress that is being deleted for not enabled', () => {
    assert.equal(project(ours, {}, { deletionTimestamp: '2026-11-20T11:00:00Z' }).enabled, false);
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
