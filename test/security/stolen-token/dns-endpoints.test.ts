import { after, before, describe, it } from 'node:test';
import { recordField } from '../../../src/process/json.ts';
import { assertDone, assertForbidden, assertRefused } from '../../deploy/deployed-cluster.ts';
import { serveDnsEndpoints } from '../../kubernetes/dns-endpoints.ts';
import { finalizers, ownerReferences, Thief } from './thief.ts';

const inNamespace = (namespace: string): string =>
  `/apis/externaldns.k8s.io/v1alpha1/namespaces/${namespace}/dnsendpoints`;
const endpoints = inNamespace('kube-lego');

let thief: Thief;

before(async () => {
  thief = await Thief.enter();
  await thief.cluster.apply('components/dns-01/external-dns/role.yaml');
  await serveDnsEndpoints((path, request) => thief.cluster.asAdmin(path, request), 'kube-lego');
});
after(() => thief[Symbol.asyncDispose]());

const name = `kube-lego-${'0f'.repeat(16)}`;
const endpoint = {
  dnsName: '_acme-challenge.shop.example',
  recordType: 'TXT',
  recordTTL: 60,
  targets: ['a'.repeat(43), `-_${'9'.repeat(41)}`],
};

function dnsEndpoint(metadata: object, ...all: readonly object[]): object {
  return {
    apiVersion: 'externaldns.k8s.io/v1alpha1',
    kind: 'DNSEndpoint',
    metadata: { name, ...metadata },
    spec: { endpoints: all },
  };
}

describe('with a stolen token, a DNSEndpoint', () => {
  const records = /TXT records only, of the values of challenges/;

  it('of challenges may be created, changed and deleted', async () => {
    const made = await thief.create(endpoints, dnsEndpoint({}, endpoint));
    assertDone(made);
    const { resourceVersion } = recordField(made.body, 'metadata') ?? {};
    const change = (changed: object) =>
      thief.send(
        'PUT',
        `${endpoints}/${name}`,
        dnsEndpoint({ resourceVersion }, { ...endpoint, ...changed }),
      );
    assertRefused(await change({ recordType: 'A', targets: ['192.0.2.1'] }), records);
    assertDone(await change({ targets: ['b'.repeat(43)] }));
    assertDone(await thief.send('DELETE', `${endpoints}/${name}`));
  });

  const attempts: Readonly<Record<string, [object, RegExp]>> = {
    'that leads a host elsewhere': [
      dnsEndpoint({}, { ...endpoint, recordType: 'A', targets: ['192.0.2.1'] }),
      records,
    ],
    'with another record beside': [
      dnsEndpoint({}, endpoint, { ...endpoint, recordType: 'CNAME', targets: ['attacker.example'] }),
      records,
    ],
    'of a text that is no value': [
      dnsEndpoint({}, { ...endpoint, targets: [...endpoint.targets, 'v=spf1 +all'] }),
      records,
    ],
    'with settings of the DNS provider': [
      dnsEndpoint({}, { ...endpoint, providerSpecific: [{ name: 'aws/weight', value: '1' }] }),
      records,
    ],
    'of another name': [dnsEndpoint({ name: 'shop' }, endpoint), /named kube-lego-HASH/],
    'with a finalizer': [dnsEndpoint({ finalizers }, endpoint), /sets no generateName/],
    'with an owner': [dnsEndpoint({ ownerReferences }, endpoint), /sets no generateName/],
  };
  for (const [what, [body, message]] of Object.entries(attempts)) {
    it(`${what} may not be created`, async () => {
      assertRefused(await thief.create(endpoints, body), message);
    });
  }

  it('of others may be neither changed nor deleted', async () => {
    await thief.given(endpoints, dnsEndpoint({ name: 'shop' }, endpoint));
    assertRefused(await thief.send('DELETE', `${endpoints}/shop`), /named kube-lego-HASH/);
  });

  it('may not be created in another namespace', async () => {
    assertForbidden(await thief.create(inNamespace('team-a'), dnsEndpoint({}, endpoint)));
  });
});
