import { getDomain } from 'tldts';
import { normalizeHost } from './host-names.ts';

/**
 * What certificates for a name are counted under (Let's Encrypt, docs/rate-limits.md): the domain below its public
 * suffix, private ones such as `github.io` included; a public suffix itself; an IPv4 address; the /64 of an IPv6 one.
 *
 * @param identifier a host or an IP address, without brackets
 */
export function registeredDomain(identifier: string): string {
  if (identifier.includes(':')) return network64(identifier.toLowerCase());
  const host = normalizeHost(identifier);
  return getDomain(host, { allowPrivateDomains: true, extractHostname: false }) ?? host;
}

/** `2001:db8::/64` as RFC 5952 writes it. */
function network64(address: string): string {
  const [head = '', tail] = address.split('::');
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = tail === undefined ? 0 : Math.max(8 - before.length - after.length, 0);
  const all = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  const network = all.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
  while (network.at(-1) === '0') network.pop();
  return `${network.join(':')}::/64`;
}

/** An IPv4 address at the end stands for two groups. */
function groups(text: string): string[] {
  return text.split(':').flatMap((group) => (group === '' ? [] : group.includes('.') ? ['0', '0'] : [group]));
}
