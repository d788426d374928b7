import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Assessment, assess } from '../../../machines/assessment/assessment.ts';
import type { AssessmentPolicy } from '../../../machines/assessment/defects.ts';
import type {
  CertificateFacts,
  PresentSecret,
  SecretFacts,
} from '../../../machines/assessment/secret-facts.ts';
import type { DesiredCertificate } from '../../../machines/ownership/desired-certificate.ts';
import { describeFailure, failureKind, reasons } from '../../../machines/reasons/reasons.ts';
import {
  certificateFacts,
  day,
  desiredCertificate,
  hour,
  minute,
  nobodyRecorded,
  now,
  recordedHolder,
  route,
  secretFacts,
} from '../builders.ts';

const production: AssessmentPolicy = {
  minimumValidity: 30 * day,
  directory: 'https://ca.example/directory',
  staging: false,
};
const staging: AssessmentPolicy = {
  ...production,
  directory: 'https://staging.ca.example/directory',
  staging: true,
};
const elsewhere = 'https://other.example/directory';
const absent: SecretFacts = { kind: 'absent' };

function judge(
  secret: SecretFacts,
  desired: Partial<DesiredCertificate> = {},
  policy = production,
): Assessment {
  return assess(desiredCertificate(desired), secret, policy, recordedHolder(), now);
}

function due(assessment: Assessment): Extract<Assessment, { kind: 'due' }> {
  assert.equal(assessment.kind, 'due', JSON.stringify(assessment));
  return assessment;
}

/** What a person reads about a Secret that is left alone. */
function refusal(assessment: Assessment): string {
  assert.equal(assessment.kind, 'refused', JSON.stringify(assessment));
  assert.equal(failureKind(assessment.failure), 'terminal');
  return `${assessment.failure.code}: ${describeFailure(assessment.failure)}`;
}

function reasonOf(assessment: Assessment): string {
  return assessment.kind === 'due' ? assessment.reason : assessment.kind;
}

const ends = { today: new Date(now).toISOString(), soon: new Date(now + 20 * day).toISOString() };

describe('a Secret whose renewal the CA has a say in', () => {
  const directory = production.directory;
  const window = { start: now - hour, end: now + hour, at: now - minute };
  const known = (changes: Partial<Extract<SecretFacts, { kind: 'present' }>> = {}) =>
    secretFacts({
      directory,
      window,
      windowConfirmed: true,
      certificate: certificateFacts({ id: 'id' }),
      ...changes,
    });

  it('is due at the moment that was drawn, and counts for no limit within the window', () => {
    const found = due(judge(known()));
    assert.equal(found.reason, 'renewal-suggested');
    assert.equal(found.exemption, 'ari');
    assert.deepEqual(found.predecessor, { id: 'id', window, otherwise: 'same-set' });
    assert.equal(found.harmAt, now + 80 * day);
  });

  it('has no exemption by a window that the CA has not confirmed', () => {
    const found = due(judge(known({ windowConfirmed: false })));
    assert.deepEqual([found.exemption, found.predecessor?.window], ['same-set', undefined]);
  });

  it('has neither exemption nor reserve, and replaces nothing, if its certificate was not issued to kube-lego', () => {
    for (const record of [
      nobodyRecorded,
      recordedHolder({ certificate: 'another', notAfter: now }),
      recordedHolder({ namespace: 'blog' }),
    ]) {
      const found = due(assess(desiredCertificate(), known(), production, record, now));
      assert.deepEqual(
        [found.purpose, found.exemption, found.predecessor, found.serving?.sameSetUntil],
        ['first', 'none', undefined, undefined],
      );
    }
  });

  it('is good until then', () => {
    const later = { ...window, at: now + minute };
    const found = judge(known({ window: later }));
    assert.deepEqual(found, { kind: 'good', notAfter: now + 80 * day, renewAt: now + minute, notices: [] });
  });

  it('counts as ever outside of the window', () => {
    const passed = { start: now - 2 * hour, end: now - hour, at: now - minute };
    assert.equal(due(judge(known({ window: passed }))).exemption, 'same-set');
  });

  it('is not asked about for a certificate of another CA, or one that is not ours', () => {
    assert.equal(reasonOf(judge(known({ directory: undefined }))), 'good');
    assert.equal(reasonOf(judge(known({ ours: false }))), 'good');
    const elsewhere = due(judge(known({ directory: 'https://other.example/dir' })));
    assert.equal(elsewhere.reason, 'issued-elsewhere');
    assert.equal(elsewhere.predecessor, undefined);
  });

  it('replaces its certificate only for hosts that it has', () => {
    const other = due(judge(known(), { hosts: [route('other.example.com')] }));
    assert.equal(other.predecessor, undefined);
    assert.equal(other.exemption, 'none');
    const more = due(judge(known(), { hosts: [route('web.example.com'), route('b.example.com')] }));
    assert.equal(more.exemption, 'ari');
    assert.equal(more.predecessor?.otherwise, 'none');
  });

  it('says why, where the CA does', () => {
    const { notices } = judge(
      known({ window: { ...window, at: now + minute, url: 'https://ca.example/why' } }),
    );
    assert.match(notices[0]?.message ?? '', /suggests to renew .* between .* https:\/\/ca\.example\/why/);
    assert.equal(notices[0]?.code, 'RenewalSuggested');
  });
});

