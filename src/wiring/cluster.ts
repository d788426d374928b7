import type { KubeConfig } from '@kubernetes/client-node';
import { createKubernetesClient, type KubernetesClient } from '../kubernetes/client/client.ts';
import type { ApiRequestReport } from '../kubernetes/client/request-report.ts';
import { KubernetesAccountSecret } from '../kubernetes/records/account-record.ts';
import { EventRecorder } from '../kubernetes/records/events.ts';
import { SecretStore } from '../kubernetes/records/secret-store.ts';
import { sourceOf } from '../sources/source.ts';
import type { Runtime } from './runtime.ts';

/** The client of the API server, and the records stored there. */
export interface Cluster {
  readonly client: KubernetesClient;
  readonly secrets: SecretStore;
  readonly accountSecret: KubernetesAccountSecret;
  readonly events: EventRecorder;
}

export function connectToCluster(
  { config, clock, log, userAgent, sources }: Runtime,
  kubeConfig: KubeConfig,
  onRequest: (report: ApiRequestReport) => void,
): Cluster {
  const client = createKubernetesClient(kubeConfig, { userAgent, clock, onRequest });
  return {
    client,
    secrets: new SecretStore(client),
    accountSecret: new KubernetesAccountSecret(client, config.namespace, config.accountSecretName),
    events: new EventRecorder({
      client,
      clock,
      apiVersionOf: (kind) => sourceOf(sources, kind).apiVersion,
      onError: (error) => log.warn(error, 'An Event was not written.'),
    }),
  };
}
