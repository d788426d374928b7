import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadYaml } from '@kubernetes/client-node';
import { type Manifest, readManifests } from '../../deploy/local/manifests.ts';
import { arrayField, isRecord, recordField, stringField } from '../../src/process/json.ts';
import { type DeployedCluster, deploy, deployFolder } from './deployed-cluster.ts';

interface Kustomization {
  readonly resources?: readonly string[];
  readonly components?: readonly string[];
  readonly configurations?: readonly string[];
  readonly patches?: readonly { readonly path?: string }[];
}

const examples = join(deployFolder, '../examples');

function listed(file: string): string[] {
  const {
    resources = [],
    components = [],
    configurations = [],
    patches = [],
  }: Kustomization = loadYaml(readFileSync(file, 'utf8'));
  return [...resources, ...components, ...configurations, ...patches.flatMap(({ path }) => path ?? [])];
}

for (const file of globSync(`${deployFolder}{base,namespaced,components,overlays}/**/kustomization.yaml`)) {
  describe(`deploy/${relative(deployFolder, file)}`, () => {
    it('lists what exists', () => {
      for (const entry of listed(file)) assert.ok(existsSync(join(dirname(file), entry)), entry);
    });

    it('lists every manifest beside it', () => {
      const beside = globSync(`${dirname(file)}/*.yaml`).map((path) => basename(path));
      const entries = listed(file);
      assert.deepEqual(
        beside.filter((name) => name !== 'kustomization.yaml' && !entries.includes(name)),
        [],
      );
    });
  });
}

