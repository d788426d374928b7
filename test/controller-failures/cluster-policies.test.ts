import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { recordField } from '../../src/process/json.ts';
import { eventually } from '../time/eventually.ts';
import { ingress, ingressPath, type Manifest, policy, secretPath, stamps } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

/* Policies that the operators of clusters have, all at once, and an Ingress that had its certificate before. */

const written = ['CREATE', 'UPDATE'];
const teamRequired = 'the label team is required on every object';
const added = { labels: { 'cost-center': 'web' }, annotations: { 'stamp.example/by': 'policy' } };
const account = '/api/v1/namespaces/kube-lego/serviceaccounts/kube-lego';

let stage: Stage;

before(async () => {
  stage = await startStage({ namespaces: ['shop'] });
  await stage.startController();
});
after(() => stage.stop());

/** With the label that the policies require. */
function ofTeam({ metadata, ...rest }: Manifest): Manifest {
  return { ...rest, metadata: { ...metadata, labels: { team: 'shop' } } };
}

async function change(path: string, metadata: object): Promise<void> {
  const contentType = 'application/merge-patch+json';
  await stage.world.api.expect(path, { method: 'PATCH', contentType, body: { metadata } });
}

describe('where policies add labels, require labels and look into TLS Secrets', () => {
  before(async () => {
    await stage.apply(ofTeam(ingress('shop/web', { tls: { 'web-tls': ['web.example.com'] } })));
    await stage.untilIssued('shop/web');
    const hasTeam = "has(object.metadata.labels) && 'team' in object.metadata.labels";
    const pem = (key: string) => `object.data['tls.${key}'].startsWith('LS0tLS1CRUdJTi')`;
    await stage.apply(
      ...stamps(
        'stamps',
        [
          ['', 'secrets'],
          ['networking.k8s.io', 'ingresses'],
        ],
        added,
      ),
      ...policy(
        'no-empty-tls',
        { apiGroup: '', resource: 'secrets', operations: written },
        `object.type != 'kubernetes.io/tls' || (${pem('crt')} && ${pem('key')})`,
        'a TLS Secret must hold a certificate and its key',
      ),
      ...policy(
        'team',
        { apiGroup: 'networking.k8s.io', resource: 'ingresses', operations: written },
        hasTeam,
        teamRequired,
      ),
      ...['secrets', 'configmaps', 'events'].flatMap((resource) =>
        policy(`team-${resource}`, { apiGroup: '', resource, operations: written }, hasTeam, teamRequired),
      ),
    );
    await eventually('the policies are in force', async () => {
      const refused = async (resource: string, body: object): Promise<boolean> => {
        const { status } = await stage.world.api.request(`${resource}?dryRun=All`, { method: 'POST', body });
        return status === 422;
      };
      const core = '/api/v1/namespaces/shop';
      const event = { metadata: { name: 'a', namespace: 'shop' }, involvedObject: { namespace: 'shop' } };
      const site = { metadata: { name: 'a' }, spec: { rules: [{ host: 'a.example.com' }] } };
      const all = await Promise.all([
        refused(`${core}/secrets`, { metadata: { name: 'a' } }),
        refused(`${core}/configmaps`, { metadata: { name: 'a' } }),
        refused(`${core}/events`, event),
        refused(ingressPath('shop/a').replace(/\/a$/, ''), site),
      ]);
      return all.every(Boolean);
    });
  });

  it('says who refuses what, blames no host, and costs no order', async () => {
    const orders = await stage.orders();
    await stage.apply(ofTeam(ingress('shop/blog', { tls: { 'blog-tls': ['blog.example.com'] } })));
    await stage.untilState('shop/blog', 'backing-off');
    // Events need the label, too.
    await stage.untilLogged(
      /^Secret blog-tls cannot be written: the policy "team-secrets" of the cluster says: the label team is required on every object\. Allow kube-lego's/,
    );
    const status = recordField((await stage.object(ingressPath('shop/blog')))?.['metadata'], 'annotations');
    assert.doesNotMatch(String(status?.['kube-lego.io/status']), /"host"/);
    assert.equal(await stage.orders(), orders);
  });

  it('issues, renews and tells with the labels that the operator sets', async () => {
    await change(account, { annotations: { 'kube-lego.io/object-labels': 'team=platform' } });
    await stage.controller.stop();
    await stage.startController({ LEGO_OBJECT_LABELS: 'team=platform' });
    await change(ingressPath('shop/blog'), { annotations: { 'kube-lego.io/retry': 'with labels' } });
    await stage.untilIssued('shop/blog', 'shop/web');
    const before = await stage.secret('shop/web-tls');
    await change(ingressPath('shop/web'), { annotations: { 'kube-lego.io/key-type': 'rsa-2048' } });
    await eventually(
      'the certificate is replaced',
      async () => (await stage.secret('shop/web-tls'))?.['tls.crt'] !== before?.['tls.crt'],
    );
    for (const key of ['shop/web-tls', 'shop/blog-tls']) {
      const metadata = (await stage.object(secretPath(key)))?.['metadata'];
      const labels = { team: 'platform', 'app.kubernetes.io/managed-by': 'kube-lego', ...added.labels };
      assert.deepEqual(recordField(metadata, 'labels'), labels, key);
    }
    await eventually('the status says so', async () => {
      const { annotations = {} } = Object((await stage.object(ingressPath('shop/blog')))?.['metadata']);
      return /"state":"good"/.test(annotations['kube-lego.io/status'] ?? '');
    });
    await eventually('Events say so', async () =>
      (await stage.events('shop/web')).some(({ reason }) => reason.startsWith('Certificate')),
    );
  });

  it('says on an Ingress that its status is out of date, and who keeps it so', async () => {
    const told = "'kube-lego.io/status' in object.metadata.?annotations.orValue({})";
    const rule = { apiGroup: 'networking.k8s.io', resource: 'ingresses', operations: written };
    const frozen = policy(
      'frozen',
      rule,
      `object.metadata.name != 'frozen' || !(${told})`,
      'nobody annotates this',
    );
    await stage.apply(...frozen);
    const site = ofTeam(ingress('shop/frozen', { tls: { 'frozen-tls': ['frozen.example.com'] } }));
    await eventually('the policy is in force', async () => {
      const path = `${ingressPath('shop/frozen').replace(/\/frozen$/, '')}?dryRun=All`;
      const annotations = { 'kube-lego.io/status': '{}' };
      const body = { ...site, metadata: { ...site.metadata, annotations } };
      return (await stage.world.api.request(path, { method: 'POST', body })).status === 422;
    });
    await stage.apply(site);
    await stage.untilIssued('shop/frozen');
    assert.match(
      await stage.untilWarned('shop/frozen', 'StatusNotWritten'),
      /^The annotation kube-lego\.io\/status is out of date, because it cannot be written: the policy "frozen" of the cluster says: nobody annotates this\. Allow kube-lego's/,
    );
  });
});
