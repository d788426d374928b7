// How hostnames of listeners and routes match (Gateway API, "HTTPRoute hostnames"): undefined is all hosts, and `*.example.com` is a suffix
// match, so of any depth below example.com, other than a wildcard of a certificate.

/** Whether requests for this host are in it. */
export function serves(hostname: string | undefined, host: string): boolean {
  if (hostname === undefined || hostname === host) return true;
  return hostname.startsWith('*.') && host.endsWith(hostname.slice(1));
}

/** All hostnames that have this host, the most specific first. */
export function hostnamesServing(host: string): (string | undefined)[] {
  const labels = host.split('.');
  const wildcards = labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`);
  return [host, ...wildcards, undefined];
}

/** The hosts that are in both, as a hostname; `none` if there are none. */
export function intersection(
  one: string | undefined,
  other: string | undefined,
): { readonly hostname: string | undefined } | 'none' {
  if (one === undefined) return { hostname: other };
  if (other === undefined || serves(one, other)) return { hostname: other ?? one };
  return serves(other, one) ? { hostname: one } : 'none';
}

/**
 * Order of precedence, the most specific first: most characters in a hostname without wildcard, then in one with wildcard, all hosts last.
 */
export function bySpecificity(one: string | undefined, other: string | undefined): number {
  return rank(other) - rank(one);
}

/** More than any hostname has characters. */
const withoutWildcard = 1000;

function rank(hostname: string | undefined): number {
  if (hostname === undefined) return 0;
  return hostname.length + (hostname.startsWith('*.') ? 0 : withoutWildcard);
}
