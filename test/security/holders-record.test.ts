import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { ApiClient } from '../../deploy/local/api-client.ts';
import { Authority } from '../../deploy/local/authority.ts';
import { decodeHolders } from '../../machines/ownership/holders/holder-document.ts';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { refusal } from '../controller-failures/api-refusal.ts';
import { ingress, type Manifest, secret } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { enter } from './tenant.ts';

// mallory may do everything in the namespace mallory: also write Secrets and ConfigMaps.

const records = '/api/v1/namespaces/kube-lego/configmaps';
const first = `${records}/kube-lego-holders-0`;

let stage: Stage;
let mallory: ApiClient;

/** A Secret as the version before the record writes it, or as mallory forges it. */
function marked(key: string, issuer: string, host: string): Manifest {
  const { chainPem, keyPem } = new Authority(issuer).issue({ hosts: [host] });
  const data = { 'tls.crt': chainPem, 'tls.key': keyPem };
  const metadata = {
    labels: { 'app.kubernetes.io/managed-by': 'kube-lego' },
    annotations: { 'kube-lego.io/directory': stage.directoryUrl },
  };
  return secret(key, data, { metadata });
}

/** Who holds which host, as it is written. */
async function recorded(): Promise<Record<string, string>> {
  const list = await stage.world.api.expect(`${records}?labelSelector=kube-lego.io/record=holders`);
  const entries = arrayField(list, 'items').flatMap((item) => [
    ...decodeHolders(stringField(recordField(item, 'data'), 'holders.json') ?? '').holders,
  ]);
  return Object.fromEntries(entries.map(([host, { namespace }]) => [host, namespace]));
}

async function untilRecorded(expected: Record<string, string>): Promise<void> {
  const isSo = async (): Promise<boolean> => isDeepStrictEqual(await recorded(), expected);
  await eventually(`the record names ${JSON.stringify(expected)}`, isSo);
}

describe('the record of holders', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['alice', 'mallory'], proxyApiServer: true });
    await stage.apply(
      marked('alice/old-tls', 'CA of the version before', 'old.example.com'),
      ingress('alice/old', { tls: { 'old-tls': ['old.example.com'] } }),
    );
    const role = { kind: 'ClusterRole', name: 'cluster-admin' } as const;
    mallory = await enter(stage, 'mallory', 'mallory', role, '/api/v1/namespaces/mallory/secrets');
    await stage.startController();
  });
  after(async () => {
    await mallory.close();
    await stage.stop();
  });

  it('takes in the good certificates of a version before it, without an order', async () => {
    await stage.untilState('alice/old', 'idle');
    await untilRecorded({ 'old.example.com': 'alice' });
    assert.equal(await stage.orders(), 0);
  });

  it('can be neither read nor written by a tenant', async () => {
    const body = { metadata: { name: 'kube-lego-holders-1' }, data: { 'holders.json': '{}' } };
    const merge = { method: 'PATCH', contentType: 'application/merge-patch+json', body } as const;
    const requests = [
      mallory.request(records),
      mallory.request(first),
      mallory.request(records, { method: 'POST', body }),
      mallory.request(first, merge),
      mallory.request(first, { method: 'DELETE' }),
    ];
    for (const { status } of await Promise.all(requests)) assert.equal(status, 403);
  });

  it('names nobody for a forged Secret, nor for a ConfigMap of another namespace', async () => {
    const holders = { 'old.example.com': ['mallory', 1_700_000_000, 4_000_000_000, 'abcdefghijklmnop'] };
    await mallory.expect('/api/v1/namespaces/mallory/configmaps', {
      method: 'POST',
      body: {
        metadata: { name: 'kube-lego-holders-0', labels: { 'kube-lego.io/record': 'holders' } },
        data: { 'holders.json': JSON.stringify({ version: 1, documents: 1, holders }) },
      },
    });
    await stage.apply(
      marked('mallory/forged-tls', 'CN=Let us Encrypt', 'forged.example.com'),
      ingress('mallory/forged', { tls: { 'forged-tls': ['forged.example.com'] } }),
    );
    await stage.untilState('mallory/forged', 'idle');
    // What is written next would show it.
    await stage.apply(ingress('alice/new', { tls: { 'new-tls': ['new.example.com'] } }));
    await stage.untilIssued('alice/new');
    await untilRecorded({ 'old.example.com': 'alice', 'new.example.com': 'alice' });
  });

  it('is written again as a whole when it is deleted while kube-lego runs', async () => {
    await stage.world.api.expect(first, { method: 'DELETE' });
    await stage.apply(ingress('alice/newer', { tls: { 'newer-tls': ['newer.example.com'] } }));
    await stage.untilIssued('alice/newer');
    await untilRecorded({
      'old.example.com': 'alice',
      'new.example.com': 'alice',
      'newer.example.com': 'alice',
    });
  });

  it('is made again from good certificates where it was lost, as in a new cluster, without an order', async () => {
    const orders = await stage.orders();
    await stage.controller.stop();
    await stage.world.api.expect(first, { method: 'DELETE' });
    await stage.startController();
    await untilRecorded({
      'old.example.com': 'alice',
      'new.example.com': 'alice',
      'newer.example.com': 'alice',
      // Nobody else asks for it: she has it by her claim, and the forged Secret adds nothing to that.
      'forged.example.com': 'mallory',
    });
    assert.equal(await stage.orders(), orders);
  });

  it('need not be written for a host to be kept from an older Ingress, by this process and the next', async () => {
    const orders = await stage.orders();
    stage.apiServer.interfere = ({ method, path }) =>
      method === 'PUT' && path === first
        ? Promise.resolve(refusal(500, 'InternalError', 'etcd is away'))
        : undefined;
    await stage.apply(ingress('alice/gap', { tls: { 'gap-tls': ['gap.example.com'] } }));
    await stage.untilIssued('alice/gap');
    await stage.apply(
      ingress('mallory/forged', {
        tls: { 'forged-tls': ['forged.example.com'], 'gap-tls': ['gap.example.com'] },
      }),
    );
    await stage.untilWarned('mallory/forged', 'HostOwnedElsewhere');
    await stage.controller.stop();
    assert.ok(!('gap.example.com' in (await recorded())));
    // By the age of the Ingresses the host would be mallory's from now on.
    await stage.startController();
    await stage.untilState('alice/gap', 'idle');
    stage.apiServer.interfere = () => undefined;
    await untilRecorded({
      'old.example.com': 'alice',
      'new.example.com': 'alice',
      'newer.example.com': 'alice',
      'forged.example.com': 'mallory',
      'gap.example.com': 'alice',
    });
    assert.equal(await stage.orders(), orders + 1);
  });
});
