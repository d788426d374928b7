import { statusAnnotation } from '../../machines/ingress/status.ts';
import { parseSourceKey, sourceField, sourceKey } from '../../machines/ownership/source-key.ts';
import { occasions } from '../../machines/reasons/event-reasons.ts';
import { sentences } from '../../machines/reasons/sentences.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import type { Config } from '../config/config.ts';
import { usualAnnotationKey } from '../config/options/ingress-options.ts';
import { objectPath } from '../kubernetes/client/collections.ts';
import { SourceStatusWriter } from '../kubernetes/records/source-status.ts';
import { ingressSource } from '../sources/ingress/ingress-source.ts';
import { Placeholders } from '../steps/placeholders.ts';
import type { Caches } from './caches.ts';
import type { Cluster } from './cluster.ts';
import type { Runtime } from './runtime.ts';

/** Those whose objects say by themselves what they ask for. */
export function defaultSources(config: Config): Runtime['sources'] {
  return [ingressSource(config)];
}

/** The status annotation of the sources. */
export interface Status {
  readonly writer: SourceStatusWriter;
  /** A source was seen: what its annotation says may be out of date, or nobody's any more. */
  observe(event: SupervisorEvent): void;
}

export function setUpStatus(
  { config, clock, log }: Runtime,
  { client, events }: Cluster,
  caches: Pick<Caches, 'find' | 'collectionOf'>,
): Status {
  const writer = new SourceStatusWriter({
    client,
    clock,
    pathOf(key) {
      const { kind, namespace, name } = parseSourceKey(key);
      return objectPath(caches.collectionOf(kind), namespace, name);
    },
    handedBy: config.annotationKey === usualAnnotationKey ? undefined : config.annotationKey,
    found: (key) => caches.find(key)?.status,
    onError: (error) => log.warn(error, 'The status of a source was not written.'),
    onRefused: (key, uid, { words }) => {
      const message = sentences(
        `The annotation ${statusAnnotation} is out of date, because it cannot be written: ${words}`,
        occasions.StatusNotWritten.remedy,
      );
      log.warn({ ...sourceField(key), reason: 'StatusNotWritten' }, message);
      const source = { ...parseSourceKey(key), uid };
      events.publish({ source, type: 'Warning', reason: 'StatusNotWritten', message });
    },
  });
  return {
    writer,
    observe(event) {
      if (event.type === 'SOURCE_OBSERVED') {
        const { source } = event;
        const key = sourceKey(source);
        writer.seen(key, source.status);
        // Also without an actor: the annotation may have been removed while nobody led.
        if (!source.enabled) writer.retract(key, source.uid);
      }
      if (event.type === 'SOURCE_GONE') writer.forget(event.key);
    },
  };
}

/** What the Secrets of listeners hold until there is a certificate. */
export function setUpPlaceholders({ clock, log, signal }: Runtime, { secrets }: Cluster): Placeholders {
  return new Placeholders({
    secrets,
    clock,
    signal,
    onError: (error, { namespace, secretName }) =>
      log.warn(
        { namespace, secret: secretName, err: error },
        'The placeholder of a listener was not written.',
      ),
  });
}
