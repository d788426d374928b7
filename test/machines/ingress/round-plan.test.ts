import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assess } from '../../../machines/assessment/assessment.ts';
import type { SecretFacts } from '../../../machines/assessment/secret-facts.ts';
import type { CertificateInput } from '../../../machines/ingress/certificate.ts';
import { type IngressContext, roundsOf } from '../../../machines/ingress/ingress-context.ts';
import {
  applyAssessments,
  applyOutcome,
  applyWake,
  type IngressInput,
  initialIngressContext,
} from '../../../machines/ingress/ingress-updates.ts';
import { statusOf } from '../../../machines/ingress/status.ts';
import {
  assignment,
  certificateFacts,
  day,
  desiredCertificate,
  hour,
  now,
  route,
  secretFacts,
} from '../builders.ts';

const directory = 'https://ca.example/';
const names = ['a.example.com', 'b.example.com', 'dead.example.com'];
const desired = desiredCertificate({ hosts: names.map((name) => route(name)) });

function begin(changes: Partial<IngressInput> = {}): IngressContext {
  return initialIngressContext({
    key: 'Ingress/shop/web',
    uid: 'uid',
    assignment: { ...assignment([]), desired: [desired] },
    policy: { checkInterval: 8 * hour, minimumValidity: 30 * day },
    at: now,
    ...changes,
  });
}

function check(context: IngressContext, secret: SecretFacts, at = now): IngressContext {
  const policy = { minimumValidity: 30 * day, directory, staging: false };
  const assessment = assess(desired, secret, policy, at);
  const { secretName } = desired;
  return applyAssessments(applyWake(context, at), [{ kind: 'assessed', secretName, assessment }], at);
}

function round(context: IngressContext): CertificateInput {
  const [found] = roundsOf(context);
  return found ?? assert.fail('there is no round');
}

function secretOf(dnsNames: readonly string[], changes = {}): SecretFacts {
  return secretFacts({ directory, certificate: certificateFacts({ dnsNames, ...changes }) });
}

describe('what an order counts as', () => {
  const absent = { kind: 'absent' } as const;

  it('is a first one where there was no certificate yet', () => {
    assert.equal(round(check(begin(), absent)).purpose, 'first');
  });

  it('is a replacement where the Secret is gone that held one, whatever fails after that', () => {
    const gone = check(check(begin(), secretOf(names)), absent, now + hour);
    assert.equal(round(gone).purpose, 'replacement');
    const failure = { code: 'CaUnavailable', message: 'The CA is away.' } as const;
    const failed = applyOutcome(gone, desired.secretName, { kind: 'failed', failure }, now + hour);
    assert.equal(round(check(failed, absent, now + 3 * hour)).purpose, 'replacement');
  });

  it('is a replacement where the status tells that there was one', () => {
    const status = statusOf(check(begin(), secretOf(names)));
    assert.equal(round(check(begin({ status }), absent)).purpose, 'replacement');
    assert.equal(round(check(begin({ certified: true }), absent)).purpose, 'replacement');
    assert.equal(round(check(begin({ status, uid: 'another' }), absent)).purpose, 'first');
  });
});

describe('a host that is silent after a restart', () => {
  it('is known to have answered before by its certificate, where that says so, and by the status', () => {
    const secret = secretFacts({
      directory,
      selfChecked: true,
      certificate: certificateFacts({ dnsNames: names, notAfter: now + day }),
    });
    assert.deepEqual(round(check(begin(), secret)).answered, names);
    assert.deepEqual(round(check(begin(), { ...secret, selfChecked: false })).answered, []);
    const failed = (code: 'SelfCheckFailed' | 'ChallengeFailed'): IngressContext => {
      const failure = { code, message: 'It is dead.', host: 'dead.example.com' };
      const context = check(begin(), { kind: 'absent' });
      return applyOutcome(context, desired.secretName, { kind: 'failed', failure }, now);
    };
    for (const [code, answered] of [
      ['SelfCheckFailed', ['dead.example.com']],
      ['ChallengeFailed', []],
    ] as const) {
      const restarted = begin({ status: statusOf(failed(code)), at: now + day });
      assert.deepEqual(round(check(restarted, { kind: 'absent' }, now + day)).answered, answered);
    }
  });
});

describe('an order without a host that fails', () => {
  const failure = { code: 'SelfCheckFailed', message: 'It is dead.', host: 'dead.example.com' } as const;
  const ending = { notBefore: now - 80 * day, notAfter: now + 10 * day };

  function rescue(covered: readonly string[], changes = {}): CertificateInput {
    const secret = secretOf(covered, { ...ending, ...changes });
    const failed = applyOutcome(check(begin(), secret), desired.secretName, { kind: 'failed', failure }, now);
    const found = round(check(failed, secret, now + 2 * day));
    assert.ok(found.rescue);
    return found;
  }

  it('counts as a renewal', () => {
    assert.equal(rescue(names).purpose, 'renewal');
    assert.equal(rescue(['a.example.com', 'b.example.com']).purpose, 'renewal');
  });

  it('is one of the same names where the certificate covers just those', () => {
    assert.equal(rescue(['a.example.com', 'b.example.com']).exemption, 'same-set');
    assert.equal(rescue(names).exemption, 'none');
    assert.equal(
      rescue(['a.example.com', 'b.example.com'], { notBefore: now - 130 * day }).exemption,
      'none',
    );
  });
});
