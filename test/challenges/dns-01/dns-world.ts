import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  startZoneServer,
  type ZoneServer,
  type ZoneServerOptions,
} from '../../../deploy/local/zone-server.ts';
import { Zones } from '../../../machines/zones/zone.ts';
import { readZones } from '../../../machines/zones/zone-document.ts';
import { readServer } from '../../../src/challenges/dns-01/lookup/dns-exchange.ts';
import { NameServers } from '../../../src/challenges/dns-01/lookup/name-servers.ts';
import { ApiCalls } from '../../../src/kubernetes/client/api-calls.ts';
import type { KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import type { EntryStore } from '../../../src/kubernetes/client/entry-store.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { type Clock, systemClock } from '../../../src/time/clock.ts';

export const tsigKey = {
  name: 'kube-lego',
  algorithm: 'hmac-sha256',
  secret: Buffer.from('a secret of thirty-two bytes ...'),
} as const;

/** Its waits cost no time, and nothing else takes any. */
export function hastyClock(): Clock {
  let now = 0;
  return {
    ...systemClock,
    monotonic: () => now,
    setTimeout: (fn, ms) => {
      now += ms;
      return systemClock.setTimeout(fn, 0);
    },
  };
}

/** A name server of one zone, until the test ends. */
export async function zoneServer(
  t: TestContext,
  options: Partial<ZoneServerOptions> = {},
): Promise<ZoneServer> {
  const server = await startZoneServer({
    zones: { 'shop.example': ['ns1.shop.example'] },
    key: tsigKey,
    ...options,
  });
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

/** What the operator has written. */
export function zonesOf(data: Readonly<Record<string, string>>): Zones {
  const { zones, closed } = readZones(data);
  return new Zones(zones, closed);
}

/** Zone shop.example at this server, for namespace shop. */
export function shopZone(server: Pick<ZoneServer, 'address'>, ...more: string[]): Zones {
  return zonesOf({
    'shop.example': [
      'provider: rfc2136',
      'namespaces: shop',
      `server: ${server.address}`,
      `name-servers: ${server.address}`,
      `tsig-key: ${tsigKey.name}`,
      'secret: shop-tsig',
      ...more,
    ].join('\n'),
  });
}

export function namesBy(zones: Zones, ...resolvers: readonly Pick<ZoneServer, 'address'>[]): NameServers {
  return new NameServers({
    resolvers: resolvers.map(({ address }) => readServer(address)),
    serversOf: (name) => (zones.of(name)?.nameServers ?? []).map(readServer),
    allowLoopback: true,
    clock: systemClock,
  });
}

/** As the Secret: it is written only as last read or written by the same process. */
export class MemoryValues implements EntryStore {
  readonly name = 'kube-lego/kube-lego-dns-values';
  entries: ReadonlyMap<string, string> = new Map();
  writes = 0;
  failure: Error | undefined;
  #known: ReadonlyMap<string, string> | undefined;

  read(): Promise<ReadonlyMap<string, string>> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.#known = this.entries;
    return Promise.resolve(this.entries);
  }

  write(entries: ReadonlyMap<string, string>): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.#known !== this.entries)
      return Promise.reject(new KubernetesError('Conflict', 'it was changed'));
    this.writes += 1;
    this.entries = entries;
    this.#known = entries;
    return Promise.resolve();
  }
}

/** An API server that has these Secrets in the namespace of kube-lego, and nothing else. */
export function secretsClient(
  secrets: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Pick<KubernetesClient, 'call'> {
  const path = /^\/api\/v1\/namespaces\/[^/]+\/secrets\/([^/]+)$/;
  const api = new ApiCalls((request) => {
    const [, name = ''] = path.exec(request.path) ?? [];
    assert.equal(request.method, 'GET');
    const found = secrets[name];
    if (found === undefined) return Promise.reject(new KubernetesError('NotFound', `no Secret ${name}`));
    const data = Object.entries(found).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    return Promise.resolve(JSON.parse(JSON.stringify({ data: Object.fromEntries(data) })));
  });
  return { call: (_, work) => work(api) };
}
