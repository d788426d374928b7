import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assess } from '../../../machines/assessment/assessment.ts';
import {
  forbidsServing,
  mostEnded,
  nextStep,
  type Revocation,
  signersOf,
  toForget,
} from '../../../machines/revocation/revocation.ts';
import { day, desiredCertificate, hour, now, recordedHolder, secretFacts } from '../builders.ts';

function revocation(changes: Partial<Revocation> = {}): Revocation {
  return {
    namespace: 'shop',
    secretName: 'web-tls',
    reason: 'keyCompromise',
    replaceFirst: true,
    requestedAt: now,
    notAfter: now + 60 * day,
    state: { phase: 'requested' },
    ...changes,
  };
}

const served = { same: true, replaceable: true };

describe('a requested revocation', () => {
  it('waits until the Secret has another certificate, a day at most, and not beyond its end', () => {
    const replacing = revocation({ state: { phase: 'replacing', at: now } });
    assert.equal(nextStep(replacing, served, now + 23 * hour), 'replace');
    assert.equal(nextStep(revocation(), { ...served, same: false }, now), 'revoke');
    assert.equal(nextStep(replacing, served, now + 24 * hour), 'revoke');
    assert.equal(nextStep(revocation({ notAfter: now + hour }), served, now + hour), 'revoke');
  });

  it('waits as long whatever time it is at the operator', () => {
    for (const error of [-400 * day, 400 * day]) {
      const asked = revocation({ requestedAt: now + error });
      assert.equal(nextStep(asked, served, now), 'replace');
      const state = { phase: 'replacing', at: now } as const;
      assert.equal(nextStep({ ...asked, state }, served, now + 24 * hour), 'revoke');
    }
  });

  it('waits for no certificate that will not come, or that nobody wants to wait for', () => {
    assert.equal(nextStep(revocation(), { same: true, replaceable: false }, now), 'revoke');
    assert.equal(nextStep(revocation({ replaceFirst: false }), served, now), 'revoke');
  });

  it('goes on once the CA may have been asked, and ends with its answer', () => {
    assert.equal(nextStep(revocation({ state: { phase: 'revoking' } }), served, now), 'revoke');
    assert.equal(nextStep(revocation({ state: { phase: 'revoked', at: now } }), served, now), 'nothing');
    const failed = revocation({ state: { phase: 'failed', at: now, message: '' } });
    assert.equal(nextStep(failed, served, now), 'nothing');
  });

  it('is signed by the key itself if that is compromised, else by the account as long as it may', () => {
    assert.deepEqual(signersOf('keyCompromise', true), ['key', 'account']);
    assert.deepEqual(signersOf('superseded', true), ['account', 'key']);
    assert.deepEqual(signersOf('keyCompromise', false), ['account']);
  });

  it('is remembered until its certificate ends, and for longer if the key is compromised', () => {
    const old = { state: { phase: 'revoked', at: now }, notAfter: now - day } as const;
    const superseded = revocation({ ...old, reason: 'superseded' });
    const compromised = revocation(old);
    const running = revocation({ notAfter: now - day });
    assert.deepEqual(toForget([superseded, compromised, running], now), [superseded]);
    const many = Array.from({ length: mostEnded + 2 }, (_, age) =>
      revocation({ ...old, requestedAt: now - age }),
    );
    assert.deepEqual(toForget(many, now), many.slice(mostEnded));
  });
});

describe('a certificate whose revocation is requested', () => {
  const judge = (state: Revocation['state'], reason: Revocation['reason'] = 'superseded') => {
    const entry = revocation({ state, reason });
    const facts = secretFacts(forbidsServing(entry) ? { revocation: reason } : {});
    const policy = { minimumValidity: 30 * day, directory: 'https://ca.example/directory', staging: false };
    return assess(desiredCertificate(), facts, policy, recordedHolder(), now);
  };

  it('is replaced at once, as one that was proved to be ours', () => {
    const assessment = judge({ phase: 'requested' });
    assert.partialDeepStrictEqual(assessment, { kind: 'due', reason: 'revoked', purpose: 'replacement' });
    assert.equal(assessment.kind === 'due' && assessment.servesUntil, now + 80 * day);
    assert.equal(judge({ phase: 'revoked', at: now }).kind, 'due');
  });

  it('is good again if the CA refuses, unless its key is compromised', () => {
    const failed = { phase: 'failed', at: now, message: '' } as const;
    assert.equal(judge(failed).kind, 'good');
    assert.equal(judge(failed, 'keyCompromise').kind, 'due');
  });
});
