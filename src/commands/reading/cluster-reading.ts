// What the commands read, with the rights of whoever calls them: the sources and who owns what, the Secrets, the Lease, and the live state
// of the process that leads. Called by status, explain, revoke and import.

import type { Holder } from '../../../machines/ownership/holders/holders.ts';
import { Ownership } from '../../../machines/ownership/ownership.ts';
import { type SourceKey, type SourceReference, sourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { type Zone, Zones } from '../../../machines/zones/zone.ts';
import type { Config } from '../../config/config.ts';
import { supervisorPolicy } from '../../config/policies.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import {
  type Collection,
  collectionPath,
  ingresses,
  metadataForms,
  secrets,
} from '../../kubernetes/client/collections.ts';
import { isForbidden, unless } from '../../kubernetes/client/kubernetes-error.ts';
import { historyOf } from '../../kubernetes/records/status-annotation.ts';
import { keyOf } from '../../kubernetes/watch/projections.ts';
import { arrayField, recordField, stringField } from '../../process/json.ts';
import { isRecordedAsOurs } from '../../secret/secret-reading.ts';
import { projectIngress } from '../../sources/ingress/ingress-projection.ts';
import { type GatewaySurvey, surveyGateways } from './gateway-reading.ts';
import { list } from './listing.ts';
import { readOwnership } from './ownership-reading.ts';
import { collectionOf } from './source-collection.ts';

/** All sources that could be listed, with ownership of Secrets and hosts as in the controller. */
interface Survey {
  readonly sources: ReadonlyMap<SourceKey, SourceSpec>;
  /** Undefined if Gateways are no sources. */
  readonly gateways: GatewaySurvey | undefined;
  readonly ownership: Ownership;
  /** `namespace/name` of the Secrets that they name, managed or not. */
  readonly named: ReadonlySet<string>;
  /** The listed namespaces; undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  /** Watched namespaces whose Ingresses may not be listed. */
  readonly denied: readonly string[];
  /** Some namespaces could not be listed, so claims may be unknown. */
  readonly partial: boolean;
  /** By host; undefined if the record may not be read. */
  readonly holders: ReadonlyMap<string, Holder> | undefined;
  /** Names of the IngressClasses; undefined if they may not be listed. */
  readonly classes: readonly string[] | undefined;
}

/**
 * @param now milliseconds since the epoch
 * @param seen what counts in place of an Ingress that was read
 * @throws KubernetesError if not even the named namespace may be read, or none at all if none is named
 */
export async function surveySources(
  client: KubernetesClient,
  config: Config,
  namespace: string | undefined,
  now: number,
  signal: AbortSignal,
  seen: (ingress: unknown) => unknown = (ingress) => ingress,
): Promise<Survey> {
  const [{ listed, partial, ...where }, gateways, { holders, namespaces, classes, zones }] =
    await Promise.all([
      listIngresses(client, config, namespace, signal, seen),
      config.gatewayApi ? surveyGateways(client, config, namespace, signal) : undefined,
      readOwnership(client, config, signal),
    ]);
  const ofGateways = gateways?.sourcesBy((of, host) => holders?.get(host)?.namespace === of) ?? [];
  const specs = [...listed.map(({ spec }) => spec), ...ofGateways];
  const policy = supervisorPolicy(config).ownership;
  // Where Namespaces may not be read, it is unknown what is reserved.
  const requireDomains = policy.requireDomains && namespaces !== undefined;
  const ownership = new Ownership({ ...policy, requireDomains });
  for (const spec of namespaces ?? []) ownership.setNamespace(spec, now);
  ownership.setZones(zones ?? zonesOfAll(specs), now);
  for (const { name, controller } of classes ?? []) ownership.setClass(name, controller, now);
  ownership.setClassesReadable(classes !== undefined);
  if (holders !== undefined) ownership.replaceHolders(holders, now);
  for (const spec of specs) ownership.set(spec, now);
  ownership.settle(now, historyOf);
  const sources = new Map(specs.map((spec) => [sourceKey(spec), spec]));
  const awaited = ofGateways.flatMap(({ namespace: of, awaited: names = [] }) =>
    names.map((name) => `${of}/${name}`),
  );
  const named = new Set([...listed.flatMap(({ secrets: names }) => names), ...awaited]);
  return {
    sources,
    gateways,
    ownership,
    named,
    holders,
    classes: classes?.map(({ name }) => name),
    partial: partial || gateways?.partial === true,
    ...where,
  };
}

