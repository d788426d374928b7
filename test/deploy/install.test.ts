import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Manifest, parseManifests, readManifests } from '../../deploy/local/manifests.ts';
import manifest from '../../package.json' with { type: 'json' };
import { chartFolder, helm } from './chart/helm.ts';
import { type DeployedCluster, deploy, deployFolder } from './deployed-cluster.ts';
import { argumentOf, argumentsOf, installCommands } from './install-commands.ts';

const deployment = '/apis/apps/v1/namespaces/kube-lego/deployments/kube-lego';
const staging = 'https://acme-staging-v02.api.letsencrypt.org/directory';
const production = 'https://acme-v02.api.letsencrypt.org/directory';

/** A part of an object, by the names of its fields and the indexes of its elements. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((part, name) => Object(part)[name], value);
}

function ofKind(manifests: readonly Manifest[], kind: string): Manifest {
  return manifests.find((manifest) => manifest.kind === kind) ?? assert.fail(`there is no ${kind}`);
}

function containerOf(deployment: unknown): unknown {
  return at(deployment, 'spec', 'template', 'spec', 'containers', 0);
}

/** The names of the ConfigMaps that the Deployment's settings come from. */
function configMapsRead(deployment: unknown): Set<unknown> {
  const env = at(containerOf(deployment), 'env');
  assert.ok(Array.isArray(env));
  const names = env.map((variable) => at(variable, 'valueFrom', 'configMapKeyRef', 'name'));
  return new Set(names.filter((name) => name !== undefined));
}

describe("the README's way to install", () => {
  const folder = argumentOf('kubectl apply -k').replace(/^deploy\//, '');
  let cluster: DeployedCluster;
  let copy: string;

  before(async () => {
    cluster = await deploy(folder);
    copy = await mkdtemp(join(await realpath(tmpdir()), 'kube-lego-deploy-'));
    await cp(deployFolder, copy, { recursive: true });
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
    await rm(copy, { recursive: true });
  });

  /** Changes the overlay as its user would. @returns what is rendered then */
  async function change(text: string, into: string): Promise<Manifest[]> {
    const file = join(copy, folder, 'kustomization.yaml');
    const before = await readFile(file, 'utf8');
    assert.ok(before.includes(text), text);
    await writeFile(file, before.replace(text, into));
    return readManifests(join(copy, folder));
  }

  it('builds, pushes and runs the same image, of the version in package.json', async () => {
    assert.deepEqual(
      installCommands().map(({ command }) => command),
      ['npm run image --', 'docker push', 'helm install', 'kubectl apply -k'],
    );
    const built = argumentOf('npm run image --');
    assert.equal(built, `registry.example.com/kube-lego:${manifest.version}`);
    assert.equal(argumentOf('docker push'), built);
    assert.equal(at(containerOf(await cluster.asAdmin(deployment)), 'image'), built);
    const [base] = (await readManifests(join(deployFolder, 'base'))).filter(
      ({ kind }) => kind === 'Deployment',
    );
    assert.equal(at(containerOf(base), 'image'), `kube-lego:${manifest.version}`);
  });

  it('is the same by Helm: that image, that e-mail address, the staging CA', async () => {
    const [name = '', chart = '', ...options] = argumentsOf('helm install');
    assert.equal(resolve(deployFolder, '..', chart), resolve(chartFolder));
    const rendered = parseManifests(await helm(['template', name, chartFolder, ...options]), 'the chart');
    const container = containerOf(ofKind(rendered, 'Deployment'));
    assert.equal(at(container, 'image'), argumentOf('npm run image --'));
    assert.deepEqual(at(ofKind(rendered, 'ConfigMap'), 'data'), { 'lego.email': 'you@example.com' });
  });

  it('gives the pod the e-mail address and the CA of the overlay', async () => {
    const [name] = configMapsRead(await cluster.asAdmin(deployment));
    const settings = await cluster.asAdmin(`/api/v1/namespaces/kube-lego/configmaps/${String(name)}`);
    assert.deepEqual(at(settings, 'data'), { 'lego.email': 'you@example.com', 'lego.url': staging });
  });

  it('changes nothing when it is applied again', async () => {
    const before = await cluster.asAdmin(deployment);
    await cluster.apply(folder);
    assert.deepEqual(await cluster.asAdmin(deployment), before);
  });

  it('rolls the Deployment when the CA is changed from staging to production', async () => {
    const before = await cluster.asAdmin(deployment);
    await change(`lego.url=${staging}`, `lego.url=${production}`);
    await cluster.apply(join(copy, folder));
    const after = await cluster.asAdmin(deployment);
    assert.notDeepEqual(at(after, 'spec', 'template'), at(before, 'spec', 'template'));
    const [name] = configMapsRead(after);
    const settings = await cluster.asAdmin(`/api/v1/namespaces/kube-lego/configmaps/${String(name)}`);
    assert.equal(at(settings, 'data', 'lego.url'), production);
  });

  it('rolls the Deployment when the root certificate of a private CA changes', async () => {
    const overlay = join(copy, 'overlays/private-ca');
    const before = ofKind(await readManifests(overlay), 'Deployment');
    await cluster.apply(overlay);
    await writeFile(join(overlay, 'ca.crt'), 'another');
    const after = ofKind(await readManifests(overlay), 'Deployment');
    assert.notDeepEqual(at(after, 'spec', 'template'), at(before, 'spec', 'template'));
    const [volume] = Object(at(after, 'spec', 'template', 'spec', 'volumes'));
    assert.match(String(at(volume, 'configMap', 'name')), /^kube-lego-ca-bundle-\w+$/);
  });

  it('works the same with chosen namespaces, and with the components', async () => {
    const components = 'components: [../../components/secret-watch, ../../components/prometheus]';
    const manifests = await change('  - ../../base\n', `  - ../../namespaced\n${components}\n`);
    const rendered = ofKind(manifests, 'Deployment');
    assert.deepEqual(configMapsRead(rendered), new Set([ofKind(manifests, 'ConfigMap').metadata.name]));
    const env = JSON.stringify(at(containerOf(rendered), 'env'));
    assert.match(env, /LEGO_WATCH_NAMESPACE/);
    assert.match(env, /LEGO_SECRET_WATCH/);
    assert.equal(at(containerOf(rendered), 'image'), argumentOf('npm run image --'));
  });
});
