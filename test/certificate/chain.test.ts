import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { crypto as acmeCrypto } from 'acme-client';
import { ChainError, type ChainErrorCode, verifyChain } from '../../src/certificate/chain.ts';
import { generateKey } from '../../src/certificate/key.ts';
import { createCsr } from '../../src/certificate/making/csr.ts';
import { readSigningRequest } from '../ca/csr.ts';
import { der, sequence, toPem } from './der-building.ts';
import { AnyCa, alternativeNames } from './loading/certificate-fields.ts';
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
  const verified = (chainPem: string): { chainPem: string; notices: readonly string[] } =>
    verifyChain(chainPem, good.keyPem, hosts, now);

  it('takes a leaf of our key and hosts with its issuers in order', () => {
    const { chainPem, notices } = verifyChain(good.chainPem, good.keyPem, hosts.toReversed(), now);
    assert.equal(chainPem, good.chainPem);
    assert.deepEqual(notices, []);
  });

  describe('sorts and cleans a chain', () => {
    const { certificatePem: leaf } = good;
    const [of, above] = [intermediate.certificatePem, root.certificatePem];
    for (const [name, sent] of Object.entries({
      'with its root': leaf + of + above,
      'with its leaf twice': leaf + leaf + of,
      'with an issuer twice': leaf + of + of,
      'sent twice': leaf + of + leaf + of,
      'with its issuers in another order': leaf + above + of,
      'with its leaf last': of + leaf,
      'from the root downwards': above + of + leaf,
    })) {
      it(`${name}, silently`, () => {
        assert.deepEqual([verified(sent).chainPem, verified(sent).notices], [leaf + of, []]);
      });
    }

    it('of a root that issued the leaf itself, and keeps it', () => {
      const own = root.leaf({ dnsNames: hosts });
      const sent = own.chainPem + own.chainPem;
      assert.equal(verifyChain(sent, own.keyPem, hosts, now).chainPem, own.chainPem);
    });

    it('of certificates of another one, which are named', () => {
      const other = new TestCa('Another Intermediate', new TestCa('Another Root'));
      const { chainPem, notices } = verified(leaf + other.certificatePem + of);
      assert.equal(chainPem, leaf + of);
      assert.match(
        notices.join(),
        /do not belong to the chain, and they are left out: CN=Another Intermediate/,
      );
    });

    it('of an issuer with the same name and another key', () => {
      const namesake = new TestCa('Test Intermediate', root);
      assert.equal(verified(leaf + namesake.certificatePem + of).chainPem, leaf + of);
    });

    it('by the issuer that is valid if there are two of one key', () => {
      const expired = intermediate.crossSigned(new TestCa('Old Root'), now - 2 * day, now - day);
      const current = intermediate.crossSigned(new TestCa('New Root'), now - day, now + day);
      for (const sent of [leaf + expired + current, leaf + current + expired]) {
        assert.equal(verified(sent).chainPem, leaf + current);
      }
    });
  });

  it('takes a leaf alone, with a notice', () => {
    const { chainPem, notices } = verified(good.certificatePem);
    assert.equal(chainPem, good.certificatePem);
    assert.match(notices.join(), /^The CA sent the certificate without that of its issuer/);
  });

  it('takes one that some servers refuse, with a notice: another order would not help', () => {
    const ca = new AnyCa('Odd CA');
    const negative = { serial: der(0x02, Buffer.from([0x80])), extensions: [alternativeNames(...hosts)] };
    const sent = ca.pemOf(createPrivateKey(good.keyPem), negative) + ca.pem;
    const { flawed, notices } = verifyChain(sent, good.keyPem, hosts, now);
    assert.equal(flawed, true);
    assert.match(notices.join(), /servers written in Go .* cannot load tls\.crt: negative serial number\.$/);
    assert.equal(verifyChain(good.chainPem, good.keyPem, hosts, now).flawed, false);
  });

  it('names a stray without a name', () => {
    const nameless = new AnyCa('').pemOf(createPrivateKey(newKeyPem()), { subject: sequence() });
    const { notices } = verifyChain(good.chainPem + nameless, good.keyPem, hosts, now);
    assert.match(notices.join(), /are left out: one without a name\./);
  });

  it('takes one with names that the CA has added, with a notice', () => {
    const dnsNames = ['www.a.example.com', ...hosts.toReversed(), 'WWW.b.example.com'];
    const { chainPem, keyPem } = intermediate.leaf({ dnsNames });
    assert.match(
      verifyChain(chainPem, keyPem, hosts, now).notices.join(),
      /^The CA added names .* not ordered: www\.a\.example\.com, www\.b\.example\.com\.$/,
    );
  });

  it('takes a wildcard that covers the hosts, with a notice', () => {
    const { chainPem, keyPem } = intermediate.leaf({ dnsNames: ['*.example.com'] });
    assert.match(verifyChain(chainPem, keyPem, hosts, now).notices.join(), /\*\.example\.com/);
    const deeper = intermediate.leaf({ dnsNames: ['*.com', '*.a.example.com'] });
    assert.equal(refusal(deeper.chainPem, deeper.keyPem).code, 'HostsDiffer');
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

  it('refuses a host too few, and names the others as well', () => {
    const { chainPem, keyPem } = intermediate.leaf({ dnsNames: ['a.example.com', 'c.example.com'] });
    assert.deepEqual(refusal(chainPem, keyPem), {
      code: 'HostsDiffer',
      message:
        'The CA sent a certificate for other hosts than ordered: b.example.com is missing, c.example.com was not ordered.',
    });
  });

  it('refuses issuers that are missing or foreign', () => {
    assert.equal(refusal(good.certificatePem + root.certificatePem).code, 'BrokenChain');
    const namesake = new TestCa('Test Intermediate', root);
    assert.deepEqual(refusal(good.certificatePem + namesake.certificatePem), {
      code: 'BrokenChain',
      message: 'None of the certificates that the CA sent has issued the first one.',
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
      verifyChain(chainPem, keyPem, hosts, now).notices.join(),
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
    const csr = createCsr([long, 'a.example.com'], await generateKey('ec-p256'));
    const { commonName, altNames } = acmeCrypto.readCsrDomains(toPem('CERTIFICATE REQUEST', csr));
    assert.equal(commonName ?? undefined, undefined);
    assert.deepEqual(altNames, [long, 'a.example.com']);
  });

  it('has the first host that is short enough as its common name if that is wanted', async () => {
    const long = `${'a'.repeat(60)}.example.com`;
    const exact = `${'a'.repeat(52)}.example.com`;
    for (const [names, expected] of [
      [['b.example.com', 'a.example.com'], 'b.example.com'],
      [[long, exact, 'a.example.com'], exact],
      [[long], undefined],
    ] as const) {
      const csr = createCsr(names, await generateKey('ec-p256'), 'first');
      const { commonName, altNames } = acmeCrypto.readCsrDomains(toPem('CERTIFICATE REQUEST', csr));
      assert.equal(commonName ?? undefined, expected);
      assert.deepEqual(altNames, names);
    }
  });

  for (const keyType of ['ec-p256', 'rsa-2048'] as const) {
    it(`is signed with a key of type ${keyType}`, async () => {
      const keyPem = await generateKey(keyType);
      // It checks the signature, and reads DER by code of its own.
      const { publicKeyDer, identifiers } = readSigningRequest(createCsr(['a.example.com'], keyPem));
      assert.deepEqual(identifiers, [{ type: 'dns', value: 'a.example.com' }]);
      assert.deepEqual(publicKeyDer, createPublicKey(keyPem).export({ type: 'spki', format: 'der' }));
    });
  }

  it('makes a test certificate that Node takes for one', () => {
    assert.ok(
      new X509Certificate(good.certificatePem).verify(
        new X509Certificate(intermediate.certificatePem).publicKey,
      ),
    );
  });
});
