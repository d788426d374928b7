import type { Logger } from 'pino';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { Zones } from '../../machines/zones/zone.ts';
import { type InvalidZone, readZones } from '../../machines/zones/zone-document.ts';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import { collectionPath, configMaps } from '../kubernetes/client/collections.ts';
import { recordField } from '../process/json.ts';
import type { Clock } from '../time/clock.ts';
import { watchClusterScoped } from './cluster-scoped-watch.ts';

export interface ZoneWatchOptions {
  readonly client: Pick<KubernetesClient, 'stream'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly namespace: string;
  /** `LEGO_DNS_ZONES`. */
  readonly name: string;
  readonly tellSupervisor: (event: SupervisorEvent) => void;
}

export interface ZoneWatch {
  readonly zones: Zones;
  /** What has been told so far, again, if that is all. */
  known(): Iterable<SupervisorEvent>;
  /** The document is known, or there is none, or it may not be read. */
  readonly read: boolean;
  /** Resolves when the watch has ended after the abort of the signal. */
  stopped(): Promise<void>;
}

/** The operator's DNS zones, from one ConfigMap of our namespace. Where it may not be read there are none; logged once. */
export function watchZones({
  client,
  clock,
  signal,
  log,
  namespace,
  name,
  tellSupervisor,
}: ZoneWatchOptions): ZoneWatch {
  let zones = new Zones([]);
  let complaints = '';
  const take = (data: Readonly<Record<string, unknown>>): void => {
    const read = readZones(data);
    zones = new Zones(read.zones, read.closed);
    complain(read.invalid);
    if (watch.read) tellSupervisor(told());
  };
  const complain = (invalid: readonly InvalidZone[]): void => {
    const messages = invalid.map(({ message }) => message).join(' ');
    if (messages !== '' && messages !== complaints)
      log.error({ configMap: `${namespace}/${name}` }, messages);
    complaints = messages;
  };
  const told = (): SupervisorEvent => ({
    type: 'ZONES_READ',
    zones: zones.all,
    closed: zones.closed,
  });
  const watch = watchClusterScoped<Record<string, unknown>>({
    client,
    path: collectionPath(configMaps, namespace),
    fieldSelector: `metadata.name=${name}`,
    plural: `ConfigMaps in namespace ${namespace}`,
    clock,
    signal,
    log,
    project: (object) => recordField(object, 'data') ?? {},
    onUpsert: (_, data) => take(data),
    onDelete: () => take({}),
    onRead: () => tellSupervisor(told()),
    onDenied: (error) => log.error(error, denialMessage(namespace, name)),
  });
  return {
    get zones() {
      return zones;
    },
    *known() {
      if (watch.read) yield told();
    },
    get read() {
      return watch.read;
    },
    stopped: () => watch.reflector.stopped(),
  };
}

function denialMessage(namespace: string, name: string): string {
  return (
    `ConfigMap ${namespace}/${name} (LEGO_DNS_ZONES) cannot be watched, so there is no DNS zone and no certificate for a wildcard. ` +
    'Apply deploy/components/dns-01.'
  );
}
