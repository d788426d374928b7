/** Whom a host belongs to, and why: see docs/decisions/005-host-ownership.md. */
export interface HostOwner {
  /**
   * - `anyone`: `LEGO_HOST_OWNERSHIP=any`, or no valid claim.
   * - `nobody`: `LEGO_REQUIRE_DOMAINS`, and no reservation.
   */
  readonly by: 'reservation' | 'holder' | 'grace' | 'claim' | 'anyone' | 'nobody';
  /** Undefined for `anyone` and `nobody`. */
  readonly namespace?: string;
  /** `grace`: when it ends, in milliseconds since the epoch. */
  readonly until?: number;
}
