import type { Logger } from 'pino';
import { parseSourceKey, type SourceKey, sourceKey } from '../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../machines/ownership/source-spec.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import type { Config } from '../config/config.ts';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import { collectionPath } from '../kubernetes/client/collections.ts';
import { logInterruption } from '../kubernetes/watch/interruption.ts';
import { Reflector, type ReflectorState } from '../kubernetes/watch/reflector.ts';
import type { Clock } from '../time/clock.ts';
import { Denial } from './denial.ts';
import type { Source } from './source.ts';

/** Fields of `metadata` that no source reads: a tenant can put a megabyte into either. */
const unread: ReadonlySet<string> = new Set(['managedFields', 'labels']);

export interface SourceWatch {
  /** What has been told so far, again, and whether that is all. */
  known(): Iterable<SupervisorEvent>;
  /** All that are there are known, except those of left-out namespaces. */
  readonly synced: boolean;
  /** Resolves when each list that has been read is watched again. @throws the signal's reason */
  watching(signal: AbortSignal): Promise<unknown>;
  /** The last known version of the object. */
  find(key: SourceKey): SourceSpec | undefined;
  /** State of the watches of this kind, one for each watched namespace, or one for all. */
  statesOf(kind: string): readonly ReflectorState[];
  /** Resolves when all watches have ended after the abort of the signal. */
  stopped(): Promise<void>;
}

/**
 * Reports each change of an object of these kinds to the supervisor, until `signal` aborts.
 *
 * One of several namespaces whose list is denied from the start (it was deleted, or has no RoleBinding) is left out after some
 * seconds: otherwise it would stop the renewals of all. If no namespace can be listed, nothing is decided. A left-out namespace
 * counts as not in `LEGO_WATCH_NAMESPACE`: an older object there does not own its hosts, so another namespace may get a certificate
 * for such a host, and renew it later too. The stricter rule, new hosts wait until all namespaces are listed, would make one missing
 * RoleBinding an outage for every team. When the namespace can be listed, its objects are added as if enabled at that moment. A
 * namespace that was listed before keeps its cached objects.
 */
export function watchSources(
  sources: readonly Source[],
  config: Pick<Config, 'watchNamespaces'>,
  client: Pick<KubernetesClient, 'stream'>,
  clock: Clock,
  signal: AbortSignal,
  log: Logger,
  tellSupervisor: (event: SupervisorEvent) => void,
): SourceWatch {
  const namespaces = config.watchNamespaces.length === 0 ? [undefined] : config.watchNamespaces;
  const places = sources.flatMap((source) => namespaces.map((namespace) => ({ source, namespace })));
  const watches = places.map(({ source, namespace }) => {
    const denial = new Denial();
    const reflector = new Reflector<SourceSpec>({
      client,
      path: collectionPath(source, namespace),
      without: unread,
      clock,
      signal,
      project: (object) => source.project(object),
      onUpsert: (_, spec) => tellSupervisor({ type: 'SOURCE_OBSERVED', source: spec }),
      onDelete: (_, spec) => tellSupervisor({ type: 'SOURCE_GONE', key: sourceKey(spec) }),
      onSynced: () => {
        if (denial.stands) log.info({ namespace }, `Namespace ${namespace ?? ''} is watched now.`);
        denial.end();
        reportWhenSynced();
      },
      onError: (error) => {
        logInterruption(log, source.resource, error);
        if (namespace === undefined || reflector.state.synced) return;
        if (!denial.beginsWith(error, clock.monotonic())) return;
        log.error({ namespace, err: error }, leftOutMessage(source, namespace));
        reportWhenSynced();
      },
    });
    return { kind: source.kind, reflector, denial };
  });
  const isSynced = (): boolean => {
    const synced = watches.filter(({ reflector }) => reflector.state.synced);
    const leftOut = watches.filter(({ denial }) => denial.stands);
    return synced.length > 0 && synced.length + leftOut.length === watches.length;
  };
  const reportWhenSynced = (): void => {
    if (isSynced()) tellSupervisor({ type: 'SYNCED' });
  };
  for (const { reflector } of watches) reflector.start();
  return {
    *known() {
      for (const { reflector } of watches) {
        for (const [, source] of reflector.entries()) yield { type: 'SOURCE_OBSERVED', source };
      }
      if (isSynced()) yield { type: 'SYNCED' };
    },
    get synced() {
      return isSynced();
    },
    watching(signal) {
      const read = watches.filter(({ reflector }) => reflector.state.synced);
      return Promise.all(read.map(({ reflector }) => reflector.watching(signal)));
    },
    find(key) {
      const { kind, namespace, name } = parseSourceKey(key);
      const ofKind = watches.filter((watch) => watch.kind === kind);
      return ofKind.map(({ reflector }) => reflector.get(`${namespace}/${name}`)).find(Boolean);
    },
    statesOf: (kind) =>
      watches.filter((watch) => watch.kind === kind).map(({ reflector }) => reflector.state),
    async stopped() {
      await Promise.all(watches.map(({ reflector }) => reflector.stopped()));
    },
  };
}

function leftOutMessage({ resource }: Source, namespace: string): string {
  return (
    `Namespace ${namespace} is left out for now: the API server denies its ${resource}. If it exists, add kube-lego's ` +
    'RoleBinding (deploy/namespaced); else remove it from LEGO_WATCH_NAMESPACE. kube-lego tries again until it can be watched.'
  );
}
