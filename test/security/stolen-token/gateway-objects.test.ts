import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { installGatewayApi, removeGatewayApi } from '../../../deploy/local/gateway-api.ts';
import type { PlannedRoute } from '../../../machines/gateway/challenge-route-plan.ts';
import {
  bodyOf,
  ownerLabel,
  type WantedObject,
  wantedGrant,
  wantedRoute,
} from '../../../src/challenges/http-01/challenge-route/challenge-route-manifest.ts';
import { recordField } from '../../../src/process/json.ts';
import { assertDone, assertForbidden, assertRefused } from '../../deploy/deployed-cluster.ts';
import { finalizers, ours, ownerReferences, Thief } from './thief.ts';

const group = 'gateway.networking.k8s.io';
const path = (namespace: string, resource: string): string =>
  `/apis/${group}/v1/namespaces/${namespace}/${resource}`;
const ownRoutes = path('kube-lego', 'httproutes');
const routes = path('team-a', 'httproutes');
const grants = path('kube-lego', 'referencegrants');
const gateways = path('team-a', 'gateways');
const thumbprint = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
const template = {
  namespace: 'kube-lego',
  serviceName: 'kube-lego',
  servicePort: 8080,
  labels: {},
  annotations: {},
};
const collection = { apiVersion: `${group}/v1`, resource: 'any' };

const plan = (namespace: string, hostname: string, number = 1): PlannedRoute => ({
  namespace,
  name: `kube-lego-challenge-${number}`,
  listeners: [{ kind: 'Gateway', namespace: 'team-a', name: 'web', sectionName: 'http' }],
  hostnames: [hostname],
  hosts: [hostname],
});
const bodyFor = (wanted: WantedObject): object => bodyOf(wanted, collection);
/** As kube-lego writes it. */
const challengeRoute = (namespace: string, hostname = 'a.example.com', number = 1): object =>
  bodyFor(wantedRoute(template, plan(namespace, hostname, number), thumbprint, undefined));
const grant = bodyFor(wantedGrant(template, 'team-a', ['a.example.com'], thumbprint));

