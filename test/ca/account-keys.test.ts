import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyPairKeyObjectResult, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { Client, startCa } from './client.ts';

const secret = Buffer.from('a secret of 32 bytes at the least');

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** RFC 8555 section 7.3.4 */
function binding(header: object, jwk: unknown, key = secret): object {
  const [protectedHeader, payload] = [encode(header), encode(jwk)];
  const signature = createHmac('sha256', key).update(`${protectedHeader}.${payload}`).digest('base64url');
  return { protected: protectedHeader, payload, signature };
}

describe('an external account', () => {
  it('is bound to the key of the account, by its own key, for this very URL', async () => {
    const { ca } = await startCa({ externalAccounts: { ours: secret.toString('base64url') } });
    const url = `${ca.origin}/new-account`;
    const client = new Client(ca);
    const other = new Client(ca);
    const header = { alg: 'HS256', kid: 'ours', url };
    const bindings: [externalAccountBinding: object, problem: string][] = [
      [binding({ ...header, kid: 'theirs' }, client.jwk), 'unauthorized'],
      [binding(header, client.jwk, Buffer.from('another secret, of 32 bytes again')), 'malformed'],
      [binding({ ...header, url: `${ca.origin}/new-order` }, client.jwk), 'malformed'],
      [binding({ ...header, nonce: await client.nonce() }, client.jwk), 'malformed'],
      [binding(header, other.jwk), 'malformed'],
      [binding(header, client.jwk), ''],
    ];
    for (const [externalAccountBinding, problem] of bindings) {
      const reply = await client.register({ termsOfServiceAgreed: true, externalAccountBinding });
      assert.equal(reply.problem, problem, reply.detail);
    }
    assert.equal((await client.order(['a.example.com'])).status, 201);
  });
});

describe('the key of an account', () => {
  it('is changed by a request that both keys sign, and then only the new one is good', async () => {
    const { ca, client } = await startCa();
    const url = `${ca.origin}/key-change`;
    const next = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const change = { account: client.account, oldKey: client.jwk };
    const wrong = [
      inner(next, { ...change, account: `${ca.origin}/account/9` }, url),
      inner(next, { ...change, oldKey: jwkOf(next) }, url),
      inner(next, change, `${ca.origin}/new-order`),
      inner({ ...next, privateKey: client.key.privateKey }, change, url),
    ];
    for (const text of wrong) assert.equal((await client.post(url, text)).problem, 'malformed');
    const other = new Client(ca);
    await other.register();
    const taken = await client.post(url, inner(other.key, change, url));
    assert.deepEqual([taken.status, taken.headers['location']], [409, other.account]);
    assert.equal((await client.post(url, inner(next, change, url))).status, 200);
    assert.equal((await client.order(['a.example.com'])).status, 400);
    const header = { alg: 'ES256' };
    const asNew = await client.post(
      `${ca.origin}/new-order`,
      { identifiers: [{ type: 'dns', value: 'a.example.com' }] },
      { header, key: next.privateKey },
    );
    assert.equal(asNew.status, 201);
  });
});

function jwkOf({ publicKey }: KeyPairKeyObjectResult): Record<string, unknown> {
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  return { crv, kty, x, y };
}

/** RFC 8555 section 7.3.5: the payload of the outer JWS, signed by the new key. */
function inner(key: KeyPairKeyObjectResult, change: object, url: string): string {
  const [header, payload] = [encode({ alg: 'ES256', jwk: jwkOf(key), url }), encode(change)];
  const signature = sign('sha256', Buffer.from(`${header}.${payload}`), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return JSON.stringify({ protected: header, payload, signature: signature.toString('base64url') });
}
