import {
  type Admission,
  type GatewayChange,
  type GatewayClassObject,
  type GatewayObject,
  type GrantObject,
  gatewayGroup,
  type ListenerSetObject,
  type NamespaceObject,
  type ObjectRef,
  type RouteObject,
} from './gateway-kinds.ts';

/** The objects of Gateway API as the edge has seen them, and what can be asked about them by themselves. */
export class GatewayInventory {
  readonly classes = new Map<string, GatewayClassObject>();
  readonly gateways = new Map<string, GatewayObject>();
  readonly listenerSets = new Map<string, ListenerSetObject>();
  readonly routes = new Map<string, RouteObject>();
  readonly #grants = new Map<string, GrantObject>();
  readonly #namespaces = new Map<string, NamespaceObject>();

  apply(change: GatewayChange): void {
    switch (change.kind) {
      case 'gatewayclass':
        return store(this.classes, change.key, change.object);
      case 'gateway':
        return store(this.gateways, change.key, change.object);
      case 'listenerset':
        return store(this.listenerSets, change.key, change.object);
      case 'httproute':
        return store(this.routes, change.key, change.object);
      case 'grant':
        return store(this.#grants, change.key, change.object);
      case 'namespace':
        return store(this.#namespaces, change.key, change.object);
    }
  }

  /** Whether something of `namespace` may attach to what is in `own`. */
  admits({ from, selector }: Admission, own: string, namespace: string): boolean {
    if (from === 'All') return true;
    if (from === 'Same') return namespace === own;
    const found = this.#namespaces.get(namespace);
    if (from !== 'Selector' || found === undefined) return false;
    const { labels } = found;
    return (
      Object.entries(selector.matchLabels).every(([key, value]) => labels[key] === value) &&
      selector.matchExpressions.every(({ key, operator, values }) => {
        const value = labels[key];
        if (operator === 'Exists') return value !== undefined;
        if (operator === 'DoesNotExist') return value === undefined;
        const among = value !== undefined && values.includes(value);
        return operator === 'In' ? among : operator === 'NotIn' && !among;
      })
    );
  }

  /** Whether an object may refer to another: within a namespace always, across them by a ReferenceGrant. */
  permits(
    from: { readonly group?: string; readonly kind: string; readonly namespace: string },
    to: ObjectRef,
  ): boolean {
    if (from.namespace === to.namespace) return true;
    const { group = gatewayGroup, kind, namespace } = from;
    return this.#grants
      .values()
      .some(
        (grant) =>
          grant.namespace === to.namespace &&
          grant.from.some(
            (each) => each.group === group && each.kind === kind && each.namespace === namespace,
          ) &&
          grant.to.some(
            (each) =>
              each.group === to.group &&
              each.kind === to.kind &&
              (each.name === undefined || each.name === to.name),
          ),
      );
  }
}

function store<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
