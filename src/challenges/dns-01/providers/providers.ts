import { isIP } from 'node:net';
import { normalizeHost } from '../../../../machines/hosts/host-names.ts';
import { second } from '../../../../machines/time/durations.ts';
import type { DnsReport } from '../../../../machines/zones/dns-report.ts';
import type { Zone } from '../../../../machines/zones/zone.ts';
import type { KubernetesClient } from '../../../kubernetes/client/client.ts';
import { secrets } from '../../../kubernetes/client/collections.ts';
import { KubernetesError, unless } from '../../../kubernetes/client/kubernetes-error.ts';
import type { ObjectMetadata } from '../../../kubernetes/records/object-metadata.ts';
import { type Clock, workWithin } from '../../../time/clock.ts';
import { SharedLookups } from '../../../time/shared-lookups.ts';
import { readServer } from '../lookup/dns-exchange.ts';
import { LookupError, type NameServers } from '../lookup/name-servers.ts';
import type { TsigAlgorithm } from '../message/tsig.ts';
import { AcmeDnsProvider } from './acme-dns.ts';
import { ExternalDnsProvider } from './external-dns.ts';
import { HttpreqProvider } from './httpreq.ts';
import { type DnsProvider, ProviderError } from './provider.ts';
import { reported } from './reported-provider.ts';
import { Rfc2136Provider } from './rfc2136.ts';
import { WebCaller, type WebCallerOptions } from './web-call.ts';

export interface ProvidersOptions extends WebCallerOptions {
  readonly client: Pick<KubernetesClient, 'call'>;
  /** Ours, with the Secrets of the zones. */
  readonly namespace: string;
  readonly metadata: ObjectMetadata;
  readonly names: Pick<NameServers, 'addressesOf'>;
  readonly clock: Clock;
  readonly onReport: (report: DnsReport) => void;
}

type SecretData = ReadonlyMap<string, string>;

/** Milliseconds that the contents of a Secret are remembered: many hosts at once read it once, and a corrected one counts soon. */
const memory = 10 * second;
const mostRemembered = 100;
const readLimit = 15 * second;

/** The providers of the operator's zones, each made with the Secret that its zone names. */
export class Providers {
  readonly #options: ProvidersOptions;
  readonly #web: WebCaller;
  readonly #secrets: SharedLookups<SecretData>;

  constructor(options: ProvidersOptions) {
    this.#options = options;
    this.#web = new WebCaller(options);
    this.#secrets = new SharedLookups({ clock: options.clock, memory, most: mostRemembered });
  }

  /** @throws ProviderError if the Secret has not what it must have, KubernetesError, or the signal's reason */
  async of(zone: Zone, signal: AbortSignal): Promise<DnsProvider> {
    const { onReport } = this.#options;
    try {
      return reported(zone.provider, await this.#make(zone, signal), onReport);
    } catch (error) {
      if (error instanceof ProviderError) {
        const { provider } = zone;
        onReport({ type: 'DNS_UPDATED', provider, operation: 'check', outcome: error.code });
      }
      throw error;
    }
  }

  async #make(zone: Zone, signal: AbortSignal): Promise<DnsProvider> {
    const { client, clock, mayWrite, metadata, names, namespace } = this.#options;
    const web = this.#web;
    const { settings, provider } = zone;
    const { secret, url = '' } = settings;
    const data: SecretData = secret === undefined ? new Map() : await this.#read(secret, signal);
    const field = (name: string): string => {
      const value = data.get(name);
      if (value !== undefined && value !== '') return value;
      const message = `Secret ${namespace}/${secret ?? ''} of zone ${zone.domain} has no ${name}.`;
      throw new ProviderError('refused', message, `Set the key ${name} of that Secret.`);
    };
    switch (provider) {
      case 'rfc2136':
        return new Rfc2136Provider({
          key: {
            name: settings['tsig-key'] ?? '',
            algorithm: algorithmOf(settings['tsig-algorithm']),
            secret: keyOf(field('tsig-secret'), zone.domain),
          },
          servers: (record, limit) => {
            const { address, port } = readServer(settings['server'] ?? record.primary);
            // The operator's own word needs no judgement.
            return isIP(address) > 0
              ? Promise.resolve([{ address, port }])
              : names.addressesOf(address, port, limit).catch(asProviderError);
          },
          now: () => clock.now(),
          mayWrite,
        });
      case 'httpreq':
        return new HttpreqProvider({
          web,
          url,
          mode: settings['mode'] === 'raw' ? 'raw' : 'default',
          login:
            secret === undefined ? undefined : { username: field('username'), password: field('password') },
        });
      case 'acme-dns':
        return new AcmeDnsProvider({
          web,
          url,
          account: {
            username: field('username'),
            password: field('password'),
            subdomain: field('subdomain'),
            fulldomain: normalizeHost(field('fulldomain')),
          },
        });
      case 'external-dns':
        return new ExternalDnsProvider({ client, namespace, metadata, clock });
      default:
        return provider satisfies never;
    }
  }

  close(): Promise<void> {
    return this.#web.close();
  }

  #read(name: string, signal: AbortSignal): Promise<SecretData> {
    return this.#secrets.get(name, () => this.#load(name), signal);
  }

  async #load(name: string): Promise<SecretData> {
    const { client, clock, namespace } = this.#options;
    const reason = (): KubernetesError =>
      new KubernetesError(
        'Timeout',
        `Secret ${namespace}/${name} was not read within ${readLimit / second} s`,
      );
    const found = await workWithin(clock, readLimit, reason, (signal) =>
      unless('NotFound', () => client.call(signal, (api) => api.read(secrets, { namespace, name }))),
    );
    if (found === undefined) {
      const message = `There is no Secret ${namespace}/${name}, which a DNS zone names.`;
      throw new ProviderError('refused', message, 'Create the Secret: docs/dns-01.md says with which keys.');
    }
    const data = Object.entries(found.data ?? {});
    return new Map(data.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8').trim()]));
  }
}

function asProviderError(error: unknown): never {
  if (!(error instanceof LookupError)) throw error;
  throw new ProviderError('unreachable', error.message, undefined, { cause: error });
}

function algorithmOf(text: string | undefined): TsigAlgorithm {
  return text === 'hmac-sha512' ? text : 'hmac-sha256';
}

function keyOf(text: string, domain: string): Buffer {
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return Buffer.from(text, 'base64');
  throw new ProviderError(
    'refused',
    `The tsig-secret of zone ${domain} is not base64.`,
    'Take the secret as tsig-keygen prints it.',
  );
}
