import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadAll } from 'js-yaml';
import { isRecord } from '../../src/process/json.ts';
import { ApiClient } from './api-client.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { LocalError } from './local-error.ts';
import { toolPath } from './tools/tool-path.ts';

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

const fieldManager = 'kube-lego-local';

/**
 * Reads the objects of a YAML file, or those that kustomize makes of a folder.
 * @throws LocalError BadManifest
 */
export async function readManifests(path: string): Promise<Manifest[]> {
  const text = (await stat(path)).isDirectory() ? await kustomize(path) : await readFile(path, 'utf8');
  return parseManifests(text, path);
}

/**
 * Reads the objects of a YAML text.
 * @param origin where the text is from
 * @throws LocalError BadManifest
 */
export function parseManifests(text: string, origin: string): Manifest[] {
  return loadAll(text)
    .filter((object) => object !== null && object !== undefined)
    .map((object) => {
      if (isManifest(object)) return object;
      throw new LocalError('BadManifest', `${origin} holds something that is no Kubernetes object`);
    });
}

/** @returns what `kubectl kustomize FOLDER` would print */
async function kustomize(folder: string): Promise<string> {
  try {
    return (await promisify(execFile)(toolPath('kustomize'), ['build', folder])).stdout;
  } catch (error) {
    if (error instanceof LocalError || !(error instanceof Error)) throw error;
    throw new LocalError('BadManifest', error.message, { cause: error });
  }
}

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

/** Applies deploy/base. */
export async function applyBase(kubeconfig: string): Promise<void> {
  await applyManifests(kubeconfig, [fileURLToPath(new URL('../base', import.meta.url))]);
}

/** As `applyManifests`, for objects made in code. */
export async function applyObjects(kubeconfig: string, manifests: readonly Manifest[]): Promise<Manifest[]> {
  const ordered = manifests.toSorted(
    (a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'),
  );
  await using client = new ApiClient(await readKubeconfig(kubeconfig));
  const kinds = new Map<string, Promise<readonly Resource[]>>();
  for (const manifest of ordered) {
    let resources = kinds.get(manifest.apiVersion);
    if (resources === undefined) {
      resources = discover(client, manifest.apiVersion);
      kinds.set(manifest.apiVersion, resources);
    }
    await apply({ client, manifest, resources: await resources });
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
  if (!isRecord(list) || !Array.isArray(list['resources'])) {
    throw new LocalError('RequestFailed', `The API server did not list the resources of ${apiVersion}`);
  }
  return list['resources'].filter(isResource);
}

async function apply(parts: {
  readonly client: ApiClient;
  readonly manifest: Manifest;
  readonly resources: readonly Resource[];
}): Promise<void> {
  const { client, manifest, resources } = parts;
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
  await client.expect(`${path}?fieldManager=${fieldManager}&force=true&fieldValidation=Strict`, {
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
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    typeof value['kind'] === 'string' &&
    typeof value['namespaced'] === 'boolean'
  );
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
