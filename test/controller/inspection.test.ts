import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, KeyObject } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { readConfig } from '../../src/config/config.ts';
import { createController } from '../../src/controller.ts';
import { loadKubeConfig } from '../../src/kubernetes/client/kube-config.ts';
import { systemClock } from '../../src/time/clock.ts';
import { ingress } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { onFailure } from '../process/controller-config.ts';
import { eventually } from '../time/eventually.ts';

let stage: Stage;

describe('the inspection of an issuance', () => {
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
    const { world } = stage;
    const ports = await world.releasePorts();
    const reading = readConfig(
      {
        LEGO_NAMESPACE: 'kube-lego',
        LEGO_URL: stage.directoryUrl,
        LEGO_CA_BUNDLE: 'bundle',
        LEGO_DNS_SERVERS: world.dns.address,
        LEGO_HTTP01_PORT: String(world.edge.httpPort),
        LEGO_PORT: String(ports.responder),
        LEGO_SERVICE_PORT: '8080',
        LEGO_METRICS_PORT: String(ports.metrics),
        LEGO_HEALTH_PORT: String(ports.health),
        LEGO_INSPECTOR_PORT: String(ports.inspector),
      },
      [],
      () => stage.ca.caPem,
    );
    assert.equal(reading.kind, 'config');
    const kubeconfig = await world.cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego');
    const access = loadKubeConfig({ env: { KUBECONFIG: kubeconfig } });
    const controller = createController({
      config: reading.config,
      access,
      log: pino({ level: 'silent' }),
      clock: systemClock,
      inspect: (event) => seen.push(everythingIn(event)),
      onFailure,
    });
    try {
      await controller.start();
      await stage.apply(ingress('shop/seen', { tls: { 'seen-tls': ['seen.example.com'] } }));
      await eventually(
        'the certificate is stored',
        async () => (await stage.secret('shop/seen-tls')) !== undefined,
      );
    } finally {
      await controller.stop();
    }
    const keys = ['shop/seen-tls', 'kube-lego/kube-lego-account'].map(async (name) =>
      createPrivateKey((await stage.secret(name))?.['tls.key'] ?? ''),
    );
    const secrets = [...(await Promise.all(keys)).flatMap(spellings), ...tokens];
    assert.ok(tokens.size > 0 && secrets.every((secret) => secret.length > 16));
    assert.ok(seen.some((event) => event.includes('seen-tls')));
    for (const event of seen) {
      assert.doesNotMatch(event, /PRIVATE KEY|private key/);
      for (const secret of secrets) assert.ok(!event.includes(secret));
    }
  });
});

describe('the search for secrets in what is inspected', () => {
  it('finds a private key in every form, however deep', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = privateKey.export({ format: 'der', type: 'pkcs8' });
    const { d = '' } = privateKey.export({ format: 'jwk' });
    const forms = [
      privateKey.export({ format: 'pem', type: 'pkcs8' }),
      privateKey.export({ format: 'pem', type: 'sec1' }),
      privateKey.export({ format: 'jwk' }),
      der,
      new Uint8Array(der),
      der.toString('hex'),
      der.toString('base64'),
      [...Buffer.from(d, 'base64url')],
    ];
    for (const form of forms) {
      let event: unknown = form;
      for (let depth = 0; depth < 50; depth += 1) event = { context: new Map([[depth, [event]]]) };
      const found = everythingIn(event);
      assert.ok(spellings(privateKey).some((spelling) => found.includes(spelling)));
    }
    assert.match(everythingIn({ key: privateKey }), /private key/);
  });
});

/**
 * All text, keys and bytes (in hex) that can be reached from the event, however deep, each object once: node's `inspect`
 * would write an object as often as there are ways to it.
 */
function everythingIn(event: unknown): string {
  const words: string[] = [];
  const seen = new Set<unknown>();
  const waiting: unknown[] = [event];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (seen.has(value)) continue;
    seen.add(value);
    if (value instanceof KeyObject) words.push(`${value.type} key`);
    else if (ArrayBuffer.isView(value)) words.push(bytesOf(value).toString('hex'));
    else if (value instanceof Map || value instanceof Set) waiting.push(...value.entries());
    else if (Array.isArray(value)) words.push(value.filter((item) => typeof item === 'number').join());
    else if (typeof value === 'string') words.push(value);
    else if (typeof value === 'number' || typeof value === 'bigint') words.push(String(value));
    if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
      for (const [key, { value: field }] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
        words.push(key);
        waiting.push(field);
      }
      for (const symbol of Object.getOwnPropertySymbols(value)) {
        waiting.push(Object.getOwnPropertyDescriptor(value, symbol)?.value);
      }
    }
  }
  return words.join('\n');
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** A private key in every form in which it could be among other things. */
function spellings(key: KeyObject): string[] {
  const { d = '' } = key.export({ format: 'jwk' });
  const scalar = Buffer.from(d, 'base64url');
  const encodings = [
    key.export({ format: 'der', type: 'pkcs8' }),
    key.export({ format: 'der', type: 'sec1' }),
    scalar,
  ];
  return [
    ...encodings.flatMap((bytes) => [
      bytes.toString('hex'),
      bytes.toString('base64'),
      bytes.toString('base64url'),
    ]),
    // PEM is in lines; the first one has the beginning of the key itself behind what all keys have in common.
    ...encodings.map((bytes) => bytes.toString('base64').slice(0, 64)),
    [...scalar].join(),
  ];
}
