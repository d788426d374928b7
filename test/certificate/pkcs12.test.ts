import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { pkcs12 } from '../../src/certificate/making/pkcs12.ts';
import { pemBlocks } from '../../src/certificate/pem.ts';
import { Issuer } from '../ca/issuer.ts';
import { seededRandom } from '../ca/random.ts';
import { openPkcs12 } from './open-pkcs12.ts';
import { day, newKeyPem } from './test-ca.ts';

const password = 'correct horse "battery" $taple ~';
const keys = {
  EC: newKeyPem(),
  RSA: generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey,
};

const issuer = new Issuer(Date.now(), seededRandom(1));

function make(keyPem: string): { keystore: Buffer; chain: readonly string[] } {
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  const validity = { notBefore: Date.now() - day, notAfter: Date.now() + day };
  const { chainPem } = issuer.issue(1, [{ type: 'dns', value: 'web.example.com' }], spki, validity);
  const chain = [...pemBlocks(chainPem)].map(({ text }) => text);
  const [leaf, ...issuers] = chain.map((pem) => new X509Certificate(pem));
  assert.ok(leaf !== undefined && issuers.length > 0);
  return { keystore: pkcs12(leaf, issuers, createPrivateKey(keyPem), password), chain };
}

describe('a PKCS #12 keystore', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pkcs12-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [type, keyPem] of Object.entries(keys)) {
    it(`holds the ${type} key and the chain, as OpenSSL reads it`, async () => {
      const { keystore, chain } = make(keyPem);
      const opened = await openPkcs12(keystore, password);
      assert.deepEqual(opened.certificates, chain);
      assert.ok(createPrivateKey(opened.keyPem).equals(createPrivateKey(keyPem)));
      assert.match(opened.info, /MAC: sha256, Iteration 2048/);
      assert.match(opened.info, /PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256/);
      assert.match(opened.info, /friendlyName: certificate/);
    });
  }

  it('does not open with another password', async () => {
    const { keystore } = make(keys.EC);
    await assert.rejects(openPkcs12(keystore, `${password}x`), /invalid password/i);
  });

  it('is one entry with its chain for Java', {
    skip: spawnSync('keytool', ['-help']).error !== undefined,
  }, async () => {
    const path = join(folder, 'keystore.p12');
    const { keystore, chain } = make(keys.EC);
    await writeFile(path, keystore);
    const asked = ['-list', '-v', '-keystore', path, '-storetype', 'PKCS12', '-storepass:env', 'PASSWORD'];
    const env = { ...process.env, PASSWORD: password };
    const { stdout } = await promisify(execFile)('keytool', asked, { env });
    assert.match(stdout, /Your keystore contains 1 entry/);
    assert.match(stdout, /Alias name: certificate/);
    assert.match(
      stdout,
      new RegExp(`Entry type: PrivateKeyEntry\\s+Certificate chain length: ${chain.length}`),
    );
  });
});
