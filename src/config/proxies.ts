/** The way to the CA, as `CaConnection` takes it. */
export interface ProxySettings {
  /** URL; empty for none. */
  readonly httpsProxy: string;
  /** As in the variable NO_PROXY. */
  readonly noProxy: string;
}

/** Of several that are set the first one counts, as for curl. */
const variables = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'];
const protocols = ['http:', 'https:', 'socks5:', 'socks:'];

/**
 * Reads the proxy variables, which are not kube-lego's own and have no flags. A proxy without a scheme is an http one, as for curl and
 * Go.
 * @returns the settings, and the error if one cannot be used: it names the variable and not its value, which may hold a password
 */
export function readProxies(env: NodeJS.ProcessEnv): {
  readonly proxy: ProxySettings;
  readonly errors: readonly string[];
} {
  const noProxy = env['no_proxy'] ?? env['NO_PROXY'] ?? '';
  const variable = variables.find((name) => (env[name] ?? '').trim() !== '');
  if (variable === undefined) return { proxy: { httpsProxy: '', noProxy }, errors: [] };
  const httpsProxy = proxyUrl((env[variable] ?? '').trim());
  if (httpsProxy !== undefined) return { proxy: { httpsProxy, noProxy }, errors: [] };
  const error = `${variable}: must be the address of an HTTP proxy, such as http://10.0.0.1:3128 or 10.0.0.1:3128.`;
  return { proxy: { httpsProxy: '', noProxy }, errors: [error] };
}

function proxyUrl(text: string): string | undefined {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text.replace(/^\/\//, '')}`);
  if (url === null || url.hostname === '' || !protocols.includes(url.protocol)) return undefined;
  return url.href;
}
