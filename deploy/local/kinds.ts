import { setTimeout as delay } from 'node:timers/promises';
import { arrayField, isRecord, recordField, stringField } from '../../src/process/json.ts';
import type { ApiClient } from './api-client.ts';
import type { ClusterAccess } from './cluster-access.ts';
import { LocalError } from './local-error.ts';
import { applyObjects, type Manifest } from './manifests.ts';

/** milliseconds; an API server on a busy machine takes seconds to serve five new kinds */
const limit = 60_000;
const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/**
 * Has the API server know kinds by their definitions (CustomResourceDefinition); resolves when they are served in the versions
 * that these say, and in no other one.
 * @throws LocalError
 */
export async function installKinds(cluster: ClusterAccess, definitions: readonly Manifest[]): Promise<void> {
  await applyObjects(cluster.adminKubeconfig, definitions);
  await using api = cluster.adminClient();
  const names = definitions.map(({ metadata }) => metadata.name);
  await until(`${names.join(', ')} are served`, async () =>
    (await Promise.all(definitions.map((each) => isServed(api, each)))).every(Boolean),
  );
}

/**
 * Removes kinds, and with them all their objects; resolves when they are served no more.
 * @throws LocalError
 */
export async function removeKinds(cluster: ClusterAccess, definitions: readonly Manifest[]): Promise<void> {
  await using api = cluster.adminClient();
  const names = definitions.map(({ metadata }) => metadata.name);
  await Promise.all(names.map((name) => api.request(`${definitionsPath}/${name}`, { method: 'DELETE' })));
  await until(`${names.join(', ')} have gone`, async () => {
    const left = await Promise.all(names.map((name) => api.request(`${definitionsPath}/${name}`)));
    if (left.some(({ status }) => status !== 404)) return false;
    return (await Promise.all(definitions.map((each) => servedVersions(api, each)))).flat().length === 0;
  });
}

/** Established, listed by discovery in the versions that it says and in no other one, and answered for. */
async function isServed(api: ApiClient, definition: Manifest): Promise<boolean> {
  const { body } = await api.request(`${definitionsPath}/${definition.metadata.name}`);
  const established = arrayField(recordField(body, 'status'), 'conditions').some(
    (condition) =>
      stringField(condition, 'type') === 'Established' && stringField(condition, 'status') === 'True',
  );
  if (!established) return false;
  const versions = arrayField(recordField(definition, 'spec'), 'versions').filter(
    (version) => isRecord(version) && version['served'] === true,
  );
  const found = await servedVersions(api, definition);
  return (
    versions.length === found.length &&
    versions.every((version) => found.includes(stringField(version, 'name') ?? ''))
  );
}

/** The names of the versions in which discovery lists the kind, and a list of it is answered. */
async function servedVersions(api: ApiClient, definition: Manifest): Promise<string[]> {
  const spec = recordField(definition, 'spec');
  const group = `/apis/${stringField(spec, 'group') ?? ''}`;
  const plural = stringField(recordField(spec, 'names'), 'plural') ?? '';
  const { body: known } = await api.request(group);
  const served = arrayField(known, 'versions').map(async (version) => {
    const name = stringField(version, 'version') ?? '';
    const { body } = await api.request(`${group}/${name}`);
    const listed = arrayField(body, 'resources').some((resource) => stringField(resource, 'name') === plural);
    return listed && (await api.request(`${group}/${name}/${plural}?limit=1`)).status === 200 ? [name] : [];
  });
  return (await Promise.all(served)).flat();
}

/** @throws LocalError NotReady */
async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const begin = performance.now();
  while (!(await condition())) {
    if (performance.now() - begin > limit) {
      throw new LocalError('NotReady', `After ${limit / 1_000} s still not: ${what}.`);
    }
    await delay(50);
  }
}