describe('the default type of key', () => {
  const rsa = { ...production, keyType: 'rsa-2048' } as const;

  it('makes a certificate due when it changes, where it is recorded what was asked for', () => {
    const secret = secretFacts({ orderedKeyType: 'ec-p256' });
    const assessment = judge(secret, {}, rsa);
    assert.ok(assessment.kind === 'due' && assessment.reason === 'key-type-changed');
    assert.equal(judge(secret, {}, { ...production, keyType: 'ec-p256' }).kind, 'good');
    assert.equal(judge(secret, { keyType: 'ec-p256' }, rsa).kind, 'good', 'the Ingress names its own');
  });

  it('orders nothing for Secrets that were found when kube-lego came', () => {
    assert.equal(judge(secretFacts(), {}, rsa).kind, 'good');
  });
});

describe('a Secret whose profile is recorded', () => {
  const wishes = [
    ['shortlived', undefined, 'profile-changed', 'profile shortlived, but the settings say no profile'],
    ['', 'shortlived', 'profile-changed', 'no profile, but the settings say profile shortlived'],
    ['classic', 'shortlived', 'profile-changed', 'profile classic, but the settings say profile shortlived'],
    ['shortlived', 'shortlived', 'good', ''],
    ['', undefined, 'good', ''],
    [undefined, 'shortlived', 'good', ''],
  ] as const;
  for (const [recorded, wanted, reason, words] of wishes) {
    it(`as ${recorded}, with ${wanted} wanted, is ${reason}`, () => {
      const secret = secretFacts({ profile: recorded });
      for (const found of [
        judge(secret, { profile: wanted }),
        judge(secret, {}, { ...production, profile: wanted }),
      ]) {
        assert.equal(reasonOf(found), reason);
        if (found.kind === 'due') assert.ok(found.message.includes(words), found.message);
      }
    });
  }
});

