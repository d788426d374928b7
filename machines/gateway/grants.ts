import type { GrantReading } from './gateway-objects.ts';

/** Whether a ReferenceGrant lets objects of one namespace refer to an object of another one. */
export function isGranted(
  grants: Iterable<GrantReading>,
  from: { readonly group: string; readonly kind: string; readonly namespace: string },
  to: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  },
): boolean {
  for (const grant of grants) {
    if (grant.namespace !== to.namespace) continue;
    const fromMatches = grant.from.some(
      ({ group, kind, namespace }) =>
        group === from.group && kind === from.kind && namespace === from.namespace,
    );
    const toMatches = grant.to.some(
      ({ group, kind, name }) =>
        group === to.group && kind === to.kind && (name === undefined || name === to.name),
    );
    if (fromMatches && toMatches) return true;
  }
  return false;
}
