import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { IngressClasses } from '../../../src/challenges/http-01/ingress-class.ts';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { ApiStandIn, sendJson, sendStatus } from '../../kubernetes/api-stand-in.ts';
import { ManualClock } from '../../time/manual-clock.ts';

describe('the controller behind a class', () => {
  let api: ApiStandIn;
  let client: KubernetesClient;
  let clock: ManualClock;
  let classes: IngressClasses;
  const { signal } = new AbortController();

  beforeEach(async () => {
    api = await ApiStandIn.start();
    client = createKubernetesClient(api.kubeConfig);
    clock = new ManualClock();
    classes = new IngressClasses({ client, clock });
    answer({
      nginx: 'nginx.org/ingress-controller',
      alb: 'ingress.k8s.aws/alb',
      community: 'k8s.io/ingress-nginx',
    });
  });
  afterEach(async () => {
    await client.close();
    await api.stop();
  });

  function answer(controllers: Record<string, string>): void {
    api.override = (_, response, url) => {
      const name = url.pathname.split('/').at(-1) ?? '';
      const controller = controllers[name];
      if (controller === undefined)
        sendStatus(response, 404, 'NotFound', `ingressclasses "${name}" not found`);
      else sendJson(response, 200, { kind: 'IngressClass', metadata: { name }, spec: { controller } });
      return true;
    };
  }

  const field = (name: string): Promise<string | undefined> =>
    classes.nonMergingController({ form: 'field', name }, signal);

  const annotation = (name: string): Promise<string | undefined> =>
    classes.nonMergingController({ form: 'annotation', name }, signal);

  it('is named when it does not merge a host', async () => {
    assert.equal(await field('nginx'), 'nginx.org/ingress-controller');
    assert.equal(await field('alb'), 'ingress.k8s.aws/alb');
  });

  it('is of no interest when it merges, is unknown, or there is no class', async () => {
    assert.equal(await field('community'), undefined);
    assert.equal(await field('no-such-class'), undefined);
    assert.equal(await classes.nonMergingController({ form: 'none' }, signal), undefined);
  });

  it('is read from an annotation too, and GKE by its value alone', async () => {
    assert.equal(await annotation('nginx'), 'nginx.org/ingress-controller');
    assert.equal(await annotation('gce'), 'GKE Ingress');
    assert.equal(await annotation('any text / at all'), undefined);
  });

  it('is unknown without the permission to read IngressClasses', async () => {
    api.override = (_, response) => {
      sendStatus(response, 403, 'Forbidden', 'no');
      return true;
    };
    assert.equal(await field('nginx'), undefined);
  });

  it('is asked for once in five minutes', async () => {
    await field('nginx');
    await field('nginx');
    assert.equal(api.requests.length, 1);
    clock.advance(300_000);
    answer({ nginx: 'k8s.io/ingress-nginx' });
    assert.equal(await field('nginx'), undefined);
    assert.equal(api.requests.length, 2);
  });

  it('is asked for again after trouble', async () => {
    api.override = (_, response) => {
      sendStatus(response, 500, 'InternalError', 'no');
      return true;
    };
    await assert.rejects(field('nginx'), { code: 'ServerError' });
    answer({ nginx: 'nginx.org/ingress-controller' });
    assert.equal(await field('nginx'), 'nginx.org/ingress-controller');
  });
});
