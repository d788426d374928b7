import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { stamps } from '../../controller-failures/objects.ts';
import { assertDone, assertRefused } from '../../deploy/deployed-cluster.ts';
import { eventually } from '../../time/eventually.ts';
import { base64, core, networking, ours, pair, Thief, tls } from './thief.ts';

/*
 * A policy of the cluster adds a label and an annotation to whatever is written, and changes one that is there. The admission policies
 * of kube-lego must not take that for kube-lego's doing, and must not take kube-lego's doing for that.
 */

const secrets = `${core}/team-a/secrets`;
const ingresses = `${networking}/team-a/ingresses`;
const own = 'fieldManager=kube-lego';
const added = {
  labels: { 'cost-center': 'web', tier: 'stamped' },
  annotations: { 'stamp.example/by': 'policy', note: 'stamped' },
};
const argoCd = { 'argocd.argoproj.io/secret-type': 'cluster' };
const reflected = { 'reflector.v1.k8s.emberstack.com/reflection-allowed': 'true' };

let thief: Thief;

before(async () => {
  thief = await Thief.enter();
  // What was there before the policy.
  const marked = { labels: { ...ours, tier: 'a' }, annotations: { note: 'mine' } };
  for (const name of ['renewed', 'stolen'])
    await thief.given(secrets, { ...tls, metadata: { name, ...marked } });
  const spec = { rules: [{ host: 'web.example' }] };
  for (const name of ['web', 'untracked']) {
    await thief.given(ingresses, {
      metadata: { name, labels: { tier: 'a' }, annotations: { note: 'mine' } },
      spec,
    });
  }
  await thief.changed(`${ingresses}/untracked`, { metadata: { managedFields: [{}] } });
  await mutateEverything(thief);
});
after(() => thief[Symbol.asyncDispose]());

async function mutateEverything({ cluster }: Thief): Promise<void> {
  const resources = [
    ['', 'secrets'],
    ['', 'configmaps'],
    ['', 'events'],
    ['networking.k8s.io', 'ingresses'],
  ] as const;
  for (const body of stamps('stamps', resources, added)) {
    const plural =
      body.kind === 'MutatingAdmissionPolicy'
        ? 'mutatingadmissionpolicies'
        : 'mutatingadmissionpolicybindings';
    await cluster.asAdmin(`/apis/admissionregistration.k8s.io/v1/${plural}`, { method: 'POST', body });
  }
  const probe = { method: 'POST', body: { metadata: { name: 'probe' } } } as const;
  await eventually('the API server has learned of the mutating policy', async () => {
    const made = await cluster.asAdmin(`${core}/team-a/configmaps?dryRun=All`, probe);
    return JSON.stringify(made).includes('cost-center');
  });
}

describe('where a policy of the cluster adds labels and annotations, kube-lego', () => {
  it('creates a certificate', async () => {
    const metadata = { name: 'new', labels: ours, annotations: { 'kube-lego.io/directory': 'https://ca' } };
    const answer = await thief.create(`${secrets}?${own}`, { ...tls, metadata });
    assertDone(answer);
    assert.partialDeepStrictEqual(answer.body, { metadata: added });
  });

  it('renews one, although the policy changes what others put on it', async () => {
    const data = { ...pair, 'tls.crt': base64('next chain') };
    const applied = {
      apiVersion: 'v1',
      kind: 'Secret',
      ...tls,
      data,
      metadata: { name: 'renewed', labels: ours },
    };
    const answer = await thief.apply(`${secrets}/renewed`, applied);
    assertDone(answer);
    assert.partialDeepStrictEqual(answer.body, { data, metadata: added });
    // And again, with what the policy has added there already.
    assertDone(await thief.apply(`${secrets}/renewed`, applied));
    const annotations = { 'kube-lego.io/renewal': '{}' };
    assertDone(await thief.patch(`${secrets}/renewed?${own}`, { metadata: { annotations } }));
  });

  it('says the status of an Ingress', async () => {
    const status = { metadata: { annotations: { 'kube-lego.io/status': '{}' } } };
    const answer = await thief.patch(`${ingresses}/web?${own}`, status);
    assertDone(answer);
    assert.partialDeepStrictEqual(answer.body, { metadata: added });
  });

  it('says which keys are in the way where the API server does not record who sets them', async () => {
    const status = { metadata: { annotations: { 'kube-lego.io/status': '{}' } } };
    const answer = await thief.patch(`${ingresses}/untracked?${own}`, status);
    assertRefused(
      answer,
      /only the annotation kube-lego\.io\/status of an Ingress, not (note, stamp|stamp.*, note)/,
    );
  });

  it('writes its own records, its challenge Ingress and Events', async () => {
    const labels = { ...ours, 'kube-lego.io/ledger': 'rate-limits' };
    const ledger = { metadata: { name: 'kube-lego-ledger-0', labels }, data: { 'ledger.json': '{}' } };
    const configMaps = `${core}/kube-lego/configmaps`;
    assertDone(await thief.create(`${configMaps}?${own}`, ledger));
    assertDone(await thief.send('PUT', `${configMaps}/kube-lego-ledger-0?${own}`, { ...ledger, data: {} }));
    const account = { type: 'Opaque', metadata: { name: 'kube-lego-account', labels: ours } };
    assertDone(await thief.create(`${core}/kube-lego/secrets?${own}`, account));
    const backend = { service: { name: 'kube-lego', port: { number: 8080 } } };
    const path = { path: '/.well-known/acme-challenge/', pathType: 'ImplementationSpecific', backend };
    const challenge = (host: string, metadata: object) => ({
      metadata: { name: 'kube-lego', labels: ours, ...metadata },
      spec: { rules: [{ host, http: { paths: [path] } }] },
    });
    const challenges = `${networking}/kube-lego/ingresses`;
    assertDone(await thief.create(`${challenges}?${own}`, challenge('a.example', {})));
    const kept = { labels: { ...ours, ...added.labels }, annotations: added.annotations };
    assertDone(await thief.send('PUT', `${challenges}/kube-lego?${own}`, challenge('b.example', kept)));
    const event = {
      metadata: { name: 'web.1' },
      involvedObject: {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'Ingress',
        namespace: 'team-a',
        name: 'web',
      },
      source: { component: 'kube-lego' },
      reportingComponent: 'kube-lego',
    };
    assertDone(await thief.create(`${core}/team-a/events?${own}`, event));
  });
});