/** Where the zones may not be read, a host that needs one is not refused. */
function zonesOfAll(specs: readonly SourceSpec[]): Zones {
  const hosts = specs.flatMap(({ tls }) => tls.flatMap((entry) => entry.hosts));
  const domains = new Set(hosts.map((host) => host.replace(/^\*\./, '')));
  return new Zones([...domains].map(openZone));
}

function openZone(domain: string): Zone {
  return {
    domain,
    provider: 'rfc2136',
    namespaces: 'any',
    wildcardsBesideOthers: [],
    challenge: 'http-01',
    nameServers: [],
    settings: {},
  };
}

/** All namespaces that may be listed; if the named one is not among them, only that one. */
async function listIngresses(
  client: KubernetesClient,
  { annotationKey, watchNamespaces: watched }: Config,
  namespace: string | undefined,
  signal: AbortSignal,
  seen: (ingress: unknown) => unknown,
) {
  const read = (object: unknown) => ({
    spec: projectIngress(seen(object), { annotationKey }),
    secrets: secretsNamedBy(object),
  });
  const listIn = (place?: string) => list(client, collectionPath(ingresses, place), signal, read);
  const lists = watched.length === 0 ? [listIn()] : watched.map((place) => listIn(place));
  const outcomes = await Promise.allSettled(lists);
  const refusals: unknown[] = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason] : [],
  );
  const failure = refusals.find((refusal) => !isForbidden(refusal));
  if (failure !== undefined) throw failure;
  const denied = watched.filter((_, index) => outcomes[index]?.status === 'rejected');
  const partial = refusals.length > 0;
  if (namespace !== undefined && denied.includes(namespace)) throw refusals[denied.indexOf(namespace)];
  if (refusals.length === lists.length) {
    if (namespace === undefined) throw refusals[0];
    return { listed: await listIn(namespace), namespaces: [namespace], denied, partial };
  }
  return {
    listed: outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : [])),
    namespaces: watched.length === 0 ? undefined : watched.filter((place) => !denied.includes(place)),
    denied,
    partial,
  };
}

/** Also of an unmanaged Ingress, whose `spec` is not projected. */
function secretsNamedBy(object: unknown): string[] {
  const namespace = stringField(recordField(object, 'metadata'), 'namespace') ?? '';
  return arrayField(recordField(object, 'spec'), 'tls').flatMap((entry) => {
    const name = stringField(entry, 'secretName');
    return name === undefined ? [] : [`${namespace}/${name}`];
  });
}

function collectionPaths(collection: Collection, namespaces: readonly string[] | undefined): string[] {
  return (namespaces ?? [undefined]).map((namespace) => collectionPath(collection, namespace));
}

/** The object; undefined if there is none. By list, because kube-lego's role has no get. */
export async function readSourceObject(
  client: KubernetesClient,
  { kind, namespace, name }: SourceReference,
  signal: AbortSignal,
): Promise<unknown> {
  const collection = await collectionOf(client, kind, signal);
  if (collection === undefined) return undefined;
  const path = collectionPath(collection, namespace);
  const query = { fieldSelector: `metadata.name=${name}` };
  const [object] = await list(client, path, signal, (one) => one, query);
  return object;
}

/**
 * `namespace/name` of the TLS Secrets with a certificate of kube-lego, without their contents.
 *
 * @param namespaces undefined: all
 * @returns undefined if Secrets may not be listed there
 */
export async function listOwnSecrets(
  client: KubernetesClient,
  namespaces: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const paths = collectionPaths(secrets, namespaces);
  const query = { fieldSelector: 'type=kubernetes.io/tls' };
  const keys = await unless('Forbidden', () =>
    Promise.all(paths.map((path) => list(client, path, signal, keyIfOurs, query, metadataForms.list))),
  );
  return keys?.flat().filter((key) => key !== undefined);
}

function keyIfOurs(secret: unknown): string | undefined {
  const annotations = recordField(recordField(secret, 'metadata'), 'annotations') ?? {};
  return isRecordedAsOurs(annotations) ? keyOf(secret) : undefined;
}
