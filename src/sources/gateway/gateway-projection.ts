import type {
  GatewayKind,
  GatewayReading,
  ListenerReading,
} from '../../../machines/gateway/gateway-objects.ts';
import { wildcardAnnotation } from '../../../machines/gateway/listener-names.ts';
import { KubernetesError } from '../../kubernetes/client/kubernetes-error.ts';
import { creationTime } from '../../kubernetes/watch/projections.ts';
import { arrayField, recordField, stringField } from '../../process/json.ts';
import { isTrue, noSettings, settingsIn, statusIn } from '../source-annotations.ts';
import { nameField, numberField, recordsIn } from './bounded-fields.ts';
import { conditionIn, isFalse, isTrueNow } from './conditions.ts';
import { mostCertificateRefs, projectAllowed, projectListener } from './listener-projection.ts';

/** As the CRDs have it. */
const mostListeners = 64;

/**
 * Projects a Gateway or ListenerSet; undefined for one that is being deleted. A field of the wrong type counts as absent.
 *
 * @param annotationKey the annotation that enables kube-lego
 * @throws KubernetesError InvalidResponse if name, namespace or uid is missing
 */
export function projectGateway(
  kind: GatewayKind,
  object: unknown,
  annotationKey: string,
): GatewayReading | undefined {
  const metadata = recordField(object, 'metadata');
  const [uid, namespace, name] = ['uid', 'namespace', 'name'].map((field) => nameField(metadata, field));
  if (uid === undefined || namespace === undefined || name === undefined) {
    throw new KubernetesError(
      'InvalidResponse',
      `The API server sent a ${kind} without uid, namespace or name`,
    );
  }
  if (metadata?.['deletionTimestamp'] !== undefined) return undefined;
  const annotations = recordField(metadata, 'annotations');
  const generation = numberField(metadata, 'generation') ?? 0;
  const spec = recordField(object, 'spec');
  const status = recordField(object, 'status');
  const enabled = isTrue(annotations, annotationKey);
  const { settings, tooLong } = enabled ? settingsIn(annotations) : { settings: noSettings, tooLong: [] };
  const { listeners, excess } = listenersIn(spec, status, namespace, generation);
  const parent = recordField(spec, 'parentRef');
  const parentName = nameField(parent, 'name');
  const said = statusIn(annotations);
  const beyond = excess.listeners + excess.certificateRefs + tooLong.length > 0;
  return {
    kind,
    namespace,
    name,
    uid,
    createdAt: creationTime(metadata),
    generation,
    settings: { enabled, ...settings, ...(said === undefined ? {} : { status: said }) },
    wildcards: enabled && isTrue(annotations, wildcardAnnotation),
    ...(kind === 'ListenerSet' && parentName !== undefined
      ? { parent: { namespace: nameField(parent, 'namespace') ?? namespace, name: parentName } }
      : {}),
    allowedListeners: projectAllowed(
      recordField(recordField(spec, 'allowedListeners'), 'namespaces'),
      'None',
    ),
    listeners,
    ...(beyond ? { excess: { ...excess, annotations: tooLong } } : {}),
  };
}

/** Of a listener that is refused because its Secret is missing, which the listener is to get from us. */
const secretIsMissing = 'InvalidCertificateRef';
/** Of an object whose listeners are refused, each for its own reason: some or all. */
const listenersAreRefused = 'ListenersNotValid';

/** The listeners with what `status` says of them. Where it refuses the whole object, it accepts none of them. */
function listenersIn(
  spec: Record<string, unknown> | undefined,
  status: Record<string, unknown> | undefined,
  namespace: string,
  generation: number,
): {
  readonly listeners: ListenerReading[];
  readonly excess: { readonly listeners: number; readonly certificateRefs: number };
} {
  const ofAll = conditionIn(status, 'Accepted', generation);
  const refused = isFalse(ofAll) && ofAll?.reason !== listenersAreRefused;
  const statuses = new Map(
    recordsIn(status, 'listeners', mostListeners).map((one) => [stringField(one, 'name'), one]),
  );
  const all = arrayField(spec, 'listeners');
  const read = recordsIn(spec, 'listeners', mostListeners);
  const listeners = read.flatMap((object): ListenerReading[] => {
    const listener = projectListener(object, namespace);
    if (listener === undefined) return [];
    const own = statuses.get(listener.name);
    const accepted = conditionIn(own, 'Accepted', generation);
    const isRefused = refused || (isFalse(accepted) && accepted?.reason !== secretIsMissing);
    const programmed = conditionIn(own, 'Programmed', generation);
    return [
      {
        ...listener,
        ...(refused || accepted !== undefined ? { accepted: !isRefused } : {}),
        conflicted: isTrueNow(conditionIn(own, 'Conflicted', generation)),
        ...(programmed === undefined ? {} : { programmed: isTrueNow(programmed) }),
      },
    ];
  });
  const references = read.map((one) => arrayField(recordField(one, 'tls'), 'certificateRefs').length);
  return {
    listeners,
    excess: {
      listeners: all.length - read.length,
      certificateRefs: references.reduce((sum, count) => sum + Math.max(0, count - mostCertificateRefs), 0),
    },
  };
}
