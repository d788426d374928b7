import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { foundProof } from '../../../machines/assessment/found-certificate.ts';
import type { HostRoute } from '../../../machines/ownership/desired-certificate.ts';
import { certificateFacts, day, desiredCertificate, now, route, secretFacts } from '../builders.ts';

const [web, api] = ['web.example.com', 'api.example.com'];

function hostsProved(
  facts: Parameters<typeof foundProof>[1],
  hosts: readonly HostRoute[] = [route(web), route(api)],
): readonly string[] {
  return foundProof(desiredCertificate({ hosts }), facts, now)?.hosts ?? [];
}

describe('a certificate from before the record of holders', () => {
  const certificate = certificateFacts({ dnsNames: [web, '*.shop.example.com'] });

  it('makes its namespace the holder of the hosts that it covers', () => {
    const { notBefore, notAfter, fingerprint } = certificate;
    assert.deepEqual(
      foundProof(desiredCertificate({ hosts: [route(web), route(api)] }), secretFacts({ certificate }), now),
      {
        namespace: 'shop',
        hosts: [web],
        notBefore,
        notAfter,
        certificate: fingerprint,
      },
    );
    assert.deepEqual(hostsProved(secretFacts({ certificate }), [route('a.shop.example.com')]), [
      'a.shop.example.com',
    ]);
  });

  it('does so also when it is about to expire', () => {
    const ending = certificateFacts({ notAfter: now + day });
    assert.deepEqual(hostsProved(secretFacts({ certificate: ending })), [web]);
  });

  it('gives no host to a namespace that has no right to it', () => {
    for (const standing of ['elsewhere', 'grace', 'reserved', 'not-reserved'] as const) {
      assert.deepEqual(hostsProved(secretFacts({ certificate }), [route(web, { standing })]), [], standing);
    }
  });

  it('stands for nothing where it is not ours, not valid now, or its key is another', () => {
    const bad = {
      'not ours': secretFacts({ ours: false }),
      expired: secretFacts({ certificate: certificateFacts({ notAfter: now }) }),
      'not valid yet': secretFacts({ certificate: certificateFacts({ notBefore: now + 1 }) }),
      'for another key': secretFacts({ certificate: certificateFacts({ keyMatches: false }) }),
      'for another host': secretFacts({ certificate: certificateFacts({ dnsNames: ['example.com'] }) }),
      unreadable: secretFacts({ certificate: { kind: 'unreadable', detail: 'no PEM' } }),
      empty: secretFacts({ certificate: { kind: 'empty' } }),
      absent: { kind: 'absent' } as const,
    };
    for (const [name, facts] of Object.entries(bad)) assert.deepEqual(hostsProved(facts), [], name);
  });
});
