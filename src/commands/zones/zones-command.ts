// `kube-lego zones`: the operator's DNS zones, each tried with a test record. Called by run.ts.

import { randomBytes } from 'node:crypto';
import { getServers } from 'node:dns';
import pLimit from 'p-limit';
import { someOf } from '../../../machines/reasons/foreign-text.ts';
import { minute, second } from '../../../machines/time/durations.ts';
import { type Zone, Zones } from '../../../machines/zones/zone.ts';
import { createDnsAccess } from '../../challenges/dns-01/create-dns-01.ts';
import { LookupError } from '../../challenges/dns-01/lookup/name-servers.ts';
import { answersText, awaitPropagation } from '../../challenges/dns-01/lookup/propagation.ts';
import { valueOf } from '../../challenges/dns-01/presented-values.ts';
import { ProviderError } from '../../challenges/dns-01/providers/provider.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { isForbidden, KubernetesError } from '../../kubernetes/client/kubernetes-error.ts';
import { userAgent } from '../../process/user-agent.ts';
import type { Clock } from '../../time/clock.ts';
import type { Request } from '../command-line.ts';
import type { CommandOptions } from '../command-options.ts';
import type { CommandSettings } from '../reading/secret-standing.ts';
import { jsonText, printable } from '../terminal-text.ts';
import { readZonesDocument } from './zones-reading.ts';

/** The name that the examples use, where LEGO_DNS_ZONES is not set. */
const usualName = 'kube-lego-zones';
/** Milliseconds for one zone. */
const zoneLimit = 5 * minute;
const removalLimit = 30 * second;
const triedAtATime = 20;

interface ZoneView {
  readonly domain: string;
  readonly provider: string | undefined;
  readonly namespaces: readonly string[] | 'any';
  readonly challenge: string | undefined;
  /** What was found out, one sentence each; the last one says what is wrong if it is not `good`. */
  readonly steps: readonly string[];
  readonly good: boolean;
}

/** @returns the exit code: 0 all zones are good, 1 one is not, or there are none */
export async function showZones(
  client: KubernetesClient,
  config: CommandSettings,
  { output, domain, offline }: Extract<Request, { kind: 'zones' }>,
  { clock, complain, print, signal }: CommandOptions,
): Promise<number> {
  const { namespace, dnsZones = usualName } = config;
  let reading: Awaited<ReturnType<typeof readZonesDocument>>;
  try {
    reading = await readZonesDocument(client, namespace, dnsZones, signal);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    complain(printable(error instanceof Error ? error.message : ''));
    return 1;
  }
  if (reading === undefined) {
    complain(`There is no ConfigMap ${namespace}/${dnsZones}, so there is no DNS-01. See docs/dns-01.md.`);
    return 1;
  }
  const isAsked = (one: { readonly domain: string }): boolean =>
    domain === undefined || one.domain === domain;
  const chosen = reading.zones.filter(isAsked);
  const invalid = reading.invalid.filter(isAsked);
  if (chosen.length + invalid.length === 0) {
    const listed = [...reading.zones, ...reading.invalid].map((one) => one.domain);
    complain(
      listed.length === 0 || domain === undefined
        ? `ConfigMap ${namespace}/${dnsZones} lists no zone. See docs/dns-01.md.`
        : printable(`ConfigMap ${namespace}/${dnsZones} lists no zone ${domain}, but ${someOf(listed)}.`),
    );
    return 1;
  }
  const zones = new Zones(reading.zones, reading.closed);
  const turns = pLimit(triedAtATime);
  const trial = { client, config, clock, zones };
  const views = await Promise.all(
    chosen.map(async (zone) =>
      offline
        ? viewOf(zone, [], true)
        : turns(() => tryZone(zone, trial, AbortSignal.any([signal, AbortSignal.timeout(zoneLimit)]))),
    ),
  );
  const all: ZoneView[] = [
    ...views,
    ...invalid.map(({ domain: name, message }) => ({
      domain: name,
      provider: undefined,
      namespaces: [],
      challenge: undefined,
      steps: [message],
      good: false,
    })),
  ];
  signal.throwIfAborted();
  print(output === 'json' ? jsonText(all) : all.map(textOf).join('\n\n'));
  return all.every(({ good }) => good) ? 0 : 1;
}

