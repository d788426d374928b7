import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { ask, serverText } from '../../src/challenges/dns-01/lookup/dns-exchange.ts';
import { tsigKey, zoneServer } from '../challenges/dns-01/dns-world.ts';
import { missing, startBind, startBindSecondary, zone } from '../challenges/dns-01/strangers/name-server.ts';
import { ingress, secret } from '../controller-failures/objects.ts';
import { startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored } from './certificate.ts';

const { signal } = new AbortController();
const tsigSecret = tsigKey.secret.toString('base64');

/** The zone and its Secret, as an operator would write them. */
function zoneAt(server: string, nameServers: string) {
  const entry = [
    'provider: rfc2136',
    'namespaces: shop',
    `server: ${server}`,
    `name-servers: ${nameServers}`,
    `tsig-key: ${tsigKey.name}`,
    'secret: of-bind',
  ];
  return [
    secret('kube-lego/of-bind', { 'tsig-secret': tsigSecret }, { type: 'Opaque' }),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'kube-lego', name: 'kube-lego-zones' },
      data: { [zone]: entry.join('\n') },
    },
  ];
}

describe('a wildcard in a zone of BIND', { skip: missing('named') }, () => {
  it('is proven to a CA that asks the secondary, which is behind', async (t) => {
    const primary = await startBind(t);
    const secondary = await startBindSecondary(t, primary, false);
    const [first, second] = [primary, secondary].map(serverText);
    // The CA sees no other name server than the one that is behind.
    const stage = await startStage({
      namespaces: ['shop'],
      zones: ['unused.example.com'],
      pebble: { dnsAddress: second ?? '' },
    });
    t.after(() => stage.stop());
    await stage.apply(
      ...zoneAt(first ?? '', `${first}, ${second}`),
      ingress('shop/wild', { tls: { 'wild-tls': [`*.${zone}`] } }),
    );
    await stage.startController({ LEGO_DNS_SERVERS: first ?? '' });
    await stage.untilIssued('shop/wild');
    await assertStored(stage, 'shop/wild-tls', [`*.${zone}`]);
    assert.equal((await stage.view('shop/wild'))?.state, 'idle');
  });
});

const legoIsMissing = missing('named') || missing('lego');

describe('another ACME client at the same record', { skip: legoIsMissing }, () => {
  it('gets its certificate, and kube-lego does, too, although that client removes its value', async (t) => {
    const bind = await startBind(t);
    const server = serverText(bind);
    // It is behind until the test says otherwise.
    const secondary = await zoneServer(t, { zones: { [zone]: [`ns2.${zone}`] } });
    const stage = await startStage({
      namespaces: ['shop'],
      zones: ['unused.example.com'],
      pebble: { dnsAddress: server },
    });
    t.after(() => stage.stop());
    const record = `_acme-challenge.${zone}`;
    const values = async (): Promise<readonly string[]> => {
      const { answers } = await ask(bind, record, 'TXT', { recursive: false }, signal);
      return answers.flatMap(({ type, data }) => (type === 'TXT' ? data : []));
    };
    const looks = (): number => secondary.asked.filter((question) => question === `TXT ${record}`).length;

    await stage.apply(
      ...zoneAt(server, `${server}, ${secondary.address}`),
      ingress('shop/wild', { tls: { 'wild-tls': [`*.${zone}`] } }),
    );
    await stage.startController({ LEGO_DNS_SERVERS: server });
    await eventually('kube-lego has seen its value', () => looks() > 1);
    const [ours = ''] = await values();
    await runLego(t, stage.world.pebble, server);
    await eventually('its value is there again', async () => (await values()).includes(ours));
    secondary.add('TXT', record, ours);
    await stage.untilIssued('shop/wild');
    await assertStored(stage, 'shop/wild-tls', [`*.${zone}`]);
    await eventually('no value is left', async () => (await values()).length === 0);
  });
});

/** Has lego get a certificate for the same hosts. It removes all values of a record before it adds its own. */
async function runLego(
  t: TestContext,
  { directoryUrl, caBundle }: { readonly directoryUrl: string; readonly caBundle: string },
  server: string,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kube-lego-lego-'));
  t.after(() => rm(folder, { recursive: true }));
  await promisify(execFile)(
    'lego',
    `--server ${directoryUrl} --email you@example.com --accept-tos --path ${folder} --dns rfc2136 --dns.disable-cp --dns.resolvers ${server} --domains *.${zone} run`.split(
      ' ',
    ),
    {
      env: {
        ...process.env,
        LEGO_CA_CERTIFICATES: caBundle,
        RFC2136_NAMESERVER: server,
        RFC2136_POLLING_INTERVAL: '1',
        RFC2136_TSIG_ALGORITHM: `${tsigKey.algorithm}.`,
        RFC2136_TSIG_KEY: tsigKey.name,
        RFC2136_TSIG_SECRET: tsigSecret,
      },
    },
  );
}
