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

/** The sources and their status. */
export interface Sources {
  readonly status: SourceStatusWriter;
  /** Starts the watches. */
  start(): void;
  /** Resolves when all watches have ended after the abort of the runtime's signal. */
  stopped(): Promise<void>;
  /** State of the watches of Ingresses. */
  readonly ingressStates: readonly ReflectorState[];
}

/** Ingresses only. */
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
      // Also without an actor: the annotation may have been removed while no process was running.
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