describe('where a policy of the cluster adds labels and annotations, a stolen token', () => {
  /** Makes the entry of this request the oldest of too many, which the API server merges. */
  const crowd = Array.from({ length: 12 }, (_, index) => ({
    manager: `m${index}`,
    operation: 'Update',
    apiVersion: 'v1',
    time: '2099-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:data': { [`f:tls.${index}`]: {} } },
  }));
  /** Says that somebody else has set it. */
  const claimed = (key: string) => [
    {
      ...crowd[0],
      fieldsV1: { 'f:metadata': { 'f:labels': { [`f:${key}`]: {} }, 'f:annotations': { [`f:${key}`]: {} } } },
    },
  ];
  /** Where the API server does not record who sets what, what the policy adds is refused, too. */
  const denied = /argocd\.argoproj\.io\/secret-type|stamp\.example\/by/;

  const ways: Readonly<Record<string, [query: string, metadata: object]>> = {
    plainly: [own, {}],
    'under the name of another manager': ['fieldManager=kubectl', {}],
    'under the name of the merged managers': ['fieldManager=ancient-changes', {}],
    'under no name': ['', {}],
    'as if somebody else had set it': [own, { managedFields: claimed('argocd.argoproj.io/secret-type') }],
    'among too many managers': [own, { managedFields: crowd }],
    'with the record of managers reset': [own, { managedFields: [{}] }],
    'with the record of managers emptied': [own, { managedFields: [] }],
    'with an unreadable record of managers': [
      own,
      { managedFields: [{ ...crowd[0], fieldsV1: { 'x:y': 1 } }] },
    ],
  };
  for (const [way, [query, changes]] of Object.entries(ways)) {
    it(`sets none of its own ${way}`, async () => {
      const metadata = { name: 'cluster', labels: { ...ours, ...argoCd }, ...changes };
      assertRefused(await thief.create(`${secrets}?${query}`, { ...tls, metadata }), denied);
      const path = `${secrets}/stolen?${query}`;
      assertRefused(await thief.patch(path, { metadata: { labels: argoCd, ...changes } }), denied);
      const annotations = { ...argoCd, 'kube-lego.io/status': '{}' };
      const target = `${ingresses}/web?${query}`;
      assertRefused(await thief.patch(target, { metadata: { annotations, ...changes } }), denied);
      assertRefused(await thief.patch(target, { metadata: { labels: argoCd, ...changes } }), denied);
    });
  }

  it('sets none of its own by server-side apply, under whatever name', async () => {
    for (const manager of ['kube-lego', 'kubectl', 'ancient-changes', 'before-first-apply']) {
      for (const name of ['stolen', 'cluster']) {
        const body = { apiVersion: 'v1', kind: 'Secret', ...tls, metadata: { name, labels: argoCd } };
        assertRefused(await thief.apply(`${secrets}/${name}`, body, manager), denied);
      }
    }
  });

  it('sets none of its own after it has reset the record of managers', async () => {
    const reset = { metadata: { managedFields: [{}], labels: added.labels, annotations: added.annotations } };
    await thief.changed(`${secrets}/stolen`, reset);
    assertRefused(await thief.patch(`${secrets}/stolen?${own}`, { metadata: { labels: argoCd } }), denied);
    const managedFields = claimed('argocd.argoproj.io/secret-type');
    const claim = { metadata: { labels: argoCd, managedFields } };
    assertRefused(await thief.patch(`${secrets}/stolen?${own}`, claim), denied);
  });

  it('changes and removes none of others', async () => {
    await thief.given(secrets, { ...tls, metadata: { name: 'kept', labels: { ...ours, team: 'a' } } });
    const path = `${secrets}/kept?${own}`;
    assertRefused(await thief.patch(path, { metadata: { labels: { team: 'b' } } }), /not team/);
    assertRefused(await thief.patch(path, { metadata: { labels: { team: null } } }), /removes no label/);
    const more = { annotations: reflected };
    assertRefused(await thief.patch(path, { metadata: more }), /not reflector\.v1\.k8s\.emberstack\.com/);
    const data = { 'more.crt': base64('more') };
    assertRefused(await thief.patch(path, { data }), /only tls\.crt, tls\.key and keystore\.p12 in the data/);
    const adopt = { annotations: { 'kube-lego.io/adopt': 'true' } };
    assertRefused(await thief.patch(path, { metadata: adopt }), /never asks for adoption itself/);
  });
});
