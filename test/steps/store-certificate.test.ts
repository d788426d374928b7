import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { RenewalWindow } from '../../machines/assessment/renewal.ts';
import type { StoredValidity } from '../../machines/ingress/certificate.ts';
import { readCertificate } from '../../src/certificate/reading.ts';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import type { CertificateToStore, StoredSecret } from '../../src/kubernetes/records/secret-store.ts';
import { HolderKeeper } from '../../src/ownership/holder-keeper.ts';
import { type StoreCertificateOptions, storeCertificate } from '../../src/steps/store-certificate.ts';
import { newKeyPem } from '../acme/keys.ts';
import { Issuer } from '../ca/issuer.ts';
import { seededRandom } from '../ca/random.ts';
import { memoryJournal } from '../journal/memory-journal.ts';
import { certificateInput, day, hour, now } from '../machines/builders.ts';
import { SharedDocuments } from '../ownership/shared-documents.ts';
import { noRevocations } from '../revocation/no-revocations.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { noKeystores } from './no-keystores.ts';

const issuer = new Issuer(now, seededRandom(1));
const keyPem = newKeyPem();
const { chainPem, certificateId } = issuer.issue(
  1,
  [{ type: 'dns', value: 'web.example.com' }],
  createPublicKey(keyPem).export({ type: 'spki', format: 'der' }),
  { notBefore: now - hour, notAfter: now + 90 * day },
);
const input = { ...certificateInput(), issued: 'key' };
const window: RenewalWindow = { start: now + 50 * day, end: now + 52 * day, at: now + 51 * day };

describe('a certificate in hand', () => {
  let written: CertificateToStore[];
  let documents: SharedDocuments;
  let clock: ManualClock;
  let notices: string[];
  let sent: string;
  let answered: string[];
  let asked: string[];
  let answer: PromiseWithResolvers<RenewalWindow | undefined>;

  beforeEach(() => {
    written = [];
    documents = new SharedDocuments();
    clock = new ManualClock(now);
    notices = [];
    sent = chainPem;
    answered = [];
    asked = [];
    answer = Promise.withResolvers();
  });
  afterEach(() => assert.deepEqual(notices, []));

  function keeper(): HolderKeeper {
    return new HolderKeeper({
      store: documents.open(),
      clock,
      signal: new AbortController().signal,
      onHolder: () => assert.equal(written.length, 0, 'the holder is told before the Secret is written'),
      onTrouble: (trouble) => assert.equal(trouble, documents.refusal),
    });
  }

  function store(changes: Partial<StoreCertificateOptions['secrets']> = {}): Promise<StoredValidity> {
    return storeCertificate(
      {
        secrets: {
          read: () => Promise.resolve(undefined),
          write: (_, __, ___, certificate) => {
            assert.equal(documents.texts.size, 0, 'it does not wait for the record of its holder');
            written.push(certificate);
            return Promise.resolve({ uid: 'uid-of-secret', resourceVersion: '1' });
          },
          ...changes,
        },
        holders: keeper(),
        issued: { get: () => ({ chainPem: sent, keyPem }) },
        journal: memoryJournal(),
        revocations: noRevocations,
        ca: { clock },
        policy: {
          minimumValidity: 30 * day,
          directory: 'https://ca.example/directory',
          staging: false,
          keyType: 'ec-p256',
        },
        renewals: {
          first: (_, { id }) => {
            assert.equal(written.length, 1, 'it is stored before the CA is asked anything');
            asked.push(id);
            return answer.promise;
          },
        },
        clock,
        keystores: noKeystores,
        solvers: { canJudge: ({ host }) => answered.includes(host) },
        onNotice: (notice) => notices.push(notice),
      },
      input,
      new AbortController().signal,
    );
  }

  it('is stored before the CA is asked when to renew it, and the round is told what it says', async () => {
    const storing = store();
    answer.resolve(window);
    assert.deepEqual(await storing, {
      notBefore: now - hour,
      notAfter: now + 90 * day,
      window,
      checkAt: undefined,
      caAhead: 0,
    });
    assert.deepEqual(asked, [certificateId]);
    assert.deepEqual(written[0]?.annotations, {
      'kube-lego.io/directory': 'https://ca.example/directory',
      'kube-lego.io/issued-profile': '',
      'kube-lego.io/issued-key-type': 'ec-p256',
    });
  });

  it('is marked if the CA has sent it without its issuer, so that it is not ordered again for that', async () => {
    sent = chainPem.slice(0, chainPem.indexOf('-----BEGIN', 1));
    answer.resolve(window);
    await store();
    const [stored] = written;
    const found = readCertificate(Buffer.from(stored?.chainPem ?? ''), Buffer.from(keyPem));
    assert.equal(found.kind === 'readable' && found.issuerMissing, true);
    assert.equal(
      stored?.annotations['kube-lego.io/flawed'],
      found.kind === 'readable' ? found.fingerprint : undefined,
    );
    assert.match(notices.join(), /without that of its issuer/);
    notices.length = 0;
  });

  it('makes its namespace the holder of its hosts', async () => {
    answer.resolve(window);
    await store();
    clock.advance(3000);
    await setImmediate();
    const holders = await keeper().restore();
    assert.deepEqual([...holders.keys()], ['web.example.com']);
    const holder = holders.get('web.example.com');
    assert.equal(holder?.namespace, 'shop');
    assert.equal(holder?.notAfter, now + 90 * day);
    const stored = readCertificate(Buffer.from(written[0]?.chainPem ?? ''), Buffer.from(keyPem));
    assert.equal(stored.kind === 'readable' && stored.fingerprint, holder?.certificate);
  });

  it('is stored though the record of its holder cannot be written, which is repeated until it is', async () => {
    documents.refusal = new KubernetesError('Unreachable', 'PUT ConfigMap: it is away');
    answer.resolve(window);
    await store();
    assert.equal(written.length, 1);
    for (let tries = 0; tries < 20; tries += 1) {
      await setImmediate();
      clock.advance(30_000);
    }
    assert.equal(documents.texts.size, 0);
    documents.refusal = undefined;
    for (let turns = 0; turns < 20 && documents.texts.size === 0; turns += 1) {
      await setImmediate();
      clock.advance(30_000);
    }
    assert.deepEqual([...(await keeper().restore()).keys()], ['web.example.com']);
  });

  it('is marked where its hosts have passed the self-check', async () => {
    answered = ['web.example.com'];
    answer.resolve(window);
    await store();
    assert.equal(written[0]?.annotations['kube-lego.io/self-checked'], 'true');
  });

  it('that an earlier write has stored, though its answer was lost, is asked about likewise', async () => {
    const present: StoredSecret = {
      uid: 'uid-of-secret',
      resourceVersion: '1',
      type: 'kubernetes.io/tls',
      immutable: false,
      certificatePem: Buffer.from(chainPem),
      keyPem: Buffer.from(keyPem),
      annotations: {},
      labels: {},
    };
    answer.resolve(undefined);
    const { notAfter } = await store({
      read: () => Promise.resolve(present),
      write: (_, __, ___, certificate) => {
        written.push(certificate);
        return Promise.reject(new KubernetesError('AlreadyExists', 'POST Secret'));
      },
    });
    assert.equal(notAfter, now + 90 * day);
    assert.deepEqual(asked, [certificateId]);
  });
});
