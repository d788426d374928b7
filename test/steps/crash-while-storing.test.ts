import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { assess } from '../../machines/assessment/assessment.ts';
import { Ownership } from '../../machines/ownership/ownership.ts';
import { type Beginning, OrderJournal } from '../../src/journal/order-journal.ts';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import type { CertificateToStore, StoredSecret } from '../../src/kubernetes/records/secret-store.ts';
import { HolderKeeper } from '../../src/ownership/holder-keeper.ts';
import { factsOf } from '../../src/secret/secret-reading.ts';
import { storeCertificate } from '../../src/steps/store-certificate.ts';
import { storedProofs } from '../../src/steps/stored-proofs.ts';
import { newKeyPem } from '../acme/keys.ts';
import { Issuer } from '../ca/issuer.ts';
import { seededRandom } from '../ca/random.ts';
import { SharedJournal } from '../journal/shared-journal.ts';
import { certificateInput, day, hour, ingressSpec, now, supervisorPolicy } from '../machines/builders.ts';
import { SharedDocuments } from '../ownership/shared-documents.ts';
import { noRevocations } from '../revocation/no-revocations.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { noKeystores } from './no-keystores.ts';

const host = 'web.example.com';
const keyPem = newKeyPem();
const issuer = new Issuer(now, seededRandom(1));
const chainPem = issue(keyPem);
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

const order: Beginning = {
  directoryUrl: policy.directory,
  profile: undefined,
  hosts: [host],
  keyPem,
  keyType: 'ec-p256',
  namespace: 'shop',
  secretName: 'web-tls',
  exemption: 'none',
};
const { signal } = new AbortController();

/** What outlives a process: the record of holders, the journal, and the Secret. */
class Cluster {
  readonly documents = new SharedDocuments();
  readonly orders = new SharedJournal();
  secret: StoredSecret | undefined;

  /** A process with a certificate of an order, that stores it until its clock is turned no more. */
  async store(write: 'works' | 'is slow' | 'is not answered' = 'works'): Promise<ManualClock> {
    const { clock, holders, journal } = await this.#open();
    const entry = await journal.begin(order, signal);
    await journal.place(entry, `${policy.directory}/order/1`, signal);
    const lost = new Promise<never>(() => undefined);
    const storing = storeCertificate(
      {
        secrets: {
          read: () => Promise.resolve(this.secret),
          write: (_, __, ___, certificate) => {
            if (write === 'is slow') return lost;
            this.#keep(certificate);
            return write === 'works' ? Promise.resolve({ uid: 'uid', resourceVersion: '1' }) : lost;
          },
        },
        holders,
        issued: { get: () => ({ chainPem, keyPem }) },
        journal,
        revocations: noRevocations,
        ca: { clock },
        policy,
        clock,
        keystores: noKeystores,
        solvers: { canJudge: () => true },
        onNotice: (notice) => assert.fail(notice),
      },
      { ...certificateInput(), issued: 'key' },
      signal,
    );
    if (write === 'works') await storing;
    return clock;
  }

  /** What the next process makes of it: whose the host is, and what becomes of the Secret. */
  async judge() {
    const { clock, holders, journal } = await this.#open();
    const proofs = await storedProofs(journal.entries, {
      secrets: { read: () => Promise.resolve(this.secret) },
      clock,
      signal,
      onTrouble: (error) => assert.fail(String(error)),
    });
    for (const proof of proofs) holders.recover(proof);
    const ownership = new Ownership(supervisorPolicy.ownership);
    ownership.replaceHolders(await holders.restore(), now);
    for (const source of [rival, ours]) ownership.set(source, now);
    ownership.settle(now);
    const [desired] = ownership.assignment('Ingress/shop/web')?.desired ?? [];
    assert.ok(desired !== undefined);
    const { standing } = desired.hosts[0] ?? {};
    const all = {
      ...desired,
      hosts: desired.hosts.map((route) => ({ ...route, standing: 'ours' as const })),
    };
    const assessment = assess(all, factsOf(this.secret), policy, (name) => holders.get(name), now);
    for (const entry of journal.entries) if (assessment.kind === 'good') journal.end(entry);
    await pass(clock, 60_000);
    return [standing, assessment.kind === 'due' ? assessment.purpose : assessment.kind];
  }

