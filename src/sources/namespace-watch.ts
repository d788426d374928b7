import type { Logger } from 'pino';
import { domainsAnnotation } from '../../machines/ownership/hosts/reservations.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import { collectionPath, namespaces } from '../kubernetes/client/collections.ts';
import type { Clock } from '../time/clock.ts';
import { watchClusterScoped } from './cluster-scoped-watch.ts';
import { type ObservedNamespace, projectNamespace } from './namespace-projection.ts';

/** A word of `kube-lego.io/domains` that reserves nothing. */
export interface InvalidDomain {
  readonly namespace: string;
  readonly word: string;
}

export interface NamespaceWatch {
  /** What has been told so far, again, and whether that is all. */
  known(): Iterable<SupervisorEvent>;
  /** All are known, or they may not be read. */
  readonly read: boolean;
  /** Namespaces may not be read, so that none reserves anything. */
  readonly denied: boolean;
  invalidDomains(): InvalidDomain[];
  /** Resolves when the watch has ended after the abort of the signal. */
  stopped(): Promise<void>;
}

/**
 * Reports the domains that Namespaces reserve to the supervisor, until `signal` aborts. Requests metadata only. Where the API server
 * denies them from the start, no domain is reserved; logged once, and tried on.
 */
export function watchNamespaces(
  client: Pick<KubernetesClient, 'stream'>,
  clock: Clock,
  signal: AbortSignal,
  log: Logger,
  tellSupervisor: (event: SupervisorEvent) => void,
): NamespaceWatch {
  const watch = watchClusterScoped<ObservedNamespace>({
    client,
    path: collectionPath(namespaces),
    plural: 'Namespaces',
    metadataOnly: true,
    clock,
    signal,
    log,
    project: projectNamespace,
    onUpsert(_, namespace) {
      const { invalid, name } = namespace;
      if (invalid.length > 0) log.warn({ namespace: name }, invalidMessage(name, invalid));
      tellSupervisor(observed(namespace));
    },
    onDelete: (_, { name }) => tellSupervisor({ type: 'NAMESPACE_GONE', name }),
    onRead: (denied) => tellSupervisor(read(denied)),
    onDenied: (error) => log.error(error, denialMessage),
  });
  const { reflector } = watch;
  return {
    *known() {
      for (const [, namespace] of reflector.entries()) yield observed(namespace);
      if (watch.read) yield read(watch.denied);
    },
    get read() {
      return watch.read;
    },
    get denied() {
      return watch.denied;
    },
    invalidDomains: () =>
      [...reflector.entries()].flatMap(([namespace, { invalid }]) =>
        invalid.map((word) => ({ namespace, word })),
      ),
    stopped: () => reflector.stopped(),
  };
}

function observed({ invalid: _, ...namespace }: ObservedNamespace): SupervisorEvent {
  return { type: 'NAMESPACE_OBSERVED', namespace };
}

function read(denied: boolean): SupervisorEvent {
  return { type: 'NAMESPACES_READ', ...(denied && { denied }) };
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
