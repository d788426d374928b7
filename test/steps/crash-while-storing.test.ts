import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { assess } from '../../machines/assessment/assessment.ts';
import { Ownership } from '../../machines/ownership/ownership.ts';
import type { CertificateToStore, StoredSecret } from '../../src/kubernetes/records/secret-store.ts';
import { HolderKeeper } from '../../src/ownership/holder-keeper.ts';
import { factsOf } from '../../src/secret/secret-reading.ts';
import { storeCertificate } from '../../src/steps/store-certificate.ts';
import { newKeyPem } from '../acme/keys.ts';
import { Issuer } from '../ca/issuer.ts';
import { seededRandom } from '../ca/random.ts';
import { memoryJournal } from '../journal/memory-journal.ts';
import { certificateInput, day, hour, ingressSpec, now, supervisorPolicy } from '../machines/builders.ts';
import { SharedDocuments } from '../ownership/shared-documents.ts';
import { noRevocations } from '../revocation/no-revocations.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { noKeystores } from './no-keystores.ts';

const host = 'web.example.com';
const keyPem = newKeyPem();
const { chainPem } = new Issuer(now, seededRandom(1)).issue(
  1,
  [{ type: 'dns', value: host }],
  createPublicKey(keyPem).export({ type: 'spki', format: 'der' }),
  { notBefore: now - hour, notAfter: now + 90 * day },
);
const policy = {
  minimumValidity: 30 * day,
  directory: 'https://ca.example/directory',
  staging: false,
  keyType: 'ec-p256',
} as const;
const site = { tls: [{ secretName: 'web-tls', hosts: [host] }], ruleHosts: [host] };
/** Of another namespace, and older: without a holder, the host is its own. */
const rival = ingressSpec({ ...site, namespace: 'blog', uid: 'rival', createdAt: now - day });
const ours = ingressSpec({ ...site, createdAt: now });

/** What outlives a process: the record of holders, and the Secret. */
class Cluster {
  readonly documents = new SharedDocuments();
  secret: StoredSecret | undefined;

  /** A process that stores the certificate, as far as it gets. */
  async store(step: 'all' | 'no record' | 'no Secret' | 'no answer'): Promise<void> {
    const lost = new Promise<never>(() => undefined);
    if (step === 'no record') this.documents.delay = lost;
    const storing = storeCertificate(
      {
        secrets: {
          read: () => Promise.resolve(this.secret),
          write: (_, __, ___, certificate) => {
            if (step === 'no Secret') return lost;
            this.#keep(certificate);
            return step === 'no answer' ? lost : Promise.resolve({ uid: 'uid', resourceVersion: '1' });
          },
        },
        holders: this.#keeper(),
        issued: { get: () => ({ chainPem, keyPem }) },
        journal: memoryJournal(),
        revocations: noRevocations,
        ca: { clock: new ManualClock(now) },
        policy,
        clock: new ManualClock(now),
        keystores: noKeystores,
        solvers: { canJudge: () => true },
        onNotice: (notice) => assert.fail(notice),
      },
      { ...certificateInput(), issued: 'key' },
      new AbortController().signal,
    );
    if (step === 'all') await storing;
    else for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    this.documents.delay = undefined;
  }

  /** What the next process makes of it: whose the host is, and what becomes of the Secret. */
  async judge() {
    const keeper = this.#keeper();
    const ownership = new Ownership(supervisorPolicy.ownership);
    ownership.replaceHolders(await keeper.restore(), now);
    for (const source of [rival, ours]) ownership.set(source, now);
    ownership.settle(now);
    const [desired] = ownership.assignment('Ingress/shop/web')?.desired ?? [];
    assert.ok(desired !== undefined);
    const { standing } = desired.hosts[0] ?? {};
    const all = {
      ...desired,
      hosts: desired.hosts.map((route) => ({ ...route, standing: 'ours' as const })),
    };
    const assessment = assess(all, factsOf(this.secret), policy, (name) => keeper.get(name), now);
    return [standing, assessment.kind === 'due' ? assessment.purpose : assessment.kind];
  }

  #keeper(): HolderKeeper {
    return new HolderKeeper({
      store: this.documents.open(),
      clock: new ManualClock(now),
      signal: new AbortController().signal,
      onHolder: () => undefined,
      onTrouble: (trouble) => assert.fail(String(trouble)),
    });
  }

  #keep({ chainPem: certificate, keyPem: key, annotations }: CertificateToStore): void {
    this.secret = {
      uid: 'uid',
      resourceVersion: '1',
      type: 'kubernetes.io/tls',
      immutable: false,
      certificatePem: Buffer.from(certificate),
      keyPem: Buffer.from(key),
      annotations,
      labels: {},
    };
  }
}

describe('a process that dies while it stores a certificate', () => {
  it('before the record of holders leaves nothing: neither a Secret nor a claim to the host', async () => {
    const cluster = new Cluster();
    await cluster.store('no record');
    assert.equal(cluster.secret, undefined, 'no certificate whose holder is not known');
    assert.deepEqual(await cluster.judge(), ['elsewhere', 'first']);
  });

  it('between record and Secret keeps the host, and what the next one orders replaces a certificate', async () => {
    const cluster = new Cluster();
    await cluster.store('no Secret');
    assert.deepEqual(await cluster.judge(), ['ours', 'replacement']);
    await cluster.store('all');
    assert.deepEqual(await cluster.judge(), ['ours', 'good']);
  });

  it('before the answer to the write of the Secret has lost nothing', async () => {
    const cluster = new Cluster();
    await cluster.store('no answer');
    assert.deepEqual(await cluster.judge(), ['ours', 'good']);
  });
});
