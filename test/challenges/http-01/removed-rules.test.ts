import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { json } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { selfSignedCertificate } from '../../../deploy/local/edge/self-signed.ts';
import type { ChallengeRule } from '../../../machines/ownership/challenge-rules.ts';
import { ChallengeIngresses } from '../../../src/challenges/http-01/challenge-ingress/challenge-ingress.ts';
import { ChallengeWatch } from '../../../src/challenges/http-01/challenge-ingress/challenge-watch.ts';
import { RuleNotServedError } from '../../../src/challenges/http-01/challenge-ingress/rule-not-served.ts';
import type { KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import { type ApiWorld, startApiWorld } from '../../kubernetes/api-world.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { challengeTemplate } from './challenge-template.ts';

const minute = 60_000;
const stripped = 'stripped.example';
const thumbprint = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';

const rulesFor =
  (...hosts: string[]) =>
  (): ChallengeRule[] =>
    hosts.map((host) => ({ host, ruleHost: host, ingressClass: { form: 'field', name: 'nginx' } }));

describe('a challenge rule that somebody removes each time', () => {
  let world: ApiWorld;
  let clock: ManualClock;
  let stop: AbortController;
  let namespace: string;
  let serial = 0;
  let calls = 0;
  let inFlight = 0;

  before(async () => {
    world = await startApiWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  beforeEach(async () => {
    namespace = `lego-${++serial}`;
    await world.createNamespace(namespace);
    clock = new ManualClock();
    stop = new AbortController();
  });
  afterEach(() => stop.abort());

  /** Its writes are counted. */
  function create() {
    const { client } = world;
    const template = challengeTemplate(namespace);
    const common = { clock, signal: stop.signal, template };
    const watch = new ChallengeWatch({ ...common, client });
    const call: KubernetesClient['call'] = async (signal, work) => {
      calls += 1;
      inFlight += 1;
      try {
        return await client.call(signal, work);
      } finally {
        inFlight -= 1;
      }
    };
    const challenges = new ChallengeIngresses({
      ...common,
      client: { call },
      watch,
      thumbprint: () => thumbprint,
    });
    return { challenges, watch, has: (host: string) => watch.answerFor(host)?.thumbprint === thumbprint };
  }

  /** Lets time go by second by second, with what follows from each. */
  async function pass(seconds: number, until: () => boolean = () => false): Promise<void> {
    for (let second = 0; second < seconds && !until(); second += 1) {
      clock.advance(1000);
      if (inFlight > 0) await eventually('its write has ended', () => inFlight === 0);
    }
  }

  it('by a mutating webhook, fails within a minute, in words, and costs few writes an hour', async () => {
    const webhook = await startWebhook();
    try {
      await webhook.register(world, namespace);
      const { challenges, has } = create();
      const good = challenges.acquire('good', rulesFor('good.example'), stop.signal);
      await pass(1);
      await good;
      calls = 0;
      for (let attempt = 0; attempt < 12; attempt += 1) {
        let failed: unknown;
        challenges.acquire('bad', rulesFor(stripped), stop.signal).catch((error: unknown) => {
          failed = error;
        });
        await pass(61);
        await eventually('it fails', () => failed !== undefined);
        assert.ok(failed instanceof RuleNotServedError, String(failed));
        assert.deepEqual([failed.code, failed.hosts], ['removed', [stripped]]);
        assert.match(failed.message, /mutating webhook/);
        await pass(239);
      }
      assert.ok(calls <= 60, `${calls} writes within an hour`);
      assert.ok(has('good.example'), 'the rule of another host stays');
    } finally {
      await webhook.stop();
    }
  });

  it('by a controller, is told of, and costs few writes an hour while it is held', async () => {
    const { challenges, has, watch } = create();
    watch.start();
    challenges.start();
    await eventually('it is synced', () => watch.state.synced);
    const held = challenges.acquire('both', rulesFor('good.example', stripped), stop.signal);
    await pass(1);
    await held;
    calls = 0;
    for (let minutes = 0; minutes < 60; minutes += 1) {
      if (has(stripped)) {
        await world.admin.expect(`/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses/kube-lego`, {
          method: 'PATCH',
          body: { metadata: { annotations: { 'kube-lego.io/challenge-hosts': 'good.example' } } },
          contentType: 'application/merge-patch+json',
        });
        await eventually('the watch has told of it', () => !has(stripped));
      }
      await pass(60, () => has(stripped));
    }
    assert.ok(calls <= 30, `${calls} writes within an hour`);
    assert.deepEqual(challenges.removedFrom('both'), [stripped]);
  });
});

interface Webhook {
  register(world: ApiWorld, namespace: string): Promise<void>;
  stop(): Promise<void>;
}

/** A mutating webhook that takes one host out of every Ingress of a namespace. */
async function startWebhook(): Promise<Webhook> {
  const { certificatePem, keyPem } = selfSignedCertificate({
    hosts: ['localhost'],
    commonName: 'webhook',
    notBefore: Date.now() - minute,
    notAfter: Date.now() + 60 * minute,
  });
  const server: Server = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
    void json(request).then((review) => {
      const asked = recordField(review, 'request');
      const spec = recordField(recordField(asked, 'object'), 'spec');
      const rules = arrayField(spec, 'rules').filter((rule) => stringField(rule, 'host') !== stripped);
      const patch = [{ op: 'replace', path: '/spec/rules', value: rules }];
      const answer = {
        uid: stringField(asked, 'uid'),
        allowed: true,
        ...(spec === undefined
          ? {}
          : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
      };
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }),
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const { port } = address;
  return {
    async register(world, namespace) {
      const body = {
        metadata: { name: `strip-${namespace}` },
        webhooks: [
          {
            name: 'strip.example.com',
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
            clientConfig: {
              url: `https://localhost:${port}/`,
              caBundle: Buffer.from(certificatePem).toString('base64'),
            },
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
            rules: [
              {
                apiGroups: ['networking.k8s.io'],
                apiVersions: ['v1'],
                operations: ['CREATE', 'UPDATE'],
                resources: ['ingresses'],
              },
            ],
          },
        ],
      };
      const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
      await world.admin.expect(configurations, { method: 'POST', body });
      await eventually('the webhook is in force', async () => {
        const probe = {
          metadata: { name: 'probe' },
          spec: { rules: [{ host: stripped }, { host: 'probe.example' }] },
        };
        const ingresses = `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses?dryRun=All`;
        const made = await world.admin.expect(ingresses, { method: 'POST', body: probe });
        return arrayField(recordField(made, 'spec'), 'rules').length === 1;
      });
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
