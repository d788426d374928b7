import { sourceKey } from '../../machines/ownership/source-key.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor.ts';
import type { Config } from '../config/config.ts';
import { usualAnnotationKey } from '../config/options.ts';
import { SourceStatusWriter } from '../kubernetes/records/source-status.ts';
import type { ReflectorState } from '../kubernetes/watch/reflector.ts';
import { ingressSource } from '../sources/ingress/ingress-source.ts';
import { watchSecrets } from '../sources/secret-watch.ts';
import { sourcePath } from '../sources/source.ts';
import { type SourceWatch, watchSources } from '../sources/source-watch.ts';
import type { Cluster } from './cluster.ts';
import type { Runtime } from './runtime.ts';

/** Who asks for certificates, and where it is written what became of that. */
export interface Sources {
  readonly status: SourceStatusWriter;
  /** Begins to watch. */
  start(): void;
  /** Resolves when nothing is watched any more, once the signal of the runtime is aborted. */
  stopped(): Promise<void>;
  /** How the watches of Ingresses stand. */
  readonly ingressStates: readonly ReflectorState[];
}

/** Ingresses alone. */
export function defaultSources(config: Config): Runtime['sources'] {
  return [ingressSource(config)];
}

export function setUpSources(
  { config, clock, log, signal, sources }: Runtime,
  { client }: Cluster,
  tellSupervisor: (event: SupervisorEvent) => void,
): Sources {
  let watches: SourceWatch | undefined;
  let secrets: ReturnType<typeof watchSecrets> = [];
  const status = new SourceStatusWriter({
    client,
    clock,
    pathOf: (key) => sourcePath(sources, key),
    handedBy: config.annotationKey === usualAnnotationKey ? undefined : config.annotationKey,
    found: (key) => watches?.find(key)?.status,
    onError: (error) => log.warn(error, 'The status of a source was not written.'),
  });
  const observe = (event: SupervisorEvent): void => {
    if (event.type === 'SOURCE_OBSERVED') {
      const { source } = event;
      const key = sourceKey(source);
      status.seen(key, source.status);
      // Also where there is no actor: the annotation may have gone while nobody was here to see it.
      if (!source.enabled) status.retract(key, source.uid);
    }
    tellSupervisor(event);
  };
  return {
    status,
    start() {
      watches = watchSources(sources, config, client, clock, signal, log, observe);
      secrets = watchSecrets(config, client, clock, signal, log, tellSupervisor);
    },
    async stopped() {
      await Promise.all([watches?.stopped(), ...secrets.map((reflector) => reflector.stopped())]);
    },
    get ingressStates() {
      return watches?.statesOf('Ingress') ?? [];
    },
  };
}