describe('a Secret of ours is due', () => {
  const cases: Record<
    string,
    readonly [secret: SecretFacts, message: string, harmAt: number, desired?: Partial<DesiredCertificate>]
  > = {
    missing: [absent, 'Secret web-tls does not exist.', now],
    empty: [secretFacts({ certificate: { kind: 'empty' } }), 'Secret web-tls holds no key pair.', now],
    unreadable: [
      secretFacts({ certificate: { kind: 'unreadable', detail: 'tls.crt is no PEM' } }),
      'Secret web-tls holds no readable key pair: tls.crt is no PEM.',
      now,
    ],
    'key-mismatch': [
      secretFacts({ certificate: certificateFacts({ keyMatches: false }) }),
      'The tls.key in Secret web-tls does not belong to its certificate.',
      now,
    ],
    expired: [
      secretFacts({ certificate: certificateFacts({ notAfter: now }) }),
      `The certificate in Secret web-tls expired at ${ends.today}.`,
      now,
    ],
    'not-yet-valid': [
      secretFacts({ certificate: certificateFacts({ notBefore: now + 2 * day }) }),
      `The certificate in Secret web-tls is not valid before ${new Date(now + 2 * day).toISOString()}.`,
      now,
    ],
    'issuer-missing': [
      secretFacts({
        directory: production.directory,
        certificate: certificateFacts({ issuerMissing: true }),
      }),
      'The certificate in Secret web-tls is not usable everywhere: it comes without the certificate of its issuer, and clients that do not know that cannot trust it.',
      now,
    ],
    'hosts-not-covered': [
      secretFacts(),
      'The certificate in Secret web-tls does not cover a.example.com, b.example.com.',
      now,
      { hosts: ['a.example.com', 'web.example.com', 'b.example.com'].map((host) => route(host)) },
    ],
    'near-expiry': [
      secretFacts({
        certificate: certificateFacts({ notBefore: now - 70 * day, notAfter: now + 20 * day }),
      }),
      `The certificate in Secret web-tls expires at ${ends.soon}.`,
      now + 20 * day,
    ],
    'issued-elsewhere': [
      secretFacts({ directory: elsewhere }),
      `The certificate in Secret web-tls was ordered from ${elsewhere}.`,
      now + 80 * day,
    ],
    'key-type-changed': [
      secretFacts(),
      'The key in Secret web-tls is not of type rsa-4096.',
      now + 80 * day,
      { keyType: 'rsa-4096' },
    ],
  };
  for (const [reason, [secret, message, harmAt, desired]] of Object.entries(cases)) {
    it(`when it is ${reason}: says so, and when the harm begins`, () => {
      const assessment = due(judge(secret, desired));
      assert.deepEqual(
        { reason: assessment.reason, message: assessment.message, harmAt: assessment.harmAt },
        { reason, message, harmAt },
      );
    });
  }

  it('says which certificate its key belongs to, if it is there', () => {
    const certificate = certificateFacts({ keyMatches: false, place: 2 });
    assert.equal(
      due(judge(secretFacts({ certificate }))).message,
      'The tls.key in Secret web-tls does not belong to its certificate, but to number 2 in tls.crt: servers want that first.',
    );
  });

  it('names the version that was judged, or that there was none', () => {
    assert.equal(due(judge(absent)).found, undefined);
    const version = { uid: 'u', resourceVersion: '5', managedByOther: true };
    assert.deepEqual(due(judge(secretFacts({ ...version, certificate: { kind: 'empty' } }))).found, version);
  });

  it('for the gravest reason first', () => {
    const expired = { notAfter: now - day };
    assert.equal(
      reasonOf(judge(secretFacts({ certificate: certificateFacts({ ...expired, keyMatches: false }) }))),
      'key-mismatch',
    );
    assert.equal(
      reasonOf(judge(secretFacts({ certificate: certificateFacts({ ...expired, dnsNames: [] }) }))),
      'expired',
    );
    assert.equal(
      reasonOf(judge(secretFacts({ directory: elsewhere, certificate: certificateFacts({ dnsNames: [] }) }))),
      'hosts-not-covered',
    );
  });
});

describe('a good Secret', () => {
  it('is left alone until its renewal', () => {
    assert.deepEqual(judge(secretFacts()), {
      kind: 'good',
      notAfter: now + 80 * day,
      renewAt: now + 50 * day,
      notices: [],
    });
  });

  it('may have been made by the old kube-lego, which recorded no directory', () => {
    assert.equal(judge(secretFacts({ directory: undefined })).kind, 'good');
    assert.equal(judge(secretFacts({ directory: undefined }), {}, staging).kind, 'good');
  });

  it('may be covered by a wildcard, and hold more names than are asked for', () => {
    const certificate = certificateFacts({ dnsNames: ['*.example.com', 'other.example.org'] });
    assert.equal(judge(secretFacts({ certificate })).kind, 'good');
  });

  it('may be of the key type that is asked for', () => {
    const certificate = certificateFacts({ keyType: 'rsa-2048' });
    assert.equal(judge(secretFacts({ certificate }), { keyType: 'rsa-2048' }).kind, 'good');
    assert.equal(judge(secretFacts({ certificate })).kind, 'good');
  });

  it('may be immutable', () => {
    assert.equal(judge(secretFacts({ immutable: true })).kind, 'good');
  });
});