  async #open() {
    const clock = new ManualClock(now);
    const holders = new HolderKeeper({
      store: this.documents.open(),
      clock,
      signal,
      onHolder: () => undefined,
      onTrouble: (trouble) => assert.equal(trouble, this.documents.refusal),
    });
    const journal = new OrderJournal({
      store: this.orders.open(),
      isPrivateKey: () => true,
      isWanted: () => true,
      isTimeKnown: () => true,
      recorded: () => holders.recorded(),
      clock,
      signal,
      onTrouble: (trouble) => assert.fail(String(trouble)),
      onLetGo: (_, why) => assert.fail(why),
    });
    await Promise.all([holders.restore(), journal.restore()]);
    return { clock, holders, journal };
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

/** A certificate for the host with this key. */
function issue(pem: string): string {
  const key = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  const validity = { notBefore: now - hour, notAfter: now + 90 * day };
  return issuer.issue(1, [{ type: 'dns', value: host }], key, validity).chainPem;
}

/** Milliseconds, in which promises settle now and then. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1000) {
    await setImmediate();
    clock.advance(1000);
  }
  await setImmediate();
}

describe('a process that dies while it stores a certificate', () => {
  it('between Secret and record keeps the host from who would have it without, and the next one records it', async () => {
    const cluster = new Cluster();
    await cluster.store();
    assert.deepEqual([cluster.documents.texts.size, cluster.orders.entries.size], [0, 1]);
    assert.deepEqual(await cluster.judge(), ['ours', 'good']);
    assert.deepEqual([cluster.documents.texts.size, cluster.orders.entries.size], [1, 0]);
    assert.deepEqual(await cluster.judge(), ['ours', 'good'], 'by the record alone');
  });

  it('keeps it likewise if the record could not be written for as long as it lived', async () => {
    const cluster = new Cluster();
    const clock = await cluster.store();
    cluster.documents.refusal = new KubernetesError('Forbidden', 'no');
    await pass(clock, 600_000);
    assert.deepEqual([cluster.documents.texts.size, cluster.orders.entries.size], [0, 1]);
    cluster.documents.refusal = undefined;
    assert.deepEqual(await cluster.judge(), ['ours', 'good']);
    assert.deepEqual([cluster.documents.texts.size, cluster.orders.entries.size], [1, 0]);
  });

  it('before the answer to the write of the Secret has lost nothing', async () => {
    const cluster = new Cluster();
    await cluster.store('is not answered');
    assert.deepEqual(await cluster.judge(), ['ours', 'good']);
  });

  it('before it could write the Secret leaves the order, and keeps the host by the record', async () => {
    const cluster = new Cluster();
    await pass(await cluster.store('is slow'), 4000);
    assert.deepEqual(await cluster.judge(), ['ours', 'replacement']);
    assert.equal(cluster.orders.entries.size, 1);
  });

  it('before both leaves the order alone, which is no claim to the host', async () => {
    const cluster = new Cluster();
    await cluster.store('is slow');
    assert.deepEqual(await cluster.judge(), ['elsewhere', 'first']);
    assert.equal(cluster.orders.entries.size, 1);
  });

  it('keeps nobody waiting for longer than half a minute where its Secret cannot be read any more', async () => {
    const troubles: unknown[] = [];
    const denied = new KubernetesError('Forbidden', 'no');
    const clock = new ManualClock(now);
    const proving = storedProofs(
      [{ ...order, id: 'a', begunAt: now, orderUrl: 'https://ca.example/order/1' }],
      {
        secrets: { read: () => Promise.reject(denied) },
        clock,
        signal,
        onTrouble: (error, { secretName }) => troubles.push(error, secretName),
      },
    );
    await pass(clock, 31_000);
    assert.deepEqual(troubles, []);
    await pass(clock, 1000);
    assert.deepEqual(await proving, []);
    assert.deepEqual(troubles, [denied, 'web-tls']);
  });

  it('has proven nothing by a Secret with another key, or with a certificate of another one', async () => {
    const cluster = new Cluster();
    await cluster.store();
    const { secret } = cluster;
    assert.ok(secret !== undefined);
    const other = newKeyPem();
    const forged = issue(other);
    cluster.secret = { ...secret, keyPem: Buffer.from(other), certificatePem: Buffer.from(forged) };
    assert.deepEqual((await cluster.judge())[0], 'elsewhere');
    cluster.secret = { ...secret, certificatePem: Buffer.from(forged) };
    assert.deepEqual((await cluster.judge())[0], 'elsewhere');
  });
});
