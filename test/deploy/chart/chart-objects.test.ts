import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { type Manifest, parseManifests, readManifests } from '../../../deploy/local/manifests.ts';
import manifest from '../../../package.json' with { type: 'json' };
import { arrayField, isRecord, recordField } from '../../../src/process/json.ts';
import { deployFolder } from '../deployed-cluster.ts';
import { chartFolder, helm, renderChart, usualRelease } from './helm.ts';

/** What the chart makes of values, and what kustomize makes of folders of deploy/ (the first one a base, the others components). */
const pairs: Readonly<Record<string, { values: object; folders: readonly string[] }>> = {
  'its defaults': { values: {}, folders: ['base'] },
  watchNamespaces: { values: { watchNamespaces: ['default'] }, folders: ['namespaced'] },
  secretWatch: { values: { secretWatch: true }, folders: ['base', 'components/secret-watch'] },
  dns01: {
    values: { dns01: { enabled: true, externalDns: true } },
    folders: ['base', 'components/dns-01', 'components/dns-01/external-dns'],
  },
  gateway: {
    values: { gateway: { enabled: true, sameNamespace: true } },
    folders: ['base', 'components/gateway', 'components/gateway/same-namespace'],
  },
  'networkPolicy.restricted': {
    values: { networkPolicy: { restricted: true } },
    folders: ['base', 'components/network-policy'],
  },
  'podMonitor and prometheusRule': {
    values: { podMonitor: { enabled: true }, prometheusRule: { enabled: true } },
    folders: ['base', 'components/prometheus'],
  },
};

async function renderFolders(folders: readonly string[]): Promise<Manifest[]> {
  const overlay = await mkdtemp(join(await realpath(tmpdir()), 'kube-lego-overlay-'));
  try {
    // kustomize takes no absolute paths.
    const [base, ...components] = folders.map((folder) => relative(overlay, join(deployFolder, folder)));
    await writeFile(join(overlay, 'kustomization.yaml'), JSON.stringify({ resources: [base], components }));
    return await readManifests(overlay);
  } finally {
    await rm(overlay, { recursive: true });
  }
}

/**
 * The same text, however many line breaks a parser of YAML makes of one between lines of different indents (`>-`): kustomize writes such a text
 * anew, Helm as it is. They only stand in CEL, where all white space is the same.
 */
function withEvenBreaks(manifests: readonly Manifest[]): Manifest[] {
  return JSON.parse(JSON.stringify(manifests), (_key, value: unknown) =>
    typeof value === 'string' ? value.replaceAll(/\n+/g, '\n') : value,
  );
}

/** By kind and name, without what only Helm adds, and with variables in one order. */
function comparable(manifests: readonly Manifest[]): [string, Manifest][] {
  return (
    manifests
      // `helm install --create-namespace` makes it.
      .filter(({ kind }) => kind !== 'Namespace')
      .map((manifest): [string, Manifest] => {
        const { kind, metadata } = manifest;
        const labels = Object.entries(recordField(metadata, 'labels') ?? {}).filter(
          ([key]) => key === 'app.kubernetes.io/name',
        );
        const copy = { ...manifest, metadata: { ...metadata, labels: Object.fromEntries(labels) } };
        return [
          `${kind} ${metadata.namespace ?? ''}/${metadata.name}`,
          kind === 'Deployment' ? withSortedVariables(copy) : copy,
        ];
      })
      .toSorted(([a], [b]) => a.localeCompare(b))
  );
}

function withSortedVariables(deployment: Manifest): Manifest {
  const copy = structuredClone(deployment);
  const [container] = arrayField(
    recordField(recordField(recordField(copy, 'spec'), 'template'), 'spec'),
    'containers',
  );
  assert.ok(isRecord(container));
  container['env'] = arrayField(container, 'env').toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
  return copy;
}

function nameOf(variable: unknown): string {
  return isRecord(variable) ? String(variable['name']) : '';
}

describe('the chart makes the objects of the kustomize folders', () => {
  for (const [title, { values, folders }] of Object.entries(pairs)) {
    it(`of ${title}: ${folders.join(', ')}`, async () => {
      const [chart, kustomized] = await Promise.all([renderChart(values), renderFolders(folders)]);
      assert.deepEqual(comparable(withEvenBreaks(chart)), comparable(withEvenBreaks(kustomized)));
    });
  }
});

describe('the packed chart', () => {
  it('makes the same objects', async () => {
    const folder = await mkdtemp(join(await realpath(tmpdir()), 'kube-lego-packed-'));
    try {
      await helm(['package', chartFolder, '--destination', folder]);
      const { name, namespace } = usualRelease;
      const archive = join(folder, `kube-lego-${manifest.version}.tgz`);
      const rendered = await helm(['template', name, archive, '--namespace', namespace]);
      assert.deepEqual(parseManifests(rendered, archive), await renderChart({}));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('two releases', () => {
  it('share no object', async () => {
    const releases = await Promise.all([
      renderChart({}),
      renderChart(
        { settings: { kubeAnnotation: 'example.com/tls' } },
        { name: 'internal', namespace: 'internal' },
      ),
    ]);
    const [first = [], second = []] = releases.map((manifests) =>
      manifests.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`),
    );
    assert.deepEqual(
      first.filter((object) => second.includes(object)),
      [],
    );
    assert.ok(second.includes('ClusterRole /internal-kube-lego'));
  });
});
