import { after, before, describe, it } from 'node:test';
import { recordField, stringField } from '../../../src/process/json.ts';
import { assertDone, assertForbidden, assertRefused } from '../../deploy/deployed-cluster.ts';
import { eventually } from '../../time/eventually.ts';
import { base64, core, finalizers, networking, ours, ownerReferences, Thief, tls } from './thief.ts';

let thief: Thief;

before(async () => {
  thief = await Thief.enter();
});
after(() => thief[Symbol.asyncDispose]());

describe("in kube-lego's own namespace, with a stolen token, an Ingress", () => {
  const ingresses = `${networking}/kube-lego/ingresses`;
  const backend = { service: { name: 'kube-lego', port: { number: 8080 } } };
  const other = { service: { name: 'other', port: { number: 80 } } };
  const bucket = { resource: { apiGroup: 'x.example', kind: 'Bucket', name: 'b' } };
  const path = { path: '/.well-known/acme-challenge/', pathType: 'ImplementationSpecific', backend };
  const rules = [{ host: 'a.example', http: { paths: [path] } }];
  const annotations = {
    'nginx.ingress.kubernetes.io/ssl-redirect': 'false',
    'kubernetes.io/ingress.class': 'nginx',
  };
  const metadata = { name: 'challenge', labels: ours, annotations };
  const ruleWith = (changes: object): object[] => [
    { host: 'a.example', http: { paths: [{ ...path, ...changes }] } },
  ];

  const shapes: Readonly<Record<string, [object, RegExp]>> = {
    'for another path': [{ rules: ruleWith({ path: '/' }) }, /the one path/],
    'for a longer path': [{ rules: ruleWith({ path: '/.well-known/acme-challenge/x' }) }, /the one path/],
    'for a further path': [
      { rules: [{ http: { paths: [path, { ...path, path: '/login' }] } }] },
      /the one path/,
    ],
    'for a host as a whole': [{ rules: [{ host: 'a.example' }] }, /the one path/],
    'for everything else': [{ rules, defaultBackend: backend }, /a default backend/],
    'with a certificate': [{ rules, tls: [{ hosts: ['a.example'], secretName: 'a-tls' }] }, /neither tls/],
    'to another Service': [{ rules: ruleWith({ backend: other }) }, /the backend of a challenge Ingress/],
    'to a resource': [{ rules: ruleWith({ backend: bucket }) }, /the backend of a challenge Ingress/],
  };
  for (const [what, [spec, message]] of Object.entries(shapes)) {
    it(`${what} may not be created, nor made of a challenge Ingress`, async () => {
      assertRefused(await thief.create(ingresses, { metadata, spec }), message);
      const made = { ...metadata, name: 'made' };
      assertDone(await thief.create(ingresses, { metadata: made, spec: { rules } }));
      assertRefused(await thief.send('PUT', `${ingresses}/made`, { metadata: made, spec }), message);
      assertDone(await thief.send('DELETE', `${ingresses}/made`));
    });
  }

  const listed = /only the annotations that kube-lego writes/;
  const marks: Readonly<Record<string, [object, RegExp]>> = {
    'with a redirect': [
      { annotations: { 'nginx.ingress.kubernetes.io/permanent-redirect': 'https://attacker.example' } },
      listed,
    ],
    'with a redirect to nowhere': [
      { annotations: { 'nginx.ingress.kubernetes.io/permanent-redirect': '' } },
      listed,
    ],
    'with a snippet': [
      { annotations: { 'nginx.ingress.kubernetes.io/server-snippet': 'return 200;' } },
      listed,
    ],
    'with another value of ours': [
      { annotations: { 'nginx.ingress.kubernetes.io/whitelist-source-range': '192.0.2.0/24' } },
      listed,
    ],
    'that asks for a certificate': [{ annotations: { 'kubernetes.io/tls-acme': 'true' } }, listed],
    'with another label': [{ labels: { ...ours, team: 'b' } }, /changes no other label/],
    'without our label': [{ labels: {} }, /has the label/],
    'with a finalizer': [{ finalizers }, /sets no generateName/],
    'with an owner': [{ ownerReferences }, /sets no generateName/],
    'with a made up name': [{ name: undefined, generateName: 'any-' }, /sets no generateName/],
  };
  for (const [what, [changes, message]] of Object.entries(marks)) {
    it(`${what} may not be created`, async () => {
      const body = { metadata: { ...metadata, ...changes }, spec: { rules } };
      assertRefused(await thief.create(ingresses, body), message);
    });
  }

  it('that kube-lego did not make may be neither changed nor deleted', async () => {
    const dashboard = `${ingresses}/dashboard`;
    const spec = { rules: ruleWith({ path: '/', backend: other }) };
    await thief.given(ingresses, { metadata: { name: 'dashboard' }, spec });
    const taken = { metadata: { ...metadata, name: 'dashboard' }, spec: { rules } };
    const unchanged = /changes no Ingress of its own namespace but/;
    assertRefused(await thief.send('PUT', dashboard, taken), unchanged);
    assertRefused(await thief.patch(dashboard, { metadata: { labels: ours } }), unchanged);
    assertRefused(await thief.send('DELETE', dashboard), /deletes no Ingress of its own namespace but/);
    const status = { metadata: { annotations: { 'kube-lego.io/status': '{}' } } };
    assertRefused(await thief.patch(`${dashboard}?fieldManager=gitops`, status), /managedFields records/);
    assertDone(await thief.patch(dashboard, status));
  });

  it('may be a challenge Ingress, keeps what others put on it, and goes again', async () => {
    assertDone(await thief.create(ingresses, { metadata, spec: { rules } }));
    const kept = {
      ...metadata,
      labels: { ...ours, team: 'a' },
      annotations: { ...annotations, note: 'keep' },
      finalizers,
    };
    await thief.changed(`${ingresses}/challenge`, { metadata: kept });
    const more = [...rules, { host: '*.b.example', http: { paths: [path] } }, { http: { paths: [path] } }];
    assertDone(await thief.send('PUT', `${ingresses}/challenge`, { metadata: kept, spec: { rules: more } }));
    for (const [changes, message] of [
      [{ annotations: { ...kept.annotations, note: 'other' } }, listed],
      [{ annotations }, listed],
      [{ labels: ours }, /changes no other label/],
      [{ finalizers: [] }, /sets no generateName/],
    ] as const) {
      const body = { metadata: { ...kept, ...changes }, spec: { rules } };
      assertRefused(await thief.send('PUT', `${ingresses}/challenge`, body), message);
    }
    assertDone(await thief.send('DELETE', `${ingresses}/challenge`));
  });

  it('may have as many rules, and list as many hosts, as kube-lego puts into one', async () => {
    const many = Array.from({ length: 250 }, (_, index) => ({
      host: `h${index}.example`,
      http: { paths: [path] },
    }));
    const hosts = Array.from({ length: 500 }, (_, index) => `${index}.`.padEnd(253, 'x')).join();
    const named = { ...metadata, name: 'many', annotations: { 'kube-lego.io/challenge-hosts': hosts } };
    assertDone(await thief.create(ingresses, { metadata: named, spec: { rules: many } }));
    assertDone(
      await thief.send('PUT', `${ingresses}/many`, { metadata: named, spec: { rules: many.slice(1) } }),
    );
    assertDone(await thief.send('DELETE', `${ingresses}/many`));
  });

  it('may be the leftover of the kube-lego of 2016, to be deleted', async () => {
    const spec = { rules: ruleWith({ path: '/.well-known/acme-challenge', backend: other }) };
    await thief.given(ingresses, { metadata: { name: 'kube-lego-nginx' }, spec });
    assertDone(await thief.send('DELETE', `${ingresses}/kube-lego-nginx`));
  });

  it('may have what the operator lists on the ServiceAccount, and nothing else', async () => {
    const account = `${core}/kube-lego/serviceaccounts/kube-lego`;
    const bypass = 'nginx.ingress.kubernetes.io/enable-global-auth';
    const entryPoint = 'traefik.ingress.kubernetes.io/router.entrypoints';
    const keys = {
      'kube-lego.io/challenge-annotations': `${bypass}=false, ${entryPoint}`,
      'kube-lego.io/challenge-labels': 'shard',
      'kube-lego.io/object-labels': 'team=platform, tier',
      'kube-lego.io/object-annotations': 'a.example/owner=platform',
    };
    await thief.changed(account, { metadata: { annotations: keys } });
    const named = (more: object) => ({
      metadata: { ...metadata, name: 'listed', annotations: { ...annotations, ...more } },
      spec: { rules },
    });
    const asked = named({ [bypass]: 'false', [entryPoint]: 'web' });
    await eventually(
      'the API server has learned of the changed ServiceAccount',
      async () => (await thief.create(`${ingresses}?dryRun=All`, asked)).status === 201,
    );
    assertDone(await thief.create(ingresses, asked));
    const more = named({ 'nginx.ingress.kubernetes.io/auth-url': 'https://attacker.example' });
    assertRefused(await thief.send('PUT', `${ingresses}/listed`, more), listed);
    assertRefused(await thief.send('PUT', `${ingresses}/listed`, named({ [bypass]: 'true' })), listed);
    const labels = { ...ours, team: 'platform', shard: 'any', tier: 'any' };
    const owner = { 'a.example/owner': 'platform' };
    const labelled = {
      ...asked,
      metadata: { ...asked.metadata, labels, annotations: { ...annotations, ...owner } },
    };
    assertDone(
      await thief.send('PUT', `${ingresses}/listed`, {
        ...labelled,
        metadata: { ...labelled.metadata, annotations: { ...asked.metadata.annotations, ...owner } },
      }),
    );
    const secrets = `${core}/team-a/secrets`;
    const wanted = { labels: { ...ours, team: 'platform', tier: 'any' }, annotations: owner };
    assertDone(await thief.create(secrets, { ...tls, metadata: { name: 'listed', ...wanted } }));
    await thief.given(secrets, { ...tls, metadata: { name: 'theirs', labels: { ...ours, team: 'theirs' } } });
    assertDone(
      await thief.patch(`${secrets}/theirs`, { metadata: { labels: { tier: 'any' }, annotations: owner } }),
    );
    for (const denied of [{ team: 'platform' }, { shard: 'any' }]) {
      assertRefused(
        await thief.patch(`${secrets}/theirs`, { metadata: { labels: denied } }),
        /sets only the label/,
      );
    }
    const other = { metadata: { annotations: { 'a.example/owner': 'other' } } };
    assertRefused(await thief.patch(`${secrets}/theirs`, other), /only annotations kube-lego\.io/);
    assertForbidden(
      await thief.patch(account, { metadata: { annotations: { 'kube-lego.io/service': 'other' } } }),
    );
  });
});

