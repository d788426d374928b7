import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadAllYaml } from '@kubernetes/client-node';
import { LocalError } from './local-error.ts';

/** An object as it stands in a manifest. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

const understoodFields = new Set(['apiVersion', 'kind', 'namespace', 'resources', 'components']);

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
 * what our own manifests use (resources, components, namespace), and refuses the rest rather than ignoring it.
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
  return typeof namespace === 'string' ? manifests.map((manifest) => moved(manifest, namespace)) : manifests;
}

async function readObjects(path: string): Promise<Manifest[]> {
  const objects = await readYaml(path);
  return objects
    .filter((object) => object !== null && object !== undefined)
    .map((object) => {
      if (isManifest(object)) return object;
      throw new LocalError('BadManifest', `${path} holds something that is no Kubernetes object`);
    });
}

async function readYaml(path: string): Promise<unknown[]> {
  try {
    return loadAllYaml(await readFile(path, 'utf8'));
  } catch (error) {
    throw new LocalError('BadManifest', `${path} cannot be read`, { cause: error });
  }
}

/** What kustomize's `namespace` does: the object's own namespace, the Namespace itself, subjects of bindings. */
function moved(manifest: Manifest, namespace: string): Manifest {
  if (manifest.kind === 'Namespace')
    return { ...manifest, metadata: { ...manifest.metadata, name: namespace } };
  const { subjects } = manifest;
  const bound = Array.isArray(subjects) ? { subjects: subjects.map((s) => movedSubject(s, namespace)) } : {};
  if (clusterKinds.has(manifest.kind)) return { ...manifest, ...bound };
  return { ...manifest, ...bound, metadata: { ...manifest.metadata, namespace } };
}

function movedSubject(subject: unknown, namespace: string): unknown {
  return isRecord(subject) && subject['kind'] === 'ServiceAccount' ? { ...subject, namespace } : subject;
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
