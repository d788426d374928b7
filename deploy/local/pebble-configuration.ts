import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Authority } from './authority.ts';

export interface PebbleConfiguration {
  /** name of its log and files; a second pebble in one session needs another one. Default 'pebble' */
  readonly name?: string;
  /** where it validates HTTP-01, instead of port 80 */
  readonly vaHttpPort: number;
  /** where it follows redirects to https, and validates TLS-ALPN-01, instead of port 443 */
  readonly vaTlsPort: number;
  /** HOST:PORT of the DNS server that it asks */
  readonly dnsAddress: string;
  /** Retry-After of pending authorizations and orders, in seconds. Default 0; pebble's own default is 3 and 5 */
  readonly retryAfter?: { readonly authz: number; readonly order: number };
  /** by name, lifetime in seconds. Default: one, `default`, of 90 days. Asked for none, pebble picks one at random */
  readonly profiles?: Readonly<
    Record<string, { readonly description: string; readonly validityPeriod: number }>
  >;
  /** percentage of good nonces that are rejected. Default 0 */
  readonly nonceReject?: number;
  /** percentage of valid authorizations that are used again in new orders. Default 0; pebble's own default is 50 */
  readonly authzReuse?: number;
  /** how many other roots sign an alternate chain. Default 0 */
  readonly alternateRoots?: number;
  /** number of intermediates. Default 1 */
  readonly chainLength?: number;
  /** if given, External Account Binding is required: MAC keys (base64url) by key id */
  readonly externalAccountKeys?: Readonly<Record<string, string>>;
  /** domains that it refuses with rejectedIdentifier, and those under them */
  readonly blocklist?: readonly string[];
  /** each validation waits for a random time of at most so many whole seconds first. Default: not at all */
  readonly validationSleep?: number;
}

const ninetyDays = 90 * 24 * 3600; // seconds

/** The files that pebble reads, as paths. */
export interface PebbleFiles {
  readonly caBundle: string;
  readonly certificate: string;
  readonly key: string;
  readonly config: string;
}

/** Makes a certificate for its listener, signed by an authority of its own. */
export async function writePebbleFiles(directory: string, name: string): Promise<PebbleFiles> {
  const authority = new Authority(`${name} listener`);
  const { chainPem, keyPem } = authority.issue({ hosts: ['localhost'], addresses: ['127.0.0.1'] });
  const listener: PebbleFiles = {
    caBundle: join(directory, `${name}-ca.pem`),
    certificate: join(directory, `${name}.pem`),
    key: join(directory, `${name}-key.pem`),
    config: join(directory, `${name}.json`),
  };
  await Promise.all([
    writeFile(listener.caBundle, authority.certificatePem),
    writeFile(listener.certificate, chainPem),
    writeFile(listener.key, keyPem, { mode: 0o600 }),
  ]);
  return listener;
}

/** The content of its configuration file. */
export function pebbleConfiguration(
  options: PebbleConfiguration,
  files: PebbleFiles,
  ports: { readonly port: number; readonly managementPort: number },
): unknown {
  return {
    pebble: {
      listenAddress: `127.0.0.1:${ports.port}`,
      managementListenAddress: `127.0.0.1:${ports.managementPort}`,
      certificate: files.certificate,
      privateKey: files.key,
      httpPort: options.vaHttpPort,
      tlsPort: options.vaTlsPort,
      keyAlgorithm: 'ecdsa',
      externalAccountBindingRequired: options.externalAccountKeys !== undefined,
      externalAccountMACKeys: options.externalAccountKeys ?? {},
      domainBlocklist: options.blocklist ?? [],
      retryAfter: options.retryAfter ?? { authz: 0, order: 0 },
      profiles: options.profiles ?? {
        default: { description: 'The default profile', validityPeriod: ninetyDays },
      },
    },
  };
}

/** What it takes from the environment only. */
export function pebbleEnvironment(options: PebbleConfiguration): NodeJS.ProcessEnv {
  return {
    PEBBLE_WFE_NONCEREJECT: String(options.nonceReject ?? 0),
    PEBBLE_AUTHZREUSE: String(options.authzReuse ?? 0),
    PEBBLE_ALTERNATE_ROOTS: String(options.alternateRoots ?? 0),
    PEBBLE_CHAIN_LENGTH: String(options.chainLength ?? 1),
    ...(options.validationSleep === undefined
      ? { PEBBLE_VA_NOSLEEP: '1' }
      : { PEBBLE_VA_SLEEPTIME: String(options.validationSleep) }),
  };
}
