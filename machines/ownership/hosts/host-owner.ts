/** Whom a host belongs to, and why: see docs/decisions/005-host-ownership.md. */
export interface HostOwner {
  /**
   * - `anyone`: `LEGO_HOST_OWNERSHIP=any`, or no valid claim.
   * - `nobody`: `LEGO_REQUIRE_DOMAINS`, and no reservation.
   * - `unknown`: `LEGO_REQUIRE_DOMAINS`, and Namespaces cannot be read.
   * - `wildcard`: another namespace holds the wildcard above it.
   * - `hosts-below`: a wildcard, and a host below it belongs to another namespace than its own.
   */
  readonly by:
    | 'reservation'
    | 'holder'
    | 'grace'
    | 'wildcard'
    | 'claim'
    | 'anyone'
    | 'nobody'
    | 'unknown'
    | 'hosts-below';
  /** Undefined for `anyone`, `nobody` and `unknown`; for `hosts-below` that of such a host. */
  readonly namespace?: string;
  /** `claim`: Ingresses of other namespaces are of the same second, so the ingress controller's order has decided. */
  readonly equalAge?: true;
  /** `grace`: when it ends, in milliseconds since the epoch. */
  readonly until?: number;
}
