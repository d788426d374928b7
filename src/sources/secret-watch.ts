import type { Logger } from 'pino';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import type { Config } from '../config/config.ts';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import { collectionPath, secrets } from '../kubernetes/client/collections.ts';
import { isForbidden } from '../kubernetes/client/kubernetes-error.ts';
import { logInterruption } from '../kubernetes/watch/interruption.ts';
import { Reflector } from '../kubernetes/watch/reflector.ts';
import { recordField, stringField } from '../process/json.ts';
import type { Clock } from '../time/clock.ts';

/** Fields of `metadata` that a tenant can put a megabyte into. */
const unread: ReadonlySet<string> = new Set(['annotations', 'labels', 'managedFields']);

interface WatchedSecret {
  /** Differs for each write, also between a Secret and a deleted one of the same name. */
  readonly resourceVersion: string;
}

/**
 * With `LEGO_SECRET_WATCH`, reports each change and deletion of a TLS Secret to the supervisor, until `signal` aborts. Requests metadata
 * only and caches the resourceVersion. Our own writes are reported too: each costs one read. Optional: without it Secrets are checked
 * when their Ingress changes and every `LEGO_CHECK_INTERVAL`.
 */
export function watchSecrets(
  config: Pick<Config, 'secretWatch' | 'watchNamespaces'>,
  client: Pick<KubernetesClient, 'stream'>,
  clock: Clock,
  signal: AbortSignal,
  log: Logger,
  tellSupervisor: (event: SupervisorEvent) => void,
): Reflector<WatchedSecret>[] {
  if (!config.secretWatch) return [];
  const notify = (key: string): void => {
    const [namespace = '', secretName = ''] = key.split('/');
    tellSupervisor({ type: 'SECRET_CHANGED', namespace, secretName });
  };
  const namespaces = config.watchNamespaces.length === 0 ? [undefined] : config.watchNamespaces;
  return namespaces.map((namespace) => {
    let denied = false;
    const reflector = new Reflector<WatchedSecret>({
      client,
      path: collectionPath(secrets, namespace),
      fieldSelector: 'type=kubernetes.io/tls',
      metadataOnly: true,
      without: unread,
      clock,
      signal,
      project: projectSecret,
      // Skip the first list: every Ingress checks its Secrets at the start.
      onUpsert: (key) => {
        if (reflector.state.synced) notify(key);
      },
      onDelete: notify,
      onSynced: () => {
        denied = false;
      },
      onError: (error) => {
        if (!isForbidden(error)) {
          logInterruption(log, 'Secrets', error);
        } else if (!denied) {
          denied = true;
          log.error({ namespace, err: error }, denialMessage(namespace));
        }
      },
    });
    reflector.start();
    return reflector;
  });
}

function projectSecret(object: unknown): WatchedSecret | undefined {
  const resourceVersion = stringField(recordField(object, 'metadata'), 'resourceVersion');
  return resourceVersion === undefined ? undefined : { resourceVersion };
}

function denialMessage(namespace: string | undefined): string {
  return namespace === undefined
    ? 'Secrets cannot be watched: add deploy/components/secret-watch, or remove LEGO_SECRET_WATCH.'
    : `Secrets of namespace ${namespace} cannot be watched: add deploy/namespaced/secret-watch there, or remove LEGO_SECRET_WATCH.`;
}
