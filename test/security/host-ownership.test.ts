import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { ApiClient } from '../../deploy/local/api-client.ts';
import { Authority } from '../../deploy/local/authority.ts';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { assertStored, untilServed } from '../controller/certificate.ts';
import { nextSecond } from '../controller/observation.ts';
import {
  type IngressParts,
  ingress,
  ingressPath,
  secret,
  secretPath,
} from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { statusTextOf } from '../kubernetes/records/written-status.ts';
import { eventually } from '../time/eventually.ts';
import { startTenant } from './tenant.ts';

// alice and mallory may write Ingresses, and mallory Secrets, in the namespaces of their names only. mallory wants a certificate for a host
// of alice: the responder would answer for it, whoever asks.

const day = 24 * 60 * 60 * 1000;
/** Made before anything of alice. */
const placeholder = 'mallory/placeholder';
const ownHost = 'mallory.example.com';
const parkedNames = Array.from({ length: 120 }, (_, index) => `parked-${index}.example.com`);

let stage: Stage;
let alice: ApiClient;
let mallory: ApiClient;

function collection(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** As its tenant, whose name is that of the namespace. */
async function create(key: string, parts: IngressParts): Promise<void> {
  const tenant = key.startsWith('alice/') ? alice : mallory;
  await tenant.expect(collection(ingressPath(key)), { method: 'POST', body: ingress(key, parts) });
}

/** Lists hosts in a Secret of this name, and has a rule for a host of mallory only. */
async function list(name: string, ...hosts: string[]): Promise<void> {
  const { spec, ...rest } = ingress(`mallory/${name}`, { tls: { [`${name}-tls`]: [ownHost] } });
  const tls = [{ secretName: `${name}-tls`, hosts }];
  const body = { ...rest, spec: { ...recordField({ spec }, 'spec'), tls } };
  await mallory.expect(collection(ingressPath(`mallory/${name}`)), { method: 'POST', body });
}

async function issueToAlice(name: string, host: string): Promise<void> {
  await create(`alice/${name}`, { tls: { [`${name}-tls`]: [host] } });
  await stage.untilIssued(`alice/${name}`);
}

/** All certificates in mallory's namespace, whatever Secret they are in. */
async function namesOfMallory(): Promise<string[]> {
  const secrets = arrayField(await mallory.expect(collection(secretPath('mallory/any'))), 'items');
  return secrets.flatMap((object) => {
    const pem = Buffer.from(stringField(recordField(object, 'data'), 'tls.crt') ?? '', 'base64').toString();
    if (!pem.includes('BEGIN CERTIFICATE')) return [];
    const { issuer, subjectAltName = '' } = new X509Certificate(pem);
    return issuer.includes('Pebble')
      ? subjectAltName.split(', ').map((name) => name.replace('DNS:', ''))
      : [];
  });
}

describe('mallory, who wants a certificate for a host of alice', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['alice', 'mallory'] });
    await stage.world.api.expect('/api/v1/namespaces/alice', {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { 'kube-lego.io/domains': '*.reserved.example.com' } } },
    });
    await stage.startController();
    alice = await startTenant(stage, 'alice', 'alice');
    mallory = await startTenant(stage, 'mallory', 'mallory', ['secrets']);
    await create(placeholder, { tls: { 'placeholder-tls': [ownHost] } });
    await list('parked', ...parkedNames, 'parked.example.com');
    await stage.untilIssued(placeholder);
    // Ages are whole seconds.
    await nextSecond();
  });
  after(async () => {
    await Promise.all([alice.close(), mallory.close()]);
    await stage.stop();
  });

  /** No order is made, and the Ingress says why. */
  async function refused(key: string, attack: () => Promise<unknown>, told: RegExp): Promise<void> {
    const orders = await stage.orders();
    await attack();
    await stage.untilView(
      key,
      'it is told',
      ({ state, problems }) => state === 'idle' && told.test(problems.join()),
    );
    assert.equal(await stage.orders(), orders);
  }

  it('gets none while alice serves the host from an Ingress without the annotation', async () => {
    const host = 'plain.example.com';
    await create('alice/plain', { tls: {}, plainHosts: [host], annotated: false });
    await refused(
      'mallory/plain',
      () => list('plain', host),
      /Host plain\.example\.com belongs to another namespace/,
    );
    assert.equal(await stage.secret('mallory/plain-tls'), undefined);
  });

  it('gets none for a Secret that looks like one of kube-lego, with a certificate to renew', async () => {
    const host = 'forged.example.com';
    await issueToAlice('forged', host);
    const { chainPem, keyPem } = new Authority('mallory').issue({
      hosts: [host],
      notBefore: Date.now() - 89 * day,
      notAfter: Date.now() + day,
    });
    const forged = secret(
      'mallory/forged-tls',
      { 'tls.crt': chainPem, 'tls.key': keyPem },
      {
        metadata: {
          labels: { 'app.kubernetes.io/managed-by': 'kube-lego' },
          annotations: { 'kube-lego.io/directory': stage.directoryUrl, 'kubernetes.io/tls-acme': 'true' },
        },
      },
    );
    await mallory.expect(collection(secretPath('mallory/forged-tls')), { method: 'POST', body: forged });
    await refused(
      'mallory/forged',
      () => list('forged', host),
      /Host forged\.example\.com belongs to another/,
    );
    assert.equal((await stage.secret('mallory/forged-tls'))?.['tls.crt'], chainPem);
  });

  it('gets none by adding the host to an old placeholder', async () => {
    const host = 'added.example.com';
    await issueToAlice('added', host);
    const tls = [{ secretName: 'placeholder-tls', hosts: [ownHost, host] }];
    const add = () =>
      mallory.expect(ingressPath(placeholder), {
        method: 'PATCH',
        contentType: 'application/merge-patch+json',
        body: { spec: { tls } },
      });
    await refused(placeholder, add, /Host added\.example\.com belongs to another namespace/);
    await assertStored(stage, 'mallory/placeholder-tls', [ownHost]);
  });

  it('gets none when alice deletes her Ingress and makes it again', async () => {
    const host = 'again.example.com';
    const parts = { tls: { 'again-tls': [host] } };
    await issueToAlice('again', host);
    await refused('mallory/again', () => create('mallory/again', parts), /belongs to another namespace/);
    const orders = await stage.orders();
    await alice.expect(ingressPath('alice/again'), { method: 'DELETE' });
    const kept = await stage.untilView('mallory/again', 'the grace period is told', ({ problems }) =>
      problems.join().includes('is kept until'),
    );
    assert.match(kept.problems.join(), /Host again\.example\.com is kept until \S+Z for another namespace/);
    // Mallory's is older now, by the second that ages are told in.
    await nextSecond();
    await create('alice/again', parts);
    await stage.untilIssued('alice/again');
    await stage.untilView('mallory/again', 'it belongs to alice', ({ problems }) =>
      problems.join().includes('belongs to another namespace'),
    );
    assert.equal(await stage.orders(), orders);
    assert.equal(await stage.secret('mallory/again-tls'), undefined);
  });

  it('does not keep a new host from alice by an old Ingress with 121 names', async () => {
    await issueToAlice('parked', 'parked.example.com');
    assert.equal(await stage.secret('mallory/parked-tls'), undefined);
  });

  it('gets none by being first, where the operator has reserved the domain', async () => {
    const host = 'shop.reserved.example.com';
    const claim = () => create('mallory/reserved', { tls: { 'reserved-tls': [host] } });
    await refused(
      'mallory/reserved',
      claim,
      /Host shop\.reserved\.example\.com is reserved for another namespace/,
    );
    // Mallory's is older in any case: without this, by the second that ages are told in, or not.
    await nextSecond();
    await issueToAlice('reserved', host);
  });

  it('gets none after a restart of kube-lego either, and everything of alice works', async () => {
    const orders = await stage.orders();
    await stage.controller.stop();
    await stage.startController();
    const issued = ['forged', 'added', 'again', 'parked', 'reserved'];
    const older = new Set(['added', 'again', 'parked', 'reserved']);
    await stage.untilIssued(placeholder, ...issued.map((name) => `alice/${name}`));
    for (const name of ['plain', 'forged', 'again', 'reserved']) {
      await stage.untilState(`mallory/${name}`, 'idle');
    }
    assert.equal(await stage.orders(), orders);
    assert.deepEqual(await namesOfMallory(), [ownHost]);
    for (const name of issued) {
      const host = name === 'reserved' ? 'shop.reserved.example.com' : `${name}.example.com`;
      await assertStored(stage, `alice/${name}-tls`, [host]);
      // The ingress controller takes the certificate of the oldest Ingress: where that is mallory's, alice is told.
      const isTold = async (): Promise<boolean> =>
        statusTextOf(await stage.object(ingressPath(`alice/${name}`)))?.includes('"ServedByOther"') === true;
      if (older.has(name)) await eventually(`${name} is told`, isTold);
      else {
        await untilServed(stage, host);
        assert.equal(await isTold(), false, name);
      }
    }
  });
});
