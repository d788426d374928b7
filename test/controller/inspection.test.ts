import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import { freePorts } from '../../deploy/local/free-ports.ts';
import { systemClock } from '../../src/clock.ts';
import { readConfig } from '../../src/config.ts';
import { startController } from '../../src/controller.ts';
import { ingress } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../kubernetes/eventually.ts';

let stage: Stage;

describe('the inspection of an issuance', { timeout: 120_000 }, () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyCa: true });
  });
  after(() => stage.stop());

  it('shows no private key, no account key and no token, however deep one looks', async () => {
    const tokens = new Set<string>();
    stage.ca.interfere = async ({ path, forward }) => {
      const answer = await forward();
      if (path.startsWith('/authZ/')) {
        for (const [, token = ''] of answer.body.matchAll(/"token":\s*"([\w-]+)"/g)) tokens.add(token);
      }
      return answer;
    };
    const seen: string[] = [];
    const [port = 0, health = 0, inspector = 0] = await freePorts(3);
    const { world } = stage;
    const reading = readConfig(
      {
        LEGO_NAMESPACE: 'kube-lego',
        LEGO_URL: stage.directoryUrl,
        LEGO_CA_BUNDLE: 'bundle',
        LEGO_DNS_SERVERS: world.dns.address,
        LEGO_HTTP01_PORT: String(world.edge.httpPort),
        LEGO_PORT: String(port),
        LEGO_SERVICE_PORT: '8080',
        LEGO_METRICS_PORT: String(health),
        LEGO_INSPECTOR_PORT: String(inspector),
      },
      [],
      () => stage.ca.caPem,
    );
    assert.equal(reading.kind, 'config');
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromString(
      await readFile(await world.cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego'), 'utf8'),
    );
    const controller = await startController({
      config: { ...reading.config, port: world.ports.responder },
      kubeConfig,
      log: pino({ level: 'silent' }),
      clock: systemClock,
      inspect: (event) =>
        seen.push(inspect(event, { depth: 7, maxArrayLength: null, maxStringLength: null })),
    });
    try {
      await stage.apply(ingress('shop/seen', { tls: { 'seen-tls': ['seen.example.com'] } }));
      await eventually(
        'the certificate is stored',
        async () => (await stage.secret('shop/seen-tls')) !== undefined,
        30_000,
      );
    } finally {
      await controller.stop();
    }
    const key = (await stage.secret('shop/seen-tls'))?.['tls.key'] ?? '';
    const accountKey = (await stage.secret('kube-lego/kube-lego-account'))?.['tls.key'] ?? '';
    const secrets = [...[key, accountKey].map((pem) => pem.split('\n')[1] ?? ''), ...tokens];
    assert.ok(secrets.length > 2 && secrets.every((secret) => secret.length > 16));
    assert.ok(seen.some((event) => event.includes('seen-tls')));
    for (const event of seen) {
      assert.ok(!event.includes('PRIVATE KEY'));
      for (const secret of secrets) assert.ok(!event.includes(secret));
    }
  });
});
