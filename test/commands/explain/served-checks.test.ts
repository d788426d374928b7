import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ServedInstead } from '../../../machines/ownership/desired-certificate.ts';
import { checkServed } from '../../../src/commands/explain/served-checks.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import type { StoredSecret } from '../../../src/kubernetes/records/secret-store.ts';
import { assignment, desiredCertificate, route } from '../../machines/builders.ts';

const host = 'web.example.com';
const { signal } = new AbortController();

function stored(pem: string | undefined): StoredSecret {
  const bytes = pem === undefined ? undefined : Buffer.from(pem);
  return {
    uid: 'uid',
    resourceVersion: '1',
    type: 'kubernetes.io/tls',
    immutable: false,
    certificatePem: bytes,
    keyPem: bytes,
    annotations: {},
    labels: {},
  };
}

/** What is said of the host, which `NAMESPACE/old` takes; `read` gives what its Secret is. */
async function said(
  read: () => StoredSecret | undefined,
  changes: Partial<ServedInstead> = {},
  operator = true,
): Promise<string[]> {
  const servedInstead: ServedInstead = {
    source: 'Ingress/other/old',
    secretName: 'old-tls',
    age: 'older',
    certain: true,
    ...changes,
  };
  const desired = [desiredCertificate({ hosts: [route(host, { servedInstead }), route('b.example.com')] })];
  const secrets = { read: () => Promise.resolve().then(read) };
  const checks = await checkServed({ ...assignment([]), desired }, operator, secrets, signal);
  return checks.map(({ about, result, text }) => `${about}: ${result}: ${text}`);
}

describe('explain, about a host that the ingress controller serves with another Secret', () => {
  const first = 'Ingress other/old comes first for the ingress controller';

  it('says what visitors get', async () => {
    assert.deepEqual(await said(() => stored('pem')), [
      `served for ${host}: note: ${first}: visitors get the certificate in Secret other/old-tls.`,
    ]);
    for (const [secret, state] of [
      [undefined, 'missing'],
      [stored(undefined), 'empty'],
      [stored(''), 'empty'],
    ] as const) {
      assert.deepEqual(await said(() => secret), [
        `served for ${host}: problem: ${first}, and names Secret other/old-tls, which is ${state}: visitors get a certificate of the ingress controller.`,
      ]);
    }
    assert.deepEqual(await said(() => assert.fail(), { secretName: '', certain: false }), [
      `served for ${host}: problem: ${first}, probably, and names no Secret: visitors get a certificate of the ingress controller.`,
    ]);
  });

  it('says what it may not read', async () => {
    const forbidden = () => {
      throw new KubernetesError('Forbidden', 'no');
    };
    assert.deepEqual(await said(forbidden), [
      `served for ${host}: note: ${first}: visitors get what is in Secret other/old-tls, which may not be read here.`,
    ]);
  });

  it('names an Ingress of another namespace to an operator only', async () => {
    assert.deepEqual(await said(() => assert.fail(), {}, false), []);
    assert.equal((await said(() => stored('pem'), { source: 'Ingress/shop/old' }, false)).length, 1);
  });
});
