import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assertDone, assertForbidden, assertRefused, widenRole } from '../../deploy/deployed-cluster.ts';
import { base64, core, finalizers, networking, ours, ownerReferences, pair, Thief, tls } from './thief.ts';

let thief: Thief;

before(async () => {
  thief = await Thief.enter();
});
after(() => thief[Symbol.asyncDispose]());

describe('a Secret created with a stolen token', () => {
  const secrets = `${core}/team-a/secrets`;

  const reflected = { 'reflector.v1.k8s.emberstack.com/reflection-allowed': 'true' };
  const serviceAccount = { 'kubernetes.io/service-account.name': 'default' };
  const attempts: Readonly<Record<string, [object, object, RegExp]>> = {
    'a cluster of Argo CD': [
      { labels: { 'argocd.argoproj.io/secret-type': 'cluster' } },
      {},
      /with the label app\.kubernetes\.io\/managed-by: kube-lego only/,
    ],
    'a key of sealed-secrets': [
      { labels: { ...ours, 'sealedsecrets.bitnami.com/sealed-secrets-key': 'active' } },
      {},
      /with the label/,
    ],
    'another manager': [{ labels: { 'app.kubernetes.io/managed-by': 'Helm' } }, {}, /with the label/],
    'what another controller acts on': [{ annotations: reflected }, {}, /annotations kube-lego\.io\/\* only/],
    'a request for adoption': [
      { annotations: { 'kube-lego.io/adopt': 'true' } },
      {},
      /never asks for adoption itself/,
    ],
    'a finalizer': [{ finalizers }, {}, /without generateName/],
    'an owner': [{ ownerReferences }, {}, /without generateName/],
    immutability: [{}, { immutable: true }, /without generateName/],
    'another data key': [
      {},
      { data: { ...pair, server: base64('https://attacker.example') } },
      /tls\.crt and tls\.key only/,
    ],
    'another data key as text': [{}, { stringData: { config: '{}' } }, /tls\.crt and tls\.key only/],
    'another type': [{}, { type: 'Opaque' }, /only Secrets of type kubernetes\.io\/tls/],
    'the type of a token': [
      { annotations: serviceAccount },
      { type: 'kubernetes.io/service-account-token' },
      /only Secrets of type kubernetes\.io\/tls/,
    ],
    'the type of a token that lets a node join': [
      {},
      { type: 'bootstrap.kubernetes.io/token' },
      /only Secrets of type kubernetes\.io\/tls/,
    ],
  };
  for (const [what, [metadata, fields, message]] of Object.entries(attempts)) {
    it(`may not carry ${what}`, async () => {
      const body = { ...tls, ...fields, metadata: { name: 'new', ...metadata } };
      assertRefused(await thief.create(secrets, body), message);
      const applied = { apiVersion: 'v1', kind: 'Secret', ...body };
      assertRefused(await thief.apply(`${secrets}/new`, applied), message);
    });
  }

  it('may not have its name made up by the API server', async () => {
    const answer = await thief.create(secrets, { ...tls, metadata: { generateName: 'any-' } });
    assertRefused(answer, /without generateName/);
  });

  it('is a certificate, in the way in which kube-lego itself creates it', async () => {
    const annotations = { 'kube-lego.io/directory': 'https://ca' };
    const metadata = { name: 'web-tls', labels: ours, annotations };
    const empty = { ...tls, data: { 'tls.crt': '', 'tls.key': '' } };
    assertDone(await thief.create(`${secrets}?dryRun=All`, { metadata, ...empty }));
    assertDone(await thief.create(secrets, { ...tls, metadata }));
  });
});

