import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { crypto as acmeCrypto } from 'acme-client';
import { ChainError, type ChainErrorCode, verifyChain } from '../../src/certificate/chain.ts';
import { createCsr } from '../../src/certificate/csr.ts';
import { generateKey } from '../../src/certificate/key.ts';
import { day, newKeyPem, TestCa } from './test-ca.ts';

const root = new TestCa('Test Root');
const intermediate = new TestCa('Test Intermediate', root);
const hosts = ['a.example.com', 'b.example.com'];
const good = intermediate.leaf({ dnsNames: hosts });
const now = Date.now();

function refusal(
  chainPem: string,
  keyPem = good.keyPem,
  at = now,
): { code: ChainErrorCode; message: string } {
  try {
    verifyChain(chainPem, keyPem, hosts, at);
  } catch (error) {
    assert.ok(error instanceof ChainError, String(error));
    return { code: error.code, message: error.message };
  }
  return assert.fail('the chain was taken');
}

describe('verifying what a CA sent', () => {
  it('takes a leaf of our key and hosts with its issuers in order', () => {
    const { chainPem, notice } = verifyChain(
      good.chainPem + root.certificatePem,
      good.keyPem,
      hosts.toReversed(),
      now,
    );
    assert.equal(chainPem, good.chainPem + root.certificatePem);
    assert.equal(notice, undefined);
  });

  it('keeps certificates and drops the text between them', () => {
    const { chainPem } = verifyChain(
      `subject=...\r\n${good.chainPem}\n\nissuer=...`,
      good.keyPem,
      hosts,
      now,
    );
    assert.equal(chainPem, good.chainPem);
  });

  it('refuses an answer without a certificate', () => {
    assert.equal(refusal('<html>').code, 'NoCertificate');
  });

  it('refuses a block that is no certificate, and does not show it', () => {
    const { code, message } = refusal(good.chainPem + newKeyPem());
    assert.equal(code, 'UnexpectedBlock');
    assert.equal(message, 'The CA sent a PRIVATE KEY among the certificates.');
  });

  it('refuses a certificate that cannot be parsed', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    assert.deepEqual(refusal(good.certificatePem + broken), {
      code: 'Unparsable',
      message: 'Certificate 2 that the CA sent cannot be parsed.',
    });
  });

  it('refuses a certificate of another key', () => {
    assert.equal(refusal(good.chainPem, newKeyPem()).code, 'KeyMismatch');
  });

  it('refuses a host too few and a host too many, and names them', () => {
    const { chainPem, keyPem } = intermediate.leaf({ dnsNames: ['a.example.com', 'c.example.com'] });
    assert.deepEqual(refusal(chainPem, keyPem), {
      code: 'HostsDiffer',
      message:
        'The CA sent a certificate for other hosts than ordered: b.example.com is missing, c.example.com was not ordered.',
    });
  });

  it('does not take a wildcard for a host', () => {
    const { chainPem, keyPem } = intermediate.leaf({ dnsNames: ['*.example.com'] });
    assert.equal(refusal(chainPem, keyPem).code, 'HostsDiffer');
  });

  it('refuses issuers that are missing, foreign or out of order', () => {
    assert.equal(refusal(good.certificatePem + root.certificatePem).code, 'BrokenChain');
    assert.equal(
      refusal(good.certificatePem + root.certificatePem + intermediate.certificatePem).code,
      'BrokenChain',
    );
    const namesake = new TestCa('Test Intermediate', root);
    assert.deepEqual(refusal(good.certificatePem + namesake.certificatePem), {
      code: 'BrokenChain',
      message: 'Certificate 1 that the CA sent is not signed by the next one.',
    });
  });

  it('refuses one that is over, and asks about the clock', () => {
    const { code, message } = refusal(good.chainPem, good.keyPem, now + 91 * day);
    assert.equal(code, 'Expired');
    assert.match(message, /is the local clock right\?$/);
  });

  it('takes one from a CA whose clock is an hour ahead, with a notice', () => {
    const { chainPem, keyPem } = intermediate.leaf({ dnsNames: hosts, notBefore: now + 60 * 60_000 });
    assert.match(
      verifyChain(chainPem, keyPem, hosts, now).notice ?? '',
      /^The certificate is valid only in 60 min/,
    );
  });

  it('refuses one that begins days from now', () => {
    const { chainPem, keyPem } = intermediate.leaf({ dnsNames: hosts, notBefore: now + 2 * day });
    assert.equal(refusal(chainPem, keyPem).code, 'NotYetValid');
  });
});

describe('asking for a certificate', () => {
  it('names hosts as alternative names only, also one too long for a common name', async () => {
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.example.com`;
    const csr = await createCsr([long, 'a.example.com'], await generateKey('ec-p256'));
    const { commonName, altNames } = acmeCrypto.readCsrDomains(csr);
    assert.equal(commonName ?? undefined, undefined);
    assert.deepEqual(altNames, [long, 'a.example.com']);
  });

  it('works with RSA keys', async () => {
    const csr = await createCsr(['a.example.com'], await generateKey('rsa-2048'));
    assert.deepEqual(acmeCrypto.readCsrDomains(csr).altNames, ['a.example.com']);
  });

  it('makes a test certificate that Node takes for one', () => {
    assert.ok(
      new X509Certificate(good.certificatePem).verify(
        new X509Certificate(intermediate.certificatePem).publicKey,
      ),
    );
  });
});
