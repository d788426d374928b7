/** Hostnames of listeners and routes, by the field documentation of Gateway API; undefined is every host. */
type Hostname = string | undefined;

/** Whether a listener or route of this hostname takes a host; a wildcard stands for one label or several. */
export function takesHost(hostname: Hostname, host: string): boolean {
  if (hostname === undefined) return true;
  return hostname.startsWith('*.')
    ? host.endsWith(hostname.slice(1)) && host.length > hostname.length - 1
    : host === hostname;
}

/** Whether there is any host that both take. */
export function intersect(one: Hostname, other: Hostname): boolean {
  if (one === undefined || other === undefined) return true;
  if (!one.startsWith('*.')) return takesHost(other, one);
  if (!other.startsWith('*.')) return takesHost(one, other);
  return one.endsWith(other.slice(1)) || other.endsWith(one.slice(1));
}

/** Orders the hostnames that take one host: the most specific one first. */
export function moreSpecificFirst(one: Hostname, other: Hostname): number {
  return specificity(other) - specificity(one);
}

function specificity(hostname: Hostname): number {
  if (hostname === undefined) return -1;
  // Longer than any wildcard, which has at most 253 characters.
  return hostname.startsWith('*.') ? hostname.length : 1_000 + hostname.length;
}
