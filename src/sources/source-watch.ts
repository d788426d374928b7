import type { Logger } from 'pino';
import { parseSourceKey, type SourceKey, sourceKey } from '../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../machines/ownership/source-spec.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor.ts';
import { second } from '../../machines/time/durations.ts';
import type { Config } from '../config/config.ts';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import { collectionPath } from '../kubernetes/client/collections.ts';
import { KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import { Reflector, type ReflectorState } from '../kubernetes/watch/reflector.ts';
import type { Clock } from '../time/clock.ts';
import type { Source } from './source.ts';

/** Milliseconds: an API server denies for a moment what a RoleBinding that is new allows. */
const denialPatience = 5 * second;

export interface SourceWatch {
  /** The object as it was seen last. */
  find(key: SourceKey): SourceSpec | undefined;
  /** How the watches of this kind stand, one for each namespace that is watched alone. */
  statesOf(kind: string): readonly ReflectorState[];
  /** Resolves when nothing is watched any more, once the signal is aborted. */
  stopped(): Promise<void>;
}

/**
 * Tells the supervisor of every object of these kinds that is watched, each time it may have changed, until `signal` aborts.
 *
 * One of several namespaces whose list the API server denies from the start (it was deleted, or its RoleBinding forgotten) is left
 * out after some seconds, lest it stop the renewals of all; with none that can be listed nothing is judged. It counts as
 * if it were not in `LEGO_WATCH_NAMESPACE`: an older object there has no say in who owns a host, so another namespace
 * may get a certificate for its host, and will renew it later, too. To let new hosts wait everywhere until all can be
 * listed would be the stricter rule, and a forgotten RoleBinding an outage for every team. When the namespace can
 * be listed, its objects are taken in as if they had been handed to kube-lego at that moment. One that was listed
 * before keeps its say with what was seen.
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
      clock,
      signal,
      project: (object) => source.project(object),
      onUpsert: (_, spec) => tellSupervisor({ type: 'SOURCE_OBSERVED', source: spec }),
      onDelete: (_, spec) => tellSupervisor({ type: 'SOURCE_GONE', key: sourceKey(spec) }),
      onSynced: () => {
        if (denial.stands) log.info({ namespace }, `Namespace ${namespace ?? ''} is watched now.`);
        denial.end();
        tellWhenSeen();
      },
      onError: (error) => {
        log.warn(error, `The watch of ${source.resource} was interrupted; it is taken up again.`);
        if (namespace === undefined || reflector.state.synced) return;
        if (!denial.beginsWith(error, clock.now())) return;
        log.error({ namespace, err: error }, leftOutMessage(source, namespace));
        tellWhenSeen();
      },
    });
    return { kind: source.kind, reflector, denial };
  });
  const tellWhenSeen = (): void => {
    const seen = watches.filter(({ reflector }) => reflector.state.synced);
    const leftOut = watches.filter(({ denial }) => denial.stands);
    if (seen.length > 0 && seen.length + leftOut.length === watches.length)
      tellSupervisor({ type: 'SYNCED' });
  };
  for (const { reflector } of watches) reflector.start();
  return {
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

/** The word of the API server that something is not allowed: whether it stands, because nothing else was heard for a while. */
class Denial {
  stands = false;
  #since: number | undefined;

  /**
   * @param now milliseconds since the epoch
   * @returns whether it stands with this error, and did not before
   */
  beginsWith(error: unknown, now: number): boolean {
    const denied = error instanceof KubernetesError && error.code === 'Forbidden';
    this.#since = denied ? (this.#since ?? now) : undefined;
    const stood = this.stands;
    this.stands = this.#since !== undefined && now - this.#since >= denialPatience;
    return this.stands && !stood;
  }

  end(): void {
    this.stands = false;
    this.#since = undefined;
  }
}

function leftOutMessage({ resource }: Source, namespace: string): string {
  return (
    `Namespace ${namespace} is left out for now: the API server denies its ${resource}. If it exists, it lacks kube-lego's ` +
    'RoleBinding (deploy/namespaced); else take it out of LEGO_WATCH_NAMESPACE. It is tried again until it can be watched.'
  );
}
