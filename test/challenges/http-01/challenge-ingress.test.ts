import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type Cluster, startCluster } from '../../../deploy/local/cluster.ts';
import type { IngressClassReference } from '../../../machines/ownership/source-spec.ts';
import {
  ChallengeIngresses,
  type ChallengeIngressOptions,
  RuleRefusedError,
} from '../../../src/challenges/http-01/challenge-ingress/challenge-ingress.ts';
import type { KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import { type ApiWorld, startApiWorld } from '../../kubernetes/api-world.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';

const nginx: IngressClassReference = { form: 'field', name: 'nginx' };
const traefik: IngressClassReference = { form: 'field', name: 'traefik' };
const haproxyByAnnotation: IngressClassReference = { form: 'annotation', name: 'haproxy' };
const noClass: IngressClassReference = { form: 'none' };

describe('the challenge Ingress', () => {
  let cluster: Cluster;
  let world: ApiWorld;
  let clock: ManualClock;
  let stop: AbortController;
  let challenges: ChallengeIngresses;
  let errors: unknown[];
  let namespace: string;
  let serial = 0;

  before(async () => {
    cluster = await startCluster();
    world = await startApiWorld(cluster);
  });
  after(() => world[Symbol.asyncDispose]());

  beforeEach(async () => {
    namespace = `lego-${++serial}`;
    await world.createNamespace(namespace);
    clock = new ManualClock();
    stop = new AbortController();
    errors = [];
    challenges = create();
  });
  afterEach(() => stop.abort());

  function create(options: Partial<ChallengeIngressOptions> = {}): ChallengeIngresses {
    return new ChallengeIngresses({
      client: world.client,
      clock,
      signal: stop.signal,
      namespace,
      serviceName: 'kube-lego',
      servicePort: 8080,
      onError: (error) => errors.push(error),
      ...options,
    });
  }

  /** Turns the clock by nothing until the promise settles: what is due now happens, what is due later does not. */
  async function now<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    void Promise.allSettled([promise]).then(() => {
      settled = true;
    });
    await eventually('it happens without waiting', () => {
      clock.advance(0);
      return settled;
    });
    return promise;
  }

  const acquire = (owner: string, host: string, ingressClass: IngressClassReference = nginx): Promise<void> =>
    now(challenges.acquire(owner, [{ host, ingressClass }], stop.signal));

  const path = (name = ''): string => `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses/${name}`;

  /** The client under test, with something in the way of its calls. */
  function callingThrough(call: KubernetesClient['call']): KubernetesClient {
    const { client } = world;
    return {
      core: client.core,
      networking: client.networking,
      call,
      stream: (...parameters) => client.stream(...parameters),
      mergePatch: (...parameters) => client.mergePatch(...parameters),
      close: () => client.close(),
    };
  }

  async function rules(): Promise<Record<string, string[]>> {
    const list = await world.admin.expect(path());
    return Object.fromEntries(
      arrayField(list, 'items').map((object) => [
        stringField(recordField(object, 'metadata'), 'name') ?? '',
        arrayField(recordField(object, 'spec'), 'rules').map((rule) => stringField(rule, 'host') ?? ''),
      ]),
    );
  }

  const verbs = async (): Promise<string[]> => (await world.writes(namespace)).map(({ verb }) => verb);

  it('is created at once, with one rule for the challenge path and nothing else', async () => {
    await acquire('shop/tls', 'Shop.Example.');
    const object = await world.admin.expect(path('kube-lego'));
    assert.deepEqual(recordField(object, 'spec'), {
      ingressClassName: 'nginx',
      rules: [
        {
          host: 'shop.example',
          http: {
            paths: [
              {
                path: '/.well-known/acme-challenge/',
                pathType: 'ImplementationSpecific',
                backend: { service: { name: 'kube-lego', port: { number: 8080 } } },
              },
            ],
          },
        },
      ],
    });
    const metadata = recordField(object, 'metadata');
    assert.equal(stringField(recordField(metadata, 'labels'), 'app.kubernetes.io/managed-by'), 'kube-lego');
    const annotations = recordField(metadata, 'annotations');
    assert.equal(stringField(annotations, 'nginx.ingress.kubernetes.io/ssl-redirect'), 'false');
    assert.equal(
      stringField(annotations, 'nginx.ingress.kubernetes.io/whitelist-source-range'),
      '0.0.0.0/0,::/0',
    );
    assert.equal(challenges.has('SHOP.example'), true);
    assert.equal(challenges.has('other.example'), false);
  });

  it('carries configured annotations and path types', async () => {
    challenges = create({
      annotations: { 'haproxy.org/ssl-redirect': 'true', 'example/x': 'y' },
      pathType: () => 'Prefix',
    });
    await acquire('a', 'a.example');
    const object = await world.admin.expect(path('kube-lego'));
    const annotations = recordField(recordField(object, 'metadata'), 'annotations');
    assert.equal(annotations?.['example/x'], 'y');
    assert.equal(annotations?.['haproxy.org/ssl-redirect'], 'true');
    assert.match(JSON.stringify(object), /"pathType":"Prefix"/);
  });

  it('is written at most once a second, and 200 hosts at once cost at most 6 writes in all', async () => {
    await acquire('first', 'first.example');
    const owners = Array.from({ length: 199 }, (_, i) => `owner-${i}`);
    const all = owners.map((owner) =>
      challenges.acquire(owner, [{ host: `${owner}.example`, ingressClass: nginx }], stop.signal),
    );
    clock.advance(999);
    assert.deepEqual(await verbs(), ['create']);
    clock.advance(1);
    await now(Promise.all(all));
    for (const owner of ['first', ...owners]) {
      clock.advance(30);
      challenges.release(owner);
    }
    assert.equal(challenges.has('first.example'), true);
    clock.advance(10_000);
    await eventually('it is deleted', async () => Object.keys(await rules()).length === 0);
    assert.deepEqual(await verbs(), ['create', 'update', 'delete']);
    assert.equal(challenges.has('first.example'), false);
  });

  it('loses released hosts with the next write', async () => {
    await acquire('a', 'a.example');
    challenges.release('a');
    clock.advance(1000);
    await acquire('b', 'b.example');
    assert.deepEqual(await rules(), { 'kube-lego': ['b.example'] });
    assert.deepEqual(await verbs(), ['create', 'update']);
  });

  it('needs no write for a host that is still there', async () => {
    await acquire('a', 'a.example');
    challenges.release('a');
    await acquire('again', 'a.example');
    clock.advance(60_000);
    assert.deepEqual(await verbs(), ['create']);
  });

  it('keeps a host until the last of its owners releases it', async () => {
    await acquire('a', 'shared.example');
    await acquire('b', 'shared.example');
    await acquire('c', 'shared.example');
    challenges.release('a');
    challenges.release('b');
    clock.advance(60_000);
    await acquire('d', 'other.example');
    assert.deepEqual(await rules(), { 'kube-lego': ['other.example', 'shared.example'] });
    challenges.release('c');
    clock.advance(60_000);
    await eventually('it is out', async () => (await rules())['kube-lego']?.length === 1);
  });

  it('replaces what an owner held when it asks anew', async () => {
    await acquire('a', 'old.example');
    clock.advance(1000);
    await acquire('a', 'new.example');
    assert.deepEqual(await rules(), { 'kube-lego': ['new.example'] });
  });

  it('has one object for each class, named in the form that the user chose', async () => {
    await acquire('a', 'a.example', nginx);
    await acquire('b', 'b.example', traefik);
    await acquire('c', 'c.example', haproxyByAnnotation);
    await acquire('d', 'd.example', noClass);
    assert.deepEqual(await rules(), {
      'kube-lego': ['a.example'],
      'kube-lego-default': ['d.example'],
      'kube-lego-haproxy': ['c.example'],
      'kube-lego-traefik': ['b.example'],
    });
    const byAnnotation = await world.admin.expect(path('kube-lego-haproxy'));
    assert.equal(recordField(byAnnotation, 'spec')?.['ingressClassName'], undefined);
    const annotations = recordField(recordField(byAnnotation, 'metadata'), 'annotations');
    assert.equal(annotations?.['kubernetes.io/ingress.class'], 'haproxy');
  });

  it('is split by size', async () => {
    challenges = create({ maxRules: 2 });
    const hosts = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ host: `${name}.example`, ingressClass: nginx }));
    await now(challenges.acquire('all', hosts, stop.signal));
    assert.deepEqual(await rules(), {
      'kube-lego': ['a.example', 'b.example'],
      'kube-lego-nginx': ['c.example', 'd.example'],
      'kube-lego-nginx-2': ['e.example'],
    });
  });

  it('leaves out the one host that the API server refuses, and names it', async () => {
    const good = Array.from({ length: 20 }, (_, i) => ({ host: `good-${i}.example`, ingressClass: nginx }));
    const ofGood = challenges.acquire('good', good, stop.signal);
    const ofBad = challenges.acquire('bad', [{ host: 'bad_name.example', ingressClass: nginx }], stop.signal);
    await assert.rejects(now(ofBad), (error) => {
      assert(error instanceof RuleRefusedError);
      assert.equal(error.host, 'bad_name.example');
      assert.match(error.message, /bad_name\.example: .*422 Invalid: .*RFC 1123/);
      return true;
    });
    await now(ofGood);
    assert.equal((await rules())['kube-lego']?.length, 20);
    const accepted = (await world.writes(namespace)).filter(({ status }) => status < 300);
    assert.deepEqual(
      accepted.map(({ verb }) => verb),
      ['create'],
    );
  });

  it('leaves out the host that a policy refuses, also in an object that exists', async () => {
    await refuseHost(world, 'forbidden.example');
    await acquire('a', 'a.example');
    clock.advance(1000);
    const b = challenges.acquire('b', [{ host: 'b.example', ingressClass: nginx }], stop.signal);
    const hosts = ['c.example', 'forbidden.example'].map((host) => ({ host, ingressClass: nginx }));
    const bad = challenges.acquire('bad', hosts, stop.signal);
    await assert.rejects(now(bad), (error) => {
      assert(error instanceof RuleRefusedError);
      assert.equal(error.host, 'forbidden.example');
      assert.match(error.message, /this host is not for kube-lego/);
      return true;
    });
    await now(b);
    assert.deepEqual(await rules(), { 'kube-lego': ['a.example', 'b.example'] });
  });

  it('refuses a rule without host', async () => {
    await assert.rejects(
      challenges.acquire('a', [{ host: '.', ingressClass: nginx }], stop.signal),
      RuleRefusedError,
    );
    assert.deepEqual(await verbs(), []);
  });

  it('holds nothing for an owner whose signal is aborted', async () => {
    const abort = new AbortController();
    const waiting = challenges.acquire('a', [{ host: 'a.example', ingressClass: nginx }], abort.signal);
    abort.abort(new Error('changed'));
    await assert.rejects(waiting, /changed/);
    clock.advance(60_000);
    await acquire('b', 'b.example');
    assert.deepEqual(await rules(), { 'kube-lego': ['b.example'] });
  });

  it('is made again when somebody deletes it, and put right when somebody edits it', async () => {
    challenges.start();
    await eventually('it is synced', () => challenges.synced);
    await acquire('a', 'a.example');
    clock.advance(60_000);
    await world.admin.expect(path('kube-lego'), { method: 'DELETE' });
    await eventually('it is back', async () => {
      clock.advance(1000);
      return Object.hasOwn(await rules(), 'kube-lego');
    });
    clock.advance(60_000);
    const patch = {
      spec: { rules: [{ host: 'evil.example' }] },
      metadata: { annotations: { 'their/own': 'stays' } },
    };
    await world.admin.expect(path('kube-lego'), {
      method: 'PATCH',
      body: patch,
      contentType: 'application/merge-patch+json',
    });
    await eventually('it is right again', async () => {
      clock.advance(1000);
      return (await rules())['kube-lego']?.join() === 'a.example';
    });
    const repaired = await world.admin.expect(path('kube-lego'));
    assert.equal(recordField(recordField(repaired, 'metadata'), 'annotations')?.['their/own'], 'stays');
    assert.deepEqual(errors, []);
  });

  it('is made again when somebody deletes it before the answer to its writing has come', async () => {
    const answer = Promise.withResolvers<void>();
    challenges = create({
      client: callingThrough(async (signal, work) => {
        const result = await world.client.call(signal, work);
        await answer.promise;
        return result;
      }),
    });
    challenges.start();
    await eventually('it is synced', () => challenges.synced);
    await acquire('a', 'a.example');
    await world.admin.expect(path('kube-lego'), { method: 'DELETE' });
    await eventually('the watch has told of it', () => !challenges.has('a.example'));
    answer.resolve();
    await eventually('it is back', async () => {
      clock.advance(1000);
      return Object.hasOwn(await rules(), 'kube-lego');
    });
    await eventually('it is known', () => challenges.has('a.example'));
  });

  it('is not written because a controller reports a status or adds annotations', async () => {
    challenges.start();
    await acquire('a', 'a.example');
    await world.admin.expect(path('kube-lego/status'), {
      method: 'PATCH',
      body: { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } },
      contentType: 'application/merge-patch+json',
    });
    const annotated = await world.admin.expect(path('kube-lego'), {
      method: 'PATCH',
      body: { metadata: { annotations: { 'their/own': 'x' }, finalizers: ['example.com/theirs'] } },
      contentType: 'application/merge-patch+json',
    });
    const version = Number(stringField(recordField(annotated, 'metadata'), 'resourceVersion'));
    await eventually('the watch is up to date', () => Number(challenges.state.resourceVersion) >= version);
    clock.advance(5000);
    await acquire('b', 'b.example');
    assert.deepEqual(await verbs(), ['create', 'update']);
    const updated = await world.admin.expect(path('kube-lego'));
    assert.deepEqual(recordField(updated, 'metadata')?.['finalizers'], ['example.com/theirs']);
  });

  it('of a former process is taken over where it is needed, and taken away where it is not', async () => {
    await acquire('a', 'a.example', nginx);
    await acquire('b', 'b.example', traefik);
    stop.abort();
    stop = new AbortController();
    challenges = create();
    challenges.start();
    await eventually('it is synced', () => challenges.synced);
    assert.equal(challenges.has('b.example'), true);
    await acquire('a', 'a.example', nginx);
    clock.advance(10_000);
    await eventually('the other is gone', async () => Object.keys(await rules()).join() === 'kube-lego');
    assert.equal(challenges.has('a.example'), true);
    assert.equal(challenges.has('b.example'), false);
  });

  it('takes the place of the one that the kube-lego of 2016 left, and touches no other', async () => {
    const backend = { service: { name: 'x', port: { number: 80 } } };
    const make = (name: string, paths: string[]): Promise<unknown> =>
      world.admin.expect(path(), {
        method: 'POST',
        body: {
          metadata: { name },
          spec: {
            rules: [
              {
                host: 'a.example',
                http: { paths: paths.map((at) => ({ path: at, pathType: 'Prefix', backend })) },
              },
            ],
          },
        },
      });
    await make('kube-lego-nginx', ['/.well-known/acme-challenge']);
    await make('another', ['/.well-known/acme-challenge', '/']);
    challenges = create({ leftoverNames: ['kube-lego-nginx', 'another'] });
    challenges.start();
    await eventually('it is gone', async () => Object.keys(await rules()).join() === 'another');
  });

  it('takes the place of the one of 2016 although that fails at first', async () => {
    const backend = { service: { name: 'x', port: { number: 80 } } };
    const paths = [{ path: '/.well-known/acme-challenge', pathType: 'Prefix', backend }];
    const spec = { rules: [{ host: 'a.example', http: { paths } }] };
    await world.admin.expect(path(), {
      method: 'POST',
      body: { metadata: { name: 'kube-lego-nginx' }, spec },
    });
    challenges = create({
      client: callingThrough((signal, work) =>
        errors.length < 2
          ? Promise.reject(new KubernetesError('ServerError', 'the API server is overloaded'))
          : world.client.call(signal, work),
      ),
    });
    challenges.start();
    for (const [index, pause] of [1000, 2000].entries()) {
      await eventually('it failed', () => errors.length === index + 1);
      await eventually('it is tried again', () => clock.pending.includes(pause));
      clock.advance(pause);
    }
    await eventually('it is gone', async () => Object.keys(await rules()).length === 0);
  });

  it("is not somebody's site, whatever its name and label", async () => {
    const backend = { service: { name: 'site', port: { number: 80 } } };
    const at = (path: string): object => ({ path, pathType: 'Prefix', backend });
    const make = (name: string, spec: object): Promise<unknown> => {
      const labels = { 'app.kubernetes.io/managed-by': 'kube-lego' };
      return world.admin.expect(path(), { method: 'POST', body: { metadata: { name, labels }, spec } });
    };
    const http = { paths: [at('/.well-known/acme-challenge/'), at('/')] };
    await make('kube-lego', { rules: [{ host: 'site.example', http }] });
    const challenge = { paths: [at('/.well-known/acme-challenge/')] };
    await make('fallback', {
      defaultBackend: backend,
      rules: [{ host: 'fallback.example', http: challenge }],
    });
    challenges.start();
    await eventually('it is synced', () => challenges.synced);
    await acquire('a', 'a.example');
    clock.advance(1000);
    await now(challenges.refresh());
    challenges.release('a');
    await eventually('ours is gone', async () => {
      clock.advance(10_000);
      return !Object.hasOwn(await rules(), 'kube-lego-nginx');
    });
    assert.deepEqual(await rules(), { fallback: ['fallback.example'], 'kube-lego': ['site.example'] });
    assert.deepEqual(
      ['site.example', 'fallback.example'].map((host) => challenges.has(host)),
      [false, false],
    );
  });

  it("goes to another name when somebody else's Ingress bears its own", async () => {
    const spec = { rules: [{ host: 'theirs.example' }] };
    await world.admin.expect(path(), { method: 'POST', body: { metadata: { name: 'kube-lego' }, spec } });
    await acquire('a', 'a.example');
    assert.deepEqual(await rules(), { 'kube-lego': ['theirs.example'], 'kube-lego-nginx': ['a.example'] });
  });

  it('is found by a refresh when the watch has not told of it', async () => {
    const other = create();
    await acquire('a', 'a.example');
    assert.equal(other.has('a.example'), false);
    await now(Promise.all([other.refresh(), other.refresh(), other.refresh()]));
    assert.equal(other.has('a.example'), true);
    let again = false;
    const second = other.refresh().then(() => {
      again = true;
    });
    clock.advance(999);
    await eventually('the clock is waited for', () => clock.pending.includes(1));
    assert.equal(again, false);
    clock.advance(1);
    await second;
  });

  it('is taken away at once at the end of the process', async () => {
    await acquire('a', 'a.example');
    await challenges.removeAll(AbortSignal.timeout(5000));
    assert.deepEqual(await rules(), {});
    assert.equal(challenges.has('a.example'), false);
  });

  it('is written when the API server comes back', async () => {
    challenges.start();
    await eventually('it is synced', () => challenges.synced);
    await cluster.stopApiServer();
    const waiting = challenges.acquire('a', [{ host: 'a.example', ingressClass: nginx }], stop.signal);
    clock.advance(0);
    await eventually('a write failed', () => errors.length > 0);
    await cluster.startApiServer();
    clock.advance(1000);
    await now(waiting);
    assert.equal(challenges.has('a.example'), true);
  });

  it('gives up after some failures, with what the API server said', async () => {
    await cluster.stopApiServer();
    const waiting = challenges.acquire('a', [{ host: 'a.example', ingressClass: nginx }], stop.signal);
    const failed = assert.rejects(
      waiting,
      /POST .*\/ingresses: the API server cannot be reached: ECONNREFUSED/,
    );
    for (let tries = 1; tries <= 4; tries++) {
      clock.advance(30_000);
      await eventually('one more failure', () => errors.length === tries);
    }
    await failed;
    await cluster.startApiServer();
  });
});

