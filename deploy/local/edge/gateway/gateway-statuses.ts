import { isDeepStrictEqual } from 'node:util';
import { arrayField, recordField, stringField } from '../../../../src/process/json.ts';
import type { ServicePorts } from '../service-ports.ts';
import { resolvedBackends } from './gateway-attachments.ts';
import { experimentalGroup, gatewayGroup, type Stated } from './gateway-kinds.ts';
import { type Gateway, type Listener, type ListenerSet, supportedKinds } from './gateway-listeners.ts';
import type { GatewayTable } from './gateway-table.ts';
import { no, type Verdict, yes } from './gateway-verdicts.ts';

/** The status that an object should have. */
export interface StatusWrite {
  /** of the object */
  readonly path: string;
  /** as it is in the API server */
  readonly found: unknown;
  readonly wanted: Record<string, unknown>;
}

type Conditions = Readonly<Record<string, Verdict>>;

/**
 * The status of everything that is ours, as a controller of Gateway API has to write it.
 * @param now ISO 8601, for conditions that change
 */
export function statusesOf(
  table: GatewayTable,
  services: ServicePorts,
  controllerName: string,
  now: string,
): StatusWrite[] {
  const { inventory, model } = table;
  const attached = attachedRoutes(table);
  const hasService = (key: string): boolean => services.has(key);
  const classes = [...inventory.classes]
    .filter(([, object]) => object.controllerName === controllerName)
    .map(([name, object]) =>
      write(`${root}/gatewayclasses/${name}`, object, {
        conditions: conditions({ Accepted: yes('Accepted') }, object, object.status, now),
      }),
    );
  const gateways = model.gateways.flatMap((gateway) => [
    gatewayStatus(gateway, attached, now),
    ...gateway.sets.map((set) => listenerSetStatus(set, attached, now)),
  ]);
  const routes = [...inventory.routes.values()].flatMap((route) => {
    const before = arrayField(route.status, 'parents');
    const others = before.filter((parent) => stringField(parent, 'controllerName') !== controllerName);
    const attachments = model.attachments.get(route) ?? [];
    if (attachments.length === 0 && others.length === before.length) return [];
    const ours = before.filter((parent) => !others.includes(parent));
    const resolved = resolvedBackends(route, inventory, hasService);
    const parents = attachments.map(({ ref, accepted }) => {
      const former = ours.find((parent) => isDeepStrictEqual(recordField(parent, 'parentRef'), ref.written));
      const said = { Accepted: accepted, ResolvedRefs: resolved };
      return {
        parentRef: ref.written,
        controllerName,
        conditions: conditions(said, route, former, now),
      };
    });
    const path = `${root}/namespaces/${route.namespace}/httproutes/${route.name}`;
    return [write(path, route, { parents: [...others, ...parents] })];
  });
  return [...classes, ...gateways, ...routes];
}

const root = `/apis/${gatewayGroup}/v1`;

function write(path: string, { status }: Stated, wanted: Record<string, unknown>): StatusWrite {
  return { path, found: status, wanted };
}

function gatewayStatus({ object, listeners, sets }: Gateway, attached: Attached, now: string): StatusWrite {
  const all = [...listeners, ...sets.flatMap((set) => set.listeners)];
  const said = {
    Accepted: acceptedTogether(listeners),
    Programmed: all.some(({ programmed }) => programmed.holds)
      ? yes('Programmed')
      : no('Invalid', 'No listener can be served.'),
  };
  return write(`${root}/namespaces/${object.namespace}/gateways/${object.name}`, object, {
    addresses: [{ type: 'IPAddress', value: '127.0.0.1' }],
    conditions: conditions(said, object, object.status, now),
    listeners: listeners.map((listener) => listenerStatus(listener, object, attached, now)),
  });
}

function listenerSetStatus(
  { object, allowed, listeners }: ListenerSet,
  attached: Attached,
  now: string,
): StatusWrite {
  const refused = no(
    'NotAllowed',
    'allowedListeners of the Gateway admits no ListenerSet of this namespace.',
  );
  const programmed = listeners.some((listener) => listener.programmed.holds)
    ? yes('Programmed')
    : no('Invalid', 'No listener can be served.');
  const said = {
    Accepted: allowed ? acceptedTogether(listeners) : refused,
    Programmed: allowed ? programmed : refused,
  };
  const collection =
    object.kind === 'ListenerSet'
      ? `${root}/namespaces/${object.namespace}/listenersets`
      : `/apis/${experimentalGroup}/v1alpha1/namespaces/${object.namespace}/xlistenersets`;
  return write(`${collection}/${object.name}`, object, {
    conditions: conditions(said, object, object.status, now),
    listeners: listeners.map((listener) => ({
      ...listenerStatus(listener, object, attached, now),
      ...(object.kind === 'XListenerSet' ? { port: listener.spec.port } : {}),
    })),
  });
}

/** Of a Gateway or ListenerSet: accepted with those of its listeners that can be. */
function acceptedTogether(listeners: readonly Listener[]): Verdict {
  const refused = listeners.filter(({ accepted }) => !accepted.holds).map(({ spec }) => spec.name);
  if (refused.length === 0) return yes('Accepted');
  return {
    holds: refused.length < listeners.length,
    reason: 'ListenersNotValid',
    message: `Not accepted: ${refused.join(', ')}.`,
  };
}

function listenerStatus(
  listener: Listener,
  object: Stated,
  attached: Attached,
  now: string,
): Record<string, unknown> {
  const { spec, accepted, resolved, conflicted, programmed } = listener;
  const former = arrayField(object.status, 'listeners').find(
    (each) => stringField(each, 'name') === spec.name,
  );
  const said = { Accepted: accepted, Conflicted: conflicted, Programmed: programmed, ResolvedRefs: resolved };
  return {
    name: spec.name,
    attachedRoutes: attached.get(listener) ?? 0,
    supportedKinds: supportedKinds(spec).map((each) => {
      const [group, kind] = each.split('/');
      return { group, kind };
    }),
    conditions: conditions(said, object, former, now),
  };
}

function conditions(said: Conditions, { generation }: Stated, former: unknown, now: string): unknown[] {
  const before = arrayField(former, 'conditions');
  return Object.entries(said).map(([type, { holds, reason, message }]) => {
    const status = holds ? 'True' : 'False';
    const last = before.find((each) => stringField(each, 'type') === type);
    const since =
      stringField(last, 'status') === status ? stringField(last, 'lastTransitionTime') : undefined;
    return {
      type,
      status,
      reason,
      message,
      observedGeneration: generation,
      lastTransitionTime: since ?? now,
    };
  });
}

type Attached = ReadonlyMap<Listener, number>;

function attachedRoutes({ model }: GatewayTable): Attached {
  const counts = new Map<Listener, number>();
  for (const attachments of model.attachments.values()) {
    for (const listener of new Set(attachments.flatMap(({ listeners }) => listeners))) {
      counts.set(listener, (counts.get(listener) ?? 0) + 1);
    }
  }
  return counts;
}
