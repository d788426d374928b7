import type { Claim } from '../claim.ts';
import type { ServingClasses } from '../classes/serving-classes.ts';
import type { Holder } from '../holders/holders.ts';
import type { SecretClaims } from '../secret-claims.ts';
import type { HostOwner } from './host-owner.ts';

/** What is known of one host or wildcard. */
export interface HostEntry {
  readonly host: string;
  /** Strongest first. */
  claims: Claim[];
  /** The Secrets that shall have it. An array: for most hosts it has one element, or none. */
  wantedBy: SecretClaims[];
  holder: Holder | undefined;
  /** Since when no Ingress of the holder names it; milliseconds since the epoch. */
  unnamedSince: number | undefined;
  /** Only kept up to date while it is wanted. */
  owner: HostOwner | undefined;
  /** Worked out when it is asked for. */
  serving: ServingClasses | undefined;
  /** Several Ingresses had claims at the last decision. */
  contested: boolean;
}

export function newEntry(host: string): HostEntry {
  return {
    host,
    claims: [],
    wantedBy: [],
    holder: undefined,
    unnamedSince: undefined,
    owner: undefined,
    serving: undefined,
    contested: false,
  };
}
