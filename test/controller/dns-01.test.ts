import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { zonesDocument } from '../../deploy/local/world.ts';
import { recordField } from '../../src/process/json.ts';
import { ingress, ingressPath, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored } from './certificate.ts';
import { untilPlaced } from './observation.ts';

const zone = 'shop.example.com';
let stage: Stage;

/** Entries of the record of values in the DNS. */
async function recorded(): Promise<number> {
  const secret = await stage.world.api.expect(secretPath('kube-lego/kube-lego-dns-values'));
  return Object.keys(recordField(secret, 'data') ?? {}).length;
}

async function untilClean(): Promise<void> {
  await eventually('no value is left in the DNS, nor in the record', async () => {
    return stage.world.zoneServer.texts.length === 0 && (await recorded()) === 0;
  });
}

describe('an Ingress with hosts of a DNS zone', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop', 'blog'], zones: [zone] });
    await stage.apply(zonesDocument(stage.world.zoneServer, 'namespaces: shop'));
    await stage.startController({ LEGO_MAX_ORDERS_IN_FLIGHT: '1' });
  });
  after(() => stage.stop());

  it('gets one certificate for an apex by HTTP-01 and its wildcard by DNS-01', async () => {
    stage.world.zoneServer.add('A', zone, '127.0.0.1');
    await stage.apply(ingress('shop/wild', { tls: { 'wild-tls': [zone, `*.${zone}`] } }));
    await stage.untilIssued('shop/wild');
    await assertStored(stage, 'shop/wild-tls', [zone, `*.${zone}`]);
    const { asked } = stage.world.zoneServer;
    assert.ok(asked.includes(`UPDATE ${zone}`));
    assert.ok(asked.includes(`TXT _acme-challenge.${zone}`));
    await untilClean();
  });

  it('gets both by DNS-01 if it asks for it, by two values of one record', async () => {
    const annotations = { 'kube-lego.io/challenge': 'dns-01' };
    const hosts = [`eu.${zone}`, `*.eu.${zone}`];
    await stage.apply(ingress('shop/both', { tls: { 'both-tls': hosts }, annotations }));
    await stage.untilIssued('shop/both');
    await assertStored(stage, 'shop/both-tls', hosts);
    await untilClean();
  });

  it('holds up no other certificate while its value spreads', async () => {
    const { zoneServer } = stage.world;
    zoneServer.add('A', `plain.${zone}`, '127.0.0.1');
    zoneServer.fallBehind();
    await stage.apply(ingress('shop/slow', { tls: { 'slow-tls': [`*.slow.${zone}`] } }));
    await eventually(
      'the value is added',
      () => zoneServer.values(`_acme-challenge.slow.${zone}`).length === 1,
    );
    await stage.apply(ingress('shop/plain', { tls: { 'plain-tls': [`plain.${zone}`] } }));
    await stage.untilIssued('shop/plain');
    zoneServer.catchUp();
    await stage.untilIssued('shop/slow');
    await assertStored(stage, 'shop/slow-tls', [`*.slow.${zone}`]);
    await untilClean();
  });

  it('that is deleted while its value spreads leaves none', async () => {
    const { zoneServer, api } = stage.world;
    zoneServer.fallBehind();
    await stage.apply(ingress('shop/gone', { tls: { 'gone-tls': [`*.gone.${zone}`] } }));
    await eventually(
      'the value is added',
      () => zoneServer.values(`_acme-challenge.gone.${zone}`).length === 1,
    );
    assert.equal(await recorded(), 1);
    await api.expect(ingressPath('shop/gone'), { method: 'DELETE' });
    await untilClean();
    zoneServer.catchUp();
  });

  it('gets its certificate although the controller is killed while its value spreads', async () => {
    const { zoneServer } = stage.world;
    const orders = await stage.orders();
    zoneServer.fallBehind();
    await stage.apply(ingress('shop/killed', { tls: { 'killed-tls': [`*.killed.${zone}`] } }));
    await eventually(
      'the value is added',
      () => zoneServer.values(`_acme-challenge.killed.${zone}`).length === 1,
    );
    // The value is added meanwhile.
    await untilPlaced(stage, `*.killed.${zone}`);
    await stage.controller.kill();
    zoneServer.catchUp();
    await stage.startController();
    await stage.untilIssued('shop/killed');
    await assertStored(stage, 'shop/killed-tls', [`*.killed.${zone}`]);
    assert.equal(await stage.orders(), orders + 1);
    await untilClean();
  });

  it('is told that its namespace may not use the zone, and gets its certificate as soon as it may', async () => {
    const host = `*.blog.${zone}`;
    await stage.apply(ingress('blog/wild', { tls: { 'blog-tls': [host] } }));
    const orders = await stage.orders();
    const { problems } = await stage.untilView('blog/wild', 'it is told', (view) => view.problems.length > 0);
    assert.match(problems.join(' '), /no DNS zone that namespace blog may use has it/);
    assert.equal(await stage.orders(), orders);
    await stage.apply(zonesDocument(stage.world.zoneServer, 'namespaces: shop, blog'));
    await stage.untilIssued('blog/wild');
    await assertStored(stage, 'blog/blog-tls', [host]);
    await untilClean();
  });
});
