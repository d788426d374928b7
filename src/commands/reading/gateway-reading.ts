import type { ChallengePlace } from '../../../machines/gateway/challenge-routes.ts';
import type {
  GatewayReading,
  GrantReading,
  RouteReading,
} from '../../../machines/gateway/gateway-objects.ts';
import { gatewaySource } from '../../../machines/gateway/gateway-source.ts';
import { sourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import type { Config } from '../../config/config.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import {
  type Collection,
  collectionPath,
  metadataForms,
  namespaces,
} from '../../kubernetes/client/collections.ts';
import { isForbidden, unless } from '../../kubernetes/client/kubernetes-error.ts';
import { discoverGatewayApi, type GatewayApiKind } from '../../sources/gateway/gateway-discovery.ts';
import { projectGateway } from '../../sources/gateway/gateway-projection.ts';
import { type NamespaceLabels, projectLabels } from '../../sources/gateway/namespace-labels.ts';
import { projectGrant, projectRoute } from '../../sources/gateway/route-projection.ts';
import { list } from './listing.ts';

/** The Gateway API objects that may be read. */
export interface GatewaySurvey {
  /** Whether it is known which kinds the API server serves; nothing was read if not. */
  readonly discovered: boolean;
  readonly gateways: readonly GatewayReading[];
  readonly routes: readonly RouteReading[];
  readonly grants: readonly GrantReading[];
  readonly labelsOf: (namespace: string) => Readonly<Record<string, string>>;
  /** The Gateways and ListenerSets as sources. */
  readonly sourcesBy: (isHeldBy: ChallengePlace['isHeldBy']) => SourceSpec[];
  /** Not all may be read. */
  readonly partial: boolean;
}

/**
 * @param namespace read alone where all may not be
 * @throws KubernetesError
 */
export async function surveyGateways(
  client: KubernetesClient,
  { annotationKey, watchNamespaces }: Config,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<GatewaySurvey> {
  const served = await unless('Forbidden', () => discoverGatewayApi(client, signal));
  let partial = served === undefined;
  const places = watchNamespaces.length === 0 ? [undefined] : watchNamespaces;
  const readIn = async <T>(
    collection: Collection,
    place: string | undefined,
    project: (object: unknown) => T | undefined,
  ): Promise<T[]> => {
    const found = await list(client, collectionPath(collection, place), signal, project);
    return found.flatMap((one) => one ?? []);
  };
  const read = async <T>(kind: GatewayApiKind, project: (object: unknown) => T | undefined): Promise<T[]> => {
    const collection = served?.get(kind);
    if (collection === undefined) return [];
    const lists = places.map(async (place): Promise<T[]> => {
      try {
        return await readIn(collection, place, project);
      } catch (error) {
        if (!isForbidden(error)) throw error;
        partial = true;
        if (place !== undefined || namespace === undefined) return [];
      }
      try {
        return await readIn(collection, namespace, project);
      } catch (error) {
        if (!isForbidden(error)) throw error;
        return [];
      }
    });
    return (await Promise.all(lists)).flat();
  };
  const [gateways, sets, routes, grants, labels] = await Promise.all([
    read('Gateway', (object) => projectGateway('Gateway', object, annotationKey)),
    read('ListenerSet', (object) => projectGateway('ListenerSet', object, annotationKey)),
    read('HTTPRoute', (object) => projectRoute(object)),
    read('ReferenceGrant', projectGrant),
    labelsOfNamespaces(client, signal),
  ]);
  const labelsOf = (of: string) => labels.get(of) ?? {};
  const sites = routes.flatMap((route) => (route.ours ? [] : route));
  const sourcesBy: GatewaySurvey['sourcesBy'] = (isHeldBy) =>
    [...gateways, ...sets].map((reading) => {
      const key = sourceKey(reading);
      const own = sites.filter(({ attached }) => attached.some((parent) => sourceKey(parent) === key));
      const isHeld = (host: string): boolean => isHeldBy(reading.namespace, host);
      return gatewaySource(reading, { routes: own, grants, isHeld, labelsOf });
    });
  const discovered = served !== undefined;
  return { discovered, gateways: [...gateways, ...sets], routes, grants, labelsOf, sourcesBy, partial };
}

async function labelsOfNamespaces(
  client: KubernetesClient,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, NamespaceLabels['labels']>> {
  try {
    const path = collectionPath(namespaces);
    const all = await list(client, path, signal, projectLabels, {}, metadataForms.list);
    return new Map(all.map(({ name, labels }) => [name, labels]));
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return new Map();
  }
}