describe('a Secret that is there, with a stolen token', () => {
  const secrets = `${core}/team-b/secrets`;
  const stolen = { data: { 'tls.crt': base64('other chain'), 'tls.key': base64('other key') } };
  const theirs = /marked as its own, asks for adoption \(kube-lego\.io\/adopt\) or holds no key pair/;

  const foreign: Readonly<Record<string, [object, object]>> = {
    bare: [{}, pair],
    'of-helm': [{ labels: { 'app.kubernetes.io/managed-by': 'Helm' } }, pair],
    'of-cert-manager': [{ annotations: { 'cert-manager.io/issuer-name': 'ca' } }, pair],
    'of-both': [{ labels: ours, annotations: { 'cert-manager.io/certificate-name': 'web' } }, pair],
    'adopted-before': [{ annotations: { 'kube-lego.io/adopt': 'done' } }, pair],
    'not-to-adopt': [{ annotations: { 'kube-lego.io/adopt': 'false' } }, pair],
    'half-empty': [{}, { 'tls.crt': '', 'tls.key': pair['tls.key'] }],
  };
  for (const [name, [metadata, data]] of Object.entries(foreign)) {
    it(`may be neither overwritten, marked nor given free if it is not ours: ${name}`, async () => {
      await thief.given(secrets, { ...tls, data, metadata: { name, ...metadata } });
      for (const change of [
        stolen,
        { metadata: { labels: ours } },
        { metadata: { annotations: { 'kube-lego.io/directory': 'https://ca' } } },
        { metadata: { annotations: { 'kube-lego.io/adopt': 'true' } } },
      ]) {
        assertRefused(await thief.patch(`${secrets}/${name}`, change), theirs);
      }
    });
  }

  const open: Readonly<Record<string, [object, object]>> = {
    'ours-by-label': [{ labels: ours }, pair],
    'ours-by-record': [{ annotations: { 'kube-lego.io/directory': 'https://ca' } }, pair],
    'of-2016': [{ annotations: { 'kubernetes.io/tls-acme': 'True' } }, pair],
    'to-adopt': [{ annotations: { 'kube-lego.io/adopt': ' True' } }, pair],
    empty: [{}, { 'tls.crt': '', 'tls.key': '' }],
    blank: [{}, { 'tls.crt': base64('\n'), 'tls.key': '' }],
  };
  for (const [name, [metadata, data]] of Object.entries(open)) {
    it(`gets a certificate and nothing else where kube-lego itself would write: ${name}`, async () => {
      const path = `${secrets}/${name}`;
      await thief.given(secrets, {
        ...tls,
        data: { ...data, 'ca.crt': base64('root') },
        metadata: { name, ...metadata },
      });
      for (const [change, message] of [
        [{ metadata: { labels: { 'argocd.argoproj.io/secret-type': 'cluster' } } }, /sets only the label/],
        [{ metadata: { labels: { 'app.kubernetes.io/managed-by': 'else' } } }, /sets only the label/],
        [{ metadata: { annotations: { note: 'new' } } }, /only annotations kube-lego\.io/],
        [{ metadata: { finalizers } }, /not change ownerReferences, finalizers/],
        [{ metadata: { ownerReferences } }, /not change ownerReferences, finalizers/],
        [{ data: { 'more.crt': base64('more') } }, /only tls\.crt, tls\.key and keystore\.p12 in the data/],
        [
          { data: { 'ca.crt': base64('other root') } },
          /only tls\.crt, tls\.key and keystore\.p12 in the data/,
        ],
        [{ data: { 'ca.crt': null } }, /only tls\.crt, tls\.key and keystore\.p12 in the data/],
        [{ immutable: true }, /immutable/],
      ] as const) {
        assertRefused(await thief.patch(path, change), message);
      }
      assertDone(await thief.patch(path, { ...stolen, metadata: { labels: ours } }));
      assertDone(await thief.patch(path, { data: { 'keystore.p12': base64('made of it') } }));
    });
  }

  it('keeps what others put on it', async () => {
    const labels = { 'app.kubernetes.io/managed-by': 'Helm', team: 'a' };
    const annotations = { note: 'keep', 'kube-lego.io/directory': 'https://ca' };
    await thief.given(secrets, { ...tls, metadata: { name: 'shared', labels, annotations } });
    const path = `${secrets}/shared`;
    for (const [change, message] of [
      [{ labels: ours }, /sets only the label/],
      [{ labels: { team: 'b' } }, /sets only the label/],
      [{ labels: { team: null } }, /removes no label/],
      [{ annotations: { note: 'lost' } }, /only annotations kube-lego\.io/],
      [{ annotations: { note: null } }, /only annotations kube-lego\.io/],
    ] as const) {
      assertRefused(await thief.patch(path, { metadata: change }), message);
    }
    const metadata = { name: 'shared', annotations: { 'kube-lego.io/directory': 'https://other' } };
    const { status, body } = await thief.apply(path, {
      apiVersion: 'v1',
      kind: 'Secret',
      ...tls,
      ...stolen,
      metadata,
    });
    assert.equal(status, 200);
    assert.partialDeepStrictEqual(body, {
      metadata: { labels, annotations: { ...annotations, ...metadata.annotations } },
    });
  });

  it('cannot be made to ask for adoption; the request of its owner is answered', async () => {
    const path = `${secrets}/asked`;
    const adopt = (value: string | null) => ({ metadata: { annotations: { 'kube-lego.io/adopt': value } } });
    await thief.given(secrets, { ...tls, metadata: { name: 'asked', labels: ours } });
    assertRefused(await thief.patch(path, adopt('true')), /never asks for adoption itself/);
    assertRefused(await thief.patch(path, adopt('done')), /never asks for adoption itself/);
    await thief.changed(path, adopt('true'));
    assertDone(await thief.patch(path, adopt('done')));
    assertRefused(await thief.patch(path, adopt('true')), /never asks for adoption itself/);
    assertDone(await thief.patch(path, adopt(null)));
  });

  it('of another type may not be changed', async () => {
    await thief.given(secrets, {
      metadata: { name: 'opaque', labels: ours },
      data: { 'tls.crt': '', 'tls.key': '' },
    });
    assertRefused(await thief.patch(`${secrets}/opaque`, stolen), /only Secrets of type kubernetes\.io\/tls/);
  });

  it('may be neither replaced nor deleted, and none may be listed', async () => {
    const kept = { ...tls, metadata: { name: 'kept', labels: ours } };
    await thief.given(secrets, kept);
    assertForbidden(await thief.send('PUT', `${secrets}/kept`, kept));
    assertForbidden(await thief.send('DELETE', `${secrets}/kept`));
    assertForbidden(await thief.send('GET', secrets));
  });

  it('can be read by whoever knows its name: RBAC cannot narrow it', async () => {
    await thief.given(secrets, { metadata: { name: 'guessed' }, type: 'Opaque' });
    assertDone(await thief.send('GET', `${secrets}/guessed`));
  });
});

