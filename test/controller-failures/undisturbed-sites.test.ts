import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type App, startApp } from '../../deploy/local/app.ts';
import { type Edge, startEdge } from '../../deploy/local/edge/edge.ts';
import type { EdgeOptions } from '../../deploy/local/edge/options.ts';
import { nextSecond, untilCovers } from '../controller/observation.ts';
import { ask } from '../local/edge-world.ts';
import { eventually } from '../time/eventually.ts';
import { ingress, ingressPath, type Manifest } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

let stage: Stage;
let app: App;
/** Of the same class, by name: without and with a delay of two seconds, and as two ingress controllers are. */
let edges: Readonly<Record<string, Edge>>;

before(async () => {
  stage = await startStage({ namespaces: ['shop'], edge: { delay: 2000 } });
  app = await startApp();
  const { world } = stage;
  const services = {
    'shop/web:80': app.port,
    'kube-lego/kube-lego:8080': world.ports.responder,
  };
  const start = (name: string, options: Partial<EdgeOptions>): Promise<Edge> =>
    startEdge({
      session: world.session,
      name: `${name}-edge`,
      kubeconfig: world.cluster.adminKubeconfig,
      className: world.className,
      services,
      ...options,
    });
  const [quick, haproxy, nginx] = await Promise.all([
    start('quick', {}),
    start('haproxy-ingress', { profile: 'haproxy-ingress', redirect: 'off' }),
    start('ingress-nginx', { profile: 'ingress-nginx', redirect: 'off' }),
  ]);
  edges = { quick, slow: world.edge, 'haproxy-ingress': haproxy, 'ingress-nginx': nginx };
  await stage.startController({ LEGO_SELF_CHECK_TIMEOUT: '15s', LEGO_PROPAGATION_DELAY: '4s' });
});
after(async () => {
  await app.stop();
  await stage.stop();
});

describe('the visitors of a site whose host no rule names', () => {
  it('lose no request at an issuance, a failed attempt and a renewal, by a rule without host and by a wildcard', async () => {
    // Nothing listens there: the self-check can say nothing, and the CA fails.
    await stage.world.dns.setA('dead.example.com', ['127.0.0.2']);
    const hosts = ['shop.example.com', 'dead.example.com', 'a.wild.example.com'];
    const sites = [
      site(
        'any',
        { 'shop-tls': ['shop.example.com'], 'dead-tls': ['dead.example.com'] },
        { rules: [{ http }] },
      ),
      site('wild', { 'wild-tls': ['a.wild.example.com'] }, { rules: [{ host: '*.wild.example.com', http }] }),
    ];
    await stage.apply(...sites);
    await untilServed(hosts);
    const visitors = new Visitors(hosts);

    await annotate('shop/any', handed);
    await annotate('shop/wild', handed);
    await untilCovers(stage, 'shop/shop-tls', ['shop.example.com']);
    await untilCovers(stage, 'shop/wild-tls', ['a.wild.example.com']);
    await stage.untilWarned('shop/any', 'ChallengeFailed');
    await renew('shop/any', 'shop/shop-tls');
    await renew('shop/wild', 'shop/wild-tls');

    await visitors.leave();
  });

  it('lose none by a default backend alone, nor when a rule for the host comes meanwhile', async () => {
    const hosts = ['default.example.com'];
    await stage.world.api.expect(ingressPath('shop/any'), { method: 'DELETE' });
    await stage.apply(site('default', { 'default-tls': hosts }, { defaultBackend: backend }));
    // Until then the other site may serve the host.
    await untilTakenUp();
    await untilServed(hosts);
    const visitors = new Visitors(hosts);

    await annotate('shop/default', handed);
    await untilCovers(stage, 'shop/default-tls', hosts);
    const before = await certificateIn('shop/default-tls');
    await annotate('shop/default', { 'kube-lego.io/key-type': 'rsa-2048' });
    await eventually('a challenge rule stands', async () => (await challengeIngress()) !== undefined);
    await stage.apply(site('exact', {}, { rules: [{ host: 'default.example.com', http }] }));
    await untilRenewed('shop/default-tls', before);

    await visitors.leave();
  });
});

