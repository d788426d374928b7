import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ExternalDnsProvider } from '../../../src/challenges/dns-01/providers/external-dns.ts';
import { ProviderError } from '../../../src/challenges/dns-01/providers/provider.ts';
import { noMetadata } from '../../../src/kubernetes/records/object-metadata.ts';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { type ApiWorld, startApiWorld } from '../../kubernetes/api-world.ts';
import { serveDnsEndpoints } from '../../kubernetes/dns-endpoints.ts';
import { behavesAsProvider, challengeValue } from './provider-behaviour.ts';

const namespace = 'kube-lego';
const endpoints = `/apis/externaldns.k8s.io/v1alpha1/namespaces/${namespace}/dnsendpoints`;
const { signal } = new AbortController();

let world: ApiWorld;

function provider(place = namespace): ExternalDnsProvider {
  return new ExternalDnsProvider({
    client: world.client,
    namespace: place,
    metadata: noMetadata,
    clock: systemClock,
  });
}

/** What external-dns would write: one object for each name, of TXT records only. */
async function valuesOf(name: string): Promise<string[]> {
  const all = arrayField(await world.admin.expect(endpoints), 'items');
  const its = all.flatMap((object) => arrayField(recordField(object, 'spec'), 'endpoints'));
  const named = its.filter((endpoint) => stringField(endpoint, 'dnsName') === name);
  assert.ok(named.length <= 1, `${named.length} objects for ${name}`);
  assert.ok(named.every((endpoint) => stringField(endpoint, 'recordType') === 'TXT'));
  return named.flatMap((endpoint) => arrayField(endpoint, 'targets').map(String));
}

describe('external-dns', () => {
  before(async () => {
    world = await startApiWorld();
    await world.createNamespace(namespace);
  });
  after(() => world[Symbol.asyncDispose]());

  it('is said to be missing while the API server knows no DNSEndpoint', async () => {
    await assert.rejects(provider().add(challengeValue('one'), signal), (error) => {
      assert.ok(error instanceof ProviderError);
      assert.equal(error.message, 'The API server knows no DNSEndpoints (externaldns.k8s.io/v1alpha1).');
      assert.match(error.remedy ?? '', /--source=crd, --policy=sync and TXT/);
      return true;
    });
  });

  describe('with its CRD', () => {
    before(async () => {
      await serveDnsEndpoints((path, request) => world.admin.expect(path, request), namespace);
    });

    behavesAsProvider(() => Promise.resolve({ provider: provider(), values: valuesOf, secrets: [] }));

    it('leaves no object behind', async () => {
      const value = challengeValue('one');
      await provider().add(value, signal);
      await provider().remove(value, signal);
      assert.deepEqual(arrayField(await world.admin.expect(endpoints), 'items'), []);
    });
  });
});
