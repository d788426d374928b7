import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { isKeyType, type KeyType } from '../../machines/ownership/desired-certificate.ts';
import { TrialPairs } from '../../src/certificate/making/trial-pair.ts';
import { readCertificate } from '../../src/certificate/reading.ts';

const now = Date.UTC(2026, 10, 29, 12, 34, 56);
const pairs = new TrialPairs();

describe('the pair with which a write is tried', () => {
  for (const [keyType, hosts, at] of [
    ['ec-p256', ['a.example'], now],
    ['rsa-2048', ['a.example', '*.b.example'], now],
    ['ec-p256', Array.from({ length: 100 }, (_, index) => `host-${index}.${'x'.repeat(60)}.example`), now],
    ['ec-p256', ['a.example'], Date.UTC(2049, 11, 1)],
  ] as const satisfies readonly (readonly [KeyType, readonly string[], number])[]) {
    it(`is one for ${hosts.length} hosts with ${keyType} in ${new Date(at).getUTCFullYear()}`, async () => {
      const { chainPem, keyPem } = await pairs.make(hosts, keyType, at);
      const facts = readCertificate(Buffer.from(chainPem), Buffer.from(keyPem));
      assert.ok(facts.kind === 'readable', JSON.stringify(facts));
      assert.deepEqual([facts.keyMatches, facts.keyType, facts.dnsNames], [true, keyType, hosts]);
      assert.ok(isKeyType(keyType));
      assert.ok(facts.notBefore <= at && facts.notAfter > at + 89 * 86_400_000);
      const certificate = new X509Certificate(chainPem);
      assert.ok(certificate.verify(certificate.publicKey) && !certificate.ca);
      assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    });
  }

  it('has the same key for all hosts, and another one in another process', async () => {
    const [one, other, elsewhere] = await Promise.all([
      pairs.make(['a.example'], 'ec-p256', now),
      pairs.make(['b.example'], 'ec-p256', now),
      new TrialPairs().make(['a.example'], 'ec-p256', now),
    ]);
    assert.equal(one.keyPem, other.keyPem);
    assert.notEqual(one.keyPem, elsewhere.keyPem);
    assert.notEqual(one.chainPem, other.chainPem);
  });
});
