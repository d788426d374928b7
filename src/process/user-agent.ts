import library from 'undici/package.json' with { type: 'json' };

/**
 * `User-Agent` of all requests: name, version, contact, and the HTTP library (RFC 8555 section 6.1).
 * @param home URL of the project; omitted if undefined
 */
export function userAgent(version: string, home: string | undefined): string {
  const comment = home === undefined ? '' : ` (+${home})`;
  return `kube-lego/${version}${comment} undici/${library.version}`;
}
