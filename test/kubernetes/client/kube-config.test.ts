import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { inspect, promisify } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import type { ApiAccess } from '../../../src/kubernetes/client/api-connection.ts';
import { loadKubeConfig } from '../../../src/kubernetes/client/kube-config.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const applied = ['ca', 'cert', 'key', 'rejectUnauthorized', 'servername', 'headers', 'auth'] as const;

async function optionsOf(access: ApiAccess): Promise<Partial<RequestOptions>> {
  const options: RequestOptions = {};
  await access.applyToHTTPSOptions(options);
  return Object.fromEntries(applied.map((name) => [name, options[name]]));
}

describe('the kubeconfig', () => {
  let folder: string;
  const path = (name: string): string => join(folder, name);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kube-lego-kubeconfig-'));
    await mkdir(path('keys'));
    for (const name of ['ca', 'cert', 'key']) await writeFile(path(`keys/${name}.pem`), `the ${name}\n`);
  });
  after(() => rm(folder, { recursive: true }));

  async function written(name: string, cluster: object, user: object, current = 'a'): Promise<string> {
    const document = {
      clusters: [{ name: 'a', cluster: { server: 'https://api.example/', ...cluster } }],
      users: [{ name: 'a', user }],
      contexts: [
        { name: 'a', context: { cluster: 'a', user: 'a' } },
        { name: 'nobody', context: { cluster: 'a' } },
      ],
      'current-context': current,
    };
    await writeFile(path(name), JSON.stringify(document));
    return path(name);
  }

  const credential = { kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1' };
  const plugin = (status: object): object => ({
    exec: { command: process.execPath, args: ['-p', `'${JSON.stringify({ ...credential, status })}'`] },
  });
  const claims = base64(JSON.stringify({ exp: 32_503_680_000 }));
  const cases: Readonly<Record<string, readonly [cluster: object, user: object]>> = {
    'a token': [{ 'insecure-skip-tls-verify': true }, { token: 'secret' }],
    'certificates in it': [
      { 'certificate-authority-data': base64('ca') },
      { 'client-certificate-data': base64('cert'), 'client-key-data': base64('key') },
    ],
    'certificates in files beside it': [
      { 'certificate-authority': 'keys/ca.pem', 'tls-server-name': 'kubernetes' },
      { 'client-certificate': 'keys/cert.pem', 'client-key': 'keys/key.pem' },
    ],
    'a password': [{}, { username: 'somebody', password: 'secret' }],
    'another user to act as': [{}, { token: 'secret', as: 'somebody' }],
    'a plugin for a token': [{}, plugin({ token: 'of the plugin' })],
    'a plugin for a certificate': [{}, plugin({ clientCertificateData: 'cert', clientKeyData: 'key' })],
    'OpenID Connect': [
      {},
      {
        'auth-provider': {
          name: 'oidc',
          config: { 'id-token': `${claims}.${claims}.x`, 'refresh-token': 'x' },
        },
      },
    ],
    nothing: [{}, {}],
  };
  for (const [what, [cluster, user]] of Object.entries(cases)) {
    it(`with ${what} is applied as client-node does`, async () => {
      const file = await written('config', cluster, user);
      const theirs = new KubeConfig();
      theirs.loadFromFile(file);
      const ours = loadKubeConfig({ env: { KUBECONFIG: file } });
      const { server, proxyUrl } = theirs.getCurrentCluster() ?? {};
      assert.deepEqual(
        [ours.getCurrentCluster()?.server, ours.getCurrentCluster()?.proxyUrl],
        [server, proxyUrl],
      );
      assert.deepEqual(await optionsOf(ours), await optionsOf(theirs));
    });
  }

  it('has the context that is asked for', async () => {
    const file = await written('config', {}, { token: 'secret' });
    const nobody = loadKubeConfig({ context: 'nobody', env: { KUBECONFIG: file } });
    assert.deepEqual((await optionsOf(nobody)).headers, {});
    assert.throws(() => loadKubeConfig({ context: 'other', env: { KUBECONFIG: file } }), /no context other/);
  });

  it('is merged from many files, of which the first says most', async () => {
    const [first, second] = [
      await written('1', {}, { token: 'first' }, ''),
      await written('2', {}, { token: 'second' }),
    ];
    const env = { KUBECONFIG: [path('absent'), first, second].join(':') };
    assert.deepEqual((await optionsOf(loadKubeConfig({ env }))).headers, { Authorization: 'Bearer first' });
  });

  it('has data that count more than files, as with kubectl', async () => {
    const file = await written(
      'both',
      { 'certificate-authority-data': base64('data'), 'certificate-authority': 'absent.pem' },
      {},
    );
    assert.equal(String((await optionsOf(loadKubeConfig({ env: { KUBECONFIG: file } }))).ca), 'data');
  });

  it('is told by its path when it cannot be read, without what is in it', async () => {
    await writeFile(path('broken'), 'users:\n- user:\n    token: SECRET\n   name: [\n');
    assert.throws(
      () => loadKubeConfig({ env: { KUBECONFIG: path('broken') } }),
      (error: Error) => {
        assert.ok(error.message.includes(path('broken')));
        assert.match(error.message, /4:/);
        assert.doesNotMatch(inspect(error), /SECRET/);
        return true;
      },
    );
  });

  describe('of a pod', () => {
    const service = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
    before(async () => {
      await mkdir(path('pod'));
      await writeFile(path('pod/ca.crt'), 'ca');
      await writeFile(path('pod/token'), 'first');
    });
    const inPod = (env: NodeJS.ProcessEnv) =>
      loadKubeConfig({ env: { KUBECONFIG: path('absent'), ...env }, serviceAccountFolder: path('pod') });

    it('is its ServiceAccount, with the token that the file holds now', async () => {
      const access = inPod(service);
      assert.equal(access.getCurrentCluster()?.server, 'https://[fd00::1]:6443');
      const { ca, headers } = await optionsOf(access);
      assert.deepEqual([String(ca), headers], ['ca', { Authorization: 'Bearer first' }]);
      await writeFile(path('pod/token'), 'second');
      assert.deepEqual((await optionsOf(access)).headers, { Authorization: 'Bearer second' });
    });

    it('is its ServiceAccount also for a user without a home, or with an empty kubeconfig in it', async () => {
      await mkdir(path('pod/.kube'));
      await writeFile(path('pod/.kube/config'), '');
      for (const HOME of [undefined, path('pod')]) {
        const access = inPod({ ...service, KUBECONFIG: undefined, HOME });
        assert.equal(access.getCurrentCluster()?.server, 'https://[fd00::1]:6443');
      }
    });

    it('is none outside of a pod', () => {
      assert.throws(() => inPod({}), /there is no kubeconfig/);
    });
  });

  it('does not need the generated client of the API server, nor does anything else', async () => {
    const script = `
      import { registerHooks } from 'node:module';
      const load = (url, context, next) => (url.includes('client-node/dist/gen/') && console.log(url), next(url, context));
      registerHooks({ load });
      await import('./src/start.ts');
      await import('./src/plugin.ts');`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    assert.equal(stdout, '');
  });
});
