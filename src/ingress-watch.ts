import type { Logger } from 'pino';
import type { IngressSpec } from '../machines/ingress-spec.ts';
import type { SupervisorEvent } from '../machines/supervisor.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { KubernetesClient } from './kubernetes/client.ts';
import { projectIngress } from './kubernetes/ingress.ts';
import { Reflector } from './kubernetes/reflector.ts';

/** Tells the supervisor of every Ingress that is watched, each time it may have changed, until `signal` aborts. */
export function watchIngresses(
  config: Config,
  client: KubernetesClient,
  clock: Clock,
  signal: AbortSignal,
  log: Logger,
  tellSupervisor: (event: SupervisorEvent) => void,
): Reflector<IngressSpec>[] {
  const group = '/apis/networking.k8s.io/v1';
  const paths =
    config.watchNamespaces.length === 0
      ? [`${group}/ingresses`]
      : config.watchNamespaces.map((namespace) => `${group}/namespaces/${namespace}/ingresses`);
  const reflectors: Reflector<IngressSpec>[] = paths.map(
    (path) =>
      new Reflector({
        client,
        path,
        clock,
        signal,
        project: (object) => projectIngress(object, { annotationKey: config.annotationKey }),
        onUpsert: (_, ingress) => tellSupervisor({ type: 'INGRESS_OBSERVED', ingress }),
        onDelete: (key) => tellSupervisor({ type: 'INGRESS_GONE', key }),
        onSynced: () => {
          if (reflectors.every(({ state }) => state.synced)) tellSupervisor({ type: 'SYNCED' });
        },
        onError: (error) => log.warn(error, 'The watch of Ingresses was interrupted; it is taken up again.'),
      }),
  );
  for (const reflector of reflectors) reflector.start();
  return reflectors;
}
