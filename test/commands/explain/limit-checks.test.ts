import assert from 'node:assert/strict';
import { it } from 'node:test';
import { assess } from '../../../machines/assessment/assessment.ts';
import type { SecretFacts } from '../../../machines/assessment/secret-facts.ts';
import { presetLimits } from '../../../machines/authority/known-cas.ts';
import { conclude, type DesiredStanding } from '../../../src/commands/explain/conclusion.ts';
import { checkLimits } from '../../../src/commands/explain/limit-checks.ts';
import { readConfig } from '../../../src/config/config.ts';
import { assessmentPolicy } from '../../../src/config/policies.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { createLedger } from '../../../src/ledger/ledger-keeper.ts';
import {
  certificateFacts,
  day,
  desiredCertificate,
  hour,
  nobodyRecorded,
  now,
  recordedHolder,
  route,
  secretFacts,
} from '../../machines/builders.ts';

const signal = AbortSignal.timeout(60_000);
const url = 'https://acme-v02.api.letsencrypt.org/directory';

function settings(environment: Readonly<Record<string, string>> = {}) {
  const usual = { LEGO_NAMESPACE: 'kube-lego', LEGO_URL: url, LEGO_EMAIL: 'a@example.com' };
  const reading = readConfig({ ...usual, ...environment }, []);
  assert.equal(reading.kind, 'config');
  return { ...reading.config, directoryKnown: true };
}

type Documents = ReadonlyMap<number, string>;

function stores(orders: Documents = new Map(), rehearsals: Documents = new Map()) {
  return {
    orders: { read: () => Promise.resolve(orders) },
    rehearsals: { read: () => Promise.resolve(rehearsals) },
  };
}

/** What the controller writes down of this ledger. */
function written(ledger: ReturnType<typeof createLedger>): Documents {
  return new Map(ledger.takeChanges(now).map(({ shard, text }) => [shard, text ?? '']));
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
    standing: {
      kind: 'read',
      facts,
      assessment: assess(
        desired,
        facts,
        policy,
        facts.kind === 'absent' ? nobodyRecorded : recordedHolder(),
        now,
      ),
    } as const,
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
  const documents = written(ledger);
  const checks = await checkLimits(
    stores(documents),
    config,
    [standing('busy-tls', 'new.busy.example'), standing('free-tls', 'new.free.example')],
    now,
    signal,
  );
  assert.equal(checks.length, 1);
  assert.match(
    checks[0]?.text ?? '',
    /^Secret busy-tls: The order waits for the CA's limit of certificates of a registered domain \(registered domain busy\.example\)\. The limit has room /,
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
  const documents = written(ledger);
  const missing = secretStanding('new-tls', 'new.busy.example', { kind: 'absent' });
  const ending = secretFacts({
    certificate: certificateFacts({ dnsNames: ['old.busy.example'], notAfter: now + day }),
  });
  const checks = await checkLimits(
    stores(documents),
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

it('explain says until when a CA that asked all to wait is not asked, why, and that there is nothing to do', async () => {
  const config = settings();
  const ledger = createLedger(config.rateLimits, url);
  ledger.learnUnavailable(hour, now);
  const missing = [standing('a-tls', 'a.example'), standing('b-tls', 'b.example')];
  const documents = written(ledger);
  const look = (at: number) => checkLimits(stores(documents), config, missing, at, signal);
  const [check, ...rest] = await look(now);
  assert.deepEqual(rest, []);
  assert.equal(check?.about, 'CA');
  assert.match(
    check.text,
    /^The CA was busy or failing and asked to wait; it is tried again at 2026-11-24T13:00:01Z \(in /,
  );
  assert.equal(check.remedy, 'Wait.');
  const { verdict, why, next } = conclude(missing, [], undefined, [check], now);
  assert.deepEqual([verdict, next], ['waiting', 'The order is made then. Wait.']);
  assert.ok(why.endsWith(check.text));
  assert.deepEqual(await look(now + 2 * hour), []);
});

it('explain says what keeps the rehearsal of a first order waiting, and nothing of it for a renewal', async () => {
  const config = settings({ LEGO_REHEARSE: 'first' });
  const { rehearsalUrl = '' } = config;
  const ledger = createLedger(presetLimits(rehearsalUrl), rehearsalUrl);
  ledger.learnUnavailable(hour, now);
  const ending = secretFacts({
    certificate: certificateFacts({ dnsNames: ['old.example'], notAfter: now + day }),
  });
  const documents = written(ledger);
  const look = (...standings: DesiredStanding[]) =>
    checkLimits(stores(new Map(), documents), config, standings, now, signal);
  const checks = await look(secretStanding('new-tls', 'new.example', { kind: 'absent' }));
  assert.equal(checks.length, 1);
  assert.match(checks[0]?.text ?? '', /^In the rehearsal \(LEGO_REHEARSE\): The CA was busy/);
  assert.deepEqual(await look(secretStanding('old-tls', 'old.example', ending)), []);
});

it('explain says where it may not look', async () => {
  const checks = await checkLimits(
    {
      ...stores(),
      orders: { read: () => Promise.reject(new KubernetesError('Forbidden', 'GET configmaps')) },
    },
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
