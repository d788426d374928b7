import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assess } from '../../../machines/assessment/assessment.ts';
import type { SecretFacts } from '../../../machines/assessment/secret-facts.ts';
import type { CertificateInput } from '../../../machines/ingress/certificate.ts';
import { unchecked } from '../../../machines/ingress/certificate-record.ts';
import { type IngressContext, roundsOf } from '../../../machines/ingress/ingress-context.ts';
import {
  applyAssessments,
  applyOutcome,
  applyWake,
  type IngressInput,
  initialIngressContext,
} from '../../../machines/ingress/ingress-updates.ts';
import { statusOf } from '../../../machines/ingress/status.ts';
import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import {
  assignment,
  certificateFacts,
  day,
  desiredCertificate,
  hour,
  nobodyRecorded,
  now,
  recordedHolder,
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

function check(
  context: IngressContext,
  secret: SecretFacts,
  at = now,
  holderOf = recordedHolder(),
): IngressContext {
  const policy = { minimumValidity: 30 * day, directory, staging: false };
  const assessment = assess(desired, secret, policy, holderOf, at);
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
  const purpose = (context: IngressContext, holderOf = nobodyRecorded, secret: SecretFacts = absent) =>
    round(check(context, secret, now + hour, holderOf)).purpose;

  it('is a first one where no certificate is recorded, whatever the Secret held', () => {
    assert.equal(purpose(begin()), 'first');
    assert.equal(purpose(check(begin(), secretOf(names), now, nobodyRecorded)), 'first');
  });

  it('is a replacement where a certificate is recorded for each of its hosts, and the Secret is gone', () => {
    assert.equal(purpose(begin(), recordedHolder()), 'replacement');
    const one = recordedHolder();
    assert.equal(
      purpose(begin(), (host) => (host === names[0] ? one(host) : undefined)),
      'first',
    );
    assert.equal(purpose(begin(), recordedHolder({ namespace: 'blog' })), 'first');
    assert.equal(purpose(begin(), recordedHolder({ notAfter: now })), 'first');
  });

  it('is a first one whatever the status says: anybody who may write the Ingress may have written it', () => {
    const status = statusOf(check(begin(), secretOf(names)));
    assert.equal(purpose(begin({ status })), 'first');
  });

  it('is a renewal for a certificate that was issued, and not for one that somebody has made', () => {
    const ending = secretOf(names, { notAfter: now + day });
    const issued = recordedHolder({ notAfter: now });
    assert.equal(purpose(begin(), issued, ending), 'renewal');
    assert.equal(
      purpose(begin(), recordedHolder({ notAfter: now, certificate: 'another' }), ending),
      'first',
    );
    assert.equal(purpose(begin(), recordedHolder({ notAfter: now, namespace: 'blog' }), ending), 'first');
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
      assert.deepEqual(round(check(restarted, { kind: 'absent' }, now + day + hour)).answered, answered);
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

  it('counts as a first one without a record of its certificate', () => {
    const secret = secretOf(names, ending);
    const first = check(begin(), secret, now, nobodyRecorded);
    const failed = applyOutcome(first, desired.secretName, { kind: 'failed', failure }, now);
    const found = round(check(failed, secret, now + 2 * day, nobodyRecorded));
    assert.deepEqual([found.rescue, found.purpose, found.exemption], [true, 'first', 'none']);
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

describe('a renewal whose settings are refused', () => {
  const ending = { notBefore: now - 80 * day, notAfter: now + 10 * day, keyType: 'rsa-2048' } as const;
  const secret = { ...secretOf(names, ending), profile: 'tlsserver' };
  const refusedSetting = { code: 'UnsupportedKeyType', message: 'It is unknown.' } as const;
  const settings = ({ desired: { keyType, profile } }: CertificateInput) => [keyType, profile];
  const beginWith = (changes: Partial<typeof desired>): IngressContext => ({
    ...begin(),
    certificates: [unchecked({ ...desired, ...changes })],
  });

  it('is made with those of its certificate, but for what is valid', () => {
    assert.deepEqual(settings(round(check(beginWith({ refusedSetting }), secret))), [
      'rsa-2048',
      'tlsserver',
    ]);
    const wanted = { refusedSetting, profile: 'shortlived' };
    assert.deepEqual(settings(round(check(beginWith(wanted), secret))), ['rsa-2048', 'shortlived']);
    assert.deepEqual(
      settings(round(check(begin(), secret))),
      [undefined, undefined],
      'else with the defaults',
    );
  });

  it('goes on with the last profile when the CA does not offer the new one, and only then', () => {
    const failure = { code: 'ProfileNotOffered', message: 'It is not offered.' } as const;
    const wanted = beginWith({ profile: 'shortlve' });
    const failed = (context: IngressContext) =>
      applyOutcome(context, desired.secretName, { kind: 'failed', failure }, now);
    const first = check(wanted, secret);
    assert.deepEqual(settings(round(first)), [undefined, 'shortlve']);
    assert.deepEqual(settings(round(check(failed(first), secret, now + hour))), [undefined, 'tlsserver']);
    const good = { ...secretOf(names), profile: 'tlsserver' };
    const changed = failed(check(wanted, good));
    assert.deepEqual(settings(round(check(changed, good, now + hour))), [undefined, 'shortlve']);
  });
});

describe('a host that fails, of a certificate whose hosts several people have named', () => {
  const failure = { code: 'SelfCheckFailed', message: 'It is dead.', host: 'dead.example.com' } as const;
  const separable = assignment([], { desired: [{ ...desired, separable: true }] });
  const living = ['a.example.com', 'b.example.com'];

  /** The round after a failure. */
  function next(
    secret: SecretFacts,
    { of = separable, at = now + hour }: { readonly of?: Assignment; readonly at?: number } = {},
  ): CertificateInput {
    const context = check(begin({ assignment: of }), secret);
    const failed = applyOutcome(context, desired.secretName, { kind: 'failed', failure }, now);
    return round(check(failed, secret, at));
  }
  const hostsOf = ({ hosts }: CertificateInput): string[] => hosts.map(({ host }) => host);

  it('does not hold up the first certificate of the others', () => {
    const found = next({ kind: 'absent' });
    assert.deepEqual(hostsOf(found), living);
    assert.deepEqual(found.omission, { at: now + hour, hosts: ['dead.example.com'] });
    assert.deepEqual([found.purpose, found.exemption], ['first', 'none']);
  });

  it('does not hold up a further name, once an hour', () => {
    const before = secretOf(['a.example.com']);
    assert.deepEqual(hostsOf(next(before)), living);
    const lately = { ...before, omission: { at: now + hour / 2, hosts: [] } };
    assert.deepEqual(hostsOf(next(lately)), names);
    assert.deepEqual(hostsOf(next(lately, { at: now + 2 * hour })), living);
  });

  it('is not given up where it has a certificate, and is no reason for an order that adds nobody', () => {
    assert.deepEqual(hostsOf(next(secretOf(['a.example.com', 'dead.example.com']))), names);
    assert.deepEqual(hostsOf(next(secretOf(living))), names);
  });

  it('holds them up where one person has named them all', () => {
    const of = assignment([], { desired: [desired] });
    assert.deepEqual(hostsOf(next({ kind: 'absent' }, { of })), names);
  });
});
