import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type App, startApp } from '../../deploy/local/app.ts';
import { readAuditLog } from '../../deploy/local/audit-log.ts';
import { type Edge, startEdge } from '../../deploy/local/edge/edge.ts';
import { visit } from '../../deploy/local/https-visit.ts';
import { arrayField } from '../../src/process/json.ts';
import { nextSecond } from '../controller/observation.ts';
import { ask } from '../local/edge-world.ts';
import { eventually } from '../time/eventually.ts';
import { ingress, type Manifest } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

let stage: Stage;

before(async () => {
  stage = await startStage({
    namespaces: ['shop', 'low', 'upp'],
    edge: { profile: 'f5-nginx', redirect: 'off', controllerName: 'example.com/unknown' },
  });
});
after(() => stage.stop());

describe('an ingress controller that is known to give a host to one Ingress only', () => {
  it('gets no challenge rule: the site keeps working, no order is made, the reason names it', async () => {
    const controller = 'nginx.org/ingress-controller';
    await stage.apply(
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'IngressClass',
        metadata: { name: 'f5' },
        spec: { controller },
      },
      ingress('shop/f5', { className: 'f5', tls: { 'f5-tls': ['f5.example.com'] } }),
    );
    const { cluster, session } = stage.world;
    await using app = await startApp();
    const edge = await startEdge({
      session,
      name: 'f5-edge',
      kubeconfig: cluster.adminKubeconfig,
      controllerName: controller,
      profile: 'f5-nginx',
      redirect: 'off',
      services: { 'shop/web:80': app.port },
    });
    await untilSiteIsUp(edge, 'f5.example.com');

    await stage.startController();

    assert.equal(
      await stage.untilWarned('shop/f5', 'IngressControllerDoesNotMerge'),
      'Ingress controller nginx.org/ingress-controller gives host f5.example.com to one Ingress only: a challenge ' +
        'Ingress would not work, or would take the site down. Use an ingress controller that merges a host across Ingresses: ' +
        'see docs/ingress-controllers.md.',
    );
    assert.equal((await stage.untilState('shop/f5', 'idle')).notAfter, undefined);
    assert.ok(await siteIsUp(edge, 'f5.example.com'));
    assert.equal(await stage.orders(), 0);
    const writes = (await readAuditLog(cluster.auditLog)).filter(
      ({ resource, namespace }) => resource === 'ingresses' && namespace === 'kube-lego',
    );
    assert.deepEqual(
      writes.filter(({ verb }) => !['get', 'list', 'watch'].includes(verb)),
      [],
    );
    await stage.controller.stop();
  });
});

describe('an unknown ingress controller that gives a host to its oldest Ingress', () => {
  it('keeps serving each site, an older and a younger one than the challenge Ingress, and the reason says who answered', async () => {
    const { edge } = stage.world;
    await stage.startController({ LEGO_SELF_CHECK_TIMEOUT: '20s' });
    await stage.apply(
      ingress('shop/web', { tls: { 'web-tls': ['web.example.com'] } }),
      ingress('shop/typo', { className: 'egde', tls: { 'typo-tls': ['typo.example.com'] } }),
    );
    let visits = 0;
    const visitUntil = async (what: string, hosts: readonly string[], condition: () => Promise<boolean>) => {
      for (const host of hosts) await untilSiteIsUp(edge, host);
      const visit = async (): Promise<boolean> => {
        visits += 1;
        for (const host of hosts)
          assert.ok(await siteIsUp(edge, host), `${host} was down at visit ${visits}`);
        return condition();
      };
      // The self-check takes a third of a minute.
      await eventually(what, visit, 80_000);
    };
    const [web, young] = ['web.example.com', 'young.example.com'];
    const challenges = '/apis/networking.k8s.io/v1/namespaces/kube-lego/ingresses';
    const rulesStand = async () => JSON.stringify(await stage.object(challenges)).includes(web);
    await visitUntil('a challenge Ingress stands', [web], rulesStand);
    await nextSecond();
    await stage.apply(ingress('shop/young', { tls: { 'young-tls': [young] } }));
    await visitUntil('the self-checks give up', [web, young], async () => {
      const views = await Promise.all([stage.view('shop/web'), stage.view('shop/young')]);
      return views.every((view) => view?.state === 'backing-off');
    });
    await stage.untilWarned(
      'shop/web',
      'SelfCheckFailed',
      /^Host web\.example\.com answers the challenge with status 200 from [\d.]+, but not with kube-lego's text: the application or another server took the request; kube-lego waited 20 s for the rule to take effect\. Point the host's DNS at the ingress controller; if that takes more than 20 s to put a rule into effect, set LEGO_SELF_CHECK_TIMEOUT higher\.$/,
    );
    assert.match(
      await stage.untilWarned('shop/typo', 'IngressClassNotFound'),
      /^Host typo\.example\.com answers the challenge with status 404 .* and there is no IngressClass egde\. Correct spec\.ingressClassName: /,
    );
    assert.equal(await stage.orders(), 0);
    await stage.controller.stop();
  });
});

