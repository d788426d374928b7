import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  adoptedSecret,
  changed,
  importedAnnotation,
  releasedIngress,
  returnedIngress,
  returnedSecret,
} from '../../../src/commands/import/cert-manager-marks.ts';
import { proofOf } from '../../../src/commands/import/solver-choice.ts';

const key = 'kubernetes.io/tls-acme';
const ofTeam = { 'nginx.ingress.kubernetes.io/rewrite-target': '/' };
const marks = { 'cert-manager.io/issuer': 'le', 'acme.cert-manager.io/http01-edit-in-place': 'true' };

describe('the marks of cert-manager', () => {
  it('come off an Ingress and back, whoever has annotated it for kube-lego before', () => {
    for (const before of [
      { ...ofTeam, ...marks },
      { ...ofTeam, ...marks, [key]: 'true' },
    ]) {
      const released = changed(before, releasedIngress(before, key).annotations);
      assert.deepEqual(
        Object.keys(released).filter((name) => name in marks),
        [],
      );
      const again = changed(released, releasedIngress(released, key).annotations);
      const taken = changed({ ...again, [key]: 'true' }, { [key]: null });
      assert.deepEqual(changed(taken, returnedIngress(taken, key).annotations), before);
    }
  });

  it('of a kube-lego with another annotation include the one that cert-manager takes, too', () => {
    const before = { ...marks, [key]: 'true' };
    assert.deepEqual(Object.keys(changed(before, releasedIngress(before, 'example.com/acme').annotations)), [
      importedAnnotation,
    ]);
  });

  it('come off a Secret and back, and nothing of kube-lego stays', () => {
    const before = { note: 'keep', 'cert-manager.io/issuer-name': 'le' };
    const labels = { 'controller.cert-manager.io/fao': 'true', team: 'a' };
    const { annotations, labels: labelChanges = {} } = adoptedSecret(before, labels);
    const adopted = { ...changed(before, annotations), 'kube-lego.io/directory': 'https://ca.example/' };
    const ours = { ...changed(labels, labelChanges), 'app.kubernetes.io/managed-by': 'kube-lego' };
    const back = returnedSecret(adopted, ours);
    assert.deepEqual(changed(adopted, back.annotations), before);
    assert.deepEqual(changed(ours, back.labels ?? {}), labels);
  });

  it('are all that a forged record can bring back', () => {
    const record = {
      from: 'cert-manager',
      annotations: {
        'nginx.ingress.kubernetes.io/server-snippet': 'x',
        'cert-manager.io/issuer': 'le',
        bad: 1,
      },
      labels: { 'argocd.argoproj.io/secret-type': 'cluster' },
    };
    for (const text of [
      JSON.stringify(record),
      '[]',
      'null',
      '{"from":"cert-manager","annotations":[]}',
      '{',
    ]) {
      const forged = { [importedAnnotation]: text };
      const names = Object.keys(returnedIngress(forged, key).annotations);
      assert.ok(
        names.every((name) => [importedAnnotation, 'cert-manager.io/issuer'].includes(name)),
        text,
      );
      assert.deepEqual(returnedSecret(forged, {}).labels, {});
    }
  });
});

describe('how cert-manager proves a host', () => {
  const http = { type: 'http01', dnsNames: [], dnsZones: [] } as const;
  const zone = { type: 'dns01', dnsNames: [], dnsZones: ['example.com'] } as const;
  const named = { type: 'http01', dnsNames: ['web.example.com'], dnsZones: [] } as const;
  for (const [host, solvers, expected] of [
    ['a.example.com', [http], 'http01'],
    ['a.example.com', [http, zone], 'dns01'],
    ['web.example.com', [zone, named], 'http01'],
    ['notexample.com', [http, zone], 'http01'],
    ['notexample.com', [zone], undefined],
    ['a.example.com', [http, { ...http, type: 'dns01' }], 'dns01'],
  ] as const) {
    it(`is ${expected ?? 'unknown'} for ${host} with ${solvers.length} solvers`, () => {
      assert.equal(proofOf(host, solvers), expected);
    });
  }
});
