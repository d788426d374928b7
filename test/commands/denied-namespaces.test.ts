import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Overview } from '../../src/commands/status/status-command.ts';
import { refusal } from '../controller-failures/api-refusal.ts';
import type { Passage } from '../controller-failures/faulty-proxy.ts';
import { ingress, secret } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { runBehindProxy } from './command-run.ts';

const forbidden = refusal(403, 'Forbidden', 'not for you');

let stage: Stage;

describe('kube-lego status, when not all watched namespaces may be looked into', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
    const now = new Date().toISOString().replace('Z', '000Z');
    await stage.apply(
      ingress('shop/web', { tls: { 'web-tls': ['web.example.com'] } }),
      // No controller runs, but one is said to lead.
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { namespace: 'kube-lego', name: 'kube-lego' },
        spec: { holderIdentity: 'kube-lego-0', leaseDurationSeconds: 3600, acquireTime: now, renewTime: now },
      },
    );
  });
  after(() => stage.stop());

  it('shows the others, names those, says what to do, and ends with 1', async () => {
    const asked: string[] = [];
    const { code, output } = await runBehindProxy(
      stage,
      'status',
      [],
      (passage) => {
        asked.push(passage.path);
        return denying('blog', 'news')(passage);
      },
      { LEGO_WATCH_NAMESPACE: 'blog,shop,news' },
    );
    assert.equal(code, 1);
    assert.match(output, /^shop\/web +web-tls +due/m);
    assert.match(
      output,
      /^Not shown, because their Ingresses may not be listed: blog, news\. Use a kubeconfig that may list/m,
    );
    // All that is there would seem to be named by no Ingress.
    assert.ok(!asked.includes('/api/v1/namespaces/blog/secrets'));
  });

  it('ends with 1 although all is well in the others', async () => {
    const LEGO_WATCH_NAMESPACE = 'empty,blog';
    const { code, output } = await runBehindProxy(stage, 'status', ['-o', 'json'], denying('blog'), {
      LEGO_WATCH_NAMESPACE,
    });
    const { rows, denied: hidden }: Overview = JSON.parse(output);
    assert.deepEqual([code, rows, hidden], [1, [], ['blog']]);
    const named = await runBehindProxy(stage, 'status', ['-n', 'empty'], denying('blog'), {
      LEGO_WATCH_NAMESPACE,
    });
    assert.equal(named.code, 0);
    assert.match(
      named.output,
      /^kube-lego manages no Ingress or Gateway in namespace empty\.\n\nkube-lego-0 leads since \S+\.$/m,
    );
  });

  it('ends with 3 and says what to do when none of them may be, or not the one that is named', async () => {
    const environment = { LEGO_WATCH_NAMESPACE: 'shop,blog' };
    for (const [argv, ...hidden] of [
      [[], 'shop', 'blog'],
      [['-n', 'blog'], 'blog'],
    ] as const) {
      const { code, output, errors } = await runBehindProxy(
        stage,
        'status',
        argv,
        denying(...hidden),
        environment,
      );
      assert.deepEqual([code, output], [3, '']);
      assert.match(errors, /403 Forbidden: not for you\nUse a kubeconfig that may list Ingresses/);
    }
  });

  it('says that Gateways are unknown when the API groups may not be read', async () => {
    const unknown =
      /^Whether there are Gateways, and what they name, is unknown: the API groups may not be read here\.$/m;
    const undiscovered = ({ path }: Passage) => (path === '/apis' ? Promise.resolve(forbidden) : undefined);
    const whole = await runBehindProxy(stage, 'status', [], undiscovered);
    assert.match(whole.output, /^shop\/web +web-tls +due/m);
    assert.doesNotMatch(whole.output, unknown, 'nobody has asked for them');
    const on = await runBehindProxy(stage, 'status', [], undiscovered, { LEGO_GATEWAY_API: 'on' });
    assert.match(on.output, /^shop\/web +web-tls +due/m);
    assert.match(on.output, unknown);

    const annotations = { 'kube-lego.io/directory': stage.directoryUrl };
    const lost = secret('shop/lost-tls', { 'tls.crt': '', 'tls.key': '' }, { metadata: { annotations } });
    await stage.apply(lost);
    const { output } = await runBehindProxy(stage, 'status', [], undiscovered);
    assert.match(output, /^Secrets of kube-lego that no Ingress names any more: shop\/lost-tls$/m);
    assert.match(output, unknown);
  });

  function denying(...namespaces: readonly string[]) {
    const paths = namespaces.map((name) => `/apis/networking.k8s.io/v1/namespaces/${name}/ingresses`);
    return ({ path }: Passage) => (paths.includes(path) ? Promise.resolve(forbidden) : undefined);
  }
});
