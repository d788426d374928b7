import { after, before, describe, it } from 'node:test';
import { assertDone, assertForbidden, assertRefused } from '../../deploy/deployed-cluster.ts';
import { eventually } from '../../time/eventually.ts';
import { base64, core, networking, ours, Thief, tls } from './thief.ts';

let thief: Thief;

before(async () => {
  thief = await Thief.enter();
});
after(() => thief[Symbol.asyncDispose]());

const finalizers = ['example.com/held'];
const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u' }];

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
    'with another label': [{ labels: { ...ours, team: 'b' } }, /changes no other one/],
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
    assertDone(await thief.patch(dashboard, { metadata: { annotations: { 'kube-lego.io/status': '{}' } } }));
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
      [{ labels: ours }, /changes no other one/],
      [{ finalizers: [] }, /sets no generateName/],
    ] as const) {
      const body = { metadata: { ...kept, ...changes }, spec: { rules } };
      assertRefused(await thief.send('PUT', `${ingresses}/challenge`, body), message);
    }
    assertDone(await thief.send('DELETE', `${ingresses}/challenge`));
  });

  it('may have as many rules as kube-lego puts into one', async () => {
    const many = Array.from({ length: 250 }, (_, index) => ({
      host: `h${index}.example`,
      http: { paths: [path] },
    }));
    assertDone(
      await thief.create(ingresses, { metadata: { ...metadata, name: 'many' }, spec: { rules: many } }),
    );
    assertDone(await thief.send('DELETE', `${ingresses}/many`));
  });

  it('may be the leftover of the kube-lego of 2016, to be deleted', async () => {
    const spec = { rules: ruleWith({ path: '/.well-known/acme-challenge', backend: other }) };
    await thief.given(ingresses, { metadata: { name: 'kube-lego-nginx' }, spec });
    assertDone(await thief.send('DELETE', `${ingresses}/kube-lego-nginx`));
  });

  it('may have the annotations that the operator lists on the ServiceAccount, and no others', async () => {
    const account = `${core}/kube-lego/serviceaccounts/kube-lego`;
    const bypass = 'nginx.ingress.kubernetes.io/enable-global-auth';
    const entryPoint = 'traefik.ingress.kubernetes.io/router.entrypoints';
    const keys = { 'kube-lego.io/challenge-annotations': `${bypass}, ${entryPoint}` };
    await thief.changed(account, { metadata: { annotations: keys } });
    const named = (more: object) => ({
      metadata: { ...metadata, name: 'listed', annotations: { ...annotations, ...more } },
      spec: { rules },
    });
    const asked = named({ [bypass]: 'false', [entryPoint]: 'web' });
    await eventually(
      'the API server has learned of the changed ServiceAccount',
      async () => (await thief.create(`${ingresses}?dryRun=All`, asked)).status === 201,
      30_000,
    );
    assertDone(await thief.create(ingresses, asked));
    const more = named({ 'nginx.ingress.kubernetes.io/auth-url': 'https://attacker.example' });
    assertRefused(await thief.send('PUT', `${ingresses}/listed`, more), listed);
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

  it('no other Secret may be changed, and of the account only the data', async () => {
    await thief.given(secrets, { ...opaque, metadata: { name: 'dns-credentials' } });
    assertRefused(
      await thief.patch(`${secrets}/dns-credentials`, { data: { 'tls.key': '' } }),
      /only Secrets of type/,
    );
    assertForbidden(await thief.send('DELETE', `${secrets}/dns-credentials`));
    const account = `${secrets}/kube-lego-account`;
    assertForbidden(await thief.send('DELETE', account));
    assertDone(await thief.patch(account, { data: { 'acme-registration-url': base64('https://ca') } }));
    assertRefused(await thief.patch(account, { metadata: { labels: { team: 'b' } } }), /sets only the label/);
    assertRefused(await thief.patch(account, { metadata: { finalizers } }), /not change ownerReferences/);
    assertRefused(await thief.patch(account, { immutable: true }), /immutable/);
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

  it('no record may carry what another program acts on', async () => {
    const name = 'kube-lego-ledger-1';
    for (const [metadata, fields] of [
      [{ labels: { grafana_dashboard: '1' } }, {}],
      [{ labels: { 'app.kubernetes.io/managed-by': 'Helm' } }, {}],
      [{ annotations: { 'reflector.v1.k8s.emberstack.com/reflection-allowed': 'true' } }, {}],
      [{ finalizers }, {}],
      [{ ownerReferences }, {}],
      [{}, { immutable: true }],
    ] as const) {
      const body = { ...fields, metadata: { name, ...metadata } };
      assertRefused(await thief.create(configMaps, body), /a ConfigMap of kube-lego has the labels/);
    }
  });
});
