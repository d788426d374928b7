import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditRecord } from '../../deploy/local/audit-log.ts';
import { applyManifests } from '../../deploy/local/manifests.ts';
import { deployFolder } from '../deploy/deployed-cluster.ts';
import { eventually } from '../time/eventually.ts';
import { controllerRequests } from './controller-requests.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const environment = { LEGO_SECRET_WATCH: 'on' };
const path = '/api/v1/namespaces/shop/secrets/site-tls';
let stage: Stage;

before(async () => {
  stage = await startStage({
    namespaces: ['shop'],
    isDenialMeant: ({ resource, verb }) => resource === 'secrets' && verb === 'list',
  });
});
after(() => stage.stop());

async function secretRequests(): Promise<AuditRecord[]> {
  const requests = await controllerRequests(stage.world.cluster.auditLog);
  return requests.filter(({ resource }) => resource === 'secrets');
}

/** What the controller has asked about the Secret since it wrote to it last. */
async function sinceLastWrite(): Promise<string[]> {
  const requests = (await secretRequests())
    .filter(({ name }) => name === 'site-tls')
    .toSorted((one, other) => one.receivedAt - other.receivedAt);
  const last = requests.findLastIndex(({ verb, dryRun }) => verb !== 'get' && !dryRun);
  return requests.slice(last + 1).map(({ verb }) => verb);
}

async function certificate(): Promise<string | undefined> {
  return (await stage.secret('shop/site-tls'))?.['tls.crt'];
}

async function deleteUntilRepaired(): Promise<void> {
  const deleted = await certificate();
  await stage.world.api.expect(path, { method: 'DELETE' });
  const isThere = async (): Promise<boolean> => ![undefined, deleted].includes(await certificate());
  await stage.guard(eventually('it is there again', isThere));
  await stage.untilIssued('shop/site');
}

describe('LEGO_SECRET_WATCH', () => {
  it('that is off reads no Secret but by its name', async () => {
    await stage.startController();
    await stage.apply(ingress('shop/site', { tls: { 'site-tls': ['site.example.com'] } }));
    await stage.untilIssued('shop/site');
    const verbs = (await secretRequests()).map(({ verb }) => verb);
    assert.ok(verbs.includes('create'));
    assert.ok(!verbs.includes('list') && !verbs.includes('watch'));
    await stage.controller.stop();
  });

  it('that is on without its component says what to add, and holds up nothing', async () => {
    await stage.startController(environment);
    await stage.untilLogged(/Secrets cannot be watched: add deploy\/components\/secret-watch/);
    await stage.apply(ingress('shop/other', { tls: { 'other-tls': ['other.example.com'] } }));
    await stage.untilIssued('shop/other');
    await stage.controller.stop();
  });

  it('has a Secret that somebody deletes, and one that somebody spoils, repaired within seconds, for an order each', async () => {
    const role = join(deployFolder, 'components/secret-watch/cluster-role.yaml');
    await applyManifests(stage.world.cluster.adminKubeconfig, [role]);
    await stage.startController(environment);
    await eventually('Secrets are listed', async () => {
      const requests = await secretRequests();
      return requests.some(({ verb, status }) => verb === 'list' && status < 400);
    });
    await stage.untilIssued('shop/site', 'shop/other');
    const orders = await stage.orders();

    await deleteUntilRepaired();
    assert.equal(await stage.orders(), orders + 1);

    // Its leaf alone: every server loads it, and some clients do not trust it.
    const second = (await certificate()) ?? '';
    const cut = second.slice(0, second.indexOf('-----BEGIN', 1));
    await stage.world.api.expect(path, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { data: { 'tls.crt': Buffer.from(cut).toString('base64') } },
    });
    const isAnother = async (): Promise<boolean> => ![undefined, second, cut].includes(await certificate());
    await stage.guard(eventually('it has another certificate', isAnother));
    await stage.untilIssued('shop/site');
    assert.equal(await stage.orders(), orders + 2);
  });

  it('reads what it has written itself once more, and no more than that', async () => {
    const isRead = async (): Promise<boolean> => (await sinceLastWrite()).length > 0;
    await eventually('it is read', isRead);
    await delay(3000);
    assert.deepEqual(await sinceLastWrite(), ['get']);
  });

  it('does not have one certificate after the other ordered for a Secret that is deleted each time, and says so', async () => {
    const orders = await stage.orders();
    await deleteUntilRepaired();
    await stage.world.api.expect(path, { method: 'DELETE' });
    const message = await stage.untilWarned('shop/site', 'SecretOverwritten');
    assert.match(message, /Secret site-tls lost its certificate 4 times within a day/);
    assert.equal(await stage.orders(), orders + 1);
  });
});
