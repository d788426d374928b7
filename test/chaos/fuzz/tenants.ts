// What a tenant can write: annotations of an Ingress, an Ingress, a Secret.

import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { assess } from '../../../machines/assessment/assessment.ts';
import { initialIngressContext } from '../../../machines/ingress/ingress-updates.ts';
import { inputMark, statusOf } from '../../../machines/ingress/status.ts';
import { statusDiffers } from '../../../machines/ingress/status-difference.ts';
import { historyIn, restoredOutcome, sentencesIn } from '../../../machines/ingress/status-restore.ts';
import { parseDomains } from '../../../machines/ownership/hosts/reservations.ts';
import { certificateId } from '../../../src/certificate/certificate-id.ts';
import {
  type ChallengeTemplate,
  challengeManifest,
  observeChallenge,
  servesChallengesOnly,
} from '../../../src/challenges/http-01/challenge-ingress/challenge-manifest.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { decodeStatus, encodeStatus } from '../../../src/kubernetes/records/status-annotation.ts';
import { factsOf } from '../../../src/secret/secret-reading.ts';
import { projectIngress } from '../../../src/sources/ingress/ingress-projection.ts';
import { projectNamespace } from '../../../src/sources/namespace-projection.ts';
import { TestCa } from '../../certificate/test-ca.ts';
import { assignment, day, desiredCertificate, hour, nobodyRecorded, now } from '../../machines/builders.ts';
import { damagedJson, damagedTexts, damagedValues } from './mutation.ts';
import { assertTellable, assertTime, expectedFailure, type FuzzTarget, fuzzTarget, kept } from './target.ts';

const policy = { checkInterval: 8 * hour, minimumValidity: 30 * day };
const asked = assignment(['web-tls', 'constructor'], { retry: '2' });
const marks = asked.desired.map(inputMark);
const statusDocument = {
  version: 1,
  secrets: {
    'web-tls': {
      state: 'failed',
      since: '2026-11-24T11:00:00Z',
      reason: 'ChallengeFailed',
      message: 'ca.example could not validate web-tls.example.com. Route the challenge path to kube-lego.',
      host: 'web-tls.example.com',
      failures: 3,
      nextAttempt: '2026-11-24T13:40:00Z',
      blockedUntil: '2026-11-24T13:00:00Z',
      rescued: '2026-11-20T13:00:00Z',
      notAfter: '2027-01-01T00:00:00Z',
      input: marks[0],
      notices: [{ reason: 'HostLeftOut', message: 'A host is left out.' }],
    },
    constructor: { state: 'waiting', since: '2026-11-24T11:00:00Z', reason: 'RateLimited', input: marks[1] },
    'good-tls': { state: 'good', since: '2026-11-24T11:00:00Z', notAfter: '2027-02-01T00:00:00Z' },
  },
  notices: [{ reason: 'SecretSharedWith', message: 'Another Ingress owns the Secret.' }],
  retry: '1',
  ingress: 'uid',
};

const status = fuzzTarget('status', damagedJson([statusDocument]), (annotation) => {
  const read = decodeStatus(annotation);
  for (const desired of asked.desired) {
    const outcome = restoredOutcome(read, { uid: 'uid', retry: '2', at: now }, desired);
    if (outcome?.status?.kind !== 'failed') continue;
    assertTime(outcome.status.nextAttemptAt);
    assert.ok((outcome.status.nextAttemptAt ?? 0) <= now + 32 * day, 'It waits for ever.');
  }
  historyIn(read, 'uid');
  if (read === undefined) return;
  sentencesIn(read, 'uid');
  const context = initialIngressContext({
    key: 'Ingress/shop/web',
    uid: 'uid',
    assignment: asked,
    policy,
    status: read,
    at: now,
  });
  const next = statusOf(context, read);
  statusDiffers(read, next, now);
  const text = encodeStatus(next);
  assert.ok((text?.length ?? 0) < 40_000, `The status has ${text?.length} characters.`);
  assert.ok(text === null || decodeStatus(text) !== undefined);
});

const host = 'web.example.com';
const ca = new TestCa('Fuzzed Root');
const leaves = [
  ca.leaf({ dnsNames: [host, '*.example.com'] }),
  ca.leaf({ uris: ['urn:x'], dnsNames: ['"'] }),
];
for (const { keyPem } of leaves) kept(keyPem);
const directory = 'https://ca.example/directory';
const renewal = {
  certificate: 'AAAA.BBBB',
  start: '2026-12-24T12:00:00.000Z',
  end: '2026-12-26T12:00:00.000Z',
  at: '2026-12-25T12:00:00.000Z',
  url: 'https://ca.example/why',
};
const secretAnnotations = damagedValues([
  {
    'kube-lego.io/directory': directory,
    'kube-lego.io/issued-profile': '',
    'kube-lego.io/issued-key-type': 'ec-p256',
    'kube-lego.io/self-checked': 'true',
    'kube-lego.io/adopt': 'true',
  },
]);

