import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Assessment, assess } from '../../../machines/assessment/assessment.ts';
import type { SecretFacts } from '../../../machines/assessment/secret-facts.ts';
import { type IngressContext, outcomesOf, stateOf } from '../../../machines/ingress/ingress-context.ts';
import {
  applyAssessments,
  applyAssignment,
  applyHold,
  applyOutcome,
  initialIngressContext,
} from '../../../machines/ingress/ingress-updates.ts';
import { viewOf } from '../../../machines/ingress/ingress-view.ts';
import { statusOf } from '../../../machines/ingress/status.ts';
import { historyIn } from '../../../machines/ingress/status-restore.ts';
import type { DesiredCertificate } from '../../../machines/ownership/desired-certificate.ts';
import type { Failure } from '../../../machines/reasons/reasons.ts';
import { recordedFailure } from '../../../machines/reasons/status-text.ts';
import { certificateRowOf } from '../../../src/inspector/views/rows.ts';
import { certificateSamples } from '../../../src/metrics/certificate-samples.ts';
import {
  certificateFacts,
  day,
  desiredCertificate,
  hour,
  minute,
  now,
  recordedHolder,
  route,
  secretFacts,
} from '../builders.ts';

const policy = { minimumValidity: 30 * day, directory: 'https://ca.example/directory', staging: false };
const notAfter = now + 80 * day;
const one = desiredCertificate();
const two = desiredCertificate({ hosts: [route('web.example.com'), route('new.example.com')] });
const unresolved: Failure = {
  code: 'SelfCheckFailed',
  message: 'Host new.example.com does not resolve.',
  host: 'new.example.com',
};
const denied: Failure = { code: 'ApiServerDenied', message: 'Secrets may not be read.' };

function begin(desired: DesiredCertificate): IngressContext {
  return initialIngressContext({
    key: 'Ingress/shop/web',
    uid: 'uid',
    assignment: { desired: [desired], notices: [], retry: undefined },
    policy: { checkInterval: 8 * hour, minimumValidity: 30 * day },
    at: now,
  });
}

function judge(desired: DesiredCertificate, secret: SecretFacts, rules = policy): Assessment {
  return assess(desired, secret, rules, recordedHolder(), now);
}

function check(context: IngressContext, secret: SecretFacts, rules = policy): IngressContext {
  const results = context.certificates.map(({ desired }) => {
    const assessment = judge(desired, secret, rules);
    return { kind: 'assessed', secretName: desired.secretName, assessment } as const;
  });
  return applyAssessments(context, results, now + minute);
}

function unreadable(context: IngressContext): IngressContext {
  return applyAssessments(
    context,
    [{ kind: 'unavailable', secretName: one.secretName, failure: denied }],
    now + minute,
  );
}

function fail(context: IngressContext, failure = unresolved): IngressContext {
  return applyOutcome(context, one.secretName, { kind: 'failed', failure }, now + 2 * minute);
}

function assign(context: IngressContext, desired: DesiredCertificate): IngressContext {
  return applyAssignment(context, { desired: [desired], notices: [], retry: undefined }, now + 1);
}

/** What each place says of the end of the certificate in use, in milliseconds since the epoch. */
function told(context: IngressContext) {
  const [record] = context.certificates;
  assert.ok(record);
  const entry = statusOf(context).secrets[one.secretName];
  const samples = certificateSamples([{ value: stateOf(context), context }], now + 2 * minute);
  const sample = samples.notAfter[0]?.value;
  return {
    status: entry?.notAfter === undefined ? undefined : Date.parse(entry.notAfter),
    page: certificateRowOf(record).notAfter,
    view: viewOf(stateOf(context), context).notAfter,
    metric: sample === undefined ? undefined : sample * 1000,
  };
}

const everywhere = { status: notAfter, page: notAfter, view: notAfter, metric: notAfter };
const beforeTheOutcome = { ...everywhere, status: undefined };
const nowhere = { status: undefined, page: undefined, view: undefined, metric: undefined };

