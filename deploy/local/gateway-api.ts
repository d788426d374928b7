import { recordField, stringField } from '../../src/process/json.ts';
import type { ClusterAccess } from './cluster-access.ts';
import { installKinds, removeKinds } from './kinds.ts';
import { LocalError } from './local-error.ts';
import { type Manifest, readManifests } from './manifests.ts';
import { toolPath } from './tools/tool-path.ts';

/** Kinds that can be installed or removed by themselves. */
export type GatewayApiKind =
  | 'GatewayClass'
  | 'Gateway'
  | 'HTTPRoute'
  | 'ListenerSet'
  | 'ReferenceGrant'
  | 'XListenerSet';

export interface GatewayApiOptions {
  /** Path of the definitions; those of Gateway API 1.7 if not given. */
  readonly definitions?: string;
  /** default: all that are defined there */
  readonly kinds?: readonly GatewayApiKind[];
}

/**
 * Has the API server know kinds of Gateway API, by the project's own definitions with their CEL rules; resolves when they are
 * served. A kind that it knows in another version gets this one's definition.
 * @throws LocalError
 */
export async function installGatewayApi(
  cluster: ClusterAccess,
  options: GatewayApiOptions = {},
): Promise<void> {
  await installKinds(cluster, await definitionsOf(options));
}

/**
 * Removes kinds of Gateway API, and with them all their objects; resolves when they are served no more.
 * @throws LocalError
 */
export async function removeGatewayApi(
  cluster: ClusterAccess,
  options: GatewayApiOptions = {},
): Promise<void> {
  await removeKinds(cluster, await definitionsOf(options));
}

async function definitionsOf({
  definitions: path = toolPath('gateway-api-crds'),
  kinds,
}: GatewayApiOptions): Promise<Manifest[]> {
  const definitions = await readManifests(path);
  if (kinds === undefined) return definitions;
  return kinds.map((kind) => {
    const found = definitions.find((definition) => kindOf(definition) === kind);
    if (found === undefined) throw new LocalError('BadManifest', `${path} defines no ${kind}.`);
    return found;
  });
}

function kindOf(definition: Manifest): string | undefined {
  return stringField(recordField(recordField(definition, 'spec'), 'names'), 'kind');
}