async function refuseHost(world: ApiWorld, host: string): Promise<void> {
  const policies = '/apis/admissionregistration.k8s.io/v1';
  const spec = {
    failurePolicy: 'Fail',
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: ['networking.k8s.io'],
          apiVersions: ['v1'],
          operations: ['CREATE', 'UPDATE'],
          resources: ['ingresses'],
        },
      ],
    },
    validations: [
      {
        expression: `!object.spec.rules.exists(r, r.host == '${host}')`,
        message: 'this host is not for kube-lego',
      },
    ],
  };
  await world.admin.expect(`${policies}/validatingadmissionpolicies`, {
    method: 'POST',
    body: { metadata: { name: 'no-such-host' }, spec },
  });
  await world.admin.expect(`${policies}/validatingadmissionpolicybindings`, {
    method: 'POST',
    body: {
      metadata: { name: 'no-such-host' },
      spec: { policyName: 'no-such-host', validationActions: ['Deny'] },
    },
  });
  await eventually('the policy is in force', async () => {
    const body = { metadata: { name: 'probe' }, spec: { rules: [{ host }] } };
    const answer = await world.admin.request(
      '/apis/networking.k8s.io/v1/namespaces/default/ingresses?dryRun=All',
      {
        method: 'POST',
        body,
      },
    );
    return answer.status === 422;
  });
}
