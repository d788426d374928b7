import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { zonesDocument } from '../../deploy/local/world.ts';
import { arrayField, recordField } from '../../src/process/json.ts';
import { type Gate, gate } from '../controller-failures/gate.ts';
import { type Manifest, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { certificateFor } from '../local/edge-world.ts';
import { fromAll, httpsListener, listener, manifest, rule } from '../local/gateway-drafts.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored } from './certificate.ts';

const zone = 'zone.example.com';
const group = '/apis/gateway.networking.k8s.io/v1';
const limit = 60_000;
const http = listener({ name: 'http', allowedRoutes: fromAll });
let stage: Stage;

function gateway(
  name: string,
  listeners: readonly unknown[],
  annotations: Readonly<Record<string, string>> = {},
): Manifest {
  const object = manifest('Gateway', `shop/${name}`, { gatewayClassName: 'edge', listeners });
  const all = { 'kubernetes.io/tls-acme': 'true', ...annotations };
  return { ...object, metadata: { ...object.metadata, annotations: all } };
}

function gatewayPath(name: string): string {
  return `${group}/namespaces/shop/gateways/${name}`;
}

/** Hostnames of the challenge routes. */
async function challengeHostnames(): Promise<unknown[]> {
  const path = `${group}/httproutes?labelSelector=kube-lego.io/challenge-of`;
  const routes = arrayField(await stage.world.api.expect(path), 'items');
  return routes.flatMap((route) => arrayField(recordField(route, 'spec'), 'hostnames'));
}

/** Names of values in the DNS for challenges, and of those that kube-lego has recorded. */
async function values(): Promise<unknown[]> {
  const secret = await stage.object(secretPath('kube-lego/kube-lego-dns-values'));
  return [...stage.world.zoneServer.texts, ...Object.keys(recordField(secret, 'data') ?? {})];
}

/** Applies the objects, and waits until their order is made; what the CA says of the hosts is held back. */
async function orderHeld(...objects: readonly Manifest[]): Promise<Gate> {
  const held = gate();
  stage.ca.interfere = ({ path, forward }) => (path.startsWith('/authZ/') ? held.pass(forward) : undefined);
  await stage.apply(...objects);
  await stage.guard(held.reached);
  return held;
}

/** By the time that a later order has come to its end, one that was going on would have done so, too. */
async function assertNothingComesOf(secretName: string, downloads: number): Promise<void> {
  const https = httpsListener(`after-${secretName}`, { name: 'https', hostname: `after.${secretName}.test` });
  await stage.apply(gateway(`after-${secretName}`, [http, https]));
  await stage.untilIssued(`Gateway shop/after-${secretName}`);
  assert.equal(await stage.requests('/certZ/'), downloads + 1);
  const metadata = recordField(await stage.object(secretPath(`shop/${secretName}`)), 'metadata');
  const { 'kube-lego.io/placeholder': placeholder, 'kube-lego.io/directory': directory } =
    recordField(metadata, 'annotations') ?? {};
  assert.notEqual(placeholder, undefined);
  assert.notEqual(placeholder, 'replaced');
  assert.equal(directory, undefined);
}

describe('the order of a Gateway', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], gatewayApi: true, zones: [zone], proxyCa: true });
    await stage.apply(zonesDocument(stage.world.zoneServer, 'namespaces: shop'));
    await stage.startController({ LEGO_GATEWAY_API: 'on' });
  });
  afterEach(() => {
    stage.ca.interfere = () => undefined;
  });
  after(() => stage.stop());

  it('is for one wildcard certificate by DNS-01 where an annotation asks for it, without an HTTP listener', async () => {
    const wild = httpsListener('wild-tls', { name: 'wild', hostname: `*.${zone}`, allowedRoutes: fromAll });
    const route = manifest('HTTPRoute', 'shop/wild', {
      parentRefs: [{ name: 'wild' }],
      hostnames: [`a.${zone}`, `b.${zone}`],
      rules: [rule('web:80')],
    });
    await stage.apply(gateway('wild', [wild], { 'kube-lego.io/wildcard': 'true' }), route);
    await stage.untilIssued('Gateway shop/wild');
    await assertStored(stage, 'shop/wild-tls', [`*.${zone}`]);
    assert.equal(await stage.orders(), 1);
    assert.ok(stage.world.zoneServer.asked.includes(`TXT _acme-challenge.${zone}`));
    const { httpsPort } = stage.world.edge;
    await eventually(
      'it is served',
      async () => (await certificateFor(httpsPort, `b.${zone}`).catch(() => undefined)) === `DNS:*.${zone}`,
      limit,
    );
    await eventually('no value is left in the DNS', async () => (await values()).length === 0, limit);
  });

  it('by DNS-01 leaves no value when the Gateway is deleted while that spreads', async () => {
    const { zoneServer, api } = stage.world;
    const name = `_acme-challenge.gone.${zone}`;
    const gone = httpsListener('gone-tls', { name: 'gone', hostname: `*.gone.${zone}` });
    const downloads = await stage.requests('/certZ/');
    zoneServer.fallBehind();
    await stage.apply(gateway('gone', [gone], { 'kube-lego.io/wildcard': 'true' }));
    await eventually('the value is added', () => zoneServer.values(name).length === 1, limit);
    await api.expect(gatewayPath('gone'), { method: 'DELETE' });
    await eventually('no value is left in the DNS', async () => (await values()).length === 0, limit);
    zoneServer.catchUp();
    const isGone = async (): Promise<boolean> => (await stage.view('Gateway shop/gone')) === undefined;
    await eventually('its actor is gone', isGone);
    await assertNothingComesOf('gone-tls', downloads);
  });

  it('ends with the Gateway, and its challenge route goes', async () => {
    const https = httpsListener('deleted-tls', { name: 'https', hostname: 'deleted.example.com' });
    const held = await orderHeld(gateway('deleted', [http, https]));
    assert.ok((await challengeHostnames()).includes('deleted.example.com'));
    const downloads = await stage.requests('/certZ/');
    await stage.world.api.expect(gatewayPath('deleted'), { method: 'DELETE' });
    await eventually(
      'its actor is gone',
      async () => (await stage.view('Gateway shop/deleted')) === undefined,
      limit,
    );
    held.open();
    await eventually(
      'its route is gone',
      async () => !(await challengeHostnames()).includes('deleted.example.com'),
      limit,
    );
    await assertNothingComesOf('deleted-tls', downloads);
  });

  it('ends with a certificate although the route that has named the host is deleted', async () => {
    const host = 'a.apps.example.com';
    const orders = await stage.orders();
    const route = manifest('HTTPRoute', 'shop/apps', {
      parentRefs: [{ name: 'apps' }],
      hostnames: ['*.apps.example.com', host],
      rules: [rule('web:80')],
    });
    const all = httpsListener('apps-tls', { name: 'all', hostname: '*.apps.example.com' });
    const held = await orderHeld(route, gateway('apps', [http, all]));
    await stage.world.api.expect(`${group}/namespaces/shop/httproutes/apps`, { method: 'DELETE' });
    held.open();
    await stage.untilIssued('Gateway shop/apps');
    await assertStored(stage, 'shop/apps-tls', [host]);
    assert.equal(await stage.orders(), orders + 1);
    await eventually(
      'no challenge route is left',
      async () => (await challengeHostnames()).length === 0,
      limit,
    );
  });

  it('has caused no error in the log', async () => {
    assert.deepEqual(
      (await stage.log()).filter(({ level }) => level === 'error'),
      [],
    );
  });
});