describe('the end of a certificate that serves is told', () => {
  const good = check(begin(one), secretFacts());

  it('when a host is added whose DNS does not exist: from the change on, and while it fails', () => {
    const added = assign(good, two);
    assert.deepEqual(told(added), beforeTheOutcome);
    const working = check(added, secretFacts());
    assert.deepEqual(told(working), beforeTheOutcome);
    assert.deepEqual(told(fail(working)), everywhere);
    assert.deepEqual(told(fail(check(begin(two), secretFacts()))), everywhere, 'also after a restart');
  });

  it('when a host is taken away or replaced', () => {
    const replaced = desiredCertificate({ hosts: [route('new.example.com'), route('web.example.com')] });
    assert.deepEqual(told(fail(check(assign(good, replaced), secretFacts()))), everywhere);
  });

  it('while the order for the next one waits for a limit', () => {
    const hold = { cause: 'orders-per-account', scope: 'this account', until: now + day } as const;
    const held = applyHold(check(assign(good, two), secretFacts()), one.secretName, hold, now + minute);
    assert.deepEqual(told(held), everywhere);
  });

  it('when the certificate may not be replaced: by a staging CA, in a Secret that is immutable or of somebody else', () => {
    const ending = certificateFacts({ notAfter: now + day });
    const end = now + day;
    const told1 = (secret: SecretFacts, rules = policy) => told(check(begin(one), secret, rules));
    const all = { status: end, page: end, view: end, metric: end };
    assert.deepEqual(told1(secretFacts({ immutable: true, certificate: ending })), all);
    assert.deepEqual(told1(secretFacts({ certificate: ending }), { ...policy, staging: true }), all);
    assert.deepEqual(told1(secretFacts({ ours: false, certificate: ending })), all);
  });

  it('of a foreign Secret only if it covers every host: its names are not for the author of the Ingress', () => {
    assert.deepEqual(told(check(begin(two), secretFacts({ ours: false }))), nowhere);
  });

  it('while the API server does not let the Secret be read', () => {
    const { status, ...others } = told(unreadable(good));
    assert.deepEqual(others, { page: notAfter, view: notAfter, metric: notAfter });
    assert.equal(status, undefined, 'a transient failure of seconds is not written');
  });

  it('and no other: of a certificate that serves no host, has ended, is without its key, or gone', () => {
    const others = [
      secretFacts({ certificate: certificateFacts({ dnsNames: ['other.example.com'] }) }),
      secretFacts({ certificate: certificateFacts({ notAfter: now - 1 }) }),
      secretFacts({ certificate: certificateFacts({ keyMatches: false }) }),
      secretFacts({ certificate: { kind: 'unreadable', detail: 'no PEM' } }),
      { kind: 'absent' } as const,
    ];
    for (const secret of others) assert.deepEqual(told(fail(check(good, secret))), nowhere);
  });
});

describe('the alert that a certificate ends', () => {
  it('does not resolve by itself at the end of one that nobody has renewed', () => {
    const context = check(begin(one), secretFacts());
    const samples = certificateSamples([{ value: 'idle', context }], notAfter + day);
    assert.equal((samples.notAfter[0]?.value ?? 0) * 1000, notAfter);
  });
});

describe('the alert that a certificate is lost', () => {
  const failures = (context: IngressContext) =>
    certificateSamples([{ value: 'backing-off', context }], now + 2 * minute).failures.length;

  it('has no ground in a Secret that could not be read since the start', () => {
    assert.equal(failures(unreadable(begin(one))), 0);
    assert.equal(failures(unreadable(check(begin(one), secretFacts()))), 1, 'it was read before');
    assert.equal(failures(fail(check(begin(one), { kind: 'absent' }))), 1);
  });
});

describe('whoever shares the Secret', () => {
  const secret = { secretName: one.secretName };
  it('is told of a failure that lasts, and of its end, not of a round in between', () => {
    const good = check(begin(one), secretFacts());
    assert.deepEqual(outcomesOf(good), [{ ...secret, failure: undefined }]);
    const failed = fail(check(begin(one), { kind: 'absent' }));
    assert.deepEqual(outcomesOf(failed), [{ ...secret, failure: unresolved }]);
    const recorded = historyIn(statusOf(failed), failed.uid).outcomes;
    assert.deepEqual([...recorded], [[one.secretName, recordedFailure(unresolved)]], 'the same');
    assert.deepEqual(outcomesOf(check(begin(one), { kind: 'absent' })), [], 'it works on it');
    assert.deepEqual(outcomesOf(unreadable(good)), [], 'nobody’s failure');
  });
});