/** Ingress controllers that merge hosts, each with an address of its own, to which the DNS leads its hosts. */
const merging = [
  { profile: 'haproxy-ingress', controller: 'haproxy-ingress.github.io/controller', address: '127.0.0.2' },
  {
    profile: 'haproxy-ingress-strict-host',
    controller: 'haproxy-ingress.github.io/controller/strict',
    address: '127.0.0.3',
  },
  { profile: 'ingress-nginx', controller: 'k8s.io/ingress-nginx', address: '127.0.0.4' },
] as const;

const skip = process.platform === 'linux' ? false : 'only Linux has more loopback addresses than 127.0.0.1';

describe('ingress controllers that merge hosts, each as it is', { skip }, () => {
  const hostsOf = (profile: string) => ({
    site: `site.${profile}.example.com`,
    wild: `a.wild.${profile}.example.com`,
    any: `any.${profile}.example.com`,
    twins: ['one', 'two', 'three'].map((name) => `${name}.${profile}.example.com`),
    contested: `contested.${profile}.example.com`,
  });
  /** By host: over http, again and again. */
  const visits = new Map<string, { all: number; readonly lost: number[] }>();
  const leave = new AbortController();
  let app: App;
  let roots: readonly string[];

  before(async () => {
    app = await startApp();
    const { cluster, session, dns, edge, ports, pebble } = stage.world;
    roots = [await pebble.rootPem()];
    const { httpPort, httpsPort } = edge;
    const web = { 'low/web:80': app.port, 'upp/web:80': app.port };
    await Promise.all(
      merging.map(async ({ profile, controller, address }) => {
        const { site, wild, any, twins, contested } = hostsOf(profile);
        await Promise.all([site, wild, any, ...twins, contested].map((host) => dns.setA(host, [address])));
        await stage.apply({
          apiVersion: 'networking.k8s.io/v1',
          kind: 'IngressClass',
          metadata: { name: profile },
          spec: { controller },
        });
        await startEdge({
          session,
          name: `${profile}-edge`,
          kubeconfig: cluster.adminKubeconfig,
          profile,
          controllerName: controller,
          address,
          httpPort,
          httpsPort,
          services: { ...web, 'kube-lego/kube-lego:8080': ports.responder },
        });
      }),
    );
    await Promise.all(
      merging.map(({ profile: className }) =>
        stage.apply(
          ingress(`low/old-${className}`, {
            className,
            tls: { 'never-tls': [hostsOf(className).contested] },
            annotated: false,
          }),
        ),
      ),
    );
    await Promise.all(
      merging.map(async ({ profile, address }) => {
        const { wild, any } = hostsOf(profile);
        await stage.apply(wildcardSite(profile, wild), hostlessSite(profile, any));
        for (const host of [wild, any]) {
          void visitOverHttp(host, address).catch(() => undefined);
          await eventually(`${host} is visited`, () => (visits.get(host)?.all ?? 0) > 1);
        }
      }),
    );
    await nextSecond();
    await stage.startController();
    await Promise.all(
      merging.flatMap(({ profile: className }) => {
        const { site, wild, any, twins, contested } = hostsOf(className);
        const ofTwins = twins.flatMap((host, index) =>
          ['upp', 'low'].map((namespace) =>
            ingress(`${namespace}/${className}-${index}`, {
              className,
              tls: { [`${className}-${index}-tls`]: [host] },
            }),
          ),
        );
        return [
          stage.apply(...ofTwins),
          stage.apply(
            ingress(`low/site-${className}`, { className, tls: { [`site-${className}`]: [site] } }),
            wildcardSite(className, wild, true),
            hostlessSite(className, any, true),
            ingress(`low/new-${className}`, { className, tls: { [`new-${className}`]: [contested] } }),
          ),
        ];
      }),
    );
  });
  after(async () => {
    leave.abort();
    await app.stop();
  });

  async function visitOverHttp(host: string, address: string): Promise<void> {
    const seen = { all: 0, lost: new Array<number>() };
    const get = () => ask(stage.world.edge.httpPort, { host: address, path: '/', headers: { host } });
    await eventually(`${host} is served`, async () => (await get()).status === 200);
    visits.set(host, seen);
    while (!leave.signal.aborted) {
      const { status } = await get();
      seen.all += 1;
      if (status !== 200) seen.lost.push(status);
      await pause(50);
    }
  }

  for (const { profile, address } of merging) {
    const { site, wild, any, twins, contested } = hostsOf(profile);
    const isServed = async (host: string): Promise<boolean> =>
      (await visit(host, stage.world.edge.httpsPort, roots, address)).status === 200;

    it(`${profile}: serves what is issued, behind its redirect`, async () => {
      await eventually(`https://${site}/ is served`, () => isServed(site));
    });

    it(`${profile}: loses no visitor of a host that no rule names, while it is validated`, async () => {
      await stage.untilIssued(`low/wild-${profile}`, `low/any-${profile}`);
      for (const host of [wild, any]) {
        const visitors = visits.get(host);
        assert.ok(visitors !== undefined);
        await eventually(`${host} has been visited`, () => visitors.all > 20);
        assert.deepEqual(visitors.lost, [], host);
      }
    });

    it(`${profile}: serves each host that two namespaces have asked for in the same second`, async () => {
      for (const [index, host] of twins.entries()) {
        await eventually(`https://${host}/ is served`, () => isServed(host));
        const keys = ['low', 'upp'].map((namespace) => `${namespace}/${profile}-${index}`);
        const issued = await Promise.all(
          keys.map(async (key) => (await stage.secret(`${key}-tls`)) !== undefined),
        );
        assert.equal(issued.filter(Boolean).length, 1, `${host}: ${issued.join()}`);
        const loser = keys[issued.indexOf(false)] ?? '';
        assert.match(await stage.untilWarned(loser, 'HostOwnedElsewhere'), /belongs to another namespace/);
      }
    });

    it(`${profile}: leaves a certificate unserved for an older Ingress without Secret, and its own is told`, async () => {
      await stage.untilIssued(`low/new-${profile}`);
      assert.equal(await isServed(contested), false);
      await eventually('it is told', async () => {
        const told = await stage.events(`low/new-${profile}`);
        return told.some(
          ({ reason, message }) =>
            reason === 'ServedByOther' && message.includes(`Secret never-tls of Ingress old-${profile}`),
        );
      });
    });
  }

  it('took one order for each certificate', async () => {
    const { length } = merging;
    assert.equal(await stage.orders(), 7 * length);
  });
});

