import { domainToUnicode } from 'node:url';
import { validateHost } from '../../../../machines/hosts/host-names.ts';
import { isAddressLiteral } from '../../addresses.ts';

/** The ports that a CA connects to: 80 and 443, or others for a private CA. */
export interface ChallengePorts {
  readonly http: number;
  readonly https: number;
}

const maxRedirects = 10;

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 307, 308]);
const maxPathLength = 2000;

/** Whether a CA follows an answer with this status (Boulder, va/http.go). */
export function isRedirect(status: number): boolean {
  return redirectStatuses.has(status);
}

/** The port to connect to for this URL. */
export function portOf(url: URL, ports: ChallengePorts): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? ports.https : ports.http;
}

/**
 * Checks a redirect by the rules of Let's Encrypt (Boulder, va/http.go).
 *
 * @param visited the URLs so far, the redirecting one last
 * @param publicCa whether the CA is one of the internet, which follows to names only
 * @returns the target, or why it is not followed: a clause after "redirects the challenge"
 */
export function followRedirect(
  location: string | undefined,
  visited: readonly URL[],
  { ports, publicCa }: { readonly ports: ChallengePorts; readonly publicCa: boolean },
): URL | { readonly refusal: string } {
  const from = visited.at(-1);
  if (location === undefined || location === '') return { refusal: 'without saying whereto' };
  const target = URL.parse(location, from?.href);
  if (target === null) return { refusal: 'to something that is no URL' };
  if (target.protocol !== 'http:' && target.protocol !== 'https:') {
    return { refusal: `to ${shorten(target.protocol)}, but a CA follows http and https only` };
  }
  if (target.hostname.endsWith('.well-known')) {
    return { refusal: `to host ${shorten(target.hostname)}: a slash is missing after the host name` };
  }
  if (publicCa && isAddressLiteral(target.hostname)) {
    return { refusal: `to the IP address ${target.hostname}, but a CA follows to names only` };
  }
  const port = portOf(target, ports);
  if (target.port !== '' && port !== ports.http && port !== ports.https) {
    return { refusal: `to port ${port}, but a CA follows to ports ${ports.http} and ${ports.https} only` };
  }
  if (target.pathname.length + target.search.length > maxPathLength) {
    return { refusal: `to a path of more than ${maxPathLength} characters` };
  }
  if (visited.some((url) => url.href === target.href)) return { refusal: 'in a loop' };
  if (visited.length > maxRedirects) return { refusal: `more than ${maxRedirects} times` };
  const origin = visited[0]?.hostname ?? '';
  if (target.hostname !== origin && !isPublicName(target.hostname, origin)) {
    return { refusal: `to ${shorten(target.hostname)}, which is not a public name` };
  }
  return target;
}

/**
 * Prevents SSRF: a tenant's redirect must not lead the self-check to Services of the cluster by their names. For a host with a
 * private name (private CA), redirects to private names are followed.
 */
function isPublicName(hostname: string, origin: string): boolean {
  const toUnicode = domainToUnicode;
  const names = validateHost(origin, { names: 'public', toUnicode }) === undefined ? 'public' : 'any';
  return isAddressLiteral(hostname) || validateHost(hostname, { names, toUnicode }) === undefined;
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
