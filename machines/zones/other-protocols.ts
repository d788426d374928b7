// Names in the DNS at which a TXT record more breaks another protocol. Called where a CNAME at `_acme-challenge` is followed: who sets it
// need not be who may write there.

/**
 * Underscored labels (RFC 8552, its registry, and what is in use without) below or at which readers take each TXT record for their own, or
 * expect only one. Elsewhere a value of ours does no harm: verifications of domains, such as `_github-challenge-…`, look for their own one
 * among others.
 */
const labels: ReadonlySet<string> = new Set([
  // Mail: keys and policies. RFC 6376 section 3.6.2.2: more than one TXT record at a selector has undefined results.
  '_domainkey',
  '_dmarc',
  '_spf',
  '_mta-sts',
  '_tls',
  '_bimi',
  '_vouch',
  // Services (RFC 2782), whose instances have one TXT record (RFC 6763 section 6.8).
  '_tcp',
  '_udp',
  '_sctp',
  '_dccp',
  // The realm of a host, the address of a device's bootstrap server, an identity, a content.
  '_kerberos',
  '_sztp',
  '_atproto',
  '_dnslink',
  // Whom a CA asks instead (CA/Browser Forum Baseline Requirements, appendix A), and for good.
  '_validation-contactemail',
  '_validation-contactphone',
  '_validation-persist',
]);

/** @param name lower case, without final dot */
export function isOfOtherProtocol(name: string): boolean {
  return name.split('.').some((label) => labels.has(label));
}