describe('a Secret that is not ours', () => {
  const foreign = secretFacts({ ours: false });
  const foreignExpired = secretFacts({
    ours: false,
    certificate: certificateFacts({ notAfter: now - hour }),
  });

  it('is used as it is while it is good, whatever its key type and origin', () => {
    assert.equal(judge(foreign).kind, 'good');
    assert.equal(judge({ ...foreign, directory: elsewhere }, { keyType: 'rsa-4096' }).kind, 'good');
  });

  const unreadable = { kind: 'unreadable', detail: 'tls.crt is no PEM' } as const;
  const bad: Readonly<Record<string, [Partial<PresentSecret>, RegExp]>> = {
    'has expired': [{ certificate: certificateFacts({ notAfter: now - hour }) }, /expired at 2026-/],
    'covers other hosts': [
      { certificate: certificateFacts({ dnsNames: ['payments.example.com'] }) },
      /does not cover web\.example\.com/,
    ],
    'has the key of another certificate': [
      { certificate: certificateFacts({ keyMatches: false }) },
      /The tls\.key in Secret web-tls does not belong/,
    ],
    'holds no certificate': [{ certificate: unreadable }, /holds no readable key pair: tls\.crt is no PEM/],
    'is of another type': [{ type: 'Opaque', certificate: { kind: 'empty' } }, /is of type Opaque/],
    'is empty and immutable': [{ immutable: true, certificate: { kind: 'empty' } }, /is immutable/],
    'is empty and managed by cert-manager': [
      { certManager: true, certificate: { kind: 'empty' } },
      /is managed by cert-manager/,
    ],
  };
  for (const [what, [facts, detail]] of Object.entries(bad)) {
    it(`that ${what} is left alone; only who may read it is told why`, () => {
      const assessment = judge(secretFacts({ ours: false, ...facts }));
      assert.equal(
        refusal(assessment),
        'ForeignSecret: Secret web-tls cannot be used for this certificate. kube-lego did not create it, so it is left alone. ' +
          'kubectl annotate secret web-tls -n shop kube-lego.io/adopt=true lets kube-lego replace the certificate there. ' +
          reasons.ForeignSecret.remedy,
      );
      assert.ok(assessment.kind === 'refused');
      assert.match(assessment.detail ?? '', detail);
    });
  }

  it('of cert-manager is left alone with its own message, if it was ours or asks for adoption', () => {
    for (const mark of [{ ours: true }, { adopt: true }]) {
      assert.match(
        refusal(judge({ ...foreignExpired, certManager: true, ...mark })),
        /^ManagedByCertManager: Secret web-tls is managed by cert-manager, so it is left alone\. Remove either/,
      );
    }
  });

  it('is filled when it is an empty placeholder', () => {
    assert.equal(reasonOf(judge({ ...foreign, certificate: { kind: 'empty' } })), 'empty');
  });

  it('is replaced when it is bad and asks for adoption', () => {
    const assessment = due(judge({ ...foreignExpired, adopt: true }));
    assert.equal(assessment.reason, 'expired');
    assert.equal(assessment.found?.adopt, true);
    assert.equal(judge({ ...foreign, adopt: true }).kind, 'good', 'a good one stays');
  });
});

