// Which hosts a CA can certify, and which hosts a certificate covers. Called by ownership for each host of `spec.tls`, by assessment
// for the names of a certificate, and by the ledger, which counts by registered domain.

/** Why no certificate can be ordered for a host; the message names the host. */
interface HostRefusal {
  readonly code: 'InvalidHost';
  readonly message: string;
}

/**
 * - `public`: names that a public CA may certify; those reserved for private use are refused before any order.
 * - `any`: a private CA may also certify names such as those under `.internal`.
 */
export type NameSpace = 'public' | 'any';

export interface HostRules {
  readonly names: NameSpace;
  /** `domainToUnicode` of node:url: returns an invalid A-label (RFC 5890, section 2.3.2.1) unchanged. */
  readonly toUnicode: (label: string) => string;
}

/** RFC 1035, section 2.3.4, without the root label and length octets. */
export const maxHostLength = 253;
/** RFC 1123 label, lower case. */
export const dnsLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const maxLabelLength = 63;

/** Names that do not exist in the public DNS, and why. `test` and `example` are left to the CA, as they are used in tests. */
const reservedDomains: ReadonlyMap<string, string> = new Map([
  ['internal', 'reserved for private networks (ICANN, 2024)'],
  ['local', 'reserved for multicast DNS (RFC 6762)'],
  ['localhost', 'reserved for loopback (RFC 6761)'],
  ['invalid', 'reserved to be invalid (RFC 6761)'],
  ['onion', 'reserved for Tor (RFC 7686)'],
  ['home.arpa', 'reserved for home networks (RFC 8375)'],
  ['svc', 'used for names inside the cluster'],
]);

/**
 * Why no CA can certify this host or wildcard; undefined if one can.
 *
 * @param host lower case, without trailing dot
 */
export function validateHost(host: string, { names, toUnicode }: HostRules): HostRefusal | undefined {
  if (host === '') return invalid('An empty host cannot have a certificate.');
  const isWhole = isWildcard(host) && !host.includes('*', 1);
  if (isWhole) return validateHost(host.slice(2), { names, toUnicode });
  if (host.includes('*')) {
    return invalid(
      `Host ${shorten(host)} has an asterisk that is not its whole first label, as in *.example.com.`,
    );
  }
  if (host.length > maxHostLength) {
    const shown = `${host.slice(0, 40)}…`;
    return invalid(`Host ${shown} has more characters than the ${maxHostLength} that a DNS name may have.`);
  }
  if (isAddress(host)) return invalid(`Host ${host} is an IP address, not a DNS name.`);
  const labels = host.split('.');
  const [onlyLabel] = labels;
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) {
    return invalid(`Host ${host} ends in a number, as only IP addresses do.`);
  }
  for (const label of labels) {
    const problem = labelProblem(label, toUnicode);
    if (problem !== undefined) return invalid(`Host ${shorten(host)} ${problem}.`);
  }
  if (labels.length === 1) {
    return invalid(
      `Host ${onlyLabel} is a single label; a CA needs the full name, such as ${onlyLabel}.example.com.`,
    );
  }
  if (names === 'any') return undefined;
  for (const [domain, reason] of reservedDomains) {
    if (!host.endsWith(`.${domain}`)) continue;
    return invalid(`Host ${host} ends in .${domain}, which is ${reason}: no public CA can certify it.`);
  }
  return undefined;
}

/**
 * Whether a certificate with these names is valid for the host. A wildcard matches exactly one leftmost label (RFC 6125,
 * section 6.4.3; RFC 9525, section 6.3).
 */
export function covers(dnsNames: readonly string[], host: string): boolean {
  const wanted = normalizeHost(host);
  const firstDot = wanted.indexOf('.');
  const wildcard = firstDot > 0 ? `*${wanted.slice(firstDot)}` : undefined;
  return dnsNames.some((name) => {
    const offered = normalizeHost(name);
    return offered === wanted || offered === wildcard;
  });
}

export function isWildcard(host: string): boolean {
  return host.startsWith('*.');
}

/** Lower case, without trailing dot. */
export function normalizeHost(host: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** IPv4, or IPv6: a DNS name has no colon. */
function isAddress(host: string): boolean {
  return host.includes(':') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host);
}

function invalid(message: string): HostRefusal {
  return { code: 'InvalidHost', message };
}

function labelProblem(label: string, toUnicode: HostRules['toUnicode']): string | undefined {
  if (label === '') return 'has an empty label (two dots in a row, or one at the beginning)';
  if (label.length > maxLabelLength) {
    return `has a label of ${label.length} characters; DNS allows ${maxLabelLength} between two dots`;
  }
  if (/[^\x20-\x7e]/.test(label)) {
    return 'has non-ASCII characters; write it in its ASCII form, which begins with xn--';
  }
  const [character] = /[^a-z0-9-]/.exec(label) ?? [];
  if (character !== undefined) {
    return `has the character ${JSON.stringify(character)}; only a-z, 0-9, hyphen and dot are allowed`;
  }
  if (label.startsWith('-') || label.endsWith('-')) {
    return `has the label ${shorten(label)}, which begins or ends with a hyphen`;
  }
  if (label.startsWith('xn--')) {
    const isValid = toUnicode(label) !== label;
    return isValid ? undefined : `has the label ${label}, which is not a valid internationalised (xn--) name`;
  }
  if (label.slice(2, 4) === '--') {
    return `has the label ${label}, whose third and fourth characters are reserved hyphens (RFC 5890, section 2.3.1)`;
  }
  return undefined;
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
