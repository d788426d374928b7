import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadAll } from 'js-yaml';
import { LocalError } from './local-error.ts';

/** An object as it stands in a manifest. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

const understoodFields = new Set(['apiVersion', 'kind', 'namespace', 'resources', 'components', 'patches']);

/** Kinds without a namespace that manifests here may hold; kustomize has such a list, too. */
const clusterKinds = new Set([
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'IngressClass',
  'Namespace',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
]);

/**
 * Reads the objects of a YAML file, or of a kustomization folder as `kubectl kustomize` would: of the format it knows
 * what our own manifests use (resources, components, namespace, patches that delete or merge), and refuses the rest
 * rather than ignoring it. A patch that merges is returned as it is, after the object that it is for: applied by the
 * server's own merge, it has the same effect.
 * @throws LocalError BadManifest
 */
export async function readManifests(path: string): Promise<Manifest[]> {
  return (await stat(path)).isDirectory() ? readKustomization(path) : readObjects(path);
}

async function readKustomization(folder: string): Promise<Manifest[]> {
  const path = join(folder, 'kustomization.yaml');
  const [kustomization] = await readYaml(path);
  if (!isRecord(kustomization)) throw new LocalError('BadManifest', `${path} is not a kustomization`);
  for (const field of Object.keys(kustomization)) {
    if (!understoodFields.has(field)) {
      throw new LocalError(
        'BadManifest',
        `${path} uses ${field}, which deploy/local/kustomization.ts does not understand`,
      );
    }
  }
  const manifests: Manifest[] = [];
  for (const entry of [
    ...strings(path, kustomization['resources']),
    ...strings(path, kustomization['components']),
  ]) {
    manifests.push(...(await readManifests(join(dirname(path), entry))));
  }
  const { namespace } = kustomization;
  const placed = typeof namespace === 'string' ? moved(manifests, namespace) : manifests;
  return patched(placed, await readPatches(path, kustomization['patches']));
}

async function readPatches(path: string, patches: unknown): Promise<Manifest[]> {
  if (patches === undefined) return [];
  if (!Array.isArray(patches)) throw new LocalError('BadManifest', `${path}: patches must be a list`);
  const read: Manifest[] = [];
  for (const entry of patches) {
    if (!isRecord(entry) || Object.keys(entry).length !== 1) {
      throw new LocalError(
        'BadManifest',
        `${path}: a patch here has either a path or a patch, and nothing else`,
      );
    }
    const { path: file, patch } = entry;
    if (typeof file === 'string') read.push(...(await readObjects(join(dirname(path), file))));
    else read.push(...manifestsOf(path, loadAll(String(patch))));
  }
  return read;
}

function patched(manifests: readonly Manifest[], patches: readonly Manifest[]): Manifest[] {
  let result = [...manifests];
  for (const patch of patches) {
    if (!manifests.some((manifest) => isSame(manifest, patch))) {
      throw new LocalError(
        'BadManifest',
        `A patch is for ${patch.kind} ${patch.metadata.name}, which is not there`,
      );
    }
    if (patch['$patch'] === 'delete') result = result.filter((manifest) => !isSame(manifest, patch));
    else result.push(patch);
  }
  return result;
}

function isSame(a: Manifest, b: Manifest): boolean {
  return (
    a.apiVersion === b.apiVersion &&
    a.kind === b.kind &&
    a.metadata.name === b.metadata.name &&
    (b.metadata.namespace === undefined || a.metadata.namespace === b.metadata.namespace)
  );
}

async function readObjects(path: string): Promise<Manifest[]> {
  return manifestsOf(path, await readYaml(path));
}

function manifestsOf(path: string, objects: readonly unknown[]): Manifest[] {
  return objects
    .filter((object) => object !== null && object !== undefined)
    .map((object) => {
      if (isManifest(object)) return object;
      throw new LocalError('BadManifest', `${path} holds something that is no Kubernetes object`);
    });
}

async function readYaml(path: string): Promise<unknown[]> {
  try {
    return loadAll(await readFile(path, 'utf8'));
  } catch (error) {
    throw new LocalError('BadManifest', `${path} cannot be read`, { cause: error });
  }
}

/**
 * What kustomize's `namespace` does: it moves the objects, renames the Namespace, and follows in the subjects of bindings
 * those ServiceAccounts that it has moved.
 */
function moved(manifests: readonly Manifest[], namespace: string): Manifest[] {
  const accounts = manifests.filter((manifest) => manifest.kind === 'ServiceAccount');
  return manifests.map((manifest) => {
    const { metadata, subjects } = manifest;
    if (manifest.kind === 'Namespace') return { ...manifest, metadata: { ...metadata, name: namespace } };
    const bound = Array.isArray(subjects)
      ? { subjects: subjects.map((subject) => movedSubject(subject, accounts, namespace)) }
      : {};
    if (clusterKinds.has(manifest.kind)) return { ...manifest, ...bound };
    return { ...manifest, ...bound, metadata: { ...metadata, namespace } };
  });
}

function movedSubject(subject: unknown, accounts: readonly Manifest[], namespace: string): unknown {
  if (!isRecord(subject) || subject['kind'] !== 'ServiceAccount') return subject;
  const follows = accounts.some(
    ({ metadata }) => metadata.name === subject['name'] && metadata.namespace === subject['namespace'],
  );
  return follows || subject['name'] === 'default' ? { ...subject, namespace } : subject;
}

function strings(path: string, value: unknown): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value;
  throw new LocalError('BadManifest', `${path}: resources and components must be lists of paths`);
}

function isManifest(value: unknown): value is Manifest {
  return (
    isRecord(value) &&
    typeof value['apiVersion'] === 'string' &&
    typeof value['kind'] === 'string' &&
    isRecord(value['metadata']) &&
    typeof value['metadata']['name'] === 'string'
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
