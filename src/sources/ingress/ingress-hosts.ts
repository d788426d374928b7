import { challengePath } from '../../../machines/hosts/challenge-path.ts';
import { normalizeHost } from '../../../machines/hosts/host-names.ts';
import type { Excess, SourceSpec, TlsEntry } from '../../../machines/ownership/source-spec.ts';
import { arrayField, recordField, stringField } from '../../process/json.ts';

/** Bounds of one object: beyond them, hosts are only counted. */
const mostEntries = 200;
const mostTlsHosts = 2000;
const mostRuleHosts = 2000;
/** Of a DNS name, and of the name of a Secret. */
const longestName = 253;

/** Shared by all that have none: with thousands of idle Ingresses every array counts. */
export const nothing: readonly never[] = Object.freeze([]);

type Spec = Record<string, unknown> | undefined;
type Hosts = Pick<SourceSpec, 'tls' | 'ruleHosts' | 'servesAnyHost'>;

/** The hosts of an Ingress. */
export function hostsOf(spec: Spec): Hosts & { readonly excess: Omit<Excess, 'annotations'> } {
  const { tls, entries, tlsHosts } = listedHosts(spec);
  const { hosts, beyond, ...any } = routedHosts(spec);
  return {
    tls: tls.length === 0 ? nothing : tls,
    ruleHosts: hosts.length === 0 ? nothing : sharedWith(tls, hosts),
    ...any,
    excess: { entries, tlsHosts, ruleHosts: beyond },
  };
}

/** `spec.tls`, and how many entries and hosts of it are beyond the bounds. */
function listedHosts(
  spec: Spec,
): { readonly tls: readonly TlsEntry[] } & Pick<Excess, 'entries' | 'tlsHosts'> {
  const entries = arrayField(spec, 'tls');
  const tls: TlsEntry[] = [];
  let [room, tlsHosts] = [mostTlsHosts, 0];
  for (const entry of entries.slice(0, mostEntries)) {
    const hosts = arrayField(entry, 'hosts');
    const read = hosts.slice(0, room);
    room -= read.length;
    tlsHosts += hosts.length - read.length;
    const secretName = stringField(entry, 'secretName');
    tls.push({
      secretName: secretName === '' || (secretName?.length ?? 0) > longestName ? undefined : secretName,
      hosts: read.filter((host) => typeof host === 'string').map(hostWithin),
      ...(read.length < hosts.length ? { incomplete: true } : {}),
    });
  }
  // A copy has no room to grow: it is kept for each Ingress.
  return { tls: tls.slice(), entries: entries.length - tls.length, tlsHosts };
}

/** The distinct hosts of `spec.rules`, and whether it serves all. Who only answers a host's ACME challenges does not route it. */
function routedHosts(
  spec: Spec,
): { readonly hosts: readonly string[]; readonly beyond: number } & Pick<Hosts, 'servesAnyHost'> {
  const hosts = new Set<string>();
  const rules = arrayField(spec, 'rules');
  let servesAnyHost = recordField(spec, 'defaultBackend') !== undefined;
  let read = 0;
  for (const rule of rules) {
    if (hosts.size === mostRuleHosts) break;
    read += 1;
    if (isChallengeOnly(rule)) continue;
    const host = stringField(rule, 'host') ?? '';
    if (host === '') servesAnyHost = true;
    else hosts.add(hostWithin(host));
  }
  return {
    hosts: [...hosts],
    beyond: rules.length - read,
    ...(servesAnyHost ? { servesAnyHost: true } : {}),
  };
}

function isChallengeOnly(rule: unknown): boolean {
  const paths = arrayField(recordField(rule, 'http'), 'paths');
  return (
    paths.length > 0 && paths.every((path) => `${stringField(path, 'path') ?? ''}/`.startsWith(challengePath))
  );
}

/** A longer one is no host: cut to what shows that, in a copy, which does not keep the whole text in memory. */
function hostWithin(host: string): string {
  const bounded =
    host.length > longestName + 2 ? Buffer.from(host.slice(0, longestName + 2)).toString() : host;
  return normalizeHost(bounded);
}

/** The same hosts, as the strings of `tls`, and its array if there is one of the same hosts. */
function sharedWith(tls: readonly TlsEntry[], hosts: readonly string[]): readonly string[] {
  const known = new Map(tls.flatMap((entry) => entry.hosts.map((host) => [host, host])));
  const shared = hosts.map((host) => known.get(host) ?? host);
  const [first] = tls;
  const same =
    first?.hosts.length === shared.length && shared.every((host, index) => host === first.hosts[index]);
  return first !== undefined && same ? first.hosts : shared;
}