describe('a due Secret that cannot be written', () => {
  it('for its type is left alone', () => {
    const secret = secretFacts({ type: 'Opaque', certificate: { kind: 'empty' } });
    assert.equal(
      refusal(judge(secret)),
      'WrongSecretType: Secret web-tls holds no key pair. The Secret is of type Opaque. ' +
        'Delete the Secret: it is not of type kubernetes.io/tls, and the type of a Secret cannot be changed.',
    );
  });

  it('for being immutable is left alone', () => {
    const certificate = certificateFacts({ notAfter: now });
    assert.equal(
      refusal(judge(secretFacts({ immutable: true, certificate }))),
      `ImmutableSecret: The certificate in Secret web-tls expired at ${ends.today}. The Secret is immutable. ` +
        'Delete the Secret, or name another one.',
    );
  });

  it('for being deleted is left alone until it is gone', () => {
    assert.equal(judge(secretFacts({ deleting: true })).kind, 'good');
    const certificate = certificateFacts({ notAfter: now });
    const judged = judge(secretFacts({ deleting: true, certificate }));
    assert.equal(judged.kind, 'refused');
    assert.equal(failureKind(judged.failure), 'transient', 'it is looked at again soon');
    assert.match(
      describeFailure(judged.failure),
      /^Secret web-tls has been deleted, and waits for a finalizer/,
    );
  });
});

describe('a staging directory', () => {
  const expiring = certificateFacts({ notBefore: now - 80 * day, notAfter: now + 10 * day });
  const expired = certificateFacts({ notAfter: now - 1 });

  it('issues what is missing, empty, unreadable or of another key', () => {
    assert.equal(reasonOf(judge(absent, {}, staging)), 'missing');
    assert.equal(reasonOf(judge(secretFacts({ certificate: { kind: 'empty' } }), {}, staging)), 'empty');
    const unreadable = secretFacts({ certificate: { kind: 'unreadable', detail: 'no PEM' } });
    assert.equal(reasonOf(judge(unreadable, {}, staging)), 'unreadable');
    const mismatch = secretFacts({ certificate: certificateFacts({ keyMatches: false }) });
    assert.equal(reasonOf(judge(mismatch, {}, staging)), 'key-mismatch');
  });

  it('renews what it issued itself', () => {
    const secret = secretFacts({ directory: staging.directory, certificate: expiring });
    assert.equal(reasonOf(judge(secret, {}, staging)), 'near-expiry');
  });

  it('never replaces a certificate that it is not recorded to have issued', () => {
    assert.equal(
      refusal(judge(secretFacts({ certificate: expiring }), {}, staging)),
      `StagingDirectory: The certificate in Secret web-tls expires at ${new Date(now + 10 * day).toISOString()}. ` +
        'https://staging.ca.example/directory is a staging CA, which browsers do not trust. ' +
        'kubectl annotate secret web-tls -n shop kube-lego.io/adopt=true lets kube-lego replace the certificate all the same. ' +
        reasons.StagingDirectory.remedy,
    );
    const recorded = secretFacts({ directory: production.directory, certificate: expired });
    assert.match(refusal(judge(recorded, {}, staging)), /^StagingDirectory:/);
  });

  it('replaces it near its end with adopt, and not before', () => {
    const adopted = (certificate: CertificateFacts) =>
      judge(secretFacts({ adopt: true, certificate }), {}, staging);
    assert.equal(reasonOf(adopted(expiring)), 'near-expiry');
    assert.equal(reasonOf(adopted(expired)), 'expired');
    const uncovered = certificateFacts({ dnsNames: ['old.example.com'] });
    assert.match(refusal(adopted(uncovered)), /^StagingDirectory:.* trust\. Set LEGO_URL/);
  });

  it('is not preferred to a production one, but a production one to it', () => {
    assert.equal(judge(secretFacts({ directory: production.directory }), {}, staging).kind, 'good');
    assert.equal(reasonOf(judge(secretFacts({ directory: staging.directory }))), 'issued-elsewhere');
  });
});

