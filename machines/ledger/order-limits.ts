import type { Exemption } from './blocks.ts';
import type { OrderScopes, Scope } from './limit-keys.ts';
import type { LimitName } from './rate-limits.ts';

/** An order that is to be made. */
export interface OrderRequest {
  readonly identifiers: readonly string[];
  /** `replacement`: the names had a certificate, which is gone or bad. */
  readonly purpose: 'first' | 'replacement' | 'renewal';
  /**
   * What the CA does not count it for.
   *
   * - `ari`: it says which certificate it replaces, within the window that the CA suggests: no limit holds.
   * - `same-set`: a certificate for exactly these names was issued within 120 days: it is free of
   *   `orders-per-account` and `certificates-per-registered-domain`.
   */
  readonly exemption: Exemption;
  /**
   * Of an order with exemption `ari`: no certificate for exactly these names was issued lately. An exemption is one from being looked
   * at; its certificate is counted as any other (Boulder's ra, `countCertificateIssued`).
   */
  readonly newSet?: boolean | undefined;
}

/** The limit that counts by the scope of such a block. */
export const limitOfBlock: ReadonlyMap<string, LimitName> = new Map([
  ['A', 'orders-per-account'],
  ['D', 'certificates-per-registered-domain'],
  ['S', 'certificates-per-exact-set'],
  ['I', 'authorization-failures'],
]);

/** What the CA looks at when it gets this order. */
export function countedFor(order: OrderRequest, scopes: OrderScopes): [LimitName, Scope][] {
  if (order.exemption === 'ari') return [];
  const counted: [LimitName, Scope][] = [['certificates-per-exact-set', scopes.set]];
  for (const identifier of scopes.identifiers) {
    counted.push(['authorization-failures', identifier], ['consecutive-authorization-failures', identifier]);
  }
  if (order.exemption === 'same-set') return counted;
  counted.push(['orders-per-account', scopes.account]);
  for (const domain of scopes.domains) counted.push(['certificates-per-registered-domain', domain]);
  return counted;
}

/** What the CA counts when it issues: the exact set always, the domains unless the same set was issued lately. */
export function spentAtIssuance(order: OrderRequest, scopes: OrderScopes): [LimitName, Scope][] {
  const counted = order.exemption === 'none' || (order.exemption === 'ari' && order.newSet === true);
  const domains = counted ? scopes.domains : [];
  return [
    ['certificates-per-exact-set', scopes.set],
    ...domains.map((domain): [LimitName, Scope] => ['certificates-per-registered-domain', domain]),
  ];
}

/** The keys of the blocks that an order can meet. */
export function blockedBy(scopes: OrderScopes): [key: string, scope: Scope][] {
  return [
    [`A${scopes.account.key}`, scopes.account],
    [`S${scopes.set.key}`, scopes.set],
    ...scopes.domains.map((domain): [string, Scope] => [`D${domain.key}`, domain]),
    ...scopes.identifiers.map((identifier): [string, Scope] => [`I${identifier.key}`, identifier]),
  ];
}