describe('what the API server records of other field managers, with a stolen token,', () => {
  const addsNothing = /adds nothing to what metadata\.managedFields records of others/;
  const filtered = { 'nginx.ingress.kubernetes.io/whitelist-source-range': '192.0.2.0/24' };
  const keys = (names: object) => Object.fromEntries(Object.keys(names).map((name) => [`f:${name}`, {}]));
  const entry = (manager: string, operation: string, fields: object, apiVersion: string) => ({
    manager,
    operation,
    apiVersion,
    time: '2020-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
  });

  it('does not let the next apply of an Ingress remove what somebody else has set', async () => {
    const path = `${networking}/team-b/ingresses/applied`;
    const apiVersion = 'networking.k8s.io/v1';
    const rules = [{ host: 'web.example' }];
    const labels = { app: 'web' };
    const hers = { labels: { team: 'a' }, annotations: filtered };
    const hersToo = { tls: [{ hosts: ['web.example'], secretName: 'web-tls' }] };
    const manifest = (metadata: object, spec: object) => ({
      apiVersion,
      kind: 'Ingress',
      metadata: { name: 'applied', ...metadata },
      spec: { rules, ...spec },
    });
    const copied = { labels, annotations: { 'kube-lego.io/status': 'copied' } };
    await thief.applied(path, manifest(copied, {}), 'gitops');
    await thief.changed(path, { metadata: hers, spec: hersToo });

    const status = { 'kube-lego.io/status': '{}' };
    const said = (managedFields: object[]) => ({ metadata: { annotations: status, managedFields } });
    const ofLabels = { 'f:metadata': { 'f:labels': keys({ ...labels, ...hers.labels }) } };
    const ofAnnotations = { 'f:metadata': { 'f:annotations': keys({ ...status, ...filtered }) } };
    const ofSpec = { 'f:spec': { 'f:rules': {}, 'f:tls': {} } };
    for (const fields of [ofLabels, ofAnnotations, ofSpec]) {
      for (const [manager, operation] of [
        ['gitops', 'Apply'],
        ['gitops', 'Update'],
        ['another', 'Apply'],
      ] as const) {
        const forged = said([entry(manager, operation, fields, apiVersion)]);
        assertRefused(await thief.patch(path, forged), addsNothing);
      }
    }
    const all = {
      labels: { ...labels, ...hers.labels },
      annotations: { ...filtered, ...copied.annotations },
    };
    const both = manifest(all, hersToo);
    assertRefused(await thief.apply(path, both, 'gitops'), addsNothing);
    const named = { metadata: { annotations: status } };
    assertRefused(await thief.patch(`${path}?fieldManager=gitops`, named), addsNothing);

    // The API server takes the annotation from gitops.
    assertDone(await thief.patch(path, named));
    // Of itself it may say anything: that lets nobody remove a field.
    assertDone(await thief.patch(path, said([entry('kube-lego', 'Update', ofSpec, apiVersion)])));
    const kept = { metadata: { ...hers, annotations: { ...filtered, ...status } }, spec: hersToo };
    assert.partialDeepStrictEqual(await thief.applied(path, manifest({ labels }, {}), 'gitops'), kept);
  });

  it('may be merged by the API server, where an Ingress has too many managers', async () => {
    const path = `${networking}/team-b/ingresses`;
    await thief.given(path, { metadata: { name: 'crowded' }, spec: { rules: [{ host: 'many.example' }] } });
    for (let index = 0; index < 12; index++) {
      const annotations = { [`note-${index}`]: 'keep' };
      await thief.changed(`${path}/crowded?fieldManager=m${index}`, { metadata: { annotations } });
    }
    const metadata = { annotations: { 'kube-lego.io/status': '{}' } };
    const answer = await thief.patch(`${path}/crowded`, { metadata });
    assertDone(answer);
    assert.match(JSON.stringify(answer.body), /"ancient-changes"/);
  });

  it('does not let the next apply of a Secret of ours remove what somebody else has set', async () => {
    const path = `${core}/team-b/secrets/applied`;
    const manifest = (metadata: object) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      ...tls,
      metadata: { name: 'applied', ...metadata },
    });
    const hers = { labels: { team: 'a' }, annotations: { note: 'keep' } };
    await thief.applied(path, manifest({ labels: ours }), 'gitops');
    await thief.changed(path, { metadata: hers, data: { 'ca.crt': base64('root') } });

    const fields = { 'f:metadata': { 'f:labels': keys(hers.labels) }, 'f:data': { 'f:ca.crt': {} } };
    for (const [part, forged] of Object.entries(fields)) {
      const managedFields = [entry('gitops', 'Apply', { [part]: forged }, 'v1')];
      assertRefused(await thief.patch(path, { metadata: { managedFields } }), addsNothing);
    }
    // Nor the next one of kube-lego itself, which would be refused for that.
    for (const forged of [
      { 'f:data': { 'f:ca.crt': {} } },
      { 'f:immutable': {} },
      { 'f:metadata': { 'f:finalizers': {} } },
      { 'f:metadata': { 'f:labels': keys({ 'kube-lego.io/note': 'keep' }) } },
    ]) {
      const managedFields = [entry('kube-lego', 'Apply', forged, 'v1')];
      assertRefused(await thief.patch(path, { metadata: { managedFields } }), /its own server-side apply/);
    }
    const both = manifest({ ...hers, labels: { ...ours, ...hers.labels } });
    assertRefused(await thief.apply(path, both, 'gitops'), addsNothing);

    // The API server takes the certificate from gitops.
    const renewed = { ...manifest({ labels: ours }), data: { ...pair, 'tls.crt': base64('next chain') } };
    assertDone(await thief.apply(path, renewed));
    const kept = { metadata: hers, data: { 'ca.crt': base64('root') } };
    assert.partialDeepStrictEqual(await thief.applied(path, manifest({ labels: ours }), 'gitops'), kept);
  });
});

