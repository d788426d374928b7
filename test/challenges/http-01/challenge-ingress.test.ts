import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { writeKubeconfig } from '../../../deploy/local/kubeconfig.ts';
import type { ChallengeRule } from '../../../machines/ownership/challenge-rules.ts';
import type { IngressClassReference } from '../../../machines/ownership/source-spec.ts';
import {
  ChallengeIngresses,
  type ChallengeIngressOptions,
  RuleRefusedError,
} from '../../../src/challenges/http-01/challenge-ingress/challenge-ingress.ts';
import type { ChallengeTemplate } from '../../../src/challenges/http-01/challenge-ingress/challenge-manifest.ts';
import {
  type ChallengeObserver,
  ChallengeWatch,
} from '../../../src/challenges/http-01/challenge-ingress/challenge-watch.ts';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/client/kube-config.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import { startFaultyProxy } from '../../controller-failures/faulty-proxy.ts';
import { type ApiWorld, startApiWorld } from '../../kubernetes/api-world.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';

const nginx: IngressClassReference = { form: 'field', name: 'nginx' };
const traefik: IngressClassReference = { form: 'field', name: 'traefik' };
const haproxyByAnnotation: IngressClassReference = { form: 'annotation', name: 'haproxy' };
const noClass: IngressClassReference = { form: 'none' };

/** Rules that name their hosts. */
const named =
  (ingressClass: IngressClassReference, ...hosts: string[]) =>
  (): ChallengeRule[] =>
    hosts.map((host) => ({ host, ruleHost: host, ingressClass }));

