import { getDomain } from 'tldts';
import { normalizeHost } from './host-names.ts';

/**
 * The registered domain that a certificate is counted for (Let's Encrypt, docs/rate-limits.md): the public suffix, private ones
 * such as `github.io` included, and one more label; or the name itself if it is a public suffix.
 */
export function registeredDomain(name: string): string {
  const host = normalizeHost(name);
  return getDomain(host, { allowPrivateDomains: true, extractHostname: false }) ?? host;
}
