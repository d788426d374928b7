import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { applyManifests, type Manifest } from '../../deploy/local/manifests.ts';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { runCommand } from '../commands/command-run.ts';
import { ingress, ingressPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { deployFolder } from '../deploy/deployed-cluster.ts';
import { saidOf } from '../kubernetes/records/written-status.ts';
import { certificateFor } from '../local/edge-world.ts';
import { fromAll, httpsListener, listener, manifest, rule } from '../local/gateway-drafts.ts';
import { eventually } from '../time/eventually.ts';
import { nextSecond } from './observation.ts';

const group = '/apis/gateway.networking.k8s.io/v1';
const environment = { LEGO_GATEWAY_API: 'on' };
const limit = 60_000;
const http = listener({ name: 'http', allowedRoutes: fromAll });
let stage: Stage;

/** With the annotation. */
function handed(object: ReturnType<typeof manifest>): Manifest {
  const annotations = { 'kubernetes.io/tls-acme': 'true' };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function gateway(key: string, ...listeners: unknown[]): Manifest {
  return handed(
    manifest('Gateway', key, {
      gatewayClassName: 'edge',
      allowedListeners: { namespaces: { from: 'All' } },
      listeners,
    }),
  );
}

function route(key: string, parent: string, sectionName: string, ...hostnames: string[]): Manifest {
  const [namespace = '', name = ''] = parent.split('/');
  const parentRefs = [{ namespace, name, sectionName }];
  return manifest('HTTPRoute', key, { parentRefs, hostnames, rules: [rule('web:80')] });
}

/** The names that are served for this host, as `openssl x509` prints them. */
function served(host: string): Promise<string | undefined> {
  return certificateFor(stage.world.edge.httpsPort, host).catch(() => undefined);
}

async function annotationsOf(path: string): Promise<Record<string, unknown>> {
  return recordField(recordField(await stage.object(path), 'metadata'), 'annotations') ?? {};
}

async function ourRoutes(): Promise<readonly unknown[]> {
  const selector = encodeURIComponent('app.kubernetes.io/managed-by=kube-lego');
  return arrayField(await stage.object(`${group}/httproutes?labelSelector=${selector}`), 'items');
}

before(async () => {
  stage = await startStage({ namespaces: ['shop', 'blog'], gatewayApi: true });
  const roles = ['cluster-role.yaml', 'own/role.yaml'];
  await applyManifests(
    stage.world.cluster.adminKubeconfig,
    roles.map((file) => join(deployFolder, 'components/gateway', file)),
  );
  await stage.startController(environment);
});
after(() => stage.stop());

describe('a Gateway with the annotation', () => {
  it('comes up with a placeholder, which its first certificate replaces', async () => {
    await stage.apply(
      gateway('shop/edge', http, httpsListener('shop-tls', { name: 'shop', hostname: 'shop.example.com' })),
      route('shop/app', 'shop/edge', 'shop', 'shop.example.com'),
    );
    await stage.untilIssued('Gateway shop/edge');
    assert.equal(await stage.orders(), 1);
    await eventually(
      'the certificate is served',
      async () => (await served('shop.example.com')) === 'DNS:shop.example.com',
      limit,
    );
    const secret = await annotationsOf('/api/v1/namespaces/shop/secrets/shop-tls');
    assert.equal(secret['kube-lego.io/placeholder'], 'replaced');
    assert.match(String(secret['kube-lego.io/directory']), /\/dir$/);

    const path = `${group}/namespaces/shop/gateways/edge`;
    await eventually(
      'it is told so',
      async () => /"shop-tls":\{"state":"good"/.test(saidOf(await stage.object(path))),
      limit,
    );
    const events = arrayField(await stage.object('/api/v1/namespaces/shop/events'), 'items');
    const told = events.filter(
      (one) => stringField(recordField(one, 'involvedObject'), 'kind') === 'Gateway',
    );
    assert.deepEqual(
      told.map((event) => stringField(event, 'reason')),
      ['CertificateIssued'],
    );
    await eventually('no challenge route is left', async () => (await ourRoutes()).length === 0, limit);
  });

  it('has one certificate for the routes of a wildcard listener, and none for the wildcard', async () => {
    const orders = await stage.orders();
    const hosts = ['a.apps.example.com', 'b.apps.example.com', 'c.apps.example.com'];
    await stage.apply(
      ...hosts.map((host) => route(`blog/${host.slice(0, 1)}`, 'shop/wild', 'apps', host)),
      gateway(
        'shop/wild',
        http,
        httpsListener('apps-tls', { name: 'apps', hostname: '*.apps.example.com', allowedRoutes: fromAll }),
      ),
    );
    const names = hosts.map((host) => `DNS:${host}`).join(', ');
    await eventually('all are served', async () => (await served(hosts[0] ?? '')) === names, limit);
    assert.ok((await stage.orders()) <= orders + 2, 'routes are attached one by one');
  });

  it('takes a host over from an Ingress with the same Secret, without an order', async () => {
    await stage.apply(ingress('shop/old', { tls: { 'move-tls': ['move.example.com'] } }));
    await stage.untilIssued('shop/old');
    await nextSecond();
    const orders = await stage.orders();
    await stage.apply(
      gateway('shop/new', http, httpsListener('move-tls', { name: 'move', hostname: 'move.example.com' })),
    );
    await stage.untilView('Gateway shop/new', 'it shares the Secret', ({ notices }) =>
      notices.some((notice) => notice.includes('owned by the older Ingress old')),
    );
    await stage.world.api.expect(ingressPath('shop/old'), { method: 'DELETE' });
    await stage.untilIssued('Gateway shop/new');
    assert.equal(await stage.orders(), orders);
    const { code, output } = await runCommand(stage, 'status', ['-n', 'shop'], environment);
    assert.equal(code, 0, output);
    assert.match(output, /Gateway shop\/new +move-tls +good/);
    // As somebody calls it who has not set what the controller is set to.
    const blind = await runCommand(stage, 'status', ['-n', 'shop']);
    assert.match(
      blind.output,
      /no Ingress names any more: .*move-tls.*\nA Gateway may still name them: LEGO_GATEWAY_API /,
    );
  });

  it('orders once for two listeners with one host and one Secret', async () => {
    const orders = await stage.orders();
    const host = 'x.two.example.com';
    await stage.apply(
      route('shop/two', 'shop/two', 'wild', host),
      gateway(
        'shop/two',
        http,
        httpsListener('two-tls', { name: 'own', hostname: host }),
        httpsListener('two-tls', { name: 'wild', hostname: '*.two.example.com' }),
      ),
    );
    await stage.untilIssued('Gateway shop/two');
    assert.equal(await stage.orders(), orders + 1);
  });

  it('may be one of another namespace, by a ListenerSet with its own Secret', async () => {
    await stage.apply(
      handed(
        manifest('ListenerSet', 'blog/team', {
          parentRef: { namespace: 'shop', name: 'edge' },
          listeners: [httpsListener('team-tls', { name: 'team', hostname: 'team.example.com' })],
        }),
      ),
    );
    await stage.untilIssued('ListenerSet blog/team');
    await eventually(
      'the certificate is served',
      async () => (await served('team.example.com')) === 'DNS:team.example.com',
      limit,
    );
    assert.ok(await stage.secret('blog/team-tls'));
    const { code, output } = await runCommand(
      stage,
      'explain',
      ['listenerset', 'blog/team', '--offline'],
      environment,
    );
    assert.equal(code, 0, output);
    assert.match(output, /^ListenerSet blog\/team: good/);
  });

  it('leaves no challenge route behind when it is deleted in the middle of an order', async () => {
    const host = 'gone.example.com';
    await stage.world.dns.setNoAddress(host);
    await stage.apply(
      gateway('shop/gone', http, httpsListener('gone-tls', { name: 'gone', hostname: host })),
    );
    await eventually('its challenge route is there', async () => (await ourRoutes()).length > 0, limit);
    await stage.world.api.expect(`${group}/namespaces/shop/gateways/gone`, { method: 'DELETE' });
    await eventually('the route is gone', async () => (await ourRoutes()).length === 0, limit);
    await eventually('its actor is gone', async () => (await stage.view('Gateway shop/gone')) === undefined);
  });

  it('says which listener is missing, and orders nothing', async () => {
    const orders = await stage.orders();
    await stage.apply(
      gateway('shop/closed', httpsListener('closed-tls', { name: 'closed', hostname: 'closed.example.com' })),
    );
    await stage.untilView('Gateway shop/closed', 'it says why', ({ problems }) =>
      problems.some((problem) => /HTTP listener/.test(problem)),
    );
    const { code, output } = await runCommand(
      stage,
      'explain',
      ['gateway', 'shop/closed', '--offline'],
      environment,
    );
    assert.equal(code, 1, output);
    assert.match(output, /PROBLEM +listener for closed\.example\.com/);
    assert.equal(await stage.orders(), orders);
  });

  it('orders nothing when kube-lego is started again', async () => {
    const orders = await stage.orders();
    await stage.controller.stop();
    await stage.startController(environment);
    await stage.untilIssued(
      'Gateway shop/edge',
      'Gateway shop/wild',
      'Gateway shop/new',
      'ListenerSet blog/team',
    );
    assert.equal(await stage.orders(), orders);
  });

  it('has caused no error in the log', async () => {
    const errors = (await stage.log()).filter(({ level }) => level === 'error');
    assert.deepEqual(errors, []);
  });
});