describe('the challenge Ingress', () => {
  let world: ApiWorld;
  let clock: ManualClock;
  let stop: AbortController;
  let challenges: ChallengeIngresses;
  let watch: ChallengeWatch;
  let thumbprint: string;
  let errors: unknown[];
  let namespace: string;
  let serial = 0;

  before(async () => {
    world = await startApiWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  beforeEach(async () => {
    namespace = `lego-${++serial}`;
    await world.createNamespace(namespace);
    clock = new ManualClock();
    stop = new AbortController();
    errors = [];
    thumbprint = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
    challenges = create();
  });
  afterEach(() => stop.abort());

  function create({
    client = world.client,
    labels = {},
    annotations = {},
    pathType = () => 'ImplementationSpecific',
    ...options
  }: Partial<
    Omit<ChallengeIngressOptions, 'client'> & ChallengeTemplate & { client: KubernetesClient }
  > = {}) {
    const template: ChallengeTemplate = {
      namespace,
      serviceName: 'kube-lego',
      servicePort: 8080,
      labels,
      annotations,
      pathType,
    };
    const onError = (error: unknown): number => errors.push(error);
    const common = { client, clock, signal: stop.signal, template, onError };
    watch = new ChallengeWatch(common);
    return new ChallengeIngresses({ ...common, watch, thumbprint: () => thumbprint, ...options });
  }

  /** Starts the watch, too. */
  function start(): void {
    watch.start();
    challenges.start();
  }

  /** Whether the responder answers for this host. */
  const has = (host: string): boolean => watch.answerFor(host)?.thumbprint === thumbprint;

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
    now(challenges.acquire(owner, named(ingressClass, host), stop.signal));

  const path = (name = ''): string => `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses/${name}`;

  /** The client under test, with something in the way of its calls. */
  function callingThrough(call: KubernetesClient['call']): KubernetesClient {
    const { client } = world;
    return {
      call,
      stream: (...parameters) => client.stream(...parameters),
      mergePatch: (...parameters) => client.mergePatch(...parameters),
      remove: (...parameters) => client.remove(...parameters),
      close: () => client.close(),
    };
  }

  /** A client of the API server at another address, which belongs to the caller. */
  async function clientOf(server: string, ca: string): Promise<KubernetesClient> {
    const { adminToken: token, directory } = world.cluster;
    const path = join(directory, `${namespace}.kubeconfig`);
    await writeKubeconfig(path, { server, ca, token, user: 'admin', namespace });
    return createKubernetesClient(loadKubeConfig({ env: { KUBECONFIG: path } }), { userAgent: 'under-test' });
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
    await acquire('shop/tls', 'shop.example');
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
    assert.equal(has('SHOP.example'), true);
    assert.equal(has('other.example'), false);
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
      challenges.acquire(owner, named(nginx, `${owner}.example`), stop.signal),
    );
    clock.advance(999);
    assert.deepEqual(await verbs(), ['create']);
    clock.advance(1);
    await now(Promise.all(all));
    for (const owner of ['first', ...owners]) {
      clock.advance(30);
      challenges.release(owner);
    }
    assert.equal(has('first.example'), true);
    clock.advance(10_000);
    await eventually('it is deleted', async () => Object.keys(await rules()).length === 0);
    assert.deepEqual(await verbs(), ['create', 'update', 'delete']);
    assert.equal(has('first.example'), false);
  });

  describe('when more hosts are expected', () => {
    const acquired = (host: string): Promise<void> =>
      challenges.acquire(host, named(nginx, host), stop.signal);

    it('waits for them, so that they share a write, also if some do not come', async () => {
      const proofs = Promise.withResolvers<void>();
      const refusal = Promise.withResolvers<void>();
      challenges.expect(proofs.promise);
      challenges.expect(refusal.promise);
      const first = acquired('first.example');
      clock.advance(100);
      proofs.resolve();
      const second = acquired('second.example');
      refusal.reject(new Error('the Secret may not be written'));
      await now(Promise.all([first, second]));
      assert.deepEqual(await verbs(), ['create']);
      assert.deepEqual(await rules(), { 'kube-lego': ['first.example', 'second.example'] });
    });

    it('waits for them a quarter of a second, from when a write is needed', async () => {
      challenges.expect(new Promise(() => undefined));
      clock.advance(1000);
      const first = acquired('first.example');
      clock.advance(249);
      assert.ok(clock.pending.includes(1));
      clock.advance(1);
      await now(first);
      const second = acquired('second.example');
      assert.ok(clock.pending.includes(1000));
      clock.advance(1000);
      await now(second);
      assert.deepEqual(await verbs(), ['create', 'update']);
    });

    it('waits for nobody while a rule takes requests from its site', async () => {
      let ruleHost = 'a.example';
      const wanted = (): ChallengeRule[] => [{ host: 'a.example', ruleHost, ingressClass: nginx }];
      await now(challenges.acquire('a', wanted, stop.signal));
      clock.advance(1000);
      challenges.expect(new Promise(() => undefined));
      ruleHost = '*.example';
      challenges.follow();
      clock.advance(0);
      await eventually('it is spelt anew', async () => (await rules())['kube-lego']?.join() === '*.example');

      clock.advance(900);
      challenges.release('a');
      ruleHost = '';
      challenges.follow();
      const other = acquired('other.example');
      assert.ok(clock.pending.includes(100));
      clock.advance(100);
      await now(other);
      assert.deepEqual(await rules(), { 'kube-lego': ['other.example'] });
    });
  });

  describe('when a rule was gone', () => {
    /** Releases these, and waits until the object is deleted, and that is known. */
    async function releaseAll(...owners: string[]): Promise<void> {
      for (const owner of owners) challenges.release(owner);
      clock.advance(10_000);
      await eventually('it is deleted', () => !challenges.standing);
    }

    /** The write that removes it is under way. */
    function acquiredWhileRemoved(name: string) {
      const done = challenges.acquire(name, named(nginx, `${name}.example`), stop.signal);
      const state = { done, served: false };
      void done.then(() => {
        state.served = true;
      });
      return state;
    }

    it('tells so for ten minutes, whether it was gone by an update or with the object', async () => {
      await acquire('a', 'a.example');
      clock.advance(1000);
      await acquire('b', 'b.example');
      assert.deepEqual([challenges.goneAt('a'), challenges.goneAt('b')], [undefined, undefined]);
      challenges.release('b');
      clock.advance(10_000);
      const updated = clock.monotonic();
      const again = acquiredWhileRemoved('b');
      await eventually('it is known', () => challenges.goneAt('b') !== undefined);
      assert.deepEqual([challenges.goneAt('a'), challenges.goneAt('b')], [undefined, updated]);
      assert.equal(again.served, false);
      clock.advance(1000);
      await now(again.done);
      assert.deepEqual(await rules(), { 'kube-lego': ['a.example', 'b.example'] });

      for (const owner of ['a', 'b']) challenges.release(owner);
      clock.advance(10_000);
      const anew = acquiredWhileRemoved('b');
      await eventually('it is known', () => challenges.goneAt('b') === clock.monotonic());
      assert.equal(anew.served, false);
      await now(anew.done);
      assert.deepEqual(await rules(), { 'kube-lego': ['b.example'] });

      await releaseAll('b');
      const deleted = clock.monotonic();
      clock.advance(599_000);
      await acquire('b', 'b.example');
      assert.equal(challenges.goneAt('b'), deleted);
      await releaseAll('b');
      await acquire('a', 'a.example');
      assert.equal(challenges.goneAt('a'), undefined);
    });

    it('tells so of each host that it led, and of others that it would lead', async () => {
      const wild = (host: string) => (): ChallengeRule[] => [
        { host, ruleHost: '*.example', ingressClass: nginx },
      ];
      await now(challenges.acquire('a', wild('a.example'), stop.signal));
      await releaseAll('a');
      await acquire('a', 'a.example');
      clock.advance(1000);
      await now(challenges.acquire('b', wild('b.example'), stop.signal));
      clock.advance(1000);
      await acquire('c', 'c.example');
      const areGone = ['a', 'b', 'c'].map((owner) => challenges.goneAt(owner) !== undefined);
      assert.deepEqual(areGone, [true, true, false]);
    });
  });

  for (const jump of [-5, 5]) {
    it(`is written a second after its last write, though the clock was set by ${jump} h`, async () => {
      await acquire('shop/tls', 'shop.example');
      clock.set(jump * 3_600_000);
      const second = challenges.acquire('blog/tls', named(nginx, 'blog.example'), stop.signal);
      await eventually('its write is due', () => clock.pending.includes(1000));
      clock.advance(1000);
      await now(second);
      assert.deepEqual(await rules(), { 'kube-lego': ['blog.example', 'shop.example'] });
    });
  }

  it('loses released hosts with the next write, or after ten seconds', async () => {
    await acquire('a', 'a.example');
    await acquire('kept', 'a.example');
    challenges.release('a');
    clock.advance(1000);
    await acquire('b', 'b.example');
    challenges.release('kept');
    clock.advance(1000);
    await acquire('c', 'c.example');
    assert.deepEqual(await rules(), { 'kube-lego': ['b.example', 'c.example'] });
    challenges.release('b');
    clock.advance(9999);
    assert.deepEqual(await verbs(), ['create', 'update', 'update']);
    clock.advance(1);
    await eventually('it is out', async () => (await rules())['kube-lego']?.join() === 'c.example');
  });

  it('is changed, not deleted and made again, while certificates are renewed every few seconds', async () => {
    for (const host of ['a.example', 'b.example', 'c.example']) {
      await acquire(host, host);
      assert.deepEqual(await rules(), { 'kube-lego': [host] });
      clock.advance(2000);
      challenges.release(host);
      clock.advance(7000);
    }
    assert.deepEqual(await verbs(), ['create', 'update', 'update']);
    clock.advance(2999);
    assert.deepEqual(await verbs(), ['create', 'update', 'update']);
    clock.advance(1);
    await eventually('it is deleted', async () => Object.keys(await rules()).length === 0);
  });

  it("spells its rules as the sites' own, lists the hosts beside them, and follows the sites", async () => {
    let wanted: ChallengeRule[] = [
      { host: 'a.example', ruleHost: '', ingressClass: nginx },
      { host: 'b.example', ruleHost: '', ingressClass: nginx },
      { host: 'c.wild.example', ruleHost: '*.wild.example', ingressClass: nginx },
      { host: 'd.example', ruleHost: 'd.example', ingressClass: nginx },
    ];
    const listed = async (): Promise<unknown> =>
      recordField(recordField(await world.admin.expect(path('kube-lego')), 'metadata'), 'annotations')?.[
        'kube-lego.io/challenge-hosts'
      ];
    await now(challenges.acquire('all', () => wanted, stop.signal));
    assert.deepEqual(await rules(), { 'kube-lego': ['', '*.wild.example', 'd.example'] });
    assert.equal(await listed(), 'a.example,b.example,c.wild.example,d.example');
    const isListed = ['a.example', 'c.wild.example', 'other.wild.example', 'x.example', '', '*.wild.example'];
    assert.deepEqual(
      isListed.map((host) => has(host)),
      [true, true, false, false, false, false],
    );

    // a.example gets a rule of its own, d.example loses its one.
    wanted = [
      { host: 'a.example', ruleHost: 'a.example', ingressClass: nginx },
      ...wanted.slice(1, 3),
      { host: 'd.example', ruleHost: '', ingressClass: nginx },
    ];
    challenges.follow();
    challenges.follow();
    clock.advance(1000);
    await eventually('it follows', async () => {
      const [own = []] = Object.values(await rules());
      return own.join() === ',*.wild.example,a.example';
    });
    assert.equal(await listed(), 'a.example,b.example,c.wild.example,d.example');

    // Another class serves b.example, too.
    wanted = [...wanted, { host: 'b.example', ruleHost: 'b.example', ingressClass: traefik }];
    challenges.follow();
    await eventually('both have their rules', async () => {
      clock.advance(1000);
      return (await rules())['kube-lego-traefik']?.join() === 'b.example';
    });
    challenges.release('all');
    await eventually('all are gone', async () => {
      clock.advance(1000);
      return Object.keys(await rules()).length === 0;
    });
  });

  it("loses a released host at once when its rule is not spelt as the site's own any more", async () => {
    let ruleHost = 'a.example';
    const wanted = (): ChallengeRule[] => [{ host: 'a.example', ruleHost, ingressClass: nginx }];
    await acquire('other', 'other.example');
    clock.advance(1000);
    await now(challenges.acquire('a', wanted, stop.signal));
    challenges.release('a');
    clock.advance(1000);
    challenges.follow();
    assert.deepEqual(await rules(), { 'kube-lego': ['a.example', 'other.example'] });
    ruleHost = '';
    challenges.follow();
    clock.advance(0);
    await eventually('it is out', async () => (await rules())['kube-lego']?.join() === 'other.example');
    challenges.follow();
    challenges.release('other');
    await eventually('it is deleted', async () => {
      // The answer to the last write may come after the first time.
      clock.advance(10_000);
      return Object.keys(await rules()).length === 0;
    });
  });

  it('of a kube-lego before the list of hosts is read by its rules, and spelt anew', async () => {
    const backend = { service: { name: 'kube-lego', port: { number: 8080 } } };
    const paths = [{ path: '/.well-known/acme-challenge/', pathType: 'ImplementationSpecific', backend }];
    await world.admin.expect(path(), {
      method: 'POST',
      body: {
        metadata: { name: 'kube-lego', labels: { 'app.kubernetes.io/managed-by': 'kube-lego' } },
        spec: { ingressClassName: 'nginx', rules: [{ host: 'a.example', http: { paths } }] },
      },
    });
    start();
    await eventually('it is synced', () => watch.state.synced);
    // For which account key, nobody has said.
    assert.equal(has('a.example'), false);
    const wanted = [{ host: 'a.example', ruleHost: '*.example', ingressClass: nginx }];
    await now(challenges.acquire('a', () => wanted, stop.signal));
    assert.deepEqual(await rules(), { 'kube-lego': ['*.example'] });
    assert.deepEqual([has('a.example'), has('b.example')], [true, false]);
  });

  it('fails all hosts that a refused rule serves, in words that tell which rule, and no others', async () => {
    await refuseHost(world, namespace, '*.refused.example');
    const by = (ruleHost: string, ...hosts: string[]): Promise<void> => {
      const wanted = hosts.map((host) => ({ host, ruleHost, ingressClass: nginx }));
      return challenges.acquire(hosts.join(), () => wanted, stop.signal);
    };
    const good = [by('', 'a.example'), by('b.example', 'b.example')];
    const bad = ['c', 'd'].map((name) => by('*.refused.example', `${name}.refused.example`));
    for (const outcome of await now(Promise.allSettled(bad))) {
      assert.match(
        String(outcome.status === 'rejected' && outcome.reason),
        /^RuleRefusedError: The challenge Ingress may not carry a rule for \*\.refused\.example, by which [cd]\.refused\.example is served: /,
      );
    }
    await now(Promise.all(good));
    assert.deepEqual(await rules(), { 'kube-lego': ['', 'b.example'] });
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

  it('is younger than the sites that it must be younger than: the one that was just written, else a further one', async () => {
    const site = (host: string, after: number) => () =>
      named(nginx, host)().map((rule) => ({ ...rule, after }));
    const hour = 3_600_000;
    await acquire('a', 'a.example');
    const rest = Promise.all([
      challenges.acquire('b', site('b.example', Date.now() - hour), stop.signal),
      challenges.acquire('c', site('c.example', Date.now() + hour), stop.signal),
    ]);
    await eventually('they have their rules', () => {
      clock.advance(1_000);
      return has('b.example') && has('c.example');
    });
    await rest;
    assert.deepEqual(await rules(), {
      'kube-lego': ['a.example', 'b.example'],
      'kube-lego-nginx': ['c.example'],
    });
  });

  it('stays the one of a rule that stands, although a younger site comes', async () => {
    let after: number | undefined;
    const wanted = () => named(nginx, 'a.example')().map((rule) => ({ ...rule, after }));
    await now(challenges.acquire('a', wanted, stop.signal));
    after = Date.now() + 3_600_000;
    assert.deepEqual(challenges.follow(), []);
    clock.advance(60_000);
    await acquire('b', 'b.example');
    assert.deepEqual(await rules(), { 'kube-lego': ['a.example', 'b.example'] });
  });

  it('says so when a rule is refused that changes while it stands', async () => {
    await refuseHost(world, namespace, '*.refused.example');
    let ruleHost = 'a.refused.example';
    const wanted = () => [{ host: 'a.refused.example', ruleHost, ingressClass: nginx }];
    await now(challenges.acquire('a', wanted, stop.signal));
    ruleHost = '*.refused.example';
    assert.deepEqual(challenges.follow(), ['a']);
    await eventually('the refusal is told', () => {
      clock.advance(1000);
      return errors.some((error) => error instanceof RuleRefusedError);
    });
  });

  it('is split by size', async () => {
    challenges = create({ maxRules: 2 });
    const hosts = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}.example`);
    await now(challenges.acquire('all', named(nginx, ...hosts), stop.signal));
    assert.deepEqual(await rules(), {
      'kube-lego': ['a.example', 'b.example'],
      'kube-lego-nginx': ['c.example', 'd.example'],
      'kube-lego-nginx-2': ['e.example'],
    });
  });

  it('leaves out the one host that the API server refuses, and names it', async () => {
    const good = Array.from({ length: 20 }, (_, i) => `good-${i}.example`);
    const ofGood = challenges.acquire('good', named(nginx, ...good), stop.signal);
    const ofBad = challenges.acquire('bad', named(nginx, 'bad_name.example'), stop.signal);
    await assert.rejects(now(ofBad), (error) => {
      assert(error instanceof RuleRefusedError);
      assert.deepEqual(error.hosts, ['bad_name.example']);
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
    await refuseHost(world, namespace, 'forbidden.example');
    await acquire('a', 'a.example');
    clock.advance(1000);
    const b = challenges.acquire('b', named(nginx, 'b.example'), stop.signal);
    const bad = challenges.acquire('bad', named(nginx, 'c.example', 'forbidden.example'), stop.signal);
    await assert.rejects(now(bad), (error) => {
      assert(error instanceof RuleRefusedError);
      assert.deepEqual(error.hosts, ['forbidden.example']);
      assert.match(error.message, /this host is not for kube-lego/);
      return true;
    });
    await now(b);
    assert.deepEqual(await rules(), { 'kube-lego': ['a.example', 'b.example'] });
  });

  it('has the labels of the operator, and keeps those of others', async () => {
    challenges = create({ labels: { team: 'platform' } });
    challenges.start();
    await acquire('a', 'a.example');
    await world.admin.expect(path('kube-lego'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: { team: 'web', note: 'keep' } } },
    });
    await watch.refresh();
    const ours = { team: 'platform', 'app.kubernetes.io/managed-by': 'kube-lego' };
    await eventually('it is put right', async () => {
      clock.advance(1000);
      const metadata = recordField(await world.admin.expect(path('kube-lego')), 'metadata');
      return isDeepStrictEqual(metadata?.['labels'], { ...ours, note: 'keep' });
    });
  });

  it('blames no host if it is refused as such', async () => {
    const word = 'the label team is required on every Ingress';
    await requireLabel(world, namespace, 'team', word);
    const both = challenges.acquire('a', named(nginx, 'a.example', 'b.example'), stop.signal);
    await assert.rejects(now(both), (error) => {
      assert(error instanceof RuleRefusedError);
      assert.deepEqual(error.hosts, []);
      const words = `The challenge Ingress is refused: the policy "of-${namespace}" of the cluster says: ${word}.`;
      assert.equal(error.message, words);
      return true;
    });
  });

  it('holds nothing for an owner whose signal is aborted', async () => {
    const abort = new AbortController();
    const waiting = challenges.acquire('a', named(nginx, 'a.example'), abort.signal);
    abort.abort(new Error('changed'));
    await assert.rejects(waiting, /changed/);
    clock.advance(60_000);
    await acquire('b', 'b.example');
    assert.deepEqual(await rules(), { 'kube-lego': ['b.example'] });
  });

  it('is made again when somebody deletes it, and put right when somebody edits it', async () => {
    start();
    await eventually('it is synced', () => watch.state.synced);
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
    start();
    await eventually('it is synced', () => watch.state.synced);
    await acquire('a', 'a.example');
    await world.admin.expect(path('kube-lego'), { method: 'DELETE' });
    await eventually('the watch has told of it', () => !has('a.example'));
    answer.resolve();
    await eventually('it is back', async () => {
      clock.advance(1000);
      return Object.hasOwn(await rules(), 'kube-lego');
    });
    await eventually('it is known', () => has('a.example'));
  });

  it('is taken for what is read when a write of it conflicts, though the watch told of its deletion', async () => {
    const follow = watch.follow.bind(watch);
    const observers: ChallengeObserver[] = [];
    watch.follow = (observer, signal) => {
      observers.push(observer);
      follow(observer, signal);
    };
    start();
    await eventually('it is synced', () => watch.state.synced);
    await acquire('a', 'a.example');
    const uid = stringField(recordField(await world.admin.expect(path('kube-lego')), 'metadata'), 'uid');
    assert.ok(uid !== undefined);
    for (const observer of observers) observer.observeDeletion({ name: 'kube-lego', uid });
    const added = challenges.acquire('b', named(nginx, 'b.example'), stop.signal);
    await eventually('it has the rule', async () => {
      clock.advance(1000);
      return (await rules())['kube-lego']?.join() === 'a.example,b.example';
    });
    await added;
  });

  it('is not written because a controller reports a status or adds annotations', async () => {
    start();
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
    await eventually('the watch is up to date', () => Number(watch.state.resourceVersion) >= version);
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
    start();
    await eventually('it is synced', () => watch.state.synced);
    assert.equal(has('b.example'), true);
    await acquire('a', 'a.example', nginx);
    clock.advance(10_000);
    await eventually('the other is gone', async () => Object.keys(await rules()).join() === 'kube-lego');
    assert.equal(has('a.example'), true);
    await eventually('the other host is not answered any more', () => !has('b.example'));
  });

  it('of a former process keeps its rules for the removal delay: the CA may be about to ask for them', async () => {
    await acquire('a', 'a.example');
    clock.advance(1000);
    await acquire('b', 'b.example');
    clock.advance(1000);
    stop.abort();
    stop = new AbortController();
    challenges = create();
    start();
    await eventually('it is synced', () => watch.state.synced);
    await acquire('c', 'c.example');
    assert.deepEqual(await rules(), { 'kube-lego': ['a.example', 'b.example', 'c.example'] });
    challenges.release('c');
    clock.advance(2000);
    await acquire('b', 'b.example');
    assert.deepEqual((await rules())['kube-lego']?.includes('a.example'), true);
    clock.advance(8000);
    await eventually('the others are gone', async () => (await rules())['kube-lego']?.join() === 'b.example');
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
    start();
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
    start();
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
    start();
    await eventually('it is synced', () => watch.state.synced);
    await acquire('a', 'a.example');
    clock.advance(1000);
    await now(watch.refresh());
    challenges.release('a');
    await eventually('ours is gone', async () => {
      clock.advance(10_000);
      return !Object.hasOwn(await rules(), 'kube-lego-nginx');
    });
    assert.deepEqual(await rules(), { fallback: ['fallback.example'], 'kube-lego': ['site.example'] });
    assert.deepEqual(
      ['site.example', 'fallback.example'].map((host) => has(host)),
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
    await acquire('a', 'a.example');
    create();
    const other = watch;
    assert.equal(has('a.example'), false);
    await now(Promise.all([other.refresh(), other.refresh(), other.refresh()]));
    assert.equal(has('a.example'), true);
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
    await challenges.close(() => false, AbortSignal.timeout(60_000));
    assert.deepEqual(await rules(), {});
    assert.equal(has('a.example'), false);
  });

  it('keeps at the end of the process the rules of orders that go on', async () => {
    await acquire('a', 'a.example');
    clock.advance(1000);
    await acquire('b', 'b.example');
    challenges.release('b');
    await challenges.close((host) => host === 'b.example', AbortSignal.timeout(60_000));
    assert.deepEqual(await rules(), { 'kube-lego': ['b.example'] });
  });

  it('has its hosts answered for a new account key from its next write on', async () => {
    await acquire('a', 'a.example');
    const former = thumbprint;
    thumbprint = 'A'.repeat(43);
    assert.equal(watch.answerFor('a.example')?.thumbprint, former);
    clock.advance(1000);
    await acquire('b', 'b.example');
    assert.deepEqual(
      ['a.example', 'b.example'].map((host) => watch.answerFor(host)?.thumbprint),
      [thumbprint, thumbprint],
    );
  });

  it('has nobody answer for a host that it has no rule for, whoever lists that there', async () => {
    start();
    await acquire('a', 'a.example');
    const annotations = {
      'kube-lego.io/challenge-hosts': 'a.example,victim.example',
      'kube-lego.io/challenge-thumbprint': 'B'.repeat(43),
    };
    await world.admin.expect(path('kube-lego'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations } },
    });
    await watch.refresh();
    assert.equal(watch.answerFor('a.example')?.thumbprint, annotations['kube-lego.io/challenge-thumbprint']);
    assert.equal(watch.answerFor('victim.example')?.thumbprint, undefined);
    // Whoever may write it could as well route its hosts to a server of his own; it is written anew.
    clock.advance(1000);
    await eventually('it is repaired', () => has('a.example'));
  });

  it('is written when the API server comes back', async () => {
    await using way = await startFaultyProxy(world.cluster.serverUrl, world.cluster.ca);
    const client = await clientOf(way.url, way.caPem);
    challenges = create({ client });
    start();
    await eventually('it is synced', () => watch.state.synced);
    way.interfere = () => Promise.resolve('hang-up');
    way.breakConnections();
    const waiting = challenges.acquire('a', named(nginx, 'a.example'), stop.signal);
    clock.advance(0);
    // Not the watch, which has lost its connection, too.
    await eventually('a write failed', () => errors.some((error) => /POST/.test(String(error))));
    way.interfere = () => undefined;
    clock.advance(1000);
    await now(waiting);
    assert.equal(has('a.example'), true);
    stop.abort();
    await client.close();
  });

  it('gives up after some failures, with what the API server said', async () => {
    // Nobody listens there.
    const client = await clientOf('https://127.0.0.1:1', world.cluster.ca);
    challenges = create({ client });
    const waiting = challenges.acquire('a', named(nginx, 'a.example'), stop.signal);
    const failed = assert.rejects(
      waiting,
      /POST .*\/ingresses: the API server cannot be reached: ECONNREFUSED/,
    );
    for (let tries = 1; tries <= 4; tries++) {
      clock.advance(14_000);
      await eventually('one more failure', () => errors.length === tries);
    }
    await failed;
    await client.close();
  });
});

function refuseHost(world: ApiWorld, namespace: string, host: string): Promise<void> {
  const expression = `!object.spec.rules.exists(r, has(r.host) && r.host == '${host}')`;
  return refuseUnless(world, namespace, { expression, message: 'this host is not for kube-lego' }, host);
}

function requireLabel(world: ApiWorld, namespace: string, label: string, message: string): Promise<void> {
  const expression = `has(object.metadata.labels) && '${label}' in object.metadata.labels`;
  return refuseUnless(world, namespace, { expression, message }, 'probe.example');
}

/** @param probe a host that it refuses */
async function refuseUnless(
  world: ApiWorld,
  namespace: string,
  { expression, message }: { readonly expression: string; readonly message: string },
  probe: string,
): Promise<void> {
  const name = `of-${namespace}`;
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
    validations: [{ expression: `object.metadata.namespace != '${namespace}' || (${expression})`, message }],
  };
  await world.admin.expect(`${policies}/validatingadmissionpolicies`, {
    method: 'POST',
    body: { metadata: { name }, spec },
  });
  await world.admin.expect(`${policies}/validatingadmissionpolicybindings`, {
    method: 'POST',
    body: {
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  });
  await eventually('the policy is in force', async () => {
    const body = { metadata: { name: 'probe' }, spec: { rules: [{ host: probe }] } };
    const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses?dryRun=All`;
    const answer = await world.admin.request(path, { method: 'POST', body });
    return answer.status === 422;
  });
}