describe('a certificate that not everybody can use', () => {
  const directory = production.directory;
  const alone = certificateFacts({ issuerMissing: true });
  const refused = certificateFacts({ refused: 'servers written in Go cannot load tls.crt: x' });

  it('is ordered again, and serves meanwhile', () => {
    for (const certificate of [alone, refused]) {
      const { serving, servesUntil } = due(judge(secretFacts({ directory, certificate })));
      assert.deepEqual([serving?.notAfter, servesUntil], [certificate.notAfter, certificate.notAfter]);
    }
    assert.match(due(judge(secretFacts({ certificate: refused }))).message, /Go cannot load tls\.crt: x\.$/);
  });

  it('is kept, with a notice, if the CA has sent it so', () => {
    for (const [certificate, words] of [
      [alone, /^CertificateFlawed: .* without the certificate of its issuer/],
      [refused, /^CertificateFlawed: .* servers written in Go cannot load tls\.crt: x\./],
    ] as const) {
      const assessment = judge(secretFacts({ directory, certificate, asSent: true }));
      assert.equal(assessment.kind, 'good');
      assert.match(notices(assessment).join(), words);
    }
  });

  it('is not ordered again for its issuer alone where it came from elsewhere', () => {
    assert.equal(judge(secretFacts({ certificate: alone })).kind, 'good');
    assert.equal(judge(secretFacts({ ours: false, certificate: alone })).kind, 'good');
  });

  it('is no business of ours in a Secret of somebody else, but for whoever may read it', () => {
    const assessment = judge(secretFacts({ ours: false, certificate: refused }));
    assert.match(refusal(assessment), /^ForeignSecret: (?!.*Go)/);
    assert.match(
      assessment.kind === 'refused' ? (assessment.detail ?? '') : '',
      /Go cannot load tls\.crt: x/,
    );
  });
});

describe('a certificate that begins in the future', () => {
  it('is kept for a day, with a notice: it is unknown which clock is wrong', () => {
    const certificate = certificateFacts({ notBefore: now + day });
    const assessment = judge(secretFacts({ certificate }));
    assert.equal(assessment.kind, 'good');
    assert.match(notices(assessment).join(), /^NotYetValid: .* valid only in 1440 min by the local clock\./);
  });

  it('serves nobody if that is later', () => {
    const certificate = certificateFacts({ notBefore: now + day + minute });
    const { serving, servesUntil } = due(judge(secretFacts({ certificate })));
    assert.deepEqual([serving, servesUntil], [undefined, undefined]);
  });
});

function notices(assessment: Assessment): string[] {
  return assessment.notices.map((failure) => `${failure.code}: ${describeFailure(failure)}`);
}

describe('a certificate whose settings are refused', () => {
  const secret = secretFacts({ directory: production.directory, profile: 'shortlived' });
  const refusedSetting = { code: 'UnsupportedKeyType', message: 'Key type RSA-2048 is unknown.' } as const;

  it('is kept as it is, and renewed in time', () => {
    assert.equal(reasonOf(judge(secret)), 'profile-changed');
    assert.equal(judge(secret, { refusedSetting }).kind, 'good');
    const old = { ...secret, certificate: certificateFacts({ notAfter: now + day }) };
    assert.equal(reasonOf(judge(old, { refusedSetting })), 'near-expiry');
  });

  const keeps = [route('web.example.com'), route('new.example.com')];

  it('is cared for also where no record of it exists, as far as it covers the hosts', () => {
    const desired = { hosts: [], keeps, refusedSetting };
    assert.equal(judge(secret, desired).kind, 'good');
    assert.equal(judge({ ...secret, ours: false }, desired).kind, 'good');
    const old = { ...secret, certificate: certificateFacts({ notAfter: now + day }) };
    const found = due(judge(old, desired));
    assert.deepEqual(
      [found.reason, found.hosts.map(({ host }) => host)],
      ['near-expiry', ['web.example.com']],
    );
  });

  it('is not ordered where there is none: a Secret that is missing, of other hosts, or empty', () => {
    const other = { ...secret, certificate: certificateFacts({ dnsNames: ['other.example.com'] }) };
    const empty = { ...secret, certificate: { kind: 'empty' } as const };
    for (const facts of [absent, other, empty]) {
      const found = judge(facts, { hosts: [], keeps, refusedSetting });
      assert.equal(
        refusal(found),
        'UnsupportedKeyType: Key type RSA-2048 is unknown. Set kube-lego.io/key-type to ec-p256, rsa-2048, rsa-3072 or rsa-4096, or remove it.',
      );
    }
  });

  it('does not count for a host that another namespace owns', () => {
    const elsewhere = [route('web.example.com', { standing: 'elsewhere' })];
    assert.equal(judge(secret, { hosts: [], keeps: elsewhere, refusedSetting }).kind, 'refused');
  });
});

