import { Resolver } from 'node:dns/promises';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { second } from '../../machines/time/durations.ts';

/** How hosts are resolved, and which addresses are allowed. */
export interface AddressPolicy {
  /** `LEGO_DNS_SERVERS`, each an IP address with or without port; undefined: those of /etc/resolv.conf. */
  readonly dnsServers: readonly string[] | undefined;
  /** Allow 127.0.0.0/8 and ::1, for private CAs and tests. */
  readonly allowLoopback: boolean;
  /**
   * Whether the CA is one of the internet: then the addresses that `dnsServers` know have to be of the internet (or loopback, if that is
   * allowed), and a redirect to another host is followed only to addresses there.
   */
  readonly publicCa: boolean;
  /** Only addresses of the internet. */
  readonly publicOnly?: boolean;
}

/** `definite` is false if the CA may get other DNS answers. */
export type Resolution =
  | { readonly kind: 'addresses'; readonly ipv6: string | undefined; readonly ipv4: string | undefined }
  | { readonly kind: 'none'; readonly definite: boolean; readonly message: string };

/** Milliseconds until a DNS query is repeated, or sent to the next server. */
const dnsTimeout = 2 * second;

/**
 * The addresses that the CA would try: the first allowed AAAA and A record. Not the system's resolver, which would find
 * `kubernetes.default` in the cluster's search domains.
 *
 * NXDOMAIN, and addresses that the internet cannot reach, are definite only from `dnsServers`, see docs/decisions/001.
 *
 * @throws the signal's reason
 */
export async function resolveHost(
  host: string,
  policy: AddressPolicy,
  signal: AbortSignal,
): Promise<Resolution> {
  const definite = policy.dnsServers !== undefined;
  const { addresses, failures } = await lookUp(host, policy.dnsServers, signal);
  const allowed = addresses.filter((address) => isAllowed(address, policy));
  if (allowed.length > 0) {
    return {
      kind: 'addresses',
      ipv6: allowed.find((address) => !isIPv4(address)),
      ipv4: allowed.find((address) => isIPv4(address)),
    };
  }
  const [forbidden] = addresses;
  if (forbidden !== undefined && policy.publicOnly === true) {
    const message = `Host ${host} has no address of the internet in the DNS of the cluster, and a redirect is not followed to others.`;
    return { kind: 'none', definite: false, message };
  }
  if (forbidden !== undefined) {
    const message = `Host ${host} resolves to ${forbidden}, an address that the internet cannot reach.`;
    return { kind: 'none', definite, message };
  }
  const trouble = failures.find((code) => !saysThereIsNone(code));
  if (trouble !== undefined) {
    const message = `Host ${host} cannot be resolved now: the DNS server's answer is ${trouble}.`;
    return { kind: 'none', definite: false, message };
  }
  const message = failures.includes('ENOTFOUND')
    ? `Host ${host} does not exist in the DNS.`
    : `Host ${host} has no address in the DNS (neither A nor AAAA record).`;
  return { kind: 'none', definite, message };
}

/** @param hostname of a URL: an IPv6 address is in brackets */
export function isAddressLiteral(hostname: string): boolean {
  return isIP(hostname.replaceAll(/[[\]]/g, '')) !== 0;
}

async function lookUp(
  host: string,
  dnsServers: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<{ addresses: string[]; failures: string[] }> {
  signal.throwIfAborted();
  const literal = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(literal) !== 0) return { addresses: [literal], failures: [] };

  const resolvers = idleResolvers(dnsServers);
  const resolver = resolvers.pop() ?? newResolver(dnsServers);
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  const results = await Promise.allSettled([resolver.resolve6(host), resolver.resolve4(host)]);
  signal.removeEventListener('abort', cancel);
  if (resolvers.length < mostIdle) resolvers.push(resolver);
  signal.throwIfAborted();

  const addresses: string[] = [];
  const failures: string[] = [];
  for (const result of results) {
    if (result.status === 'fulfilled') addresses.push(...result.value);
    else failures.push(codeOf(result.reason));
  }
  return { addresses, failures };
}