const gateway = {
  apiVersion: `${group}/v1`,
  kind: 'Gateway',
  metadata: { name: 'web', namespace: 'team-a' },
  spec: { gatewayClassName: 'edge', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
};

/** The same with another spec. */
function changed(object: object, spec: object): object {
  return { ...object, spec: { ...recordField(object, 'spec'), ...spec } };
}

/** The same with other metadata. */
function named(object: object, metadata: object): object {
  return { ...object, metadata: { ...recordField(object, 'metadata'), ...metadata } };
}

let thief: Thief;

before(async () => {
  thief = await Thief.enter();
  await installGatewayApi(thief.cluster.access);
  await thief.given(gateways, gateway);
});
after(async () => {
  await removeGatewayApi(thief.cluster.access);
  await thief[Symbol.asyncDispose]();
});

describe('with the roles of deploy/base alone, a stolen token', () => {
  it('reads and writes nothing of Gateway API', async () => {
    for (const all of [ownRoutes, routes, grants, gateways]) assertForbidden(await thief.send('GET', all));
    assertForbidden(await thief.create(ownRoutes, challengeRoute('kube-lego')));
    assertForbidden(
      await thief.patch(`${gateways}/web`, { metadata: { annotations: { 'kube-lego.io/status': '{}' } } }),
    );
  });
});

describe('with a stolen token and deploy/components/gateway', () => {
  const match = { path: { type: 'PathPrefix', value: '/.well-known/acme-challenge/' } };
  const backend = {
    group: '',
    kind: 'Service',
    namespace: 'kube-lego',
    name: 'kube-lego',
    port: 8080,
    weight: 1,
  };

  before(async () => {
    await thief.cluster.apply('components/gateway/cluster-role.yaml');
    await thief.cluster.apply('components/gateway/own');
    await thief.untilPermitted({ verb: 'patch', group, resource: 'gateways', namespace: 'team-a' });
    await thief.untilPermitted({ verb: 'create', group, resource: 'httproutes', namespace: 'kube-lego' });
  });

  it('challenge routes and their ReferenceGrants may be written in the own namespace', async () => {
    assertDone(await thief.create(ownRoutes, challengeRoute('kube-lego')));
    assertDone(
      await thief.patch(`${ownRoutes}/kube-lego-challenge-1`, challengeRoute('kube-lego', 'b.example.com')),
    );
    assertDone(await thief.send('DELETE', `${ownRoutes}/kube-lego-challenge-1`));
    assertDone(await thief.create(grants, grant));
    assertDone(await thief.send('DELETE', `${grants}/kube-lego-challenge-team-a`));
  });

  it('Gateways, ListenerSets, routes and grants of all namespaces are seen, and none is written', async () => {
    for (const resource of ['gateways', 'listenersets', 'httproutes', 'referencegrants']) {
      assertDone(await thief.send('GET', `/apis/${group}/v1/${resource}`));
      assertForbidden(await thief.send('DELETE', `${path('team-a', resource)}/web`));
    }
    assertForbidden(await thief.create(routes, challengeRoute('team-a')));
    assertForbidden(await thief.create(gateways, gateway));
    assertForbidden(await thief.create(path('team-a', 'referencegrants'), grant));
  });

  it('nothing but the status annotation of a Gateway may be changed', async () => {
    const change = (body: object) => thief.patch(`${gateways}/web`, body);
    assertDone(await change({ metadata: { annotations: { 'kube-lego.io/status': '{}' } } }));
    assertRefused(
      await change({ metadata: { annotations: { 'example.com/note': '' } } }),
      /only the annotation kube-lego\.io\/status of a Gateway/,
    );
    assertRefused(
      await change({ metadata: { labels: { team: 'x' } } }),
      /changes only annotations of a Gateway/,
    );
    assertRefused(
      await change({ spec: { gatewayClassName: 'other' } }),
      /changes only annotations of a Gateway/,
    );
    assertForbidden(await thief.patch(`${gateways}/web/status`, { status: {} }));
  });

  const attempts: Readonly<Record<string, [object, RegExp]>> = {
    'of all paths': [{ rules: [{ backendRefs: [backend] }] }, /only with the one path/],
    'of another path besides': [
      { rules: [{ matches: [match, { path: { type: 'PathPrefix', value: '/' } }], backendRefs: [backend] }] },
      /only with the one path/,
    ],
    'of requests with a header': [
      { rules: [{ matches: [{ ...match, headers: [{ name: 'a', value: 'b' }] }], backendRefs: [backend] }] },
      /only with the one path/,
    ],
    'that redirects': [
      {
        rules: [
          {
            matches: [match],
            filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'evil.example' } }],
          },
        ],
      },
      /only with the one path/,
    ],
    'to another Service': [
      { rules: [{ matches: [match], backendRefs: [{ ...backend, name: 'evil' }] }] },
      /the backend of a challenge route is the Service/,
    ],
    'to a Service of another namespace': [
      { rules: [{ matches: [match], backendRefs: [{ ...backend, namespace: 'team-a' }] }] },
      /the backend of a challenge route is the Service/,
    ],
    'at all listeners of a Gateway': [
      { parentRefs: [{ name: 'web', namespace: 'team-a' }] },
      /each parent of a challenge route is a listener/,
    ],
    'in a mesh': [
      { parentRefs: [{ group: '', kind: 'Service', name: 'shop', namespace: 'team-a' }] },
      /each parent of a challenge route is a listener/,
    ],
  };
  for (const [what, [spec, message]] of Object.entries(attempts)) {
    it(`a route ${what} may not be created`, async () => {
      assertRefused(await thief.create(ownRoutes, changed(challengeRoute('kube-lego'), spec)), message);
    });
  }

  const others: Readonly<Record<string, [object, RegExp]>> = {
    'of another name': [{ name: 'shop' }, /only HTTPRoutes named kube-lego-challenge-N/],
    'without our labels': [{ labels: ours }, /has the labels/],
    'of another kube-lego': [{ labels: { ...ours, [ownerLabel]: 'other' } }, /has the labels/],
    'with a label of its own': [{ labels: { ...ours, [ownerLabel]: 'kube-lego', team: 'x' } }, /not team/],
    'with an annotation of its own': [
      { annotations: { 'example.com/policy': 'off' } },
      /not example\.com\/policy/,
    ],
    'with a finalizer': [{ finalizers }, /sets no generateName/],
    'with an owner': [{ ownerReferences }, /sets no generateName/],
  };
  for (const [what, [metadata, message]] of Object.entries(others)) {
    it(`a route ${what} may not be created`, async () => {
      assertRefused(await thief.create(ownRoutes, named(challengeRoute('kube-lego'), metadata)), message);
    });
  }

  it('a route of others may be neither changed nor deleted, whatever its name', async () => {
    const site = named(challengeRoute('kube-lego', 'site.example.com', 7), { labels: {}, annotations: {} });
    await thief.given(ownRoutes, site);
    const other = `${ownRoutes}/kube-lego-challenge-7`;
    assertRefused(
      await thief.patch(other, challengeRoute('kube-lego', 'a.example.com', 7)),
      /with its labels/,
    );
    assertRefused(await thief.send('DELETE', other), /with its labels/);
  });

  it('a ReferenceGrant lets nothing but routes of the namespace in its name lead to our Service', async () => {
    const from = { group, kind: 'HTTPRoute', namespace: 'team-a' };
    const to = { group: '', kind: 'Service', name: 'kube-lego' };
    for (const spec of [
      { to: [{ group: '', kind: 'Secret' }] },
      { to: [{ group: '', kind: 'Service' }] },
      { to: [to, { group: '', kind: 'Secret' }] },
      { from: [from, { ...from, namespace: 'team-b' }] },
      { from: [{ ...from, namespace: 'team-b' }] },
      { from: [{ ...from, kind: 'Gateway' }] },
    ]) {
      assertRefused(await thief.create(grants, changed(grant, spec)), /lets HTTPRoutes of the one namespace/);
    }
    assertRefused(await thief.create(grants, named(grant, { name: 'other' })), /only ReferenceGrants named/);
  });
});

describe('with a stolen token and same-namespace as well', () => {
  before(async () => {
    await thief.cluster.apply('components/gateway/same-namespace/cluster-role.yaml');
    await thief.untilPermitted({ verb: 'create', group, resource: 'httproutes', namespace: 'team-a' });
  });

  it('challenge routes may be written in any namespace, and no others', async () => {
    assertDone(await thief.create(routes, challengeRoute('team-a')));
    assertDone(
      await thief.patch(`${routes}/kube-lego-challenge-1`, challengeRoute('team-a', 'b.example.com')),
    );
    assertDone(await thief.send('DELETE', `${routes}/kube-lego-challenge-1`));
    await thief.given(routes, named(challengeRoute('team-a'), { name: 'shop', labels: ours }));
    assertRefused(await thief.send('DELETE', `${routes}/shop`), /named kube-lego-challenge-N/);
    assertRefused(
      await thief.create(routes, changed(challengeRoute('team-a'), { rules: [{}] })),
      /the one path/,
    );
    const { status } = await thief.patch(`${routes}/shop/status`, { status: { parents: [] } });
    assert.equal(status, 403);
  });
});
