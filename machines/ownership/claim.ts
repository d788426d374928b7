import { isWildcard } from '../hosts/host-names.ts';
import { aliasesOf } from './aliases.ts';
import type { SourceReference } from './source-key.ts';
import type { SourceReading } from './source-reading.ts';
import type { SourceSpec } from './source-spec.ts';

/** A source with its claims. The same object as long as the source exists. */
export interface SourceRecord {
  source: SourceSpec;
  reading: SourceReading;
  /** One for each host. */
  claims: readonly Claim[];
  /** Serial number of the change that brought the source; undefined before its first claims. */
  firstSeen: number | undefined;
  /** The class of its claims, see `classNameOf`. */
  placedClass: string | undefined;
}

/**
 * How a source claims a host, the strongest first.
 *
 * - `routes`: it has a rule for the host.
 * - `aliases`: its ingress controller serves the host as one of its rules (aliases.ts). As strong as a rule: the controller drops the
 *   alias when somebody else has a rule for the host, so that must not make it another one's.
 * - `routes-refused`, `aliases-refused`: likewise, but the certificate that it asks for is refused. Anybody who routes the host comes
 *   first.
 * - `lists`: the host is only under `spec.tls`.
 * - `lists-refused`: likewise, but the certificate is refused: this blocks nobody. A holder keeps the host by it.
 */
export type ClaimKind = keyof typeof strength;

/** A source's claim to one host, or to a wildcard. */
export interface Claim {
  readonly record: SourceRecord;
  readonly host: string;
  readonly kind: ClaimKind;
  /** Of the host under `spec.tls`, empty if none is named; undefined if the host is not listed there. */
  readonly secretName: string | undefined;
  /** Serial number of the change that brought the claim or made it stronger; 0 at the start. */
  readonly since: number;
}

/** What a source says about a host. */
export type ClaimContent = Pick<Claim, 'kind' | 'secretName'>;

/**
 * The claims of a source by host.
 *
 * @param refusedIn the hosts that are refused a certificate in this Secret of the source
 */
export function contentsOfClaims(
  { source, reading }: SourceRecord,
  refusedIn: (secretName: string) => ReadonlySet<string>,
): Map<string, ClaimContent> {
  const { tls, ruleHosts, servesAnyHost } = source;
  const granted = new Set<string>();
  for (const { secretName, hosts } of reading.wanted) {
    const refused = refusedIn(secretName);
    for (const host of hosts) if (!refused.has(host)) granted.add(host);
  }
  const listed = new Map<string, string>();
  for (const { hosts, secretName = '' } of tls) {
    for (const host of hosts) if (!listed.has(host)) listed.set(host, secretName);
  }
  const isRefused = (host: string): boolean => !reading.bystander && listed.has(host) && !granted.has(host);
  const kinds = new Map<string, ClaimKind>();
  for (const host of ruleHosts) {
    // Who routes a wildcard serves all hosts below it, even if no certificate is ordered for the wildcard itself.
    kinds.set(host, !isWildcard(host) && isRefused(host) ? 'routes-refused' : 'routes');
  }
  for (const host of aliasesOf(source).keys()) {
    if (!kinds.has(host)) kinds.set(host, isRefused(host) ? 'aliases-refused' : 'aliases');
  }
  for (const host of listed.keys()) {
    if (kinds.has(host) || (isWildcard(host) && !granted.has(host))) continue;
    kinds.set(host, isRefused(host) ? 'lists-refused' : 'lists');
  }
  // Nobody comes to own a host by it, but it tells which rule serves one.
  if (servesAnyHost) kinds.set(anyHost, 'routes');
  return new Map([...kinds].map(([host, kind]) => [host, { kind, secretName: listed.get(host) }]));
}

/** The host of a rule without host, and of a default backend. */
export const anyHost = '';

/** `shop.example` of `a.shop.example`; empty for a single label. */
export function domainAbove(host: string): string {
  const dot = host.indexOf('.');
  return dot === -1 ? '' : host.slice(dot + 1);
}

/** The wildcard that matches the host: of one label, as the Ingress API says. */
export function wildcardAbove(host: string): string {
  return `*.${domainAbove(host)}`;
}

const strength = {
  routes: 0,
  aliases: 0,
  'routes-refused': 1,
  'aliases-refused': 1,
  lists: 2,
  'lists-refused': 3,
} as const;

/** Whether it has a rule for the host itself. */
export function hasRule(kind: ClaimKind): boolean {
  return kind === 'routes' || kind === 'routes-refused';
}

/** Negative if the first claim is stronger: routing before listing, then the one seen first, then the older object. */
export function byRank(one: Claim, other: Claim): number {
  return (
    strength[one.kind] - strength[other.kind] ||
    one.since - other.since ||
    one.record.source.createdAt - other.record.source.createdAt
  );
}

/** Those of one rank stand in a fixed order, whichever of them comes first for the ingress controller. */
export function byStrength(one: Claim, other: Claim): number {
  return byRank(one, other) || byAge(one.record.source, other.record.source);
}

export function isStronger(one: ClaimKind, other: ClaimKind): boolean {
  return strength[one] < strength[other];
}

/** Oldest first. Timestamps are whole seconds, so ties are common: then by `namespace/name`, so that all replicas agree. */
export function byAge(one: SourceSpec, other: SourceSpec): number {
  return one.createdAt - other.createdAt || byName(one, other) || compare(one.uid, other.uid);
}

/** As ingress controllers compare: the two parts as one text. */
export function byName(one: SourceReference, other: SourceReference): number {
  return compare(`${one.namespace}/${one.name}`, `${other.namespace}/${other.name}`);
}

export function compare(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

/**
 * The sorted list with this item, which costs log n comparisons and a move of the rest. The first one makes a new list: V8 gives an
 * array that grows room for 17 elements, and most of these have one.
 */
export function insertSorted<T>(list: T[], item: T, order: (one: T, other: T) => number): T[] {
  if (list.length === 0) return [item];
  list.splice(position(list, item, order), 0, item);
  return list;
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
