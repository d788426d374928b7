import type { Logger } from 'pino';
import { domainsAnnotation } from '../../machines/ownership/reservations.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor.ts';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import { collectionPath, namespaces } from '../kubernetes/client/collections.ts';
import { isForbidden } from '../kubernetes/client/kubernetes-error.ts';
import { Reflector } from '../kubernetes/watch/reflector.ts';
import type { Clock } from '../time/clock.ts';
import { Denial } from './denial.ts';
import { type ObservedNamespace, projectNamespace } from './namespace-projection.ts';

/** A word of `kube-lego.io/domains` that reserves nothing. */
export interface InvalidDomain {
  readonly namespace: string;
  readonly word: string;
}

export interface NamespaceWatch {
  /** Namespaces may not be read, so that none reserves anything. */
  readonly denied: boolean;
  invalidDomains(): InvalidDomain[];
  /** Resolves when the watch has ended after the abort of the signal. */
  stopped(): Promise<void>;
}

/**
 * Reports the domains that Namespaces reserve to the supervisor, until `signal` aborts. Requests metadata only. Where the API server
 * denies them from the start, no domain is reserved, and that is said once; they are tried on.
 */
export function watchNamespaces(
  client: Pick<KubernetesClient, 'stream'>,
  clock: Clock,
  signal: AbortSignal,
  log: Logger,
  tellSupervisor: (event: SupervisorEvent) => void,
): NamespaceWatch {
  const denial = new Denial();
  const reflector = new Reflector<ObservedNamespace>({
    client,
    path: collectionPath(namespaces),
    metadataOnly: true,
    clock,
    signal,
    project: projectNamespace,
    onUpsert(_, { invalid, ...namespace }) {
      if (invalid.length > 0)
        log.warn({ namespace: namespace.name }, invalidMessage(namespace.name, invalid));
      tellSupervisor({ type: 'NAMESPACE_OBSERVED', namespace });
    },
    onDelete: (_, { name }) => tellSupervisor({ type: 'NAMESPACE_GONE', name }),
    onSynced() {
      if (denial.stands) log.info('Namespaces can be read now.');
      denial.end();
      tellSupervisor({ type: 'NAMESPACES_READ' });
    },
    onError(error) {
      if (!isForbidden(error))
        log.warn(error, 'The watch of Namespaces was interrupted; kube-lego reconnects.');
      if (reflector.state.synced || !denial.beginsWith(error, clock.now())) return;
      log.error(error, denialMessage);
      tellSupervisor({ type: 'NAMESPACES_READ' });
    },
  });
  reflector.start();
  return {
    get denied() {
      return denial.stands;
    },
    invalidDomains: () =>
      [...reflector.entries()].flatMap(([namespace, { invalid }]) =>
        invalid.map((word) => ({ namespace, word })),
      ),
    stopped: () => reflector.stopped(),
  };
}

const denialMessage =
  `Namespaces cannot be listed, so no domain is reserved by ${domainsAnnotation}; with LEGO_REQUIRE_DOMAINS no certificate is ` +
  'ordered. Apply the ClusterRole kube-lego-cluster-scoped (deploy/base/cluster-scoped-role.yaml).';

function invalidMessage(name: string, invalid: readonly string[]): string {
  return (
    `Namespace ${name} reserves nothing by these words of ${domainsAnnotation}: ${invalid.join(', ')}. ` +
    'Write domains such as shop.example or *.shop.example, separated by commas.'
  );
}
