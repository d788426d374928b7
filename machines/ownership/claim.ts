import type { SourceReading } from './source-reading.ts';
import type { SourceSpec } from './source-spec.ts';

/** A source with its claims. The same object as long as the source exists. */
export interface SourceRecord {
  source: SourceSpec;
  reading: SourceReading;
  /** One for each host. */
  claims: readonly Claim[];
}

/**
 * How a source claims a host, the strongest first.
 *
 * - `routes`: it has a rule for the host.
 * - `routes-refused`: likewise, but the certificate that it asks for is refused. Anybody who routes the host comes first.
 * - `lists`: the host is only under `spec.tls`.
 * - `lists-refused`: likewise, but the certificate is refused: this blocks nobody. A holder keeps the host by it.
 */
export type ClaimKind = keyof typeof strength;

/** A source's claim to one host, or to a wildcard. */
export interface Claim {
  readonly record: SourceRecord;
  readonly host: string;
  readonly kind: ClaimKind;
  /** Serial number of the change that brought the claim or made it stronger; 0 at the start. */
  readonly since: number;
}

/**
 * The claims of a source by host.
 *
 * @param refusedIn the hosts that are refused a certificate in this Secret of the source
 */
export function kindsOfClaims(
  { source: { tls, ruleHosts }, reading }: SourceRecord,
  refusedIn: (secretName: string) => ReadonlySet<string>,
): Map<string, ClaimKind> {
  const granted = new Set<string>();
  for (const { secretName, hosts } of reading.wanted) {
    const refused = refusedIn(secretName);
    for (const host of hosts) if (!refused.has(host)) granted.add(host);
  }
  const listed = new Set(tls.flatMap(({ hosts }) => hosts));
  const isRefused = (host: string): boolean => !reading.bystander && listed.has(host) && !granted.has(host);
  const kinds = new Map<string, ClaimKind>();
  for (const host of ruleHosts) {
    // Who routes a wildcard serves all hosts below it, although no certificate is ordered for the wildcard itself.
    kinds.set(host, !isWildcard(host) && isRefused(host) ? 'routes-refused' : 'routes');
  }
  for (const host of listed) {
    if (!kinds.has(host) && !isWildcard(host)) kinds.set(host, isRefused(host) ? 'lists-refused' : 'lists');
  }
  return kinds;
}

export function isWildcard(host: string): boolean {
  return host.startsWith('*.');
}

const strength = {
  routes: 0,
  'routes-refused': 1,
  lists: 2,
  'lists-refused': 3,
} as const;

/** Negative if the first claim is stronger: routing before listing, then the one seen first, then the older object. */
export function byStrength(one: Claim, other: Claim): number {
  return (
    strength[one.kind] - strength[other.kind] ||
    one.since - other.since ||
    byAge(one.record.source, other.record.source)
  );
}

export function isStronger(one: ClaimKind, other: ClaimKind): boolean {
  return strength[one] < strength[other];
}

/** Oldest first. The uid breaks a tie (timestamps are whole seconds), so that all replicas agree. */
export function byAge(one: SourceSpec, other: SourceSpec): number {
  return one.createdAt - other.createdAt || compare(one.uid, other.uid);
}

function compare(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

/** What a sorted list needs to stay sorted: log n comparisons, and a move of the rest. */
export function insertSorted<T>(list: T[], item: T, order: (one: T, other: T) => number): void {
  list.splice(position(list, item, order), 0, item);
}

export function removeSorted<T>(list: T[], item: T, order: (one: T, other: T) => number): void {
  const near = position(list, item, order);
  const at = list.indexOf(item, near);
  if (at !== -1) list.splice(at, 1);
}

/** The first place where the item fits. */
function position<T>(list: readonly T[], item: T, order: (one: T, other: T) => number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const known = list[middle];
    if (known !== undefined && order(known, item) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