describe('a host that two ingress controllers serve', () => {
  it('gets its certificate whichever of them the DNS leads to, and whichever asks for it', async () => {
    const controller = 'example.com/internal';
    const internal = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'internal' },
    };
    await stage.apply(
      { ...internal, spec: { controller } },
      ingress('shop/both-internal', { className: 'internal', tls: { 'both-tls': ['both.example.com'] } }),
      ingress('shop/one-internal', { className: 'internal', tls: { 'one-tls': ['one.example.com'] } }),
    );
    await nextSecond();
    await stage.apply(
      ingress('shop/both-external', { className: 'edge', tls: { 'both-tls': ['both.example.com'] } }),
      ingress('shop/one-external', {
        className: 'edge',
        tls: {},
        plainHosts: ['one.example.com'],
        annotated: false,
      }),
    );
    await untilCovers(stage, 'shop/both-tls', ['both.example.com']);
    await untilCovers(stage, 'shop/one-tls', ['one.example.com']);
    // Until its external Ingress came, the site with a default backend served this host there: the challenge waited for that change.
    const told = await stage.events('shop/one-internal');
    assert.deepEqual(
      told.filter(({ type }) => type === 'Warning'),
      [],
    );
  });
});

const handed = { 'kubernetes.io/tls-acme': 'true' };
const backend = { service: { name: 'web', port: { number: 80 } } };
const http = { paths: [{ path: '/', pathType: 'Prefix', backend }] };

/** An Ingress of namespace shop, of the edges' class, not handed to kube-lego yet. */
function site(name: string, tls: Readonly<Record<string, readonly string[]>>, spec: object): Manifest {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { namespace: 'shop', name },
    spec: {
      ingressClassName: 'edge',
      tls: Object.entries(tls).map(([secretName, hosts]) => ({ secretName, hosts })),
      ...spec,
    },
  };
}

/** Ask every host at every edge again and again. */
class Visitors {
  readonly #lost: string[] = [];
  readonly #left: Promise<unknown>;
  #visits = 0;
  #leaving = false;

  constructor(hosts: readonly string[]) {
    const begin = performance.now();
    const visit = async (name: string, edge: Edge, host: string): Promise<void> => {
      while (!this.#leaving) {
        this.#visits += 1;
        if (!(await isServed(edge, host))) {
          this.#lost.push(`${host} at the edge ${name} after ${Math.round(performance.now() - begin)} ms`);
        }
        await pause(100);
      }
    };
    this.#left = Promise.all(
      Object.entries(edges).flatMap(([name, edge]) => hosts.map((host) => visit(name, edge, host))),
    );
  }

  /** When no challenge rule is in effect any more at any edge; asserts that none of their requests was lost. */
  async leave(): Promise<void> {
    const isGone = async (): Promise<boolean> => (await challengeIngress()) === undefined;
    // A renewal begins the self-check of a dead host anew, which takes a quarter of a minute.
    await eventually('no challenge rule stands', isGone, 90_000);
    await untilTakenUp();
    await eventually('there were enough visits', () => this.#visits > 100);
    this.#leaving = true;
    await this.#left;
    assert.deepEqual([this.#lost.length, this.#lost.slice(0, 5)], [0, []]);
  }
}

async function isServed(edge: Edge, host: string): Promise<boolean> {
  const { status, body } = await ask(edge.httpPort, { path: '/', headers: { host } });
  return status === 200 && body.includes('Hello World');
}

let markers = 0;

/** Waits until all changes so far are in effect at all edges, which take them up in their order: the last one is a site without its Service. */
async function untilTakenUp(): Promise<void> {
  markers += 1;
  const host = `marker-${markers}.example.com`;
  const nowhere = {
    paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'none', port: { number: 80 } } } }],
  };
  await stage.apply(site(`marker-${markers}`, {}, { rules: [{ host, http: nowhere }] }));
  for (const edge of Object.values(edges)) {
    const status = async () => (await ask(edge.httpPort, { path: '/', headers: { host } })).status;
    await eventually('the marker is in effect', async () => (await status()) === 503);
  }
}

async function untilServed(hosts: readonly string[]): Promise<void> {
  for (const host of hosts) {
    for (const edge of Object.values(edges))
      await eventually(`${host} is served`, () => isServed(edge, host));
  }
}

function challengeIngress(): Promise<unknown> {
  return stage.object(ingressPath('kube-lego/kube-lego'));
}

async function annotate(key: string, annotations: Readonly<Record<string, string>>): Promise<void> {
  await stage.world.api.expect(ingressPath(key), {
    method: 'PATCH',
    body: { metadata: { annotations } },
    contentType: 'application/merge-patch+json',
  });
}

const certificateIn = async (key: string): Promise<string | undefined> =>
  (await stage.secret(key))?.['tls.crt'];

async function untilRenewed(key: string, before: string | undefined): Promise<void> {
  await eventually(`${key} is renewed`, async () => (await certificateIn(key)) !== before);
}

async function renew(key: string, secret: string): Promise<void> {
  const before = await certificateIn(secret);
  await annotate(key, { 'kube-lego.io/key-type': 'rsa-2048' });
  await untilRenewed(secret, before);
}
