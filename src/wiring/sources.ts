import { parseSourceKey, sourceKey } from '../../machines/ownership/source-key.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor.ts';
import { usualAnnotationKey } from '../config/options.ts';
import { IngressStatusWriter } from '../kubernetes/records/ingress-status.ts';
import type { ReflectorState } from '../kubernetes/watch/reflector.ts';
import { watchIngresses } from '../sources/ingress-watch.ts';
import { watchSecrets } from '../sources/secret-watch.ts';
import type { Cluster } from './cluster.ts';
import type { Runtime } from './runtime.ts';

/** Who asks for certificates, and where it is written what became of that. */
export interface Sources {
  readonly status: IngressStatusWriter;
  /** Begins to watch. */
  start(): void;
  /** Resolves when nothing is watched any more, once the signal of the runtime is aborted. */
  stopped(): Promise<void>;
  readonly states: readonly ReflectorState[];
}

export function setUpSources(
  { config, clock, log, signal }: Runtime,
  { client }: Cluster,
  tellSupervisor: (event: SupervisorEvent) => void,
): Sources {
  let ingresses: ReturnType<typeof watchIngresses> = [];
  let secrets: ReturnType<typeof watchSecrets> = [];
  const status = new IngressStatusWriter({
    client,
    clock,
    handedBy: config.annotationKey === usualAnnotationKey ? undefined : config.annotationKey,
    found: (key) => {
      const { namespace, name } = parseSourceKey(key);
      return ingresses.map((reflector) => reflector.get(`${namespace}/${name}`)).find(Boolean)?.status;
    },
    onError: (error) => log.warn(error, 'The status of an Ingress was not written.'),
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
      ingresses = watchIngresses(config, client, clock, signal, log, observe);
      secrets = watchSecrets(config, client, clock, signal, log, tellSupervisor);
    },
    async stopped() {
      await Promise.all([...ingresses, ...secrets].map((reflector) => reflector.stopped()));
    },
    get states() {
      return ingresses.map(({ state }) => state);
    },
  };
}
