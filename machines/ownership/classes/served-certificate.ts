// What several Ingresses with one host come to in an ingress controller, which knows nothing of annotations and holders: which of two of
// one second it takes for the first, and whose certificate it serves. Called by host-index.ts.

import { byAge, byName, byRank, type Claim, compare, hasRule } from '../claim.ts';
import type { ServedInstead } from '../desired-certificate.ts';
import { sourceKey } from '../source-key.ts';
import type { IngressOrder } from './ingress-controllers.ts';

/** How the ingress controller of a claim orders Ingresses; undefined if that does not decide about certificates. */
export type OrderOf = (claim: Claim) => IngressOrder | undefined;

/** Claims to one host that are looked at. Beyond them somebody wastes our time. */
const mostClaims = 100;

const tieBreaks: Record<IngressOrder['equalAge'], (one: Claim, other: Claim) => number> = {
  'lower-name': (one, other) => byName(one.record.source, other.record.source),
  'higher-name': (one, other) => byName(other.record.source, one.record.source),
  'larger-uid': (one, other) => compare(other.record.source.uid, one.record.source.uid),
};

/**
 * The claim that comes first.
 *
 * @param claims strongest first
 * @returns with the namespaces of all that are as strong and as old, of which the ingress controller's order has chosen
 */
export function firstClaim(
  claims: readonly Claim[],
  orderOf: OrderOf,
): { readonly claim: Claim | undefined; readonly tied: readonly Claim[] } {
  const [first] = claims;
  if (first === undefined) return { claim: undefined, tied: [] };
  const bound = claims.slice(0, mostClaims);
  const end = bound.findIndex((claim) => byRank(first, claim) !== 0);
  const tied = end === -1 ? bound : bound.slice(0, end);
  if (tied.length === 1) return { claim: first, tied };
  const { equalAge } = orderOf(first) ?? { equalAge: 'lower-name' };
  return { claim: tied.toSorted(tieBreaks[equalAge])[0], tied };
}

/**
 * Whether the ingress controller serves the host with another Secret than this one: with that of its first Ingress of the class,
 * annotated or not, and even if the Secret is missing.
 *
 * @param claims to the host
 * @param classOf the class of the Ingress of a claim
 */
export function servedInstead(
  claims: readonly Claim[],
  { namespace, secretName }: { readonly namespace: string; readonly secretName: string },
  classOf: (claim: Claim) => string,
  orderOf: OrderOf,
): ServedInstead | undefined {
  if (claims.length < 2) return undefined;
  const isOwn = (claim: Claim): boolean =>
    claim.secretName === secretName && claim.record.source.namespace === namespace;
  // A Gateway serves what its listeners say, whatever Ingresses there are.
  const listing = claims
    .slice(0, mostClaims)
    .filter(({ record, secretName: listed }) => listed !== undefined && record.source.gateway !== true);
  if (listing.every(isOwn)) return undefined;
  const byClass = Map.groupBy(listing, classOf);
  for (const ofClass of byClass.values()) {
    const [own] = ofClass.filter(isOwn).toSorted(byAgeOfClaim);
    const order = own === undefined ? undefined : orderOf(own);
    if (own === undefined || order === undefined) continue;
    const served = order.needsRule ? ofClass.filter(({ kind }) => hasRule(kind)) : ofClass;
    const tieBreak = tieBreaks[order.equalAge];
    const ownAge = own.record.source.createdAt;
    const [first] = served.toSorted(
      (one, other) => one.record.source.createdAt - other.record.source.createdAt || tieBreak(one, other),
    );
    // Where the order is not known, each of those of one second may be the one.
    const rival =
      first !== undefined && isOwn(first) && !order.known
        ? served.find((claim) => !isOwn(claim) && claim.record.source.createdAt === ownAge)
        : first;
    if (rival === undefined || isOwn(rival)) continue;
    return {
      source: sourceKey(rival.record.source),
      secretName: rival.secretName ?? '',
      age: rival.record.source.createdAt < ownAge ? 'older' : 'equal',
      certain: order.known,
    };
  }
  return undefined;
}

function byAgeOfClaim({ record: one }: Claim, { record: other }: Claim): number {
  return byAge(one.source, other.source);
}