describe('the objects of deploy/base', () => {
  let cluster: DeployedCluster;
  let manifests: Manifest[];

  before(async () => {
    manifests = await readManifests(join(deployFolder, 'base'));
    cluster = await deploy('base');
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  it('are two replicas, of which none is taken away before another is ready', () => {
    const specOf = (kind: string): Record<string, unknown> | undefined =>
      recordField(
        manifests.find((one) => one.kind === kind),
        'spec',
      );
    const { replicas, strategy } = specOf('Deployment') ?? {};
    assert.equal(replicas, 2);
    assert.deepEqual(recordField(strategy, 'rollingUpdate'), { maxSurge: 1, maxUnavailable: 0 });
    const spread = arrayField(podOf(manifests).spec, 'topologySpreadConstraints');
    assert.deepEqual(
      spread.map((constraint) => stringField(constraint, 'topologyKey')),
      ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'],
    );
    for (const constraint of spread) {
      assert.equal(
        stringField(constraint, 'whenUnsatisfiable'),
        'ScheduleAnyway',
        'a cluster may have one node',
      );
      assert.deepEqual(
        recordField(constraint, 'labelSelector'),
        recordField(specOf('Deployment'), 'selector'),
      );
    }
    const budget = specOf('PodDisruptionBudget');
    assert.equal(budget?.['maxUnavailable'], 1);
    assert.deepEqual(recordField(budget, 'selector'), recordField(specOf('Deployment'), 'selector'));
    assert.equal(specOf('Service')?.['publishNotReadyAddresses'], true);
  });

  it('include a pod in which kube-lego is not process 1, to which a signal could get lost', () => {
    assert.partialDeepStrictEqual(podOf(manifests).spec, { shareProcessNamespace: true });
  });

  it('include a pod that the strictest Pod Security Standard admits', async () => {
    const pod = podOf(manifests);
    // The namespace itself enforces it.
    await cluster.asAdmin('/api/v1/namespaces/kube-lego/pods?dryRun=All', {
      method: 'POST',
      body: { metadata: { name: 'kube-lego', ...pod.metadata }, spec: pod.spec },
    });
  });

  it('name no user, so that a cluster that gives each namespace users of its own admits the pod', async () => {
    const text = JSON.stringify(podOf(manifests).spec);
    for (const field of ['runAsUser', 'runAsGroup', 'fsGroup', 'supplementalGroups']) {
      assert.ok(!text.includes(`"${field}"`), field);
    }
    // Without it Kubernetes takes the user of the image, and sees by its number that it is not root.
    const dockerfile = await readFile(join(deployFolder, 'image/Dockerfile'), 'utf8');
    assert.match(dockerfile.match(/^USER .*$/gm)?.at(-1) ?? '', /^USER [1-9]\d*:[1-9]\d*$/);
  });

  it('are accepted a second time without a change', async () => {
    const path = '/apis/apps/v1/namespaces/kube-lego/deployments/kube-lego';
    const before = await cluster.asAdmin(path);
    await cluster.apply('base');
    assert.deepEqual(await cluster.asAdmin(path), before);
  });

  it('say in their lists what the API server would add there, so that `kubectl apply` again finds nothing to change', async () => {
    // It compares such a list as a whole; the lists of a Deployment and a Service it merges by their keys.
    for (const manifest of manifests.filter(({ kind }) => !['Deployment', 'Service'].includes(kind))) {
      const stored = await cluster.asAdmin(pathOf(manifest));
      assert.deepEqual(listsIn(stored, manifest), listsIn(manifest, manifest), identityOf(manifest));
    }
  });

  it('can be merged by the components secret-watch, network-policy and dns-01', async () => {
    const overlay = await mkdtemp(join(await realpath(tmpdir()), 'kube-lego-overlay-'));
    // kustomize takes no absolute paths.
    const [base, ...components] = [
      'base',
      'components/secret-watch',
      'components/network-policy',
      'components/dns-01',
    ].map((folder) => relative(overlay, join(deployFolder, folder)));
    const kustomization = { resources: [base], components };
    await writeFile(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization));
    await cluster.apply(overlay);
    await rm(overlay, { recursive: true });
    const deployment = await cluster.asAdmin('/apis/apps/v1/namespaces/kube-lego/deployments/kube-lego');
    assert.match(JSON.stringify(deployment), /LEGO_EMAIL.*LEGO_SECRET_WATCH|LEGO_SECRET_WATCH.*LEGO_EMAIL/);
    const policies = await cluster.asAdmin('/apis/networking.k8s.io/v1/namespaces/kube-lego/networkpolicies');
    assert.partialDeepStrictEqual(policies, {
      items: [{ metadata: { name: 'kube-lego' }, spec: { policyTypes: ['Ingress', 'Egress'] } }],
    });
  });

  it('lead the Service to the pod', () => {
    const pod = podOf(manifests);
    const service = find(manifests, 'Service');
    assert.partialDeepStrictEqual(pod.metadata, { labels: at(service, 'spec', 'selector') });
    assert.partialDeepStrictEqual(service, { spec: { ports: [{ name: 'http', port: 8080 }] } });
  });
});

describe('the examples', () => {
  it('are Ingresses that an API server accepts', async () => {
    await using cluster = await deploy('base');
    const files = globSync(`${examples}/*.yaml`);
    assert.ok(files.length >= 3);
    for (const ingress of (await Promise.all(files.map(readManifests))).flat()) {
      await cluster.asAdmin('/apis/networking.k8s.io/v1/namespaces/team-a/ingresses?fieldValidation=Strict', {
        method: 'POST',
        body: ingress,
      });
    }
  });

  it('begin with the Ingress of the 2016 article', async () => {
    const [ingress] = await readManifests(`${examples}/hello-world.yaml`);
    assert.partialDeepStrictEqual(ingress, {
      apiVersion: 'networking.k8s.io/v1',
      metadata: { name: 'hello-world', annotations: { 'kubernetes.io/tls-acme': 'true' } },
      spec: { tls: [{ hosts: ['demo.example.com'], secretName: 'hello-world-tls' }] },
    });
  });
});

function podOf(manifests: readonly Manifest[]): { metadata: object; spec: object } {
  const template = at(find(manifests, 'Deployment'), 'spec', 'template');
  return { metadata: at(template, 'metadata'), spec: at(template, 'spec') };
}

function identityOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.name}`;
}

function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const plural = kind.toLowerCase().replace(/y$/, 'ie');
  const scope = metadata.namespace === undefined ? '' : `namespaces/${metadata.namespace}/`;
  return `${apiVersion.includes('/') ? '/apis' : '/api'}/${apiVersion}/${scope}${plural}s/${metadata.name}`;
}

/** What an object has in the place of each list of a manifest, by the names of its fields. */
function listsIn(object: unknown, manifest: unknown, path = ''): Record<string, unknown> {
  if (Array.isArray(manifest)) return { [path]: object };
  if (!isRecord(manifest)) return {};
  const parts = Object.entries(manifest).map(([name, part]) =>
    listsIn(Object(object)[name], part, `${path}.${name}`),
  );
  return Object.assign({}, ...parts);
}

function find(manifests: readonly Manifest[], kind: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind);
  assert.ok(found, `there is no ${kind}`);
  return found;
}

function at(value: object, ...path: readonly string[]): object {
  let current: unknown = value;
  for (const name of path) current = Object(current)[name];
  assert.ok(typeof current === 'object' && current !== null, `there is no ${path.join('.')}`);
  return current;
}
