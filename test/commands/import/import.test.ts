import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { ImportReport } from '../../../src/commands/import/import-report.ts';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { Issuer } from '../../ca/issuer.ts';
import { seededRandom } from '../../ca/random.ts';
import { day, newKeyPem } from '../../certificate/test-ca.ts';
import {
  type IngressParts,
  ingress,
  ingressPath,
  secret,
  secretPath,
} from '../../controller-failures/objects.ts';
import { type Stage, startStage } from '../../controller-failures/stage.ts';
import { eventually } from '../../time/eventually.ts';
import { type Outcome, runBehindProxy, runCommand } from '../command-run.ts';
import { CertManagerStandIn, certificatesPath, installCertManagerKinds } from './cert-manager.ts';

const authority = new Issuer(Date.now(), seededRandom(1));
const namespaces = ['shop', 'crash', 'gitops'] as const;
const le = { 'cert-manager.io/cluster-issuer': 'le', 'acme.cert-manager.io/http01-edit-in-place': 'true' };

let stage: Stage;

/** A certificate of 90 days that has so many left. */
function pair(hosts: readonly string[], daysLeft: number): Record<string, string> {
  const keyPem = newKeyPem();
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  const notAfter = Date.now() + daysLeft * day;
  const names = hosts.map((value) => ({ type: 'dns' as const, value }));
  const validity = { notBefore: notAfter - 90 * day, notAfter };
  return { 'tls.crt': authority.issue(1, names, spki, validity).chainPem, 'tls.key': keyPem };
}

/** A Secret as cert-manager has written it. */
function issued(key: string, hosts: readonly string[], { issuer = 'le', daysLeft = 80 } = {}) {
  const annotations = {
    'cert-manager.io/alt-names': hosts.join(),
    'cert-manager.io/certificate-name': key.split('/')[1],
    'cert-manager.io/issuer-group': 'cert-manager.io',
    'cert-manager.io/issuer-kind': 'ClusterIssuer',
    'cert-manager.io/issuer-name': issuer,
  };
  const metadata = { annotations, labels: { 'controller.cert-manager.io/fao': 'true', team: 'a' } };
  return secret(key, pair(hosts, daysLeft), { metadata });
}

/** An Ingress of cert-manager. */
function site(key: string, parts: IngressParts) {
  return ingress(key, { annotations: le, ...parts, annotated: false });
}

function issuer(kind: 'ClusterIssuer' | 'Issuer', name: string, spec: object) {
  const metadata = kind === 'Issuer' ? { name, namespace: 'shop' } : { name };
  return { apiVersion: 'cert-manager.io/v1', kind, metadata, spec };
}

function acme(server: string, ...solvers: readonly object[]) {
  return { acme: { server, privateKeySecretRef: { name: 'account' }, solvers } };
}

const http01 = { http01: { ingress: {} } };

function run(argv: readonly string[], clock = systemClock): Promise<Outcome> {
  return runCommand(stage, 'import', ['cert-manager', ...argv], { LEGO_URL: stage.directoryUrl }, clock);
}

async function imported(argv: readonly string[], clock = systemClock) {
  const { code, output, errors } = await run([...argv, '-o', 'json'], clock);
  assert.ok(output !== '', errors);
  const report: ImportReport = JSON.parse(output);
  const states = Object.fromEntries(report.ingresses.map(({ ingress: name, state }) => [name, state]));
  const told = (name: string): string => {
    const found = report.ingresses.find((one) => one.ingress === name);
    return `${found?.why ?? ''} ${found?.remedy ?? ''}`;
  };
  return { code, errors, report, states, told };
}

async function metadataOf(path: string) {
  const metadata = recordField(await stage.object(path), 'metadata');
  return { annotations: metadata?.['annotations'], labels: metadata?.['labels'] };
}

