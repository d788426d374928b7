import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { type Gate, gate } from '../controller-failures/gate.ts';
import { policy, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { deployFolder } from '../deploy/deployed-cluster.ts';
import { grants, uses } from '../deploy/verbs.ts';
import { ask } from '../local/edge-world.ts';
import { fromAll, listener, manifest, rule } from '../local/gateway-drafts.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored } from './certificate.ts';

const routes = '/apis/gateway.networking.k8s.io/v1/httproutes?labelSelector=kube-lego.io/challenge-of';
const referenceGrants =
  '/apis/gateway.networking.k8s.io/v1/referencegrants?labelSelector=kube-lego.io/challenge-of';
const environment = { LEGO_GATEWAY_API: 'on' };
/** Milliseconds: a check that failed while the objects were applied is repeated after a minute. */
const patience = 130_000;

let stage: Stage;

/** A Gateway whose HTTP listener has the hosts of this domain; kube-lego is to get the certificates of the others. */
function gateway(
  name: string,
  { domain, allowedRoutes = fromAll }: { readonly domain: string; readonly allowedRoutes?: object },
  hosts: Readonly<Record<string, readonly string[]>>,
) {
  const secure = Object.entries(hosts).flatMap(([secret, names]) =>
    names.map((hostname) =>
      listener({
        name: hostname.replaceAll('.', '-'),
        port: 443,
        protocol: 'HTTPS',
        hostname,
        tls: { certificateRefs: [{ name: secret }] },
      }),
    ),
  );
  const object = manifest('Gateway', `infra/${name}`, {
    gatewayClassName: 'edge',
    listeners: [listener({ name: 'http', hostname: `*.${domain}`, allowedRoutes }), ...secure],
  });
  const annotations = { 'kubernetes.io/tls-acme': 'true' };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function site(key: string, gatewayName: string, hostnames: readonly string[], path?: string) {
  return manifest('HTTPRoute', key, {
    parentRefs: [{ namespace: 'infra', name: gatewayName, sectionName: 'http' }],
    hostnames,
    rules: [rule('web:80', path)],
  });
}

async function untilStored(key: string, hosts: readonly string[]): Promise<void> {
  const isStored = async (): Promise<boolean> => {
    const metadata = recordField(await stage.object(secretPath(key)), 'metadata');
    return stringField(recordField(metadata, 'annotations'), 'kube-lego.io/directory') === stage.directoryUrl;
  };
  await stage.guard(eventually(`Secret ${key} holds a certificate`, isStored, patience));
  await assertStored(stage, key, hosts);
}

/** Holds back what the CA says of the hosts of an order: until then its challenges stand. */
function holdOrder(): Gate {
  const held = gate();
  stage.ca.interfere = ({ path, forward }) => (path.startsWith('/authZ/') ? held.pass(forward) : undefined);
  return held;
}

async function list(path: string): Promise<readonly unknown[]> {
  return arrayField(await stage.world.api.expect(path), 'items');
}

/** `NAMESPACE: HOSTNAMES` of the challenge routes. */
async function challengeRoutes(): Promise<string[]> {
  return (await list(routes)).map((route) => {
    const namespace = stringField(recordField(route, 'metadata'), 'namespace') ?? '';
    return `${namespace}: ${arrayField(recordField(route, 'spec'), 'hostnames').join(' ')}`;
  });
}

async function untilCleanedUp(): Promise<void> {
  await eventually(
    'neither challenge route nor ReferenceGrant is left',
    async () => (await list(routes)).length + (await list(referenceGrants)).length === 0,
    patience,
  );
}

describe('the challenges of Gateways', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['infra', 'shop', 'rival'], gatewayApi: true, proxyCa: true });
    await stage.startController(environment);
  });
  afterEach(() => {
    stage.ca.interfere = () => undefined;
  });
  after(() => stage.stop());

  it('are answered at a listener that lets in routes of its own namespace only', async () => {
    const host = 'a.same.example.com';
    const allowedRoutes = { namespaces: { from: 'Same' } };
    await stage.apply(gateway('same', { domain: 'same.example.com', allowedRoutes }, { 'same-tls': [host] }));
    await untilStored('infra/same-tls', [host]);
  });

  it('of 40 hosts are few routes at one listener', async () => {
    const hosts = Array.from({ length: 40 }, (_, index) => `h${index}.many.example.com`);
    const seen: number[] = [];
    const watching = new AbortController();
    const watched = (async () => {
      while (!watching.signal.aborted) {
        seen.push((await challengeRoutes()).filter((route) => route.includes('.many.example.com')).length);
        await pause(50);
      }
    })();
    const held = holdOrder();
    await stage.apply(gateway('many', { domain: 'many.example.com' }, { 'many-tls': hosts }));
    await stage.guard(held.reached);
    await eventually('the routes are seen', () => seen.at(-1) === 3);
    held.open();
    await untilStored('infra/many-tls', hosts);
    watching.abort();
    await watched;
    assert.equal(Math.max(...seen), 3);
  });

  it('take no other path of the host away from a site with a wildcard, also before it is accepted', async () => {
    const host = 'a.wild.example.com';
    const domain = 'wild.example.com';
    const { api, edge } = stage.world;
    const httpRoutes = '/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes';
    const visit = async (): Promise<number> => (await ask(edge.httpPort, { headers: { host } })).status;
    const plain = gateway('wild', { domain }, { 'wild-tls': [host] });
    const route = site('shop/wild', 'wild', [`*.${domain}`]);
    // The edge serves a site before it says so; here it never may.
    const rule = {
      apiGroup: 'gateway.networking.k8s.io',
      resource: 'httproutes/status',
      operations: ['UPDATE'],
    };
    await stage.apply(
      { ...plain, metadata: { namespace: 'infra', name: 'wild' } },
      ...policy('silence', rule, "object.metadata.namespace != 'shop'", 'nothing is said'),
      site('shop/silent', 'wild', [`silent.${domain}`]),
    );
    await eventually('nothing can be said of routes', async () => {
      const body = { status: { parents: [] } };
      const options = { method: 'PATCH', contentType: 'application/merge-patch+json', body } as const;
      return (await api.request(`${httpRoutes}/silent/status?dryRun=All`, options)).status === 422;
    });
    await stage.apply(route);
    await eventually('the site is served', async () => (await visit()) === 200, patience);

    const failed: number[] = [];
    const seen = new Set<string>();
    const probing = new AbortController();
    const probed = (async () => {
      while (!probing.signal.aborted) {
        const status = await visit();
        if (status !== 200) failed.push(status);
        for (const route of await challengeRoutes()) seen.add(route);
      }
    })();
    const held = holdOrder();
    await api.expect('/apis/gateway.networking.k8s.io/v1/namespaces/infra/gateways/wild', {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { 'kubernetes.io/tls-acme': 'true' } } },
    });
    await stage.guard(held.reached);
    await eventually('the challenge route is seen', () => seen.size > 0);
    held.open();
    await untilStored('infra/wild-tls', [host]);
    probing.abort();
    await probed;
    assert.deepEqual(failed, []);
    assert.ok(seen.has(`kube-lego: *.${domain}`), [...seen].join());
    assert.ok(![...seen].some((route) => route.includes(host)));
    const { status } = (await stage.object(`${httpRoutes}/wild`)) ?? {};
    assert.equal(status, undefined);
    const path = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/silence';
    await api.expect(path, { method: 'DELETE' });
  });

  it('of a ListenerSet whose own HTTP listener is in conflict are answered at its Gateway', async () => {
    const domain = 'set.example.com';
    const host = `a.${domain}`;
    const { metadata, ...object } = gateway('shared', { domain }, {});
    const allowedListeners = { namespaces: { from: 'All' } };
    const set = manifest('ListenerSet', 'shop/set', {
      parentRef: { namespace: 'infra', name: 'shared' },
      listeners: [
        listener({ name: 'http', hostname: `*.${domain}`, allowedRoutes: fromAll }),
        listener({
          name: 'https',
          port: 443,
          protocol: 'HTTPS',
          hostname: host,
          tls: { certificateRefs: [{ name: 'set-tls' }] },
        }),
      ],
    });
    const spec = { ...recordField(object, 'spec'), allowedListeners };
    await stage.apply(
      { ...object, metadata: { namespace: 'infra', name: 'shared' }, spec },
      { ...set, metadata: { ...set.metadata, annotations: metadata.annotations } },
    );
    await untilStored('shop/set-tls', [host]);
  });

  it('are taken over by a tenant for the host of its own route only, and nothing stays after a crash', async () => {
    const domain = 'attacked.example.com';
    const [victim, taken] = [`a.${domain}`, `b.${domain}`];
    await stage.apply(
      { ...gateway('attacked', { domain }, {}), metadata: { namespace: 'infra', name: 'attacked' } },
      site('shop/attacked', 'attacked', [`*.${domain}`]),
      // As specific as a challenge route, and older.
      site('rival/attack', 'attacked', [taken], '/.well-known/acme-challenge'),
    );
    const path = '/.well-known/acme-challenge/0123456789abcdef';
    await eventually(
      'the attack is in force',
      async () => (await ask(stage.world.edge.httpPort, { path, headers: { host: taken } })).status === 200,
      patience,
    );
    await stage.apply(gateway('attacked', { domain }, { 'victim-tls': [victim], 'taken-tls': [taken] }));
    await untilStored('infra/victim-tls', [victim]);
    const isStanding = async (): Promise<boolean> =>
      (await list(routes)).some((route) => {
        const annotations = recordField(recordField(route, 'metadata'), 'annotations');
        return stringField(annotations, 'kube-lego.io/challenge-hosts')?.split(',').includes(taken) === true;
      });
    await eventually('the challenge of the other host stands', isStanding, patience);

    const orders = await stage.orders();
    await stage.controller.kill();
    assert.equal(await isStanding(), true);
    await stage.world.api.expect('/apis/gateway.networking.k8s.io/v1/namespaces/infra/gateways/attacked', {
      method: 'DELETE',
    });
    await stage.startController(environment);
    await untilCleanedUp();
    assert.equal(await stage.orders(), orders);
  });

  it('use each verb that the components grant', async () => {
    const component = join(deployFolder, 'components/gateway');
    const roles = ['cluster-role.yaml', 'own', 'same-namespace/cluster-role.yaml'];
    const others = [
      // There are none in this version of Gateway API.
      /xlistenersets/,
      // By the responder's refresh, and with chosen namespaces; the ClusterRole grants it besides.
      /^(?:list|watch) httproutes in its own namespace/,
      // What others change, and what joins or leaves a route that stands: test/challenges/http-01/challenge-route.test.ts.
      /^patch (?:httproutes|referencegrants)/,
    ];
    const granted = await grants(roles.map((path) => join(component, path)));
    let unused: readonly string[] = [];
    // The end of a request is in the audit log a moment later.
    await eventually('each is used', async () => {
      const used = await uses(stage.world.cluster.auditLog);
      unused = granted.filter((grant) => !used.has(grant) && !others.some((other) => other.test(grant)));
      return unused.length === 0;
    }).catch(() => undefined);
    assert.deepEqual(unused, []);
  });
});
