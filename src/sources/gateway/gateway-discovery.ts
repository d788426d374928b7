import { second } from '../../../machines/time/durations.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import type { Collection } from '../../kubernetes/client/collections.ts';
import { readJson } from '../../kubernetes/watch/watch-stream.ts';
import { arrayField, stringField } from '../../process/json.ts';
import { experimentalGroup, gatewayGroup, recordsIn } from './bounded-fields.ts';

export type GatewayApiKind = 'Gateway' | 'ListenerSet' | 'HTTPRoute' | 'ReferenceGrant';

/** The collections of the kinds that the API server serves, in the version to be read. */
export type ServedKinds = ReadonlyMap<GatewayApiKind, Collection>;

interface Candidate {
  readonly kind: GatewayApiKind;
  readonly group: string;
  readonly resource: string;
  /** Those whose fields we know, the newest first. */
  readonly versions: readonly string[];
}

/** By kind the one to be preferred first. */
const candidates: readonly Candidate[] = [
  { kind: 'Gateway', group: gatewayGroup, resource: 'gateways', versions: ['v1', 'v1beta1'] },
  { kind: 'HTTPRoute', group: gatewayGroup, resource: 'httproutes', versions: ['v1', 'v1beta1'] },
  { kind: 'ReferenceGrant', group: gatewayGroup, resource: 'referencegrants', versions: ['v1', 'v1beta1'] },
  { kind: 'ListenerSet', group: gatewayGroup, resource: 'listenersets', versions: ['v1'] },
  { kind: 'ListenerSet', group: experimentalGroup, resource: 'xlistenersets', versions: ['v1alpha1'] },
];

/** Before Gateway API 1.5 a ListenerSet is an XListenerSet. */
export function servedKind(kind: string, resource: string): string {
  return resource === 'xlistenersets' ? 'XListenerSet' : kind;
}

const longestAnswer = 4 * 1024 * 1024;
const longestSilence = 30 * second;
const mostGroups = 10_000;
const mostVersions = 20;
const mostResources = 1000;

/**
 * Asks the API server which kinds of Gateway API it serves: one request where there is none, and one more for each version of it.
 *
 * @throws KubernetesError, or the signal's reason
 */
export async function discoverGatewayApi(
  client: Pick<KubernetesClient, 'stream'>,
  signal: AbortSignal,
): Promise<ServedKinds> {
  const groups = arrayField(await document(client, '/apis', signal), 'groups').slice(0, mostGroups);
  const served = new Map<GatewayApiKind, Collection>();
  const resources = new Map<string, ReadonlySet<string>>();
  for (const { kind, group, resource, versions } of candidates) {
    if (served.has(kind)) continue;
    const found = groups.find((one) => stringField(one, 'name') === group);
    const listed = recordsIn(found, 'versions', mostVersions).map((one) => stringField(one, 'version'));
    for (const version of versions) {
      if (!listed.includes(version)) continue;
      const apiVersion = `${group}/${version}`;
      const known = resources.get(apiVersion) ?? (await resourcesOf(client, apiVersion, signal));
      resources.set(apiVersion, known);
      if (!known.has(resource)) continue;
      served.set(kind, { apiVersion, resource });
      break;
    }
  }
  return served;
}

async function resourcesOf(
  client: Pick<KubernetesClient, 'stream'>,
  apiVersion: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const listed = await document(client, `/apis/${apiVersion}`, signal);
  const resources = arrayField(listed, 'resources').slice(0, mostResources);
  return new Set(resources.flatMap((resource) => stringField(resource, 'name') ?? []));
}

async function document(
  client: Pick<KubernetesClient, 'stream'>,
  path: string,
  signal: AbortSignal,
): Promise<unknown> {
  const options = { signal, bodyTimeout: longestSilence };
  const { body } = await client.stream(path, new URLSearchParams(), options);
  return readJson(body, longestAnswer);
}