const secret = fuzzTarget(
  'secret',
  fc.record({
    chain: fc.oneof(
      damagedTexts(leaves.map(({ chainPem }) => chainPem)),
      fc.constant(leaves[0]?.chainPem ?? ''),
    ),
    key: fc.oneof(damagedTexts(leaves.map(({ keyPem }) => keyPem)), fc.constant(leaves[0]?.keyPem ?? '')),
    annotations: secretAnnotations,
    renewal: damagedJson([renewal]),
    omission: damagedJson([{ at: '2026-11-20T12:00:00.000Z', hosts: [host] }]),
  }),
  ({ chain, key, annotations, ...records }) => {
    // The API server takes texts only.
    const texts = Object.entries(Object(annotations)).filter(([, value]) => typeof value === 'string');
    const facts = factsOf({
      uid: 'uid',
      resourceVersion: '1',
      type: 'kubernetes.io/tls',
      immutable: false,
      certificatePem: Buffer.from(chain),
      keyPem: Buffer.from(key),
      annotations: {
        ...Object.fromEntries(texts.map(([name, value]) => [name, String(value)])),
        'kube-lego.io/renewal': records.renewal,
        'kube-lego.io/left-out': records.omission,
      },
      labels: {},
    });
    const judged = assess(
      desiredCertificate(),
      facts,
      { minimumValidity: 30 * day, directory, staging: false },
      nobodyRecorded,
      now,
    );
    const told = [
      ...(judged.kind === 'due' ? [judged.message] : []),
      ...(judged.kind === 'refused' ? [judged.failure.message] : []),
      ...judged.notices.map(({ message }) => message),
    ];
    for (const sentence of told) assertTellable(sentence);
    if (judged.kind === 'good') assertTime(judged.renewAt);
  },
);

const certificate = fuzzTarget(
  'certificate id',
  fc.array(fc.tuple(fc.nat(3000), fc.nat(255)), { maxLength: 4 }),
  (flips) => {
    const [, base64 = ''] = (leaves[0]?.certificatePem ?? '').split(/-----[^-]*-----/);
    const raw = Buffer.from(base64, 'base64');
    for (const [at, octet] of flips) raw[at % raw.length] = octet;
    certificateId({ raw });
  },
);

const ingressObject = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: {
    name: 'web',
    namespace: 'shop',
    uid: 'uid',
    resourceVersion: '17',
    creationTimestamp: '2026-11-20T12:00:00Z',
    finalizers: ['example.com/wait'],
    labels: { 'app.kubernetes.io/managed-by': 'kube-lego' },
    annotations: {
      'kubernetes.io/tls-acme': 'true',
      'kubernetes.io/ingress.class': 'nginx',
      'kube-lego.io/retry': '1',
      'kube-lego.io/challenge-hosts': `${host},b.example.com`,
      'nginx.ingress.kubernetes.io/server-alias': '*.shop.example.com,~^www',
    },
  },
  spec: {
    ingressClassName: 'nginx',
    tls: [{ hosts: [host, '*.example.com'], secretName: 'web-tls' }, { hosts: ['b.example.com'] }],
    rules: [
      {
        host,
        http: {
          paths: [
            {
              path: '/.well-known/acme-challenge/',
              pathType: 'Prefix',
              backend: { service: { name: 'web', port: { number: 80 } } },
            },
          ],
        },
      },
      { host: '*.example.com' },
    ],
  },
};
const template: ChallengeTemplate = {
  namespace: 'kube-lego',
  serviceName: 'kube-lego',
  servicePort: 8080,
  labels: {},
  annotations: {},
  pathType: () => 'Prefix',
};

const ingress = fuzzTarget('ingress', damagedValues([ingressObject]), async (object) => {
  await expectedFailure(() => {
    const spec = projectIngress(object, { annotationKey: 'kubernetes.io/tls-acme' });
    const hosts = spec.tls.flatMap((entry) => entry.hosts ?? []).length + spec.ruleHosts.length;
    assert.ok(hosts <= 4000, `${hosts} hosts`);
    assertTime(spec.createdAt);
  }, KubernetesError);
  await expectedFailure(() => {
    const observed = observeChallenge(object, template);
    servesChallengesOnly(object);
    const { thumbprint } = observed;
    const rules = new Map([...observed.hosts].map((name) => [name, name]));
    challengeManifest(template, observed.name, observed.ingressClass, { rules, thumbprint }, observed);
    assert.match(thumbprint ?? 'A'.repeat(43), /^[\w-]{43}$/);
  }, KubernetesError);
});

const namespace = fuzzTarget(
  'namespace',
  fc.record({
    object: damagedValues([
      { metadata: { name: 'shop', creationTimestamp: '2026-11-20T12:00:00Z', annotations: {} } },
    ]),
    domains: damagedTexts(['*.shop.example, shop.example']),
  }),
  ({ object, domains }) => {
    projectNamespace(object);
    parseDomains(domains);
  },
);

export const tenantTargets: readonly FuzzTarget[] = [status, secret, certificate, ingress, namespace];