async function certificateNames(namespace: string): Promise<string[]> {
  const { body } = await stage.world.api.request(certificatesPath(namespace));
  return arrayField(body, 'items').map((item) => stringField(recordField(item, 'metadata'), 'name') ?? '');
}

const ready = ['shop/one', 'shop/other', 'shop/web'];
/** Milliseconds that an import gives cert-manager for making a Certificate again. */
const settling = 5000;
const handedSecrets = ['shop/web-tls', 'shop/shared-tls'];

describe('kube-lego import cert-manager', () => {
  let certManager: CertManagerStandIn;

  before(async () => {
    stage = await startStage({ namespaces });
    await installCertManagerKinds(stage.world.cluster);
    await stage.apply(
      issuer('ClusterIssuer', 'le', acme(stage.directoryUrl, http01)),
      issuer('ClusterIssuer', 'elsewhere', acme('https://ca.example/directory', http01)),
      issuer(
        'ClusterIssuer',
        'dns',
        acme(stage.directoryUrl, http01, {
          dns01: { route53: { region: 'x' } },
          selector: { dnsZones: ['dns.example.com'] },
        }),
      ),
      issuer('Issuer', 'self', { selfSigned: {} }),
      issued('shop/web-tls', ['web.example.com']),
      site('shop/web', { tls: { 'web-tls': ['web.example.com'] } }),
      issued('shop/shared-tls', ['one.example.com', 'other.example.com']),
      site('shop/one', { tls: { 'shared-tls': ['one.example.com'] } }),
      site('shop/other', { tls: { 'shared-tls': ['other.example.com'] } }),
      issued('shop/old-tls', ['old.example.com'], { daysLeft: 5 }),
      site('shop/old', { tls: { 'old-tls': ['old.example.com'] } }),
      issued('shop/wild-tls', ['*.wild.example.com']),
      site('shop/wild', { tls: { 'wild-tls': ['*.wild.example.com'] } }),
      issued('shop/dns-tls', ['a.dns.example.com'], { issuer: 'dns' }),
      site('shop/dns', {
        tls: { 'dns-tls': ['a.dns.example.com'] },
        annotations: { 'cert-manager.io/cluster-issuer': 'dns' },
      }),
      issued('shop/self-tls', ['self.example.com'], { issuer: 'self' }),
      site('shop/self', {
        tls: { 'self-tls': ['self.example.com'] },
        annotations: { 'cert-manager.io/issuer': 'self' },
      }),
      issued('shop/elsewhere-tls', ['elsewhere.example.com'], { issuer: 'elsewhere' }),
      site('shop/elsewhere', {
        tls: { 'elsewhere-tls': ['elsewhere.example.com'], 'web2-tls': ['web2.example.com'] },
        annotations: { 'cert-manager.io/cluster-issuer': 'elsewhere' },
      }),
      issued('shop/web2-tls', ['web2.example.com'], { issuer: 'elsewhere' }),
      site('shop/neighbour', { tls: { 'web2-tls': ['web2.example.com'] } }),
      issued('shop/hand-tls', ['hand.example.com']),
      site('shop/hand', { tls: { 'hand-tls': ['hand.example.com'] }, annotations: {} }),
      ...['hand-tls', 'mail-tls'].map((name) => ({
        apiVersion: 'cert-manager.io/v1',
        kind: 'Certificate',
        metadata: { namespace: 'shop', name },
        spec: {
          secretName: name,
          dnsNames: ['hand.example.com'],
          issuerRef: { name: 'le', kind: 'ClusterIssuer' },
        },
      })),
      issued('shop/mail-tls', ['hand.example.com']),
      ingress('shop/plain', { tls: { 'plain-tls': ['plain.example.com'] }, annotated: false }),
      ...(['crash', 'gitops'] as const).flatMap((namespace) => [
        issued(`${namespace}/web-tls`, [`${namespace}.example.com`]),
        site(`${namespace}/web`, { tls: { 'web-tls': [`${namespace}.example.com`] } }),
      ]),
    );
    certManager = new CertManagerStandIn(stage.world.api, 'shop');
    await certManager.hasLooked();
    assert.deepEqual(certManager.orders, []);
    await stage.startController();
  });
  after(async () => {
    await certManager?.[Symbol.asyncDispose]();
    await stage.stop();
  });

  it('says what would be handed over and what stays and why, and changes nothing', async () => {
    const paths = [
      ingressPath('shop/web'),
      secretPath('shop/web-tls'),
      `${certificatesPath('shop')}/web-tls`,
    ];
    const before = await Promise.all(paths.map((path) => stage.object(path)));
    const { code, report, states, told } = await imported(['-n', 'shop']);
    assert.equal(code, 1);
    assert.deepEqual(
      Object.keys(states).filter((name) => states[name] === 'ready'),
      ready,
    );
    assert.match(told('shop/wild'), /wildcard/);
    assert.match(told('shop/old'), /expires at .* would order a certificate at once/);
    assert.match(told('shop/dns'), /proves a\.dns\.example\.com by DNS-01/);
    assert.match(told('shop/self'), /Issuer self is not of an ACME CA/);
    assert.match(told('shop/elsewhere'), /orders from https:\/\/ca\.example\/directory/);
    assert.match(
      told('shop/neighbour'),
      /shares Secret shop\/web2-tls with Ingress shop\/elsewhere, which stays/,
    );
    assert.match(told('shop/hand'), /Certificate shop\/hand-tls writes Secret hand-tls/);
    assert.equal(states['shop/plain'], undefined);
    assert.deepEqual(report.certificatesOnly, ['shop/mail-tls']);
    assert.deepEqual(await Promise.all(paths.map((path) => stage.object(path))), before);
    assert.match(
      (await run(['-n', 'shop'])).output,
      /3 can be handed over, 7 stay with cert-manager\. Nothing is changed/,
    );
  });

  it('hands over: no order, no Certificate again, and the certificates stay as they are', async () => {
    const before = await Promise.all(handedSecrets.map((key) => stage.secret(key)));
    const { code, states, errors, told } = await imported(['-n', 'shop', '--apply']);
    assert.equal(code, 1);
    assert.equal(errors, '');
    for (const key of ready) assert.equal(states[key], 'imported', told(key));
    await certManager.hasLooked();
    const left = await certificateNames('shop');
    assert.ok(!left.includes('web-tls') && !left.includes('shared-tls') && left.includes('dns-tls'));
    // Of two that share a Secret, one owns it.
    for (const key of ready) await stage.untilState(key, 'idle');
    for (const key of ['shop/one', 'shop/web']) {
      await stage.untilView(key, `${key} is known to be good`, ({ notAfter }) => notAfter !== undefined);
    }
    assert.deepEqual(await Promise.all(handedSecrets.map((key) => stage.secret(key))), before);
    assert.deepEqual(certManager.orders, []);
    assert.equal(await stage.orders(), 0);
    assert.partialDeepStrictEqual(await metadataOf(secretPath('shop/web-tls')), {
      annotations: { 'kube-lego.io/adopt': 'true' },
      labels: { team: 'a' },
    });
    const { states: then } = await imported(['-n', 'shop']);
    assert.ok(
      ready.every((key) => then[key] === undefined),
      'there is nothing left to do for them',
    );
  });

  it('renews in its time what was handed over, as any certificate of its own', async () => {
    await stage.world.api.expect(ingressPath('shop/web'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { 'kube-lego.io/key-type': 'rsa-2048' } } },
    });
    await eventually('it is renewed', async () => {
      const { annotations } = await metadataOf(secretPath('shop/web-tls'));
      return stringField(annotations, 'kube-lego.io/directory') === stage.directoryUrl;
    });
    assert.equal(await stage.orders(), 1);
  });

  it('has a way back: everything is as before, and neither orders', async () => {
    const { code, output } = await run(['-n', 'shop', '--revert', '--apply']);
    assert.equal(code, 0, output);
    assert.match(output, /kube-lego has renewed web-tls since/);
    await certManager.hasLooked();
    const { annotations: marks, labels } = await metadataOf(secretPath('shop/shared-tls'));
    const original = issued('shop/shared-tls', ['one.example.com', 'other.example.com']).metadata;
    assert.deepEqual(
      { annotations: marks, labels },
      { annotations: original['annotations'], labels: original['labels'] },
    );
    assert.deepEqual((await metadataOf(ingressPath('shop/one'))).annotations, le);
    assert.ok((await certificateNames('shop')).includes('shared-tls'));
    assert.deepEqual(certManager.orders, []);
    assert.equal(await stage.orders(), 1);
    await eventually('kube-lego has let go', async () => (await stage.view('shop/one')) === undefined);
  });

  it('that is cut off in the middle has changed nothing that matters, and goes on at the next run', async () => {
    await using standIn = new CertManagerStandIn(stage.world.api, 'crash');
    await standIn.hasLooked();
    // Once it has been tried whether the Secret may be changed.
    let patches = 0;
    const isAdoption = ({ method, path }: { readonly method: string; readonly path: string }): boolean => {
      if (method === 'PATCH' && path.includes('/secrets/')) patches += 1;
      return patches > 1;
    };
    const cut = await runBehindProxy(
      stage,
      'import',
      ['cert-manager', '-n', 'crash', '--apply'],
      (request) =>
        isAdoption(request) ? Promise.resolve({ status: 503, headers: {}, body: '' }) : undefined,
      { LEGO_URL: stage.directoryUrl },
    );
    assert.equal(cut.code, 1);
    assert.match(cut.output, /crash\/web {2}failed .*goes on where this has ended/);
    await standIn.hasLooked();
    assert.deepEqual(await certificateNames('crash'), []);
    const { code, states } = await imported(['-n', 'crash', '--apply']);
    assert.deepEqual([code, states], [0, { 'crash/web': 'imported' }]);
    await stage.untilView('crash/web', 'it is known to be good', ({ state }) => state === 'idle');
    assert.deepEqual(standIn.orders, []);
    assert.equal(await stage.orders(), 1);
  });

  it('leaves it to cert-manager where something puts the annotations back, and neither orders', async () => {
    await using standIn = new CertManagerStandIn(stage.world.api, 'gitops');
    await standIn.hasLooked();
    const path = ingressPath('gitops/web');
    const body = { metadata: { annotations: le } };
    const gitops = setInterval(() => {
      void stage.world.api.request(path, {
        method: 'PATCH',
        contentType: 'application/merge-patch+json',
        body,
      });
    }, 500);
    // On a busy machine that may take longer than the command waits for it.
    const untilMadeAgain: typeof systemClock.setTimeout = (fn, ms) => {
      if (ms !== settling) return systemClock.setTimeout(fn, ms);
      const isThere = async () => (await certificateNames('gitops')).includes('web-tls');
      return void eventually('its Certificate is there again', isThere).then(fn, fn);
    };
    try {
      const clock = { ...systemClock, setTimeout: untilMadeAgain };
      const { code, states, told } = await imported(['-n', 'gitops', '--apply'], clock);
      assert.deepEqual([code, states], [1, { 'gitops/web': 'failed' }]);
      assert.match(told('gitops/web'), /has made Certificate gitops\/web-tls again/);
    } finally {
      clearInterval(gitops);
    }
    assert.deepEqual((await metadataOf(path)).annotations, le);
    await standIn.hasLooked();
    assert.deepEqual(standIn.orders, []);
    assert.equal(await stage.orders(), 1);
  });

  it('needs to know the CA of kube-lego', async () => {
    const { code, errors } = await runCommand(stage, 'import', ['cert-manager']);
    assert.equal(code, 2);
    assert.match(errors, /Set LEGO_URL/);
  });
});
