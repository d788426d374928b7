import type { Logger } from 'pino';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor.ts';
import type { Config } from '../config/config.ts';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import { collectionPath, secrets } from '../kubernetes/client/collections.ts';
import { KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import { Reflector } from '../kubernetes/watch/reflector.ts';
import { recordField, stringField } from '../process/json.ts';
import type { Clock } from '../time/clock.ts';

interface WatchedSecret {
  /** Each write has its own, so that it tells a Secret from one of that name that was deleted, too. */
  readonly resourceVersion: string;
}

/**
 * Tells the supervisor of every TLS Secret that changes or goes, where `LEGO_SECRET_WATCH` says so, until `signal` aborts. Asks
 * for metadata alone, and keeps of it what tells two versions apart. Our own writes are told, too: each costs one read. Nothing
 * waits for it: without it Secrets are looked at at changes of their Ingress and every `LEGO_CHECK_INTERVAL`.
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
  const tell = (key: string): void => {
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
      clock,
      signal,
      project: projectSecret,
      // What the first list holds is no news: every Ingress checks its Secrets at the start.
      onUpsert: (key) => {
        if (reflector.state.synced) tell(key);
      },
      onDelete: tell,
      onSynced: () => {
        denied = false;
      },
      onError: (error) => {
        if (!(error instanceof KubernetesError) || error.code !== 'Forbidden') {
          log.warn(error, 'The watch of Secrets was interrupted; it is taken up again.');
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
    ? 'Secrets cannot be watched: add deploy/components/secret-watch, or take out LEGO_SECRET_WATCH.'
    : `Secrets of namespace ${namespace} cannot be watched: add deploy/namespaced/secret-watch there, or take out LEGO_SECRET_WATCH.`;
}
