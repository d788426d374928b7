import { ApiClient } from './api-client.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { type Manifest, readManifests } from './kustomization.ts';
import { LocalError } from './local-error.ts';

const fieldManager = 'kube-lego-local';

/**
 * Applies YAML files and kustomization folders, as `kubectl apply --server-side` would, Namespaces first.
 * A ValidatingAdmissionPolicy takes force about a second after it was applied.
 * @param kubeconfig path of a local cluster's kubeconfig
 * @param paths of files and folders
 * @returns the objects as they were applied
 * @throws LocalError BadManifest, RequestFailed with what the API server said
 */
export async function applyManifests(kubeconfig: string, paths: readonly string[]): Promise<Manifest[]> {
  const manifests = (await Promise.all(paths.map(readManifests))).flat();
  return applyObjects(kubeconfig, manifests);
}

/** As `applyManifests`, for objects made in code. */
export async function applyObjects(kubeconfig: string, manifests: readonly Manifest[]): Promise<Manifest[]> {
  const ordered = manifests.toSorted(
    (a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'),
  );
  await using client = new ApiClient(await readKubeconfig(kubeconfig));
  const kinds = new Map<string, Promise<readonly Resource[]>>();
  const times = new Map<string, number>();
  for (const manifest of ordered) {
    const { kind, metadata } = manifest;
    const object = [manifest.apiVersion, kind, metadata.namespace, metadata.name].join('/');
    const time = (times.get(object) ?? 0) + 1;
    times.set(object, time);
    let resources = kinds.get(manifest.apiVersion);
    if (resources === undefined) {
      resources = discover(client, manifest.apiVersion);
      kinds.set(manifest.apiVersion, resources);
    }
    // A patch of an object applied before must not take away, as its manager, what the patch does not name.
    const manager = time === 1 ? fieldManager : `${fieldManager}-${time}`;
    await apply({ client, manifest, manager, resources: await resources });
  }
  return ordered;
}

interface Resource {
  /** plural */
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

async function discover(client: ApiClient, apiVersion: string): Promise<readonly Resource[]> {
  const list = await client.expect(basePath(apiVersion));
  if (typeof list !== 'object' || list === null || !('resources' in list) || !Array.isArray(list.resources)) {
    throw new LocalError('RequestFailed', `The API server did not list the resources of ${apiVersion}`);
  }
  return list.resources.filter(isResource);
}

async function apply(parts: {
  readonly client: ApiClient;
  readonly manifest: Manifest;
  readonly manager: string;
  readonly resources: readonly Resource[];
}): Promise<void> {
  const { client, manifest, manager, resources } = parts;
  const { name, namespace = 'default' } = manifest.metadata;
  const resource = resources.find(
    (candidate) => candidate.kind === manifest.kind && !candidate.name.includes('/'),
  );
  if (resource === undefined) {
    throw new LocalError(
      'BadManifest',
      `The API server knows no ${manifest.kind} in ${manifest.apiVersion} (${name})`,
    );
  }
  const scope = resource.namespaced ? `/namespaces/${namespace}` : '';
  const path = `${basePath(manifest.apiVersion)}${scope}/${resource.name}/${name}`;
  await client.expect(`${path}?fieldManager=${manager}&force=true&fieldValidation=Strict`, {
    method: 'PATCH',
    // JSON is YAML.
    contentType: 'application/apply-patch+yaml',
    body: manifest,
  });
}

function basePath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function isResource(value: unknown): value is Resource {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'kind' in value &&
    typeof value.kind === 'string' &&
    'namespaced' in value &&
    typeof value.namespaced === 'boolean'
  );
}
