import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createActor, toPromise } from 'xstate';
import type { HostProof } from '../../machines/ownership/holders/holders.ts';
import type { StoredSecret } from '../../src/kubernetes/records/secret-store.ts';
import { checkSecretsLogic } from '../../src/steps/check-secrets.ts';
import { newKeyPem } from '../acme/keys.ts';
import { TestCa } from '../certificate/test-ca.ts';
import { memoryJournal } from '../journal/memory-journal.ts';
import { day, desiredCertificate, now } from '../machines/builders.ts';
import { noRevocations } from '../revocation/no-revocations.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { noKeystores } from './no-keystores.ts';
import { noPlaceholders } from './no-placeholders.ts';

const certificate = new TestCa('CA of 2016').leaf({
  dnsNames: ['web.example.com'],
  notBefore: now - 30 * day,
  notAfter: now + 60 * day,
});
const stored: StoredSecret = {
  uid: 'uid-of-secret',
  resourceVersion: '1',
  type: 'kubernetes.io/tls',
  immutable: false,
  certificatePem: Buffer.from(certificate.chainPem),
  keyPem: Buffer.from(certificate.keyPem),
  annotations: { 'kubernetes.io/tls-acme': 'true' },
  labels: {},
};

async function check(importing: boolean, journal = memoryJournal()) {
  const found: HostProof[] = [];
  const recovered: HostProof[] = [];
  const clock = new ManualClock(now);
  const logic = checkSecretsLogic({
    secrets: { read: () => Promise.resolve(stored) },
    holders: {
      importing,
      get: () => undefined,
      find: (proof) => found.push(proof),
      recover: (proof) => recovered.push(proof),
    },
    policy: { minimumValidity: 30 * day, directory: 'https://ca.example/directory', staging: false },
    clock,
    ca: { clock: aheadOf(clock), directoryUrl: 'https://ca.example/directory', profile: undefined },
    keyType: 'ec-p256',
    journal,
    revocations: noRevocations,
    keystores: noKeystores,
    placeholders: noPlaceholders,
    solvers: { haveAppeared: () => Promise.resolve(false) },
  });
  const actor = createActor(logic, { input: [desiredCertificate()] }).start();
  return { output: await toPromise(actor), found, recovered };
}

describe('the check of a Secret from before the record of holders', () => {
  it('reports what its certificate proves, before anything is decided, and orders nothing', async () => {
    const { output, found } = await check(true);
    assert.deepEqual(
      found.map(({ namespace, hosts }) => ({ namespace, hosts })),
      [{ namespace: 'shop', hosts: ['web.example.com'] }],
    );
    assert.match(found[0]?.certificate ?? '', /^[\w-]{16}$/);
    assert.partialDeepStrictEqual(output.results, [{ kind: 'assessed', assessment: { kind: 'good' } }]);
  });

  it('reports nothing once the record is complete: such a Secret can be forged', async () => {
    assert.deepEqual((await check(false)).found, []);
  });
});

describe('the check of a Secret whose order an earlier process has left in the journal', () => {
  it('has its holder recorded before the order ends: it may not have been readable at the start', async () => {
    const { signal } = new AbortController();
    for (const [keyPem, holders] of [
      [certificate.keyPem, ['shop']],
      [newKeyPem(), []],
    ] as const) {
      const journal = memoryJournal();
      await journal.begin(
        {
          directoryUrl: 'https://ca.example/directory',
          profile: undefined,
          hosts: ['web.example.com'],
          keyPem,
          keyType: 'ec-p256',
          namespace: 'shop',
          secretName: desiredCertificate().secretName,
          exemption: 'none',
        },
        signal,
      );
      const { recovered } = await check(false, journal);
      assert.deepEqual(
        recovered.map(({ namespace }) => namespace),
        holders,
      );
      assert.deepEqual([...journal.entries], []);
    }
  });
});
