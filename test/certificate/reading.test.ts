import assert from 'node:assert/strict';
import { createHash, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import type { CertificateFacts } from '../../machines/assessment/secret-facts.ts';
import { readCertificate } from '../../src/certificate/reading.ts';
import { derOf, toPem } from './der-building.ts';
import { day, newKeyPem, TestCa } from './test-ca.ts';

const ca = new TestCa('Test Root');
const good = ca.leaf({ dnsNames: ['a.example.com'] });

function read(chainPem: string | Buffer, keyPem: string | Buffer): CertificateFacts {
  return readCertificate(Buffer.from(chainPem), Buffer.from(keyPem));
}

function readable(facts: CertificateFacts): Extract<CertificateFacts, { kind: 'readable' }> {
  assert.equal(facts.kind, 'readable', JSON.stringify(facts));
  if (facts.kind !== 'readable') throw new Error('unreachable');
  return facts;
}

function detail(facts: CertificateFacts): string {
  return facts.kind === 'unreadable' ? facts.detail : `not unreadable but ${facts.kind}`;
}

describe('reading the key pair of a Secret', () => {
  it('reads no more of a chain, a certificate or a key than a real one has', () => {
    const long = good.chainPem.repeat(16);
    assert.equal(readable(read(long, good.keyPem)).refused, undefined);
    assert.equal(detail(read(long.repeat(30), good.keyPem)), 'tls.crt is too long');
    const key = toPem('PRIVATE KEY', Buffer.alloc(500_000));
    assert.equal(detail(read(good.chainPem, key)), 'tls.key is too long');
  });

  it('finds the dates, names, key type and issuer of a good one', () => {
    const notBefore = Date.UTC(2026, 0, 1);
    const { chainPem, keyPem } = ca.leaf({
      dnsNames: ['A.example.com', '*.b.example.com', 'xn--bcher-kva.example.com'],
      notBefore,
      notAfter: notBefore + 90 * day,
    });
    assert.deepEqual(read(chainPem, keyPem), {
      kind: 'readable',
      notBefore,
      notAfter: notBefore + 90 * day,
      dnsNames: ['a.example.com', '*.b.example.com', 'xn--bcher-kva.example.com'],
      keyMatches: true,
      keyType: 'ec-p256',
      issuer: 'CN=Test Root',
      id: undefined,
      fingerprint: createHash('sha256').update(derOf(chainPem)).digest('base64url').slice(0, 16),
    });
  });

  it('takes DNS names only, however odd the other names beside them are', () => {
    const { chainPem, keyPem } = ca.leaf({
      dnsNames: ['a.example.com', 'evil.com, DNS:bank.example', 'quo"te\\.com'],
      ipAddresses: [
        [192, 0, 2, 1],
        [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      ],
      uris: ['https://x.example/a,b', 'urn:DNS:fake.example'],
    });
    assert.deepEqual(readable(read(chainPem, keyPem)).dnsNames, [
      'a.example.com',
      'evil.com, dns:bank.example',
      'quo"te\\.com',
    ]);
  });

  it('has no names for a certificate without subjectAltName', () => {
    const { chainPem, keyPem } = ca.leaf({});
    assert.deepEqual(readable(read(chainPem, keyPem)).dnsNames, []);
  });

  it('sees that the key belongs to another certificate', () => {
    assert.equal(readable(read(good.chainPem, newKeyPem())).keyMatches, false);
  });

  it('reads RSA keys in the PKCS#1 form of the old kube-lego', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const pkcs1 = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    const facts = readable(read(ca.leaf({ keyPem: pkcs8 }).chainPem, pkcs1));
    assert.equal(facts.keyType, 'rsa-2048');
    assert.equal(facts.keyMatches, true);
  });

  it('reads a SEC1 key with its parameters block in front, as openssl writes it', () => {
    const sec1 = createPrivateKey(good.keyPem).export({ type: 'sec1', format: 'pem' }).toString();
    const parameters = toPem('EC PARAMETERS', Buffer.from('06082a8648ce3d030107', 'hex'));
    assert.equal(readable(read(good.chainPem, parameters + sec1)).keyMatches, true);
  });

  it('knows no type for a key that kube-lego would not make', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    assert.equal(readable(read(ca.leaf({ keyPem }).chainPem, keyPem)).keyType, undefined);
  });

  it('calls a Secret without data empty', () => {
    assert.deepEqual(readCertificate(undefined, undefined), { kind: 'empty' });
    assert.deepEqual(read('', ' \n'), { kind: 'empty' });
  });

  it('says which part it cannot read', () => {
    const encrypted = createPrivateKey(good.keyPem)
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
      .toString();
    const [, base64 = ''] = good.certificatePem.split('-----\n');
    assert.equal(detail(read('', good.keyPem)), 'tls.crt is empty');
    assert.equal(detail(read(good.chainPem, '')), 'tls.key is empty');
    assert.equal(detail(read('hello', good.keyPem)), 'tls.crt holds no certificate in PEM form');
    assert.equal(
      detail(read(Buffer.from(base64, 'base64'), good.keyPem)),
      'tls.crt holds no certificate in PEM form',
    );
    assert.equal(detail(read(good.keyPem, good.keyPem)), 'tls.crt holds no certificate in PEM form');
    assert.equal(
      detail(read(good.certificatePem.trimEnd() + ca.certificatePem, good.keyPem)),
      'no server can load tls.crt (OpenSSL: bad end line; Go: no certificate in PEM form)',
    );
    assert.equal(detail(read(good.chainPem, good.chainPem)), 'tls.key holds no private key in PEM form');
    assert.equal(detail(read(good.chainPem, encrypted)), 'the private key in tls.key is encrypted');
    assert.equal(
      detail(read(good.chainPem, toPem('PRIVATE KEY', Buffer.from('nonsense')))),
      'no server can load tls.key (OpenSSL: unsupported; Go: invalid private key)',
    );
  });

  it('says which servers cannot load what others can', () => {
    assert.equal(
      readable(read(good.certificatePem + toPem('CERTIFICATE', Buffer.from('nonsense')), good.keyPem))
        .refused,
      'servers with OpenSSL (nginx, HAProxy) cannot load tls.crt: too long',
    );
    const mislabelled = toPem('RSA PRIVATE KEY', derOf(good.keyPem));
    assert.match(
      readable(read(good.chainPem, mislabelled)).refused ?? '',
      /^servers with OpenSSL \(nginx, HAProxy\) cannot load tls.key: /,
    );
  });

  it('says at which place the certificate of the key is, if not at the first', () => {
    const { keyMatches, place } = readable(read(ca.certificatePem + good.certificatePem, good.keyPem));
    assert.deepEqual([keyMatches, place], [false, 2]);
  });

  it('survives any damage of either part', () => {
    const chain = Buffer.from(good.chainPem);
    const key = Buffer.from(good.keyPem);
    for (let position = 0; position < chain.length; position += 7) {
      const damaged = Buffer.from(chain);
      damaged[position] = (damaged[position] ?? 0) ^ 0x15;
      assert.ok(readCertificate(damaged, key).kind);
      assert.ok(readCertificate(chain.subarray(0, position), key).kind);
    }
    for (let position = 0; position < key.length; position += 3) {
      const damaged = Buffer.from(key);
      damaged[position] = (damaged[position] ?? 0) ^ 0x15;
      assert.ok(readCertificate(chain, damaged).kind);
    }
  });
});
