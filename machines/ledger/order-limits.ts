import type { Exemption } from './blocks.ts';
import type { OrderScopes, Scope } from './limit-keys.ts';
import type { LimitName } from './rate-limits.ts';

export interface OrderRequest {
  readonly identifiers: readonly string[];
  /** `replacement`: the names had a certificate, which is deleted or invalid. */
  readonly purpose: 'first' | 'replacement' | 'renewal';
  /**
   * Exemption from rate limits.
   *
   * - `ari`: the order has a `replaces` field, within the suggested window of that certificate: exempt from all.
   * - `same-set`: a certificate for exactly these names was issued within 120 days: exempt from `orders-per-account` and
   *   `certificates-per-registered-domain`.
   */
  readonly exemption: Exemption;
  /**
   * For exemption `ari`: no certificate for exactly these names was issued recently. The exemption skips the check of the limits, but
   * the certificate is counted (Boulder's ra, `countCertificateIssued`).
   */
  readonly newSet?: boolean | undefined;
}

/** The limit with the scope of a block, by the first letter of its key. */
export const limitOfBlock: ReadonlyMap<string, LimitName> = new Map([
  ['A', 'orders-per-account'],
  ['D', 'certificates-per-registered-domain'],
  ['S', 'certificates-per-exact-set'],
  ['I', 'authorization-failures'],
]);

/** The limits that the CA checks for this order. */
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

/** What the CA counts at issuance: the exact set always, the domains unless the same set was issued recently. */
export function spentAtIssuance(order: OrderRequest, scopes: OrderScopes): [LimitName, Scope][] {
  const counted = order.exemption === 'none' || (order.exemption === 'ari' && order.newSet === true);
  const domains = counted ? scopes.domains : [];
  return [
    ['certificates-per-exact-set', scopes.set],
    ...domains.map((domain): [LimitName, Scope] => ['certificates-per-registered-domain', domain]),
  ];
}

/** Keys of the blocks that may apply to an order. */
export function blockedBy(scopes: OrderScopes): [key: string, scope: Scope][] {
  return [
    [`A${scopes.account.key}`, scopes.account],
    [`S${scopes.set.key}`, scopes.set],
    ...scopes.domains.map((domain): [string, Scope] => [`D${domain.key}`, domain]),
    ...scopes.identifiers.map((identifier): [string, Scope] => [`I${identifier.key}`, identifier]),
  ];
}
