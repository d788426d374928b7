import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assess } from '../../../machines/assessment/assessment.ts';
import type { CertificateEntry } from '../../../machines/ingress/status.ts';
import { describeFailure, type Failure, reasons } from '../../../machines/reasons/reasons.ts';
import { conclude, type DesiredStanding } from '../../../src/commands/explain/conclusion.ts';
import { liveChecks } from '../../../src/commands/explain/live-checks.ts';
import { checkSecret } from '../../../src/commands/explain/secret-checks.ts';
import type { CertificateDetail } from '../../../src/inspector/protocol.ts';
import {
  certificateFacts,
  day,
  desiredCertificate,
  hour,
  minute,
  nobodyRecorded,
  now,
  secretFacts,
} from '../../machines/builders.ts';
import { certificateDetail, detailOf } from '../live-builders.ts';

const desired = desiredCertificate();
const unreadable: Failure = { code: 'ApiServerDenied', message: 'GET secrets: 403 Forbidden: no.' };
const denied = { code: unreadable.code, message: describeFailure(unreadable) };
const later = { nextAttemptAt: now + minute };

describe('explain, which hears the controller, concludes', () => {
  it('that it fails, as the controller says, where no outcome is written', () => {
    const { verdict, why, next, remedy } = concluded({
      live: certificateDetail({ error: denied, ...later }),
    });
    assert.equal(verdict, 'failing');
    assert.equal(why, 'ApiServerDenied: GET secrets: 403 Forbidden: no.');
    assert.equal(next, 'It is tried again at 2026-11-24T12:01:00Z (in 60 s).');
    assert.equal(remedy, reasons.ApiServerDenied.remedy);
  });

  it('from what the controller says now, where another failure is written', () => {
    const entry = failedEntry('OrderFailed', 'The CA refused it.');
    const { why } = concluded({ entry, live: certificateDetail({ error: denied, ...later }) });
    assert.match(why, /^ApiServerDenied: /);
  });

  it('since when and how often it fails from what is written, where that is the same failure', () => {
    const entry = failedEntry('ApiServerDenied', denied.message);
    const { why } = concluded({ entry, live: certificateDetail({ error: denied, ...later }) });
    assert.equal(
      why,
      'ApiServerDenied since 2026-11-24T11:00:00Z, 3 times in a row: GET secrets: 403 Forbidden: no.',
    );
  });

  it('that an order waits for a limit, and until when', () => {
    const hold = { scope: 'registered domain example.com', until: now + minute };
    const error = { code: 'RateLimited', message: 'The order waits for a limit.' };
    const live = certificateDetail({ state: 'queued', hold, error });
    const { verdict, why } = concluded({ live });
    assert.equal(verdict, 'waiting');
    assert.match(why, /The order waits for a limit\. It is made at 2026-11-24T12:01:00Z \(in 60 s\)\.$/);
  });

  it('that an order waits for the CA to answer, where that and no limit is written', () => {
    const waitsFor = (reason: string): string => {
      const entry = { state: 'waiting', since: '2026-11-24T11:00:00Z', reason } as const;
      const standing = { kind: 'unknown', message: 'Secret web-tls may not be read.' } as const;
      return conclude([{ desired, standing, entry }], [], undefined, [], now).next;
    };
    assert.equal(waitsFor('CaUnavailable'), 'It is ordered when the CA answers again.');
    assert.equal(waitsFor('RateLimited'), 'It is ordered when the limit of the CA has room.');
  });

  it('that a good certificate of somebody else is not going to be renewed', () => {
    const facts = secretFacts({ ours: false });
    const policy = { minimumValidity: day, directory: 'https://ca.example.com/directory', staging: false };
    const standing = {
      kind: 'read',
      facts,
      assessment: assess(desired, facts, policy, nobodyRecorded, now),
    } as const;
    const { verdict, next } = conclude([{ desired, standing, entry: undefined }], [], undefined, [], now);
    assert.equal(verdict, 'good');
    assert.match(next, /^kube-lego does not renew Secret web-tls, which it did not create/);
    assert.match(checkSecret(desired, standing, now).text, /did not create it, and never renews it\.$/);
  });

  it('that all is well with a Secret that may not be read', () => {
    assert.equal(concluded({ live: certificateDetail({ state: 'good' }) }).verdict, 'good');
  });
});

