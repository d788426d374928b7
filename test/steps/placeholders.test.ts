import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { assess } from '../../machines/assessment/assessment.ts';
import type { SourceSpec } from '../../machines/ownership/source-spec.ts';
import { placeholderPair } from '../../src/certificate/making/placeholder-pair.ts';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import type { CertificateToStore, StoredSecret } from '../../src/kubernetes/records/secret-store.ts';
import { factsOf } from '../../src/secret/secret-reading.ts';
import { Placeholders, type PlaceholdersOptions } from '../../src/steps/placeholders.ts';
import { desiredCertificate, ingressSpec, now, route } from '../machines/builders.ts';
import { eventually } from '../time/eventually.ts';
import { ManualClock } from '../time/manual-clock.ts';

const signal = new AbortController().signal;
const policy = { minimumValidity: 0, directory: 'https://ca.example/directory', staging: false };
const empty: StoredSecret = {
  uid: 'uid',
  resourceVersion: '1',
  type: 'kubernetes.io/tls',
  immutable: false,
  certificatePem: undefined,
  keyPem: undefined,
  annotations: {},
  labels: {},
};
const awaited = desiredCertificate({
  hosts: [route('web.example.com', { ingressClasses: [], gateways: ['Gateway/shop/web'] })],
});

/** One Secret as the API server keeps it. */
class OneSecret {
  stored: StoredSecret | undefined;
  reads = 0;
  failure: KubernetesError | undefined;

  constructor(stored?: StoredSecret) {
    this.stored = stored;
  }

  read(): Promise<StoredSecret | undefined> {
    this.reads += 1;
    const { failure } = this;
    this.failure = undefined;
    return failure === undefined ? Promise.resolve(this.stored) : Promise.reject(failure);
  }

  write(_namespace: string, _name: string, existing: unknown, written: CertificateToStore) {
    if (existing !== this.stored) return Promise.reject(new KubernetesError('Conflict', 'changed'));
    this.stored = {
      ...empty,
      resourceVersion: '2',
      certificatePem: Buffer.from(written.chainPem),
      keyPem: Buffer.from(written.keyPem),
      annotations: written.annotations,
      labels: { 'app.kubernetes.io/managed-by': 'kube-lego' },
    };
    return Promise.resolve({ uid: 'uid', resourceVersion: '2' });
  }
}

function placeholdersFor(secret: OneSecret) {
  const clock = new ManualClock(now);
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  return { placeholders: new Placeholders({ secrets: secret, clock, signal, onError }), clock, errors };
}

function namesIn(stored: StoredSecret | undefined): string | undefined {
  const pem = stored?.certificatePem;
  return pem && new X509Certificate(pem).subjectAltName;
}

describe('a placeholder', () => {
  it('fills the Secret of a Gateway, and is no certificate: it is due for replacement', async () => {
    for (const before of [undefined, empty]) {
      const { placeholders } = placeholdersFor(new OneSecret(before));
      const stored = await placeholders.fill(awaited, before, signal);
      assert.equal(namesIn(stored), 'DNS:web.example.com');
      const assessment = assess(awaited, factsOf(stored), policy, () => undefined, now);
      assert.partialDeepStrictEqual(assessment, {
        kind: 'due',
        reason: 'empty',
        message: 'Secret web-tls holds only a self-signed placeholder.',
        found: { uid: 'uid', resourceVersion: '2', placeholder: true },
        purpose: 'first',
      });
    }
  });

  it('fills no Secret for an Ingress', async () => {
    const secret = new OneSecret();
    const { placeholders } = placeholdersFor(secret);
    assert.equal(await placeholders.fill(desiredCertificate(), undefined, signal), undefined);
    assert.equal(secret.stored, undefined);
  });

  it('takes the place of nothing else, whoever it belongs to', async () => {
    const garbage = { ...empty, certificatePem: Buffer.from('x'), keyPem: Buffer.from('y') };
    const held = [
      garbage,
      { ...empty, type: 'Opaque' },
      { ...empty, immutable: true },
      { ...empty, deleting: true } as const,
      { ...empty, annotations: { 'cert-manager.io/certificate-name': 'web' } },
    ];
    for (const before of held) {
      const { placeholders } = placeholdersFor(new OneSecret(before));
      assert.equal(await placeholders.fill(awaited, before, signal), before);
    }
  });

  it('is told from what somebody has put in its place with the annotation left', async () => {
    const { placeholders } = placeholdersFor(new OneSecret());
    const stored = await placeholders.fill(awaited, undefined, signal);
    assert.ok(stored);
    const other = await placeholderPair(['web.example.com'], now);
    const replaced = {
      ...stored,
      labels: {},
      certificatePem: Buffer.from(other.chainPem),
      keyPem: Buffer.from(other.keyPem),
    };
    const facts = factsOf(replaced);
    assert.partialDeepStrictEqual(facts, { ours: false, certificate: { kind: 'readable' } });
  });

  it('is written when a Gateway is seen, also for a listener without names, once, however often it is seen', async () => {
    const secret = new OneSecret();
    secret.failure = new KubernetesError('Unreachable', 'no route');
    const { placeholders, clock, errors } = placeholdersFor(secret);
    const source: SourceSpec = ingressSpec({ kind: 'Gateway', gateway: true, awaited: ['web-tls'], tls: [] });
    placeholders.observe({ type: 'SOURCE_OBSERVED', source });
    await eventually('it waits before it tries again', () => clock.pending.length === 1);
    clock.advance(60_000);
    await eventually('it is written', () => namesIn(secret.stored) === 'DNS:placeholder.invalid');
    await eventually('it was read', () => secret.reads === 3);
    placeholders.observe({ type: 'SOURCE_OBSERVED', source: { ...source, status: 'told' } });
    assert.equal(secret.reads, 3);
    assert.deepEqual(errors, []);
  });

  it('is written in its turn although those of another namespace fail and are tried again', async () => {
    const secret = new OneSecret();
    const clock = new ManualClock(now);
    const failure = new KubernetesError('ServerError', 'GET: 500: failed calling webhook');
    let refused = 0;
    const secrets: PlaceholdersOptions['secrets'] = {
      read(namespace) {
        if (namespace === 'shop') return secret.read();
        refused += 1;
        return Promise.reject(failure);
      },
      write: (namespace, name, existing, written) => secret.write(namespace, name, existing, written),
    };
    const placeholders = new Placeholders({ secrets, clock, signal, onError: () => undefined });
    const wanting = { kind: 'Gateway', gateway: true, tls: [] } as const;
    const names = Array.from({ length: 20 }, (_, index) => `tls-${index}`);
    const failing = ingressSpec({ ...wanting, namespace: 'failing', awaited: names });
    placeholders.observe({ type: 'SOURCE_OBSERVED', source: failing });
    placeholders.observe({
      type: 'SOURCE_OBSERVED',
      source: ingressSpec({ ...wanting, awaited: ['web-tls'] }),
    });
    await eventually('it is written', () => namesIn(secret.stored) === 'DNS:placeholder.invalid');
    await eventually('all others were tried', () => refused === names.length);
  });
});
