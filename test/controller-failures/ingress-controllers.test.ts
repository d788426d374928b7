import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApp } from '../../deploy/local/app.ts';
import { readAuditLog } from '../../deploy/local/audit-log.ts';
import { type Edge, startEdge } from '../../deploy/local/edge/edge.ts';
import { nextSecond } from '../controller/observation.ts';
import { ask } from '../local/edge-world.ts';
import { eventually } from '../time/eventually.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

let stage: Stage;

before(async () => {
  stage = await startStage({ namespaces: ['shop'], edge: { mode: 'oldest' } });
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
      mode: 'oldest',
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
  it('keeps serving the site, no order is made, and the reason says who answered', async () => {
    const { edge } = stage.world;
    await stage.apply(ingress('shop/web', { tls: { 'web-tls': ['web.example.com'] } }));
    await untilSiteIsUp(edge, 'web.example.com');
    // Ages are whole seconds. A challenge Ingress of the same second would be as old as the user's, and the edge, which
    // goes by the namespace then, would give it the host: what docs/ingress-controllers.md warns of, and not meant here.
    await nextSecond();

    await stage.startController({ LEGO_SELF_CHECK_TIMEOUT: '3s' });

    let visits = 0;
    await eventually('the self-check gives up', async () => {
      assert.ok(await siteIsUp(edge, 'web.example.com'), `the site was down at visit ${visits}`);
      visits += 1;
      return (await stage.view('shop/web'))?.state === 'backing-off';
    });
    assert.match(
      await stage.untilWarned('shop/web', 'SelfCheckFailed'),
      /^Host web\.example\.com answers the challenge with status 200, but not with kube-lego's text: the application or another server took the request\./,
    );
    assert.ok(visits > 10);
    assert.equal(await stage.orders(), 0);
  });
});

async function siteIsUp(edge: Edge, host: string): Promise<boolean> {
  const { status, body } = await ask(edge.httpPort, { path: '/', headers: { host } });
  return status === 200 && body.includes('Hello World');
}

async function untilSiteIsUp(edge: Edge, host: string): Promise<void> {
  await eventually(`${host} is served`, () => siteIsUp(edge, host));
}