/** By servers: a new resolver costs as much as a look-up. Each is for one host at a time, so that it can be cancelled. */
const idle = new Map<string, Resolver[]>();
const mostIdle = 16;

function idleResolvers(dnsServers: readonly string[] | undefined): Resolver[] {
  const key = dnsServers?.join() ?? '';
  const known = idle.get(key) ?? [];
  idle.set(key, known);
  return known;
}

function newResolver(dnsServers: readonly string[] | undefined): Resolver {
  const resolver = new Resolver({ timeout: dnsTimeout, tries: 2 });
  if (dnsServers !== undefined) resolver.setServers(dnsServers);
  return resolver;
}

/** NXDOMAIN, or a name without records of the type. */
function saysThereIsNone(code: string): boolean {
  return code === 'ENOTFOUND' || code === 'ENODATA';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

const never = new BlockList();
never.addSubnet('0.0.0.0', 8, 'ipv4');
// Link-local; includes the clouds' metadata service, 169.254.169.254.
never.addSubnet('169.254.0.0', 16, 'ipv4');
never.addSubnet('224.0.0.0', 3, 'ipv4');
never.addAddress('::', 'ipv6');
never.addSubnet('fe80::', 10, 'ipv6');
never.addSubnet('ff00::', 8, 'ipv6');
// Teredo (RFC 4380) and 6to4 (RFC 3056) carry IPv4 addresses, and nothing else in them is alive.
never.addSubnet('2001::', 32, 'ipv6');
never.addSubnet('2002::', 16, 'ipv6');
// The metadata services of EC2 and Google Cloud over IPv6, of Alibaba Cloud and Oracle Cloud, and the WireServer of Azure.
for (const address of ['fd00:ec2::254', 'fd20:ce::254']) never.addAddress(address, 'ipv6');
for (const address of ['100.100.100.200', '192.0.0.192', '168.63.129.16']) never.addAddress(address, 'ipv4');

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Not routed in the internet (RFC 6890 and its registries): of a cluster, a company or this machine. */
const internal = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
] as const) {
  internal.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  // Loopback, and the embedded IPv4 addresses of RFC 4291.
  ['::', 96],
  // NAT64 of a network's own (RFC 8215).
  ['64:ff9b:1::', 48],
  ['fc00::', 7],
  ['fec0::', 10],
] as const) {
  internal.addSubnet(network, prefix, 'ipv6');
}

/** Whether the internet cannot reach this IP address, so that it can only be a server of the cluster or its network. */
export function isPrivate(address: string): boolean {
  const plain = embeddedIPv4(address) ?? address;
  return internal.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
}

/** Whether a name server at this address may be asked: it may be one of the cluster's network, but not link-local. */
export function isReachable(address: string, allowLoopback: boolean): boolean {
  return isAllowed(address, { dnsServers: undefined, allowLoopback, publicCa: false });
}

function isAllowed(
  address: string,
  { dnsServers, allowLoopback, publicCa, publicOnly = false }: AddressPolicy,
): boolean {
  if (address.includes('%') || (publicOnly && isPrivate(address))) return false;
  const plain = embeddedIPv4(address) ?? address;
  const family = isIPv4(plain) ? 'ipv4' : 'ipv6';
  if (never.check(plain, family)) return false;
  if (loopback.check(plain, family)) return allowLoopback;
  return !(publicCa && dnsServers !== undefined && isPrivate(address));
}

/** The IPv4 address inside an IPv4-mapped (RFC 4291, section 2.5.5.2) or NAT64 (RFC 6052) one. */
function embeddedIPv4(address: string): string | undefined {
  if (isIPv4(address)) return undefined;
  const [, tail] = /^(?:::ffff:|64:ff9b::)(.+)$/.exec(canonicalIPv6(address)) ?? [];
  if (tail === undefined) return undefined;
  const [high, low = '0'] = tail.includes(':') ? tail.split(':') : ['0', tail];
  const value = Number.parseInt(high ?? '0', 16) * 0x10000 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((bits) => Math.floor(value / 2 ** bits) % 256).join('.');
}

/** Hexadecimal groups only, compressed (RFC 5952). */
function canonicalIPv6(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