describe('a host that another namespace owns', () => {
  const hosts = [route('web.example.com'), route('taken.example.com', { standing: 'elsewhere' })];
  const notice =
    'HostOwnedElsewhere: Host taken.example.com belongs to another namespace. ' +
    'Use a host of your own, or ask the cluster operator who uses this one.';

  it('is left out of the order and pointed out, without the name of its owner', () => {
    const assessment = due(judge(absent, { hosts }));
    assert.deepEqual(
      assessment.hosts.map(({ host }) => host),
      ['web.example.com'],
    );
    assert.deepEqual(notices(assessment), [notice]);
  });

  it('does not make a certificate due that lacks it', () => {
    const assessment = judge(secretFacts(), { hosts });
    assert.equal(assessment.kind, 'good');
    assert.deepEqual(notices(assessment), [notice]);
  });

  it('is not renewed for a namespace whose Secret holds a certificate for it: anybody could have put that there', () => {
    const certificate = certificateFacts({
      notAfter: now + day,
      dnsNames: ['web.example.com', 'taken.example.com'],
    });
    const assessment = due(judge(secretFacts({ certificate }), { hosts }));
    assert.deepEqual(
      assessment.hosts.map(({ host }) => host),
      ['web.example.com'],
    );
    assert.deepEqual(notices(assessment), [notice]);
  });

  it('is not gained by putting a foreign certificate for it into the Secret', () => {
    const certificate = certificateFacts({ notAfter: now + day, dnsNames: ['taken.example.com'] });
    const assessment = judge(secretFacts({ ours: false, adopt: true, certificate }), { hosts });
    assert.deepEqual(
      due(assessment).hosts.map(({ host }) => host),
      ['web.example.com'],
    );
  });

  it('is pointed out with what stands in the way', () => {
    const kept = route('kept.example.com', { standing: 'grace', until: now + 5 * minute });
    const reserved = route('reserved.example.com', { standing: 'reserved' });
    const open = route('open.example.com', { standing: 'not-reserved' });
    const unread = route('unread.example.com', { standing: 'unknown' });
    const hosts = [route('web.example.com'), kept, reserved, open, unread];
    const assessment = judge(secretFacts(), { hosts });
    assert.equal(assessment.notices[0]?.retryAt, kept.until, 'until when is told as a time, too');
    const said = notices(assessment);
    assert.match(
      said[0] ?? '',
      /^HostOwnedElsewhere: Host kept\S+ is kept until 2026-11-24T12:05:00\.000Z for/,
    );
    assert.match(said[1] ?? '', /^HostOwnedElsewhere: Host reserved\S+ is reserved for another namespace/);
    assert.match(said[2] ?? '', /^DomainNotReserved: Host open\S+ is not reserved for this namespace/);
    assert.match(said[3] ?? '', /^NamespacesUnreadable: Whether host unread\S+ is reserved for this/);
  });

  it('refuses the Secret when there is no other, and every one of them is named', () => {
    const none = ['one', 'two'].map((name) => route(`${name}.example.com`, { standing: 'elsewhere' }));
    const assessment = judge(absent, { hosts: none });
    assert.match(refusal(assessment), /^HostOwnedElsewhere: Host one\.example\.com belongs/);
    assert.match(notices(assessment).join(), /^HostOwnedElsewhere: Host two\.example\.com belongs/);
  });
});
