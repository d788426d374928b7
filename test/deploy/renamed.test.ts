import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readManifests } from '../../deploy/local/manifests.ts';
import { assertConfined, configOf } from './confinement.ts';
import { deploy, deployFolder } from './deployed-cluster.ts';

const namespace = 'certificates';

let folder: string;

before(async () => {
  folder = await mkdtemp(join(await realpath(tmpdir()), 'kube-lego-renamed-'));
});
after(() => rm(folder, { recursive: true }));

/** Installs it, and tries what the policies forbid and allow to the ServiceAccount, whatever its name is now. */
async function assertRestricted(
  overlay: string,
  watched: string,
  { prefix = '', suffix = '' } = {},
): Promise<void> {
  const name = `${prefix}kube-lego${suffix}`;
  const config = configOf(await readManifests(overlay), namespace);
  assert.equal(config.serviceName, name);
  await using cluster = await deploy(overlay, { namespace, name });
  await assertConfined(cluster, config, watched);
}

describe('an overlay that gives kube-lego another namespace', () => {
  it('takes the admission policies along, and an overlay with a prefix and a suffix, too', async () => {
    const base = relative(folder, join(deployFolder, 'base'));
    const kustomization = { namespace, namePrefix: 'our-', nameSuffix: '-2', resources: [base] };
    await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    await assertRestricted(folder, 'team-a', { prefix: 'our-', suffix: '-2' });
  });

  it('does so with chosen namespaces, whose Roles stay where they are', async () => {
    const copy = join(folder, 'deploy');
    await cp(deployFolder, copy, { recursive: true });
    const file = join(copy, 'namespaced/own/kustomization.yaml');
    const text = await readFile(file, 'utf8');
    assert.match(text, /For another namespace than kube-lego set `namespace:` here/);
    await writeFile(file, `namespace: ${namespace}\n${text}`);
    await assertRestricted(join(copy, 'namespaced'), 'default');
  });
});

describe('an overlay with DNS zones that gives kube-lego a suffix', () => {
  it('has it read the ConfigMap of that name, and its Role, too', async () => {
    const [base, component] = ['base', 'components/dns-01'].map((name) =>
      relative(folder, join(deployFolder, name)),
    );
    const zones = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-lego-zones', namespace: 'kube-lego' },
    };
    await writeFile(join(folder, 'zones.json'), JSON.stringify(zones));
    const kustomization = {
      nameSuffix: '-2',
      resources: [base, 'zones.json'],
      components: [component],
      // Its name ends in a hash; the Service has the same name without one.
      configMapGenerator: [
        { name: 'kube-lego', namespace: 'kube-lego', literals: ['lego.email=a@example.com'] },
      ],
    };
    await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    const manifests = await readManifests(folder);
    const { dnsZones, serviceName } = configOf(manifests, 'kube-lego');
    assert.equal(dnsZones, 'kube-lego-zones-2');
    assert.equal(serviceName, 'kube-lego-2');
    const role = manifests.find(
      ({ kind, metadata }) => kind === 'Role' && metadata.name === 'kube-lego-dns-01-2',
    );
    assert.partialDeepStrictEqual(role, { rules: [{ resourceNames: ['kube-lego-zones-2'] }] });
  });
});
