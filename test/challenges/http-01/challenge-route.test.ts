import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { installGatewayApi, removeGatewayApi } from '../../../deploy/local/gateway-api.ts';
import type { SourceKey } from '../../../machines/ownership/source-key.ts';
import {
  ChallengeRoutes,
  type ChallengeRoutesOptions,
} from '../../../src/challenges/http-01/challenge-route/challenge-route.ts';
import { ChallengeRouteWatch } from '../../../src/challenges/http-01/challenge-route/challenge-route-watch.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import { GatewayWatch } from '../../../src/sources/gateway/gateway-watch.ts';
import { type Clock, systemClock } from '../../../src/time/clock.ts';
import { type ApiWorld, startApiWorld } from '../../kubernetes/api-world.ts';
import { recordedLog } from '../../process/recorded-log.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { GatewayStage, group, listener, type Said } from './gateway-stage.ts';

const thumbprint = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
const limit = 60_000;

/** As a real one does between two readings, by less than any timer counts. */
function goingOn(clock: ManualClock): Clock {
  let passed = 0;
  return {
    now: () => clock.now(),
    monotonic: () => {
      passed += 0.001;
      return clock.monotonic() + passed;
    },
    setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
}

describe('the challenge routes', () => {
  let world: ApiWorld;
  let stage: GatewayStage;
  let clock: ManualClock;
  let stop: AbortController;
  let gateways: GatewayWatch;
  let watch: ChallengeRouteWatch;
  let routes: ChallengeRoutes;
  let errors: unknown[];
  let namespace: string;
  let infra: string;
  let serial = 0;

  before(async () => {
    world = await startApiWorld();
    stage = new GatewayStage(world.admin, world.cluster.adminKubeconfig);
    await installGatewayApi(world.cluster);
  });
  after(async () => {
    await removeGatewayApi(world.cluster);
    await world[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    serial += 1;
    namespace = `lego-${serial}`;
    infra = `infra-${serial}`;
    await world.createNamespace(namespace);
    await world.createNamespace(infra);
    errors = [];
    await begin();
  });
  afterEach(end);

  async function begin(options: Partial<ChallengeRoutesOptions> = {}): Promise<void> {
    clock = new ManualClock();
    stop = new AbortController();
    const { client } = world;
    const { signal } = stop;
    const onError = (error: unknown): number => errors.push(error);
    const config = { annotationKey: 'kubernetes.io/tls-acme', namespace, watchNamespaces: [infra] };
    gateways = new GatewayWatch({ config, client, clock: systemClock, signal, log: recordedLog().log });
    const template = { namespace, serviceName: 'kube-lego', servicePort: 8080, labels: {}, annotations: {} };
    const common = { client, clock: goingOn(clock), signal, template, gateways, onError };
    watch = new ChallengeRouteWatch({ ...common, watchNamespaces: config.watchNamespaces });
    routes = new ChallengeRoutes({
      ...common,
      watch,
      thumbprint: () => thumbprint,
      isHeldBy: () => false,
      ...options,
    });
    gateways.start();
    watch.start();
    routes.start();
    await eventually('all is read', () => gateways.served && watch.synced, limit);
  }

  async function end(): Promise<void> {
    stop.abort();
    await Promise.all([gateways.stopped(), watch.stopped()]);
  }

  /** Turns the clock to what is due within a second, until the condition holds. */
  function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    return eventually(
      what,
      async () => {
        if (await condition()) return true;
        const [next = 0] = clock.pending;
        if (next <= 1000) clock.advance(next);
        return false;
      },
      limit,
    );
  }

  async function now<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    void Promise.allSettled([promise]).then(() => {
      settled = true;
    });
    await until('it is settled', () => settled);
    return promise;
  }

  async function gateway(name: string, listeners: readonly object[]): Promise<void> {
    await stage.gateway(infra, name, listeners);
    const isKnown = () =>
      [...gateways.gateways()].some((one) => one.namespace === infra && one.name === name);
    await eventually('the Gateway is known', isKnown, limit);
  }

  const gatewayKey = (name = 'web'): SourceKey => `Gateway/${infra}/${name}`;

  function acquire(hosts: readonly string[], owner = 'web', key = gatewayKey()) {
    return routes.acquire(
      owner,
      hosts.map((host) => ({ host, gateways: [key] })),
      stop.signal,
    );
  }

  /** Acquires while an implementation says this of each route. */
  async function acquireAs(said: Said, hosts: readonly string[], owner?: string, key?: SourceKey) {
    const spoken = new AbortController();
    const speaking = stage.keepSaying([namespace, infra], said, spoken.signal);
    const refusals = await now(acquire(hosts, owner, key));
    spoken.abort();
    await speaking;
    return refusals;
  }

  const routesIn = (where: string): Promise<readonly unknown[]> => stage.list(stage.path(where));
  const hostnamesIn = async (where: string): Promise<string[]> =>
    (await routesIn(where)).map((route) => arrayField(recordField(route, 'spec'), 'hostnames').join());
  /** What the implementation refuses, which counts after some seconds. */
  async function refusedWith(said: Said): Promise<string | undefined> {
    const refusals = acquireAs(said, ['a.example.com']);
    await until('the refusal is seen', () => clock.pending.some((rest) => rest > 1000 && rest <= 5000));
    clock.advance(5000);
    return (await refusals).get('a.example.com')?.code;
  }

  it('lead a path of the host to the responder, at the one listener, and count when they are accepted', async () => {
    await gateway('web', [
      listener('http'),
      listener('https', { port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'web-tls' }] } }),
    ]);
    const acquired = acquire(['a.example.com']);
    await until('it is written', async () => (await routesIn(namespace)).length === 1);
    const [route] = await routesIn(namespace);
    assert.deepEqual(recordField(route, 'spec'), {
      parentRefs: [{ group, kind: 'Gateway', namespace: infra, name: 'web', sectionName: 'http' }],
      hostnames: ['a.example.com'],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/.well-known/acme-challenge/' } }],
          backendRefs: [{ group: '', kind: 'Service', namespace, name: 'kube-lego', port: 8080, weight: 1 }],
        },
      ],
    });
    assert.equal(watch.answerFor('A.example.com')?.thumbprint, thumbprint);
    let settled = false;
    void acquired.then(() => {
      settled = true;
    });
    await stage.say(namespace, 'kube-lego-challenge-1', { resolvedRefs: 'RefNotPermitted' });
    await eventually('the refusal is known', () =>
      [...gateways.routes()].some((route) => route.ours && route.parents.length > 0),
    );
    assert.equal(settled, false);
    await stage.say(namespace, 'kube-lego-challenge-1', {});
    assert.deepEqual(await now(acquired), new Map());
    assert.deepEqual(errors, []);
  });

  it('are three for 40 hosts, and gone when these are released', async () => {
    await gateway('web', [listener('http')]);
    const hosts = Array.from({ length: 40 }, (_, index) => `h${index}.example.com`);
    assert.deepEqual(await acquireAs({}, hosts), new Map());
    assert.equal((await routesIn(namespace)).length, 3);
    assert.equal((await world.writes(namespace)).length, 3);
    assert.equal(watch.answerFor('h39.example.com')?.thumbprint, thumbprint);
    routes.release('web');
    clock.advance(10_000);
    await until('they are removed', async () => (await routesIn(namespace)).length === 0);
    await until('the responder knows it', () => watch.answerFor('h39.example.com') === undefined);
    assert.equal(routes.leftOver, 0);
  });

  it('are spelt as the site is, also when that changes while they stand', async () => {
    await gateway('web', [listener('http')]);
    await stage.site(infra, 'site', 'web', ['*.example.com']);
    await eventually('the site is known', () => [...gateways.routes()].some(({ ours }) => !ours), limit);
    assert.deepEqual(await acquireAs({}, ['a.example.com', 'b.example.com']), new Map());
    assert.deepEqual(await hostnamesIn(namespace), ['*.example.com']);
    assert.equal(routes.changedAt('web'), undefined);
    await stage.site(infra, 'site', 'web', ['a.example.com']);
    await until('they are spelt anew', async () =>
      (await hostnamesIn(namespace)).includes('a.example.com,b.example.com'),
    );
    assert.notEqual(routes.changedAt('web'), undefined);
  });

  it('are removed at once when a site comes whose other paths they would take, even right after a write', async () => {
    await gateway('web', [listener('http')]);
    assert.deepEqual(await acquireAs({}, ['a.example.com']), new Map());
    routes.release('web');
    await stage.site(infra, 'site', 'web', ['*.example.com']);
    await until('they are removed', async () => (await routesIn(namespace)).length === 0);
  });

  it('are restored when somebody changes or deletes them', async () => {
    await gateway('web', [listener('http')]);
    await acquireAs({}, ['a.example.com']);
    const path = stage.path(namespace, 'kube-lego-challenge-1');
    await stage.change(path, {
      spec: { hostnames: ['b.example.com'] },
      metadata: { labels: { team: 'web' } },
    });
    await until('it is changed back', async () => (await hostnamesIn(namespace)).includes('a.example.com'));
    const labels = recordField(recordField(await stage.api.expect(path), 'metadata'), 'labels');
    assert.equal(stringField(labels, 'team'), 'web');
    await stage.api.expect(path, { method: 'DELETE' });
    await eventually('that is known', () => watch.objects().length === 0);
    await until('it is made again', async () => {
      if (clock.pending.some((rest) => rest <= 5000)) clock.advance(5000);
      return (await hostnamesIn(namespace)).includes('a.example.com');
    });
  });

  it('are in the namespace of the listener if that lets in no others, and told to the responder by a grant', async () => {
    await gateway('web', [listener('http', { allowedRoutes: { namespaces: { from: 'Same' } } })]);
    assert.deepEqual(await acquireAs({}, ['a.example.com']), new Map());
    assert.deepEqual(await hostnamesIn(infra), ['a.example.com']);
    assert.deepEqual(await routesIn(namespace), []);
    const [grant] = await stage.list(stage.grantPath(namespace));
    assert.deepEqual(recordField(grant, 'spec'), {
      from: [{ group, kind: 'HTTPRoute', namespace: infra }],
      to: [{ group: '', kind: 'Service', name: 'kube-lego' }],
    });
    const hosts = { 'kube-lego.io/challenge-hosts': 'victim.example.com,a.example.com' };
    await stage.change(stage.path(infra, 'kube-lego-challenge-1'), { metadata: { annotations: hosts } });
    await eventually('the tenant has changed it', () => watch.objects().some((one) => one.hosts.size === 2));
    assert.equal(watch.answerFor('victim.example.com'), undefined);
    assert.equal(watch.answerFor('a.example.com')?.thumbprint, thumbprint);
    const grantPath = stage.grantPath(namespace, `kube-lego-challenge-${infra}`);
    await stage.api.expect(grantPath, { method: 'DELETE' });
    await until('the grant is made again', async () => {
      if (clock.pending.some((rest) => rest <= 5000)) clock.advance(5000);
      return (await stage.list(stage.grantPath(namespace))).length === 1;
    });
    routes.release('web');
    clock.advance(10_000);
    await until('all is removed', async () => {
      clock.advance(1000);
      return (await routesIn(infra)).length + (await stage.list(stage.grantPath(namespace))).length === 0;
    });
  });

  it('are not written where no listener can carry them: the reason is told at once', async () => {
    await gateway('web', [listener('http', { hostname: '*.example.org' })]);
    const refusals = await now(acquire(['a.example.com']));
    assert.equal(refusals.get('a.example.com')?.code, 'NoHttpListener');
    await gateway('none', [
      listener('http', {
        allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'none' } } } },
      }),
    ]);
    const others = await now(acquire(['a.example.com'], 'other', gatewayKey('none')));
    assert.equal(others.get('a.example.com')?.code, 'ChallengeRouteNotAllowed');
    assert.deepEqual(await world.writes(namespace), []);
  });

  for (const [said, code] of [
    [{ accepted: 'NotAllowedByListeners' }, 'ChallengeRouteNotAllowed'],
    [{ accepted: 'NoMatchingParent' }, 'ChallengeRouteNotAccepted'],
    [{ resolvedRefs: 'RefNotPermitted' }, 'ChallengeRouteNotResolved'],
  ] as const) {
    it(`are refused as ${code} when the Gateway says so for five seconds`, async () => {
      await gateway('web', [listener('http')]);
      assert.equal(await refusedWith(said), code);
    });
  }

  it('are refused after a minute if the Gateway says nothing', async () => {
    await gateway('web', [listener('http')]);
    const acquired = acquire(['a.example.com']);
    await until('it is written', () => watch.objects().length === 1);
    clock.advance(60_000);
    const refusal = (await acquired).get('a.example.com');
    assert.equal(refusal?.code, 'ChallengeRouteNotAccepted');
    assert.match(refusal.message, /^The implementation of Gateway infra-\d+\/web has not said in time/);
  });

  it('of an earlier process are removed after ten seconds, unless they are acquired before', async () => {
    await gateway('web', [listener('http')]);
    await gateway('other', [listener('http', { allowedRoutes: { namespaces: { from: 'Same' } } })]);
    await acquireAs({}, ['a.example.com']);
    await acquireAs({}, ['b.example.com'], 'other', gatewayKey('other'));
    await end();
    await begin();
    await acquireAs({}, ['a.example.com']);
    assert.equal((await routesIn(infra)).length, 1);
    assert.equal(watch.answerFor('b.example.com')?.thumbprint, thumbprint);
    clock.advance(10_000);
    await until('what is left over is removed', async () => (await routesIn(infra)).length === 0);
    await until('and its grant', async () => (await stage.list(stage.grantPath(namespace))).length === 0);
    assert.deepEqual(await hostnamesIn(namespace), ['a.example.com']);
    assert.equal((await world.writes(namespace)).filter(({ verb }) => verb === 'create').length, 2);
  });

  it('are counted as left over if they are still there after a minute', async () => {
    await gateway('web', [listener('http')]);
    await acquireAs({}, ['a.example.com']);
    const path = stage.path(namespace, 'kube-lego-challenge-1');
    await stage.change(path, { metadata: { finalizers: ['example.com/held'] } });
    routes.release('web');
    clock.advance(10_000);
    await until('it is being deleted', () => watch.objects().some(({ deleting }) => deleting));
    assert.equal(routes.leftOver, 0);
    clock.advance(60_000);
    assert.equal(routes.leftOver, 1);
    await stage.change(path, { metadata: { finalizers: null } });
    await until('it is gone', () => routes.leftOver === 0);
  });

  it('are removed at the end, except those that an unfinished order needs', async () => {
    await gateway('web', [listener('http')]);
    await gateway('other', [listener('http', { allowedRoutes: { namespaces: { from: 'Same' } } })]);
    await acquireAs({}, ['a.example.com']);
    await acquireAs({}, ['b.example.com'], 'other', gatewayKey('other'));
    await routes.close((host) => host === 'b.example.com', stop.signal);
    assert.deepEqual(await routesIn(namespace), []);
    assert.deepEqual(await hostnamesIn(infra), ['b.example.com']);
    assert.equal((await stage.list(stage.grantPath(namespace))).length, 1);
  });

  it('leave an HTTPRoute of somebody else alone, whatever its name', async () => {
    await gateway('web', [listener('http')]);
    const name = 'kube-lego-challenge-1';
    await stage.site(namespace, name, 'web', ['site.example.com']);
    await acquireAs({}, ['a.example.com']);
    const names = (await routesIn(namespace)).map((route) => recordField(route, 'metadata')?.['name']);
    assert.deepEqual(names, [name, 'kube-lego-challenge-2']);
    assert.deepEqual((await hostnamesIn(namespace))[0], 'site.example.com');
  });

  it('of a tenant that look like ours are removed fifty at a time, and those with another name not at all', async () => {
    await gateway('web', [listener('http')]);
    const labels = { 'app.kubernetes.io/managed-by': 'kube-lego', 'kube-lego.io/challenge-of': namespace };
    const likeOurs = Array.from({ length: 60 }, (_, index) => `kube-lego-challenge-${index + 1}`);
    const names = ['site', 'kube-lego-challenge-x', ...likeOurs];
    for (const name of names) {
      const body = { apiVersion: `${group}/v1`, kind: 'HTTPRoute', metadata: { name, labels }, spec: {} };
      await stage.api.expect(stage.path(infra), { method: 'POST', body });
    }
    await eventually('they are known', () => watch.objects().length === 60, limit);
    clock.advance(11_000);
    await until('fifty are removed', async () => (await routesIn(infra)).length <= 12);
    await until('the others follow', async () => {
      if (clock.pending.every((rest) => rest > 1000)) clock.advance(10_000);
      return (await routesIn(infra)).length === 2;
    });
  });

  it('are made under another name while a finalizer holds one that is deleted', async () => {
    await gateway('web', [listener('http')]);
    await acquireAs({}, ['a.example.com']);
    const first = stage.path(namespace, 'kube-lego-challenge-1');
    await stage.change(first, { metadata: { finalizers: ['example.com/cleanup'] } });
    routes.release('web');
    clock.advance(10_000);
    await until('it is deleted', async () => {
      const metadata = recordField(await stage.api.expect(first), 'metadata');
      return metadata?.['deletionTimestamp'] !== undefined;
    });
    assert.deepEqual(await acquireAs({}, ['b.example.com']), new Map());
    assert.deepEqual(await hostnamesIn(namespace), ['a.example.com', 'b.example.com']);
    await stage.change(first, { metadata: { finalizers: null } });
  });

  it('are written without the host that a policy refuses', async () => {
    await gateway('web', [listener('http')]);
    await denyHost('evil.example.com');
    const refusals = await acquireAs({}, ['a.example.com', 'b.example.com', 'evil.example.com']);
    assert.deepEqual([...refusals.keys()], ['evil.example.com']);
    const refusal = refusals.get('evil.example.com');
    assert.equal(refusal?.code, 'ChallengeRuleRefused');
    assert.match(refusal.message, /policy "no-evil" of the cluster says: no evil/);
    assert.deepEqual(await hostnamesIn(namespace), ['a.example.com,b.example.com']);
  });

  it('that may not be written say what would help', async () => {
    await end();
    await begin({
      client: {
        call: () => {
          const message = 'httproutes is forbidden: User "lego" cannot create resource "httproutes"';
          return Promise.reject(new KubernetesError('Forbidden', message, { status: 403 }));
        },
      },
    });
    await gateway('web', [listener('http', { allowedRoutes: { namespaces: { from: 'Same' } } })]);
    const refusal = (await now(acquire(['a.example.com']))).get('a.example.com');
    assert.equal(refusal?.code, 'ChallengeRuleRefused');
    assert.match(refusal.remedy ?? '', /deploy\/components\/gateway\/same-namespace/);
  });

  /** In this test's namespace. */
  async function denyHost(host: string): Promise<void> {
    const policies = '/apis/admissionregistration.k8s.io/v1';
    const name = 'no-evil';
    const rule = {
      apiGroups: [group],
      apiVersions: ['*'],
      resources: ['httproutes'],
      operations: ['CREATE', 'UPDATE'],
    };
    const selector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
    await stage.api.expect(`${policies}/validatingadmissionpolicies`, {
      method: 'POST',
      body: {
        metadata: { name },
        spec: {
          failurePolicy: 'Fail',
          matchConstraints: { resourceRules: [rule] },
          validations: [
            { expression: `!('${host}' in object.spec.?hostnames.orValue([]))`, message: 'no evil' },
          ],
        },
      },
    });
    await stage.api.expect(`${policies}/validatingadmissionpolicybindings`, {
      method: 'POST',
      body: {
        metadata: { name },
        spec: {
          policyName: name,
          validationActions: ['Deny'],
          matchResources: { namespaceSelector: selector },
        },
      },
    });
    const probe = {
      apiVersion: `${group}/v1`,
      kind: 'HTTPRoute',
      metadata: { namespace, name: 'probe' },
      spec: { hostnames: [host] },
    };
    await eventually(
      'the policy is in force',
      async () => {
        const answer = await stage.api.request(`${stage.path(namespace)}?dryRun=All`, {
          method: 'POST',
          body: probe,
        });
        return answer.status === 422 || answer.status === 403;
      },
      limit,
    );
  }
});