it('explain tells the controller’s story: state, hosts step by step, what has failed, and the last transitions', () => {
  const host = {
    host: 'web.example.com',
    steps: [
      { step: 'dns', state: 'done', at: now - day },
      { step: 'self-check', state: 'failed', at: now + 1000, detail: 'It answers 404.' },
      { step: 'order', state: 'waiting' },
    ],
  } as const;
  const detail = {
    ...detailOf([certificateDetail({ error: denied, failures: 2, hosts: [host] })], {
      state: 'backing-off',
      next: { action: 'retry web-tls', at: now + minute },
    }),
    timeline: Array.from({ length: 9 }, (_, index) => ({
      at: now + index * 1000,
      kind: 'event' as const,
      text: `E${index}`,
    })),
  };
  const told = liveChecks(detail, now).map(({ about, result, text }) => [about, result, text]);
  assert.deepEqual(told, [
    [
      'controller',
      'ok',
      'It is backing-off since 12:00:00Z; next: retry web-tls at 2026-11-24T12:01:00Z (in 60 s).',
    ],
    ['now web-tls', 'problem', 'ApiServerDenied, 2 times in a row: GET secrets: 403 Forbidden: no.'],
    [
      'host web.example.com',
      'problem',
      'DNS done 2026-11-23T12:00:00Z, self-check failed 12:00:01Z (It answers 404).',
    ],
    [
      'history',
      'note',
      '12:00:03Z E3; 12:00:04Z E4; 12:00:05Z E5; 12:00:06Z E6; 12:00:07Z E7; 12:00:08Z E8.',
    ],
  ]);
});

it('explain tells of a good certificate that not everybody can use, and whose issuer has no name', () => {
  const certificate = certificateFacts({ issuer: '', issuerMissing: true });
  const facts = secretFacts({ certificate, asSent: true });
  const policy = { minimumValidity: day, directory: 'https://ca.example.com/directory', staging: false };
  const assessment = assess(desired, facts, policy, nobodyRecorded, now);
  const { result, text, remedy } = checkSecret(desired, { kind: 'read', facts, assessment }, now);
  assert.equal(result, 'note');
  assert.match(
    text,
    /^Its certificate covers all hosts .* as the CA sent it, .* without the certificate of its issuer/,
  );
  assert.match(remedy ?? '', /otherwise tell the CA/);
});

it('explain tells when the CA wants a good certificate renewed', () => {
  const facts = secretFacts({ window: { start: now, end: now + day, at: now + hour } });
  const assessment = { kind: 'good', notAfter: now + 80 * day, renewAt: now + hour, notices: [] } as const;
  const { text } = checkSecret(desired, { kind: 'read', facts, assessment }, now);
  assert.match(
    text,
    /expires at 2027-02-12T12:00:00Z \(in 80 days\)\. The CA suggests renewal between 2026-11-24T12:00:00Z and 2026-11-25T12:00:00Z\.$/,
  );
});

function concluded({ entry, live }: { entry?: CertificateEntry; live: CertificateDetail }) {
  const standing: DesiredStanding = {
    desired,
    standing: { kind: 'unknown', message: 'Secret web-tls may not be read.' },
    entry,
    live,
  };
  return conclude([standing], [], detailOf([live], { state: 'backing-off' }).row, [], now);
}

function failedEntry(reason: string, message: string): CertificateEntry {
  return { state: 'failed', since: '2026-11-24T11:00:00Z', reason, message, failures: 3 };
}