interface Trial {
  readonly client: KubernetesClient;
  readonly config: CommandSettings;
  readonly clock: Clock;
  readonly zones: Zones;
}

/** Looks the zone up, and writes, sees and removes a value below a name that nobody uses. */
async function tryZone(
  zone: Zone,
  { client, config, clock, zones }: Trial,
  signal: AbortSignal,
): Promise<ZoneView> {
  const { names, providers } = createDnsAccess({
    client,
    namespace: config.namespace,
    metadata: config.objectMetadata,
    zones: () => zones,
    resolvers: config.dnsServers ?? getServers(),
    allowLoopback: config.allowLoopback,
    clock,
    userAgent: `${userAgent(config.version, config.homepage)} zones`,
    caBundle: config.caBundle,
    proxy: config.proxy,
    onDnsReport: () => undefined,
  });
  const steps: string[] = [];
  try {
    // An acme-dns account has one record, to which only the CNAMEs of real hosts lead.
    const host =
      zone.provider === 'acme-dns'
        ? zone.domain
        : `kube-lego-${randomBytes(6).toString('hex')}.${zone.domain}`;
    const record = await names.challengeRecord(host, signal);
    for (const via of record.via) steps.push(`A CNAME leads on from ${via}.`);
    steps.push(`The DNS zone is ${record.zone}, its primary ${record.primary}.`);
    const servers = record.nameServers.flatMap(({ name, addresses }) =>
      addresses.map(({ address }) => (name.startsWith(address) ? name : `${name} (${address})`)),
    );
    steps.push(`Its name servers are ${servers.join(', ')}.`);
    const provider = await providers.of(zone, signal);
    await provider.check?.(record, signal);
    const keyAuthorization = randomBytes(32).toString('base64url');
    const value = { host, record, keyAuthorization, value: valueOf(keyAuthorization) };
    const options = { clock, timeLimit: config.dnsPropagationTimeout };
    try {
      await provider.add(value, signal);
      const added = await awaitPropagation(record, value.value, { ...options, wanted: 'present' }, signal);
      steps.push(`A test value at ${record.name}: ${answersText(added.answers)}.`);
      if (!added.done) return viewOf(zone, steps, false);
    } finally {
      // Also after an interruption.
      await provider.remove(value, AbortSignal.timeout(removalLimit));
    }
    if (zone.provider === 'acme-dns') return viewOf(zone, steps, true);
    const removed = await awaitPropagation(record, value.value, { ...options, wanted: 'absent' }, signal);
    steps.push(
      removed.done ? 'It is removed.' : `It is not removed everywhere: ${answersText(removed.answers)}.`,
    );
    return viewOf(zone, steps, removed.done);
  } catch (error) {
    const isKnown =
      error instanceof LookupError || error instanceof ProviderError || error instanceof KubernetesError;
    if (!isKnown && !signal.aborted) throw error;
    const words = signal.aborted
      ? 'It takes too long, or was interrupted.'
      : error instanceof Error
        ? error.message
        : '';
    const remedy = error instanceof ProviderError ? error.remedy : undefined;
    return viewOf(zone, [...steps, words, ...(remedy === undefined ? [] : [remedy])], false);
  } finally {
    await providers.close();
  }
}

function viewOf(
  { domain, provider, namespaces, challenge }: Zone,
  steps: readonly string[],
  good: boolean,
): ZoneView {
  return { domain, provider, namespaces, challenge, steps, good };
}

function textOf({ domain, provider, namespaces, challenge, steps, good }: ZoneView): string {
  const users = namespaces === 'any' ? 'every namespace' : namespaces.join(', ') || 'nobody (set namespaces)';
  const head =
    provider === undefined
      ? []
      : [`  by ${provider}, for ${users}; hosts by ${challenge ?? ''} unless they ask otherwise`];
  const mark = good ? 'ok' : 'PROBLEM';
  return [`${printable(domain)}  ${mark}`, ...head, ...steps.map((step) => `  ${printable(step)}`)].join(
    '\n',
  );
}