describe("in kube-lego's own namespace, with a stolen token,", () => {
  const secrets = `${core}/kube-lego/secrets`;
  const configMaps = `${core}/kube-lego/configmaps`;
  const opaque = { type: 'Opaque', data: { 'tls.key': base64('key') } };
  const record = { ...ours, 'kube-lego.io/ledger': 'rate-limits' };

  it('no Secret may be created but a record of kube-lego, of type Opaque, or a certificate', async () => {
    const serviceAccount = { 'kubernetes.io/service-account.name': 'default' };
    for (const [fields, metadata, message] of [
      [opaque, { name: 'other' }, /only Secrets of type/],
      [opaque, { name: 'kube-lego-journal-x' }, /only Secrets of type/],
      [opaque, { name: 'kube-lego-revocations-2' }, /only Secrets of type/],
      [tls, { name: 'kube-lego-account' }, /its records of type Opaque/],
      [
        { type: 'kubernetes.io/service-account-token' },
        { name: 'kube-lego-account', annotations: serviceAccount },
        /its records of type Opaque/,
      ],
      [opaque, { name: 'kube-lego-account', labels: { owner: 'helm' } }, /with the label/],
      [opaque, { name: 'kube-lego-account', annotations: { note: 'a' } }, /annotations kube-lego/],
      [opaque, { name: 'kube-lego-account', finalizers }, /without generateName/],
    ] as const) {
      assertRefused(await thief.create(secrets, { ...fields, metadata }), message);
    }
    assertDone(
      await thief.create(secrets, { ...opaque, metadata: { name: 'kube-lego-account', labels: ours } }),
    );
    assertDone(
      await thief.create(secrets, { ...opaque, metadata: { name: 'kube-lego-journal-0', labels: record } }),
    );
    assertDone(await thief.create(secrets, { ...tls, metadata: { name: 'dashboard-tls', labels: ours } }));
  });

  it('no other Secret may be changed, and of the account and the journal only the data', async () => {
    await thief.given(secrets, { ...opaque, metadata: { name: 'dns-credentials' } });
    assertRefused(
      await thief.patch(`${secrets}/dns-credentials`, { data: { 'tls.key': '' } }),
      /only Secrets of type/,
    );
    assertForbidden(await thief.send('DELETE', `${secrets}/dns-credentials`));
    const forged = {
      manager: 'gitops',
      operation: 'Apply',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { 'f:more': {} } },
    };
    for (const name of ['kube-lego-account', 'kube-lego-journal-0']) {
      const path = `${secrets}/${name}`;
      assertForbidden(await thief.send('DELETE', path));
      assertDone(await thief.patch(path, { data: { 'tls.key': base64('other key'), more: base64('more') } }));
      for (const [change, message] of [
        [{ metadata: { labels: { team: 'b' } } }, /sets only the label/],
        [{ metadata: { labels: { 'app.kubernetes.io/managed-by': null } } }, /removes no label/],
        [{ metadata: { annotations: { note: 'new' } } }, /only annotations kube-lego/],
        [{ metadata: { finalizers } }, /not change ownerReferences/],
        [{ metadata: { ownerReferences } }, /not change ownerReferences/],
        [{ immutable: true }, /immutable/],
        [{ metadata: { managedFields: [forged] } }, /managedFields records of others/],
        [
          { metadata: { managedFields: [{ ...forged, manager: 'kube-lego' }] } },
          /no more of its own server-side/,
        ],
      ] as const) {
        assertRefused(await thief.patch(path, { ...change, data: { 'tls.key': base64('key') } }), message);
      }
    }
  });

  it('no ConfigMap may be written but the records of kube-lego', async () => {
    const records = /writes only its ledgers/;
    const redirected = { 'lego.url': 'https://attacker.example' };
    await thief.given(configMaps, { metadata: { name: 'kube-lego' }, data: { 'lego.url': 'https://ca' } });
    await thief.given(configMaps, { metadata: { name: 'kube-root-ca.crt' }, data: { 'ca.crt': 'root' } });
    for (const name of ['kube-lego', 'kube-root-ca.crt']) {
      const body = { metadata: { name }, data: redirected };
      assertRefused(await thief.send('PUT', `${configMaps}/${name}`, body), records);
      assertRefused(await thief.send('DELETE', `${configMaps}/${name}`), records);
    }
    for (const name of ['other', 'kube-lego-ledger-x', 'kube-lego-ledger-1234567', 'x-kube-lego-ledger-1']) {
      assertRefused(await thief.create(configMaps, { metadata: { name } }), records);
    }
    for (const name of ['kube-lego-ledger-0', 'kube-lego-rehearsal-ledger-12', 'kube-lego-holders-3']) {
      const metadata = { name, labels: record };
      assertDone(await thief.create(configMaps, { metadata, data: { 'a.json': '{}' } }));
      assertDone(await thief.send('PUT', `${configMaps}/${name}`, { metadata, data: { 'a.json': '[]' } }));
      assertDone(await thief.send('DELETE', `${configMaps}/${name}`));
    }
  });

  it('no Lease may be written but that of kube-lego, which lasts an hour at most', async () => {
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-lego/leases';
    const spec = { holderIdentity: 'thief', leaseDurationSeconds: 3600 };
    const metadata = { name: 'kube-lego', labels: ours };
    const sets = /sets no generateName, ownerReferences or finalizers of its Lease/;
    const attempts = [
      [{ metadata: { ...metadata, name: 'other' } }, /writes only the Lease kube-lego/],
      [{ metadata: { labels: ours, generateName: 'kube-lego' } }, /writes only the Lease kube-lego/],
      [{ metadata: { ...metadata, labels: { team: 'b' } } }, /not team/],
      [{ metadata: { ...metadata, annotations: { note: 'new' } } }, /not note/],
      [{ metadata: { ...metadata, finalizers } }, sets],
      [{ metadata: { ...metadata, ownerReferences } }, sets],
      [{ spec: { ...spec, leaseDurationSeconds: 3601 } }, /lasts an hour at most/],
    ] as const;
    for (const [changes, message] of attempts)
      assertRefused(await thief.create(leases, { metadata, spec, ...changes }), message);
    // RBAC grants the update of every Lease there.
    const other = `${leases}/ingress-controller-leader`;
    await thief.given(leases, { metadata: { name: 'ingress-controller-leader' } });
    const theirs = recordField((await thief.send('GET', other)).body, 'metadata');
    assertRefused(
      await thief.send('PUT', other, { metadata: theirs, spec }),
      /writes only the Lease kube-lego/,
    );
    assertDone(await thief.create(leases, { metadata, spec }));
    // What an admin has put on it stays, and does not stop kube-lego.
    const kept = { ...metadata, labels: { ...ours, team: 'a' }, finalizers };
    await thief.changed(`${leases}/kube-lego`, { metadata: kept });
    const read = await thief.send('GET', `${leases}/kube-lego`);
    const resourceVersion = stringField(recordField(read.body, 'metadata'), 'resourceVersion');
    const body = { metadata: { ...kept, resourceVersion }, spec };
    for (const [changes, message] of [
      [{ spec: { ...spec, leaseDurationSeconds: 2 ** 31 - 1 } }, /lasts an hour at most/],
      [{ metadata: { ...body.metadata, labels: { ...ours, team: 'b' } } }, /not team/],
      [{ metadata: { ...body.metadata, finalizers: [...finalizers, 'example.com/more'] } }, sets],
    ] as const)
      assertRefused(await thief.send('PUT', `${leases}/kube-lego`, { ...body, ...changes }), message);
    assertDone(await thief.send('PUT', `${leases}/kube-lego`, body));
    assertForbidden(await thief.send('DELETE', `${leases}/kube-lego`));
  });

  it('no record may carry what another program acts on', async () => {
    const there = 'kube-lego-ledger-2';
    await thief.given(configMaps, { metadata: { name: there, labels: record } });
    for (const [metadata, fields] of [
      [{ labels: { grafana_dashboard: '1' } }, {}],
      [{ labels: { 'app.kubernetes.io/managed-by': 'Helm' } }, {}],
      [{ annotations: { 'reflector.v1.k8s.emberstack.com/reflection-allowed': 'true' } }, {}],
      [{ finalizers }, {}],
      [{ ownerReferences }, {}],
      [{}, { immutable: true }],
    ] as const) {
      const named = (name: string) => ({ ...fields, metadata: { name, ...metadata } });
      const refusal = /a ConfigMap of kube-lego has (the labels|neither)/;
      assertRefused(await thief.create(configMaps, named('kube-lego-ledger-1')), refusal);
      assertRefused(await thief.send('PUT', `${configMaps}/${there}`, named(there)), refusal);
    }
  });
});
