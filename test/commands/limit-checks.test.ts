import assert from 'node:assert/strict';
import { it } from 'node:test';
import { assess } from '../../machines/assessment.ts';
import type { SecretFacts } from '../../machines/secret-facts.ts';
import { checkLimits } from '../../src/commands/limit-checks.ts';
import { readConfig } from '../../src/config.ts';
import { KubernetesError } from '../../src/kubernetes/kubernetes-error.ts';
import { createLedger } from '../../src/ledger-keeper.ts';
import { assessmentPolicy } from '../../src/policies.ts';
import { certificateFacts, day, desiredCertificate, now, route, secretFacts } from '../machines/builders.ts';

const signal = AbortSignal.timeout(30_000);
const url = 'https://acme-v02.api.letsencrypt.org/directory';

function settings() {
  const reading = readConfig({ LEGO_NAMESPACE: 'kube-lego', LEGO_URL: url, LEGO_EMAIL: 'a@example.com' }, []);
  assert.equal(reading.kind, 'config');
  return { ...reading.config, directoryKnown: true };
}

function standing(secretName: string, host: string) {
  const desired = desiredCertificate({ secretName, hosts: [route(host)] });
  return { desired, standing: { kind: 'unknown', message: '' } as const, entry: undefined };
}

function secretStanding(secretName: string, host: string, facts: SecretFacts) {
  const { desired, entry } = standing(secretName, host);
  const policy = { ...assessmentPolicy(settings()), staging: false };
  return {
    desired,
    entry,
    standing: { kind: 'read', facts, assessment: assess(desired, facts, policy, now) } as const,
  };
}

it('explain names the limit that keeps a certificate waiting, from what the controller wrote down', async () => {
  const config = settings();
  const ledger = createLedger(config.rateLimits, url);
  for (let index = 0; index < 50; index += 1) {
    const order = { identifiers: [`${index}.busy.example`], purpose: 'first', exemption: 'none' } as const;
    ledger.orderCreated(order, now);
    ledger.certificateIssued(order, now);
  }
  const documents = new Map(ledger.takeChanges(now).map(({ shard, text }) => [shard, text ?? '']));
  const checks = await checkLimits(
    { read: () => Promise.resolve(documents) },
    config,
    [standing('busy-tls', 'new.busy.example'), standing('free-tls', 'new.free.example')],
    now,
    signal,
  );
  assert.equal(checks.length, 1);
  assert.match(
    checks[0]?.text ?? '',
    /^Secret busy-tls: The order waits for the CA's limit of certificates of a registered domain \(registered domain busy\.example\)\. It has room /,
  );
});

it('explain asks the limits as the controller does: a renewal may use the room that is kept for renewals', async () => {
  const config = settings();
  const ledger = createLedger(config.rateLimits, url);
  const first = { identifiers: ['new.busy.example'], purpose: 'first', exemption: 'none' } as const;
  for (let index = 0; ledger.hold(first, now) === undefined; index += 1) {
    const order = { ...first, identifiers: [`${index}.busy.example`] };
    ledger.orderCreated(order, now);
    ledger.certificateIssued(order, now);
  }
  const documents = new Map(ledger.takeChanges(now).map(({ shard, text }) => [shard, text ?? '']));
  const missing = secretStanding('new-tls', 'new.busy.example', { kind: 'absent' });
  const ending = secretFacts({
    certificate: certificateFacts({ dnsNames: ['old.busy.example'], notAfter: now + day }),
  });
  const checks = await checkLimits(
    { read: () => Promise.resolve(documents) },
    config,
    [missing, secretStanding('old-tls', 'old.busy.example', ending)],
    now,
    signal,
  );
  assert.deepEqual(
    checks.map(({ text }) => text.split(':')[0]),
    ['Secret new-tls'],
  );
});

it('explain says where it may not look', async () => {
  const checks = await checkLimits(
    { read: () => Promise.reject(new KubernetesError('Forbidden', 'GET configmaps')) },
    settings(),
    [standing('a-tls', 'a.example')],
    now,
    signal,
  );
  assert.deepEqual(
    checks.map(({ result }) => result),
    ['unknown'],
  );
});