describe('an Ingress of somebody else, with a stolen token', () => {
  const ingresses = `${networking}/team-a/ingresses`;
  const annotated = (annotations: Readonly<Record<string, string | null>>) => ({ metadata: { annotations } });

  before(async () => {
    const metadata = { name: 'web', annotations: { 'kube-lego.io/retry': 'once', note: 'keep' } };
    await thief.given(ingresses, { metadata, spec: { rules: [{ host: 'web.example' }] } });
  });

  it('may be told its status, of at most 128 KiB', async () => {
    const status = (text: string | null) =>
      thief.patch(`${ingresses}/web`, annotated({ 'kube-lego.io/status': text }));
    assertDone(await status('{}'));
    assertDone(await status('x'.repeat(128 * 1024)));
    assertRefused(await status('x'.repeat(128 * 1024 + 1)), /at most 128 KiB/);
    assertDone(await status(null));
  });

  it('of the largest size that fits may be told its status, too', async () => {
    const hosts = Array.from({ length: 30_000 }, (_, index) => ({ host: `h${index}.web.example` }));
    // The status is taken over from another field manager.
    const annotations = Object.fromEntries([
      ['kube-lego.io/status', 'copied'],
      ...Array.from({ length: 10_000 }, (_, index) => [`k${index}`, '1234567890']),
    ]);
    await thief.given(ingresses, { metadata: { name: 'large', annotations }, spec: { rules: hosts } });
    assertDone(await thief.patch(`${ingresses}/large`, annotated({ 'kube-lego.io/status': '{}' })));
    const labels = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`l${index}`, 'x']));
    const rules = [{ host: 'labelled.web.example' }];
    const copied = { name: 'labelled', labels, annotations: { 'kube-lego.io/status': 'copied' } };
    await thief.given(ingresses, { metadata: copied, spec: { rules } });
    assertDone(await thief.patch(`${ingresses}/labelled`, annotated({ 'kube-lego.io/status': '{}' })));
    const other = annotated({ 'kube-lego.io/status': '{}', note: 'other' });
    assertRefused(await thief.patch(`${ingresses}/labelled`, other), /not note/);
  });

  for (const annotations of [
    { 'kube-lego.io/adopt': 'true' },
    { 'kube-lego.io/self-check': 'false' },
    { 'kube-lego.io/retry': 'again' },
    { 'kube-lego.io/retry': null },
    { note: 'lost' },
    { note: null },
    { 'kubernetes.io/tls-acme': 'true' },
    { 'nginx.ingress.kubernetes.io/permanent-redirect': 'https://attacker.example' },
  ]) {
    it(`may get no other annotation: ${JSON.stringify(annotations)}`, async () => {
      const answer = await thief.patch(`${ingresses}/web`, annotated(annotations));
      assertRefused(answer, /only the annotation kube-lego\.io\/status/);
    });
  }

  it('may not be changed otherwise, created, replaced or deleted', async () => {
    const rules = [{ host: 'attacker.example' }];
    for (const change of [
      { spec: { rules } },
      { metadata: { labels: { team: 'b' } } },
      { metadata: { finalizers } },
      { metadata: { ownerReferences } },
    ]) {
      assertRefused(await thief.patch(`${ingresses}/web`, change), /changes only annotations of an Ingress/);
    }
    assertForbidden(await thief.create(ingresses, { metadata: { name: 'new' }, spec: { rules } }));
    assertForbidden(
      await thief.send('PUT', `${ingresses}/web`, { metadata: { name: 'web' }, spec: { rules } }),
    );
    assertForbidden(await thief.send('DELETE', `${ingresses}/web`));
    assertForbidden(await thief.patch(`${ingresses}/web/status`, { status: {} }));
  });
});

