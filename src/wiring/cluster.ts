import { type RecordName, RecordTroubles } from '../../machines/records/record-troubles.ts';
import type { ApiAccess } from '../kubernetes/client/api-connection.ts';
import { createKubernetesClient, type KubernetesClient } from '../kubernetes/client/client.ts';
import type { ApiRequestReport } from '../kubernetes/client/request-report.ts';
import { KubernetesAccountSecret } from '../kubernetes/records/account-record.ts';
import { EventRecorder, type EventRecorderOptions } from '../kubernetes/records/events.ts';
import { RecordObserver } from '../kubernetes/records/record-observer.ts';
import { SecretStore } from '../kubernetes/records/secret-store.ts';
import type { Runtime } from './runtime.ts';

/** The clients of every replica. */
export interface Connections {
  /** For the watches: it sends no write. */
  readonly reader: KubernetesClient;
  /** With a connection of its own: a burst of other requests does not hold up the renewal of the Lease. */
  readonly lease: KubernetesClient;
  /** One more, for a process that leads as long as this is true. */
  writer(mayWrite: () => boolean): KubernetesClient;
}

export function connectToCluster(
  { clock, userAgent }: Runtime,
  access: ApiAccess,
  onRequest: (report: ApiRequestReport) => void,
): Connections {
  const common = { userAgent, clock, onRequest };
  return {
    reader: createKubernetesClient(access, { ...common, mayWrite: () => false }),
    lease: createKubernetesClient(access, { ...common, connections: 1 }),
    writer: (mayWrite) => createKubernetesClient(access, { ...common, mayWrite }),
  };
}

/** The client of the process that leads, and the records stored in the cluster. */
export interface Cluster {
  readonly client: KubernetesClient;
  readonly secrets: SecretStore;
  readonly accountSecret: KubernetesAccountSecret;
  readonly events: EventRecorder;
  /** Of our own records. */
  readonly records: Pick<RecordTroubles, 'current'>;
  /** Reports whether this record can be read and written. */
  readonly observerOf: (record: RecordName) => RecordObserver;
}

export function setUpRecords(
  { config, clock, log }: Runtime,
  client: KubernetesClient,
  typeOf: EventRecorderOptions['typeOf'],
  onRecordsChanged: () => void,
): Cluster {
  const { objectMetadata: metadata } = config;
  const records = new RecordTroubles(onRecordsChanged);
  const observerOf = (record: RecordName): RecordObserver => new RecordObserver(record, records, clock);
  const { accountSecretName, namespace } = config;
  return {
    client,
    records,
    observerOf,
    secrets: new SecretStore(client, metadata),
    accountSecret: new KubernetesAccountSecret(
      client,
      namespace,
      accountSecretName,
      metadata,
      observerOf('account'),
    ),
    events: new EventRecorder({
      client,
      clock,
      metadata,
      typeOf,
      onError: (error) => log.warn(error, 'An Event was not written.'),
    }),
  };
}
