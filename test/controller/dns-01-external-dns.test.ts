import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { freePorts } from '../../deploy/local/free-ports.ts';
import { readManifests } from '../../deploy/local/manifests.ts';
import { startSession } from '../../deploy/local/session.ts';
import { ask, type DnsServer, serverText } from '../../src/challenges/dns-01/lookup/dns-exchange.ts';
import { arrayField } from '../../src/process/json.ts';
import { tsigKey } from '../challenges/dns-01/dns-world.ts';
import { missing, programAt, startBind, zone } from '../challenges/dns-01/strangers/name-server.ts';
import { ingress } from '../controller-failures/objects.ts';
import { startStage } from '../controller-failures/stage.ts';
import { deployFolder } from '../deploy/deployed-cluster.ts';
import { serveDnsEndpoints } from '../kubernetes/dns-endpoints.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored } from './certificate.ts';

const namespace = 'kube-lego';
const endpoints = `/apis/externaldns.k8s.io/v1alpha1/namespaces/${namespace}/dnsendpoints`;
const { signal } = new AbortController();

/** With the flags that docs/dns-01.md asks for, until the test ends. */
async function startExternalDns(
  t: TestContext,
  { address, port }: DnsServer,
  kubeconfig: string,
): Promise<void> {
  const session = await startSession();
  t.after(() => session.stop());
  const [metricsPort = 0] = await freePorts(1);
  session.spawn({
    name: 'external-dns',
    command: programAt('external-dns') ?? 'external-dns',
    args: [
      '--source=crd',
      '--policy=sync',
      ...['A', 'AAAA', 'CNAME', 'TXT'].map((type) => `--managed-record-types=${type}`),
      '--provider=rfc2136',
      `--rfc2136-host=${address}`,
      `--rfc2136-port=${port}`,
      `--rfc2136-zone=${zone}`,
      `--rfc2136-tsig-keyname=${tsigKey.name}`,
      `--rfc2136-tsig-secret=${tsigKey.secret.toString('base64')}`,
      `--rfc2136-tsig-secret-alg=${tsigKey.algorithm}`,
      '--rfc2136-axfr',
      `--domain-filter=${zone}`,
      '--txt-owner-id=test',
      '--interval=1s',
      '--min-event-sync-interval=1s',
      '--events',
      `--namespace=${namespace}`,
      `--kubeconfig=${kubeconfig}`,
      `--metrics-address=127.0.0.1:${metricsPort}`,
    ],
  });
}

const isMissing = missing('named') || missing('external-dns');

describe('a wildcard in a zone that external-dns writes', { skip: isMissing }, () => {
  it('is proven together with its apex, and external-dns removes both values', async (t) => {
    const bind = await startBind(t);
    const server = serverText(bind);
    const stage = await startStage({
      namespaces: ['shop'],
      zones: ['unused.example.com'],
      pebble: { dnsAddress: server },
    });
    t.after(() => stage.stop());
    const { api, cluster } = stage.world;
    await serveDnsEndpoints((path, request) => api.expect(path, request), namespace);
    await startExternalDns(t, bind, cluster.adminKubeconfig);
    await stage.apply(
      ...(await readManifests(join(deployFolder, 'components/dns-01/external-dns/role.yaml'))),
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace, name: 'kube-lego-zones' },
        data: {
          [zone]: `provider: external-dns\nnamespaces: shop\nchallenge: dns-01\nname-servers: ${server}`,
        },
      },
      ingress('shop/wild', { tls: { 'wild-tls': [zone, `*.${zone}`] } }),
    );
    await stage.startController({ LEGO_DNS_SERVERS: server });
    await stage.untilIssued('shop/wild');
    await assertStored(stage, 'shop/wild-tls', [zone, `*.${zone}`]);
    await eventually('external-dns has removed both values', async () => {
      const { answers } = await ask(bind, `_acme-challenge.${zone}`, 'TXT', { recursive: false }, signal);
      return answers.length === 0;
    });
    assert.deepEqual(arrayField(await api.expect(endpoints), 'items'), []);
  });
});
