import { isWildcard } from '../hosts/host-names.ts';
import type { Failure } from '../reasons/reasons.ts';
import { type ChallengeType, challengeAnnotation, type Zones } from '../zones/zone.ts';
import type { SourceSpec } from './source-spec.ts';

/** How a host is proven, or why no challenge can prove it. */
export type Choice =
  | ChallengeType
  | (Pick<Failure, 'message'> & { readonly code: 'WildcardHost' | 'NoDnsZone' });

/**
 * The challenge for a host: wildcards need DNS-01 (RFC 8555 section 8.3 rules out HTTP-01 for them); else the source's annotation
 * decides, else the operator's zone.
 *
 * @param zones undefined without DNS-01
 */
export function choose(
  { namespace, challenge }: Pick<SourceSpec, 'namespace' | 'challenge'>,
  host: string,
  zones: Zones | undefined,
): Choice {
  const wildcard = isWildcard(host);
  if (wildcard && (zones === undefined || challenge === 'http-01')) {
    const why = zones === undefined ? '' : `, and ${challengeAnnotation} asks for that`;
    return {
      code: 'WildcardHost',
      message: `Host ${host} is a wildcard, which HTTP-01 cannot validate${why}.`,
    };
  }
  const zone = zones?.usableBy(namespace, host);
  const asked = wildcard ? 'dns-01' : (challenge ?? zone?.challenge);
  if (asked !== 'dns-01') return 'http-01';
  return zone === undefined ? { code: 'NoDnsZone', message: noZoneFor(host, namespace) } : 'dns-01';
}

/** Also for a zone of others: what zones there are is not told. */
export function noZoneFor(host: string, namespace: string): string {
  return `Host ${host} needs DNS-01, and no DNS zone that namespace ${namespace} may use has it.`;
}
