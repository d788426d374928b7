import { getDomain } from 'tldts';
import { normalizeHost } from './host-names.ts';

/**
 * What certificates for a name are counted under (Let's Encrypt, docs/rate-limits.md): the domain below its public
 * suffix, private ones such as `github.io` included; or a public suffix itself.
 */
export function registeredDomain(name: string): string {
  const host = normalizeHost(name);
  return getDomain(host, { allowPrivateDomains: true, extractHostname: false }) ?? host;
}