describe('an Event written with a stolen token', () => {
  const events = `${core}/team-a/events`;
  const involvedObject = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    namespace: 'team-a',
    name: 'web',
  };
  const event = {
    metadata: { name: 'web.1' },
    involvedObject,
    reason: 'CertificateIssued',
    message: 'Done.',
    type: 'Normal',
    source: { component: 'kube-lego' },
    reportingComponent: 'kube-lego',
  };

  it('may be on an Ingress, in the name of kube-lego', async () => {
    assertDone(await thief.create(events, event));
  });

  const attempts: Readonly<Record<string, [object, RegExp]>> = {
    'on another kind of object': [
      { involvedObject: { ...involvedObject, kind: 'Pod' } },
      /only on Ingresses/,
    ],
    'in the name of the kubelet': [{ source: { component: 'kubelet' } }, /itself as their source/],
    'reported by the kubelet': [{ reportingComponent: 'kubelet' }, /itself as their source/],
    'with a label': [{ metadata: { name: 'web.2', labels: { team: 'b' } } }, /no labels/],
    'with a finalizer': [{ metadata: { name: 'web.2', finalizers } }, /no generateName/],
  };
  for (const [what, [changes, message]] of Object.entries(attempts)) {
    it(`may not be ${what}`, async () => {
      const body = { ...event, metadata: { name: 'web.2' }, ...changes };
      assertRefused(await thief.create(events, body), message);
    });
  }

  it('may be neither read, changed nor deleted', async () => {
    for (const method of ['GET', 'DELETE'] as const)
      assertForbidden(await thief.send(method, `${events}/web.1`));
    assertForbidden(await thief.patch(`${events}/web.1`, { message: 'Other.' }));
  });
});

