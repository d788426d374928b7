import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { selfSignedCertificate } from '../../deploy/local/edge/self-signed.ts';
import { keptByServer } from '../../deploy/local/kept-connections.ts';
import { readManifests } from '../../deploy/local/manifests.ts';
import { zonesDocument } from '../../deploy/local/world.ts';
import type { ZoneServer } from '../../deploy/local/zone-server.ts';
import { arrayField, parsedJson, recordField, stringField } from '../../src/process/json.ts';
import type { Stage } from '../controller-failures/stage.ts';
import { deployFolder } from '../deploy/deployed-cluster.ts';
import { serveDnsEndpoints } from '../kubernetes/dns-endpoints.ts';

/** A DNS zone for each scenario of DNS-01, written to by another provider. */
export const zones = {
  wildcard: 'zone.example.com',
  httpreq: 'httpreq.example.com',
  'acme-dns': 'acme-dns.example.com',
  'external-dns': 'external-dns.example.com',
} as const;
export type DnsScenario = keyof typeof zones;

/** The record of the only acme-dns account, to which a CNAME of each host leads. */
const account = { subdomain: 'd420c923', fulldomain: `d420c923.${zones['acme-dns']}` };
/** acme-dns keeps the newest. */
const mostValues = 2;
const ownNamespace = 'kube-lego';
const endpoints = `/apis/externaldns.k8s.io/v1alpha1/namespaces/${ownNamespace}/dnsendpoints`;
/** Milliseconds between two looks of external-dns. */
const interval = 250;

/** A request to the service behind httpreq and acme-dns. */
export interface ServiceCall {
  /** `Replica.address` */
  readonly source: string | undefined;
  /** `/present`, `/cleanup` or `/update` */
  readonly path: string;
  readonly body: string;
}

export function isDnsScenario(scenario: string): scenario is DnsScenario {
  return Object.hasOwn(zones, scenario);
}

/** What stands behind the providers of DNS zones: a name server, an HTTPS service for httpreq and acme-dns, and one that acts as external-dns. */
export class DnsProviders implements AsyncDisposable {
  /** Of the service, PEM. */
  readonly caPem: string;
  /** Stands between a call and its handling; false: the connection breaks. */
  aroundCall: (call: ServiceCall, handle: () => void) => Promise<boolean> = (_, handle) => {
    handle();
    return Promise.resolve(true);
  };
  readonly #stage: Stage;
  readonly #zoneServer: ZoneServer;
  readonly #service: Server;
  readonly #ended = new AbortController();
  #externalDns: Promise<void> | undefined;

  private constructor(stage: Stage) {
    this.#stage = stage;
    this.#zoneServer = stage.world.zoneServer;
    const now = Date.now();
    const { certificatePem, keyPem } = selfSignedCertificate({
      hosts: ['localhost'],
      commonName: 'DNS service',
      notBefore: now - 60_000,
      notAfter: now + 86_400_000,
    });
    this.caPem = certificatePem;
    this.#service = createServer(
      { ...keptByServer, cert: certificatePem, key: keyPem },
      (request, response) => {
        text(request)
          .then((body) => {
            const call = { source: request.socket.remoteAddress, path: request.url ?? '', body };
            return this.aroundCall(call, () => this.#handle(call));
          })
          .then(
            (answered) => (answered ? response.end('{}') : request.socket.destroy()),
            () => request.socket.destroy(),
          );
      },
    );
  }

  /** @param stage one with `zones` */
  static async start(stage: Stage, namespace: string): Promise<DnsProviders> {
    const providers = new DnsProviders(stage);
    await providers.#start(namespace);
    return providers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    this.#service.closeAllConnections();
    this.#service.close();
    await this.#externalDns;
  }

  /** To be called before the first host of the scenario. */
  async prepare(scenario: DnsScenario): Promise<void> {
    if (scenario !== 'external-dns' || this.#externalDns !== undefined) return;
    const { api } = this.#stage.world;
    await serveDnsEndpoints((path, request) => api.expect(path, request), ownNamespace);
    this.#externalDns = this.#actAsExternalDns();
  }

  /** @param record of the TXT that is to prove a host, which a CNAME may lead on from */
  prepareRecord(scenario: DnsScenario, record: string): void {
    if (scenario === 'acme-dns') this.#zoneServer.add('CNAME', record, account.fulldomain);
  }

  /** All values that prove the host with this record. */
  proofs(record: string): string[] {
    const atAccount = record.endsWith(`.${zones['acme-dns']}`) ? account.fulldomain : record;
    return this.#zoneServer.values(atAccount);
  }

  async #start(namespace: string): Promise<void> {
    this.#service.listen(0, '127.0.0.1');
    await once(this.#service, 'listening');
    const address = this.#service.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const url = `url: https://localhost:${port}/`;
    const document = zonesDocument(this.#zoneServer, `namespaces: ${namespace}`);
    const at = [`namespaces: ${namespace}`, `name-servers: ${this.#zoneServer.address}`];
    const data = {
      ...recordField(document, 'data'),
      [zones.httpreq]: ['provider: httpreq', url, ...at].join('\n'),
      [zones['acme-dns']]: ['provider: acme-dns', url, 'secret: kube-lego-acme-dns', ...at].join('\n'),
      [zones['external-dns']]: ['provider: external-dns', ...at].join('\n'),
    };
    const login = { username: 'kube-lego', password: 'of the account', ...account };
    await this.#stage.apply(
      ...(await readManifests(join(deployFolder, 'components/dns-01/external-dns/role.yaml'))),
      { ...document, data },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { namespace: ownNamespace, name: 'kube-lego-acme-dns' },
        type: 'Opaque',
        stringData: login,
      },
    );
  }

  #handle({ path, body }: ServiceCall): void {
    const call = parsedJson(body);
    const value = stringField(call, 'value') ?? '';
    const name = (stringField(call, 'fqdn') ?? '').replace(/\.$/, '');
    if (path === '/present') this.#zoneServer.add('TXT', name, value);
    if (path === '/cleanup') this.#zoneServer.remove('TXT', name, value);
    if (path !== '/update' || stringField(call, 'subdomain') !== account.subdomain) return;
    this.#zoneServer.add('TXT', account.fulldomain, stringField(call, 'txt') ?? '');
    for (const old of this.#zoneServer.values(account.fulldomain).slice(0, -mostValues))
      this.#zoneServer.remove('TXT', account.fulldomain, old);
  }

  /** With `--policy=sync`: the zone has the values of the DNSEndpoints, and no others. */
  async #actAsExternalDns(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const { body, status } = await this.#stage.world.api
        .request(endpoints)
        .catch(() => ({ status: 0, body: undefined }));
      if (status === 200) this.#synchronise(arrayField(body, 'items'));
      await pause(interval, undefined, { signal }).catch(() => undefined);
    }
  }

  #synchronise(objects: readonly unknown[]): void {
    const wanted = objects.flatMap((object) =>
      arrayField(recordField(object, 'spec'), 'endpoints').flatMap((endpoint) =>
        arrayField(endpoint, 'targets').map((target) => ({
          name: stringField(endpoint, 'dnsName') ?? '',
          data: String(target),
        })),
      ),
    );
    for (const { name, data } of this.#zoneServer.texts) {
      const isOurs = name.endsWith(`.${zones['external-dns']}`);
      if (isOurs && !wanted.some((one) => one.name === name && one.data === data))
        this.#zoneServer.remove('TXT', name, data);
    }
    for (const { name, data } of wanted) this.#zoneServer.add('TXT', name, data);
  }
}
