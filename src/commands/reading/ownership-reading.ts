import { HolderDocumentError } from '../../../machines/ownership/holders/holder-document.ts';
import { HolderRecord } from '../../../machines/ownership/holders/holder-record.ts';
import type { Holder, NamespaceSpec } from '../../../machines/ownership/holders/holders.ts';
import { Zones } from '../../../machines/zones/zone.ts';
import type { Config } from '../../config/config.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import {
  collectionPath,
  ingressClasses,
  metadataForms,
  namespaces,
} from '../../kubernetes/client/collections.ts';
import { unless } from '../../kubernetes/client/kubernetes-error.ts';
import { NumberedDocuments } from '../../kubernetes/records/numbered-documents.ts';
import { type ObservedClass, projectClass } from '../../sources/class-watch.ts';
import { projectNamespace } from '../../sources/namespace-projection.ts';
import { readZonesDocument } from '../zones/zones-reading.ts';
import { list } from './listing.ts';

/** What decides about hosts beside the Ingresses; undefined what may not be read, as by an app team. */
export interface OwnershipReading {
  /** By host. */
  readonly holders: ReadonlyMap<string, Holder> | undefined;
  readonly namespaces: readonly NamespaceSpec[] | undefined;
  readonly classes: readonly ObservedClass[] | undefined;
  /** None without DNS-01. */
  readonly zones: Zones | undefined;
}

/** @throws KubernetesError if the API server is unreachable */
export async function readOwnership(
  client: KubernetesClient,
  { namespace, dnsZones }: Pick<Config, 'namespace' | 'dnsZones'>,
  signal: AbortSignal,
): Promise<OwnershipReading> {
  const [holders, specs, classes, zones] = await Promise.all([
    unless('Forbidden', () => readHolders(client, namespace, signal)),
    unless('Forbidden', () => readNamespaces(client, signal)),
    unless('Forbidden', () => readClasses(client, signal)),
    unless('Forbidden', () => zonesIn(client, namespace, dnsZones, signal)),
  ]);
  return { holders, namespaces: specs, classes, zones };
}

async function zonesIn(
  client: KubernetesClient,
  namespace: string,
  name: string | undefined,
  signal: AbortSignal,
): Promise<Zones> {
  if (name === undefined) return new Zones([]);
  const document = await readZonesDocument(client, namespace, name, signal);
  return new Zones(document?.zones ?? [], document?.closed);
}

async function readHolders(
  client: KubernetesClient,
  namespace: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Holder> | undefined> {
  const documents = new NumberedDocuments(client, namespace, 'holders');
  const record = new HolderRecord();
  try {
    record.restore(await documents.read(signal), (shard) => documents.nameOf(shard));
    return record.entries();
  } catch (error) {
    // The controller's log tells what is wrong with it.
    if (error instanceof HolderDocumentError) return undefined;
    throw error;
  }
}

async function readNamespaces(client: KubernetesClient, signal: AbortSignal): Promise<NamespaceSpec[]> {
  const path = collectionPath(namespaces);
  const specs = await list(client, path, signal, projectNamespace, {}, metadataForms.list);
  return specs.flatMap((spec) => (spec === undefined || spec.domains.length === 0 ? [] : [spec]));
}

async function readClasses(client: KubernetesClient, signal: AbortSignal): Promise<ObservedClass[]> {
  const classes = await list(client, collectionPath(ingressClasses), signal, projectClass);
  return classes.filter((observed) => observed !== undefined);
}