describe('whoever has a stolen token', () => {
  it('gets no more rights by it', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const admission = '/apis/admissionregistration.k8s.io/v1';
    const metadata = { name: 'more' };
    const subjects = [{ kind: 'ServiceAccount', name: 'kube-lego', namespace: 'kube-lego' }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' };
    const binding = { metadata, subjects, roleRef };
    const containers = [{ name: 'a', image: 'a' }];
    for (const [path, body] of [
      [`${rbac}/clusterrolebindings`, binding],
      [`${rbac}/namespaces/kube-lego/rolebindings`, binding],
      [`${core}/kube-lego/serviceaccounts/kube-lego/token`, { spec: { expirationSeconds: 3600 } }],
      [`${core}/kube-lego/serviceaccounts`, { metadata }],
      [`${core}/kube-lego/pods`, { metadata, spec: { containers } }],
    ] as const) {
      assertForbidden(await thief.create(path, body));
    }
    for (const path of [
      `${rbac}/clusterroles/kube-lego`,
      `${admission}/validatingadmissionpolicies/kube-lego-secrets`,
      `${admission}/validatingadmissionpolicybindings/kube-lego-secrets`,
      `${core}/kube-lego/serviceaccounts/kube-lego`,
      '/apis/apps/v1/namespaces/kube-lego/deployments/kube-lego',
      `${core}/kube-lego`,
    ]) {
      assertForbidden(await thief.patch(path, { metadata: { annotations: { note: 'mine' } } }));
      assertForbidden(await thief.send('DELETE', path));
    }
  });
});

describe('the admission policies, under a role that is too wide', () => {
  before(() => widenRole(thief.cluster));

  it('still let kube-lego delete no Secret and replace none that is not ours', async () => {
    const secrets = `${core}/team-a/secrets`;
    for (const [name, labels] of Object.entries({ foreign: {}, marked: ours })) {
      await thief.given(secrets, { ...tls, metadata: { name, labels } });
      assertRefused(
        await thief.send('DELETE', `${secrets}/${name}`),
        /deletes no Secret but its own records/,
      );
    }
    const answer = await thief.send('PUT', `${secrets}/foreign`, { ...tls, metadata: { name: 'foreign' } });
    assertRefused(answer, /changes only a Secret that is marked as its own/);
  });

  it('still let it neither create, delete nor move an Ingress of others', async () => {
    const ingresses = `${networking}/team-a/ingresses`;
    const spec = { rules: [{ host: 'a.example' }] };
    assertRefused(
      await thief.create(ingresses, { metadata: { name: 'new' }, spec }),
      /neither creates nor deletes/,
    );
    assertRefused(await thief.send('DELETE', `${ingresses}/web`), /neither creates nor deletes/);
    const status = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } };
    assertRefused(await thief.patch(`${ingresses}/web/status`, status), /only annotations/);
  });

  it('still let it write ConfigMaps and its Lease nowhere else, and only new Events', async () => {
    const lease = await thief.create('/apis/coordination.k8s.io/v1/namespaces/team-a/leases', {
      metadata: { name: 'kube-lego' },
    });
    assertRefused(lease, /only the Lease kube-lego in its own namespace/);
    const answer = await thief.create(`${core}/team-a/configmaps`, {
      metadata: { name: 'kube-lego-ledger-0' },
    });
    assertRefused(answer, /writes only its ledgers/);
    assertRefused(
      await thief.send('DELETE', `${core}/team-a/events/web.1`),
      /neither changes nor deletes them/,
    );
  });

  it('leave everybody else alone', async () => {
    const secrets = `${core}/team-a/secrets`;
    await thief.given(secrets, {
      metadata: { name: 'free', labels: { team: 'a' }, finalizers },
      type: 'Opaque',
    });
    await thief.changed(`${secrets}/free`, { metadata: { finalizers: [] } });
    await thief.cluster.asAdmin(`${secrets}/free`, { method: 'DELETE' });
  });
});