/** `low/wild-CLASS`, which has a rule for the wildcard, and wants a certificate for a host below it. */
function wildcardSite(className: string, host: string, annotated = false): Manifest {
  return withRuleHost(host.replace(/^[^.]+/, '*'), 'wild', className, host, annotated);
}

/** `low/any-CLASS`, which has a rule without host, and wants a certificate for a host. */
function hostlessSite(className: string, host: string, annotated = false): Manifest {
  return withRuleHost(undefined, 'any', className, host, annotated);
}

function withRuleHost(
  ruleHost: string | undefined,
  name: string,
  className: string,
  host: string,
  annotated: boolean,
): Manifest {
  const tls = { [`${name}-${className}`]: [host] };
  const { spec, ...rest } = ingress(`low/${name}-${className}`, { className, tls, annotated });
  const [rule] = arrayField(spec, 'rules');
  return { ...rest, spec: { ...Object(spec), rules: [{ ...Object(rule), host: ruleHost }] } };
}

async function siteIsUp(edge: Edge, host: string): Promise<boolean> {
  const { status, body } = await ask(edge.httpPort, { path: '/', headers: { host } });
  return status === 200 && body.includes('Hello World');
}

async function untilSiteIsUp(edge: Edge, host: string): Promise<void> {
  // Connections go to the two instances of the edge in turn.
  const both = async () => (await siteIsUp(edge, host)) && (await siteIsUp(edge, host));
  await eventually(`${host} is served`, both);
}
