import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { arrayField, stringField } from '../../src/process/json.ts';
import { newKeyPem } from '../acme/keys.ts';
import { type Changes, Client, csrOf, type Reply, startCa } from './client.ts';

const order = { identifiers: [{ type: 'dns', value: 'a.example.com' }] };

async function refused(changes: Changes, status: number, problem: string): Promise<Reply> {
  const { ca, client } = await startCa();
  const reply = await client.post(`${ca.origin}/new-order`, order, changes);
  assert.deepEqual([reply.status, reply.problem], [status, problem], reply.detail);
  assert.equal(reply.headers['replay-nonce'] !== undefined, changes.method === undefined);
  return reply;
}

describe('a signed request is refused', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cases: readonly [string, Changes, number, string][] = [
    ['with the signature of another key', { key: other.privateKey }, 400, 'malformed'],
    ['with a payload that was not signed', { jws: (jws) => ({ ...jws, payload: 'e30' }) }, 400, 'malformed'],
    ['with an unprotected header', { jws: (jws) => ({ ...jws, header: {} }) }, 400, 'malformed'],
    ['with padding', { jws: (jws) => ({ ...jws, payload: `${String(jws['payload'])}=` }) }, 400, 'malformed'],
    ['with a MAC for a signature', { header: { alg: 'HS256' } }, 400, 'badSignatureAlgorithm'],
    ['without a signature', { header: { alg: 'none' } }, 400, 'badSignatureAlgorithm'],
    ["with an algorithm that is not its key's", { header: { alg: 'ES384' } }, 400, 'malformed'],
    ['without a nonce', { header: { nonce: undefined } }, 400, 'badNonce'],
    ["with a nonce that is not the CA's", { header: { nonce: 'made-up' } }, 400, 'badNonce'],
    ['for another URL', { header: { url: 'https://ca.test/new-account' } }, 401, 'unauthorized'],
    ['without its URL', { header: { url: undefined } }, 401, 'unauthorized'],
    ['with neither kid nor jwk', { header: { kid: undefined } }, 400, 'malformed'],
    ['with both', { header: { jwk: { kty: 'EC' } } }, 400, 'malformed'],
    ['of no account', { header: { kid: 'https://ca.test/account/9' } }, 400, 'accountDoesNotExist'],
    ['as plain JSON', { headers: { 'content-type': 'application/json' } }, 415, 'malformed'],
    ['without a User-Agent', { headers: { 'user-agent': undefined } }, 400, 'malformed'],
    ['with its nonce in a header', { headers: { 'replay-nonce': 'x' } }, 400, 'malformed'],
    ['by PUT', { method: 'PUT' }, 405, 'malformed'],
  ];
  for (const [what, changes, status, problem] of cases)
    it(what, async () => {
      await refused(changes, status, problem);
    });

  it('with jwk where an account is needed, and with kid where one is made', async () => {
    const { ca, client } = await startCa();
    const { account, jwk } = client;
    const header = { jwk, kid: undefined };
    const asJwk = await client.post(`${ca.origin}/new-order`, order, { header });
    assert.deepEqual([asJwk.status, asJwk.problem], [400, 'malformed']);
    const asKid = await client.post(`${ca.origin}/new-account`, {}, { header: { kid: account } });
    assert.deepEqual([asKid.status, asKid.problem], [400, 'malformed']);
  });

  it('says which algorithms there are', async () => {
    const { json } = await refused({ header: { alg: 'PS256' } }, 400, 'badSignatureAlgorithm');
    assert.deepEqual(json['algorithms'], ['RS256', 'ES256', 'ES384', 'ES512']);
  });
});

describe('a nonce', () => {
  it('is good for one request, also when that was refused', async () => {
    const { ca, client } = await startCa();
    const nonce = await client.nonce();
    const first = await client.post(`${ca.origin}/new-order`, { identifiers: [] }, { header: { nonce } });
    assert.deepEqual([first.status, first.problem], [400, 'malformed']);
    const second = await client.post(`${ca.origin}/new-order`, order, { header: { nonce } });
    assert.deepEqual([second.status, second.problem], [400, 'badNonce']);
    const fresh = second.headers['replay-nonce'] ?? '';
    const third = await client.post(`${ca.origin}/new-order`, order, { header: { nonce: fresh } });
    assert.equal(third.status, 201);
  });

  it('comes with each answer to a POST and from new-nonce, but not with the directory', async () => {
    const { ca, client } = await startCa();
    assert.notEqual(await client.nonce(), await client.nonce());
    assert.equal((await client.get(ca.directoryUrl)).headers['replay-nonce'], undefined);
    assert.equal((await client.get(`${ca.origin}/new-nonce`)).status, 204);
  });

  it('can be refused for nothing', async () => {
    const { ca, client } = await startCa();
    ca.faults.next('new-order', 'bad-nonce');
    assert.equal((await client.order(['a.example.com'])).problem, 'badNonce');
    assert.equal((await client.order(['a.example.com'])).status, 201);
    ca.nonces.forgetAll();
    assert.equal((await client.order(['a.example.com'])).status, 201);
  });
});

describe('an account', () => {
  it('is made once for a key, found again, and gone when it is deactivated', async () => {
    const { ca, client } = await startCa();
    const url = client.account;
    client.account = '';
    const again = await client.register({ onlyReturnExisting: true });
    assert.deepEqual([again.status, again.headers['location']], [200, url]);
    assert.equal((await client.post(url, { status: 'deactivated' })).json['status'], 'deactivated');
    assert.deepEqual(
      [(await client.post(`${ca.origin}/new-order`, order)).status, (await client.post(url)).problem],
      [403, 'unauthorized'],
    );
  });

  it('needs the terms, a contact that can be, and an external account where that is asked for', async () => {
    const { ca } = await startCa();
    const agreed = { termsOfServiceAgreed: true };
    for (const [payload, problem] of [
      [{}, 'malformed'],
      [{ ...agreed, contact: ['tel:1'] }, 'unsupportedContact'],
      [{ ...agreed, contact: ['mailto:nobody'] }, 'invalidContact'],
      [{ onlyReturnExisting: true }, 'accountDoesNotExist'],
    ] as const)
      assert.equal((await new Client(ca).register(payload)).problem, problem);
    const closed = await startCa({ externalAccounts: { kid: 'c2VjcmV0' } });
    assert.equal((await new Client(closed.ca).register()).problem, 'externalAccountRequired');
  });

  it('cannot see the orders of another', async () => {
    const { ca, client } = await startCa();
    const mine = await client.order(['a.example.com']);
    const other = new Client(ca);
    await other.register();
    assert.equal((await other.post(mine.headers['location'] ?? '')).status, 404);
    const [authorization] = arrayField(mine.json, 'authorizations');
    assert.equal((await other.post(String(authorization))).problem, 'unauthorized');
  });

  it('has to agree to new terms', async () => {
    const { ca, client } = await startCa();
    ca.changeTerms('https://ca.test/terms/2');
    const reply = await client.order(['a.example.com']);
    assert.deepEqual([reply.status, reply.problem], [403, 'userActionRequired']);
    assert.equal(reply.json['instance'], 'https://ca.test/terms/2');
    assert.match(reply.headers['link'] ?? '', /rel="terms-of-service"/);
  });
});

describe('an order', () => {
  it('is refused for names that no certificate can have, each of them named', async () => {
    const { client } = await startCa();
    for (const name of ['localhost', '127.0.0.1', 'a_b.example.com', '-a.example.com', 'example.123'])
      assert.equal((await client.order([name])).problem, 'rejectedIdentifier', name);
    const { json } = await client.order(['fine.example.com', 'bad_1.example.com', 'bad_2.example.com']);
    const blamed = arrayField(json, 'subproblems').map((part) => JSON.stringify(part));
    assert.equal(blamed.length, 2);
    assert.match(blamed.join(), /bad_1.*bad_2/);
    assert.equal((await client.order([])).problem, 'malformed');
    assert.equal(
      (await client.order(['a.example.com'], { notAfter: '2027-01-01T00:00:00Z' })).problem,
      'malformed',
    );
    const many = Array.from({ length: 101 }, (_, index) => `h${index}.example.com`);
    assert.equal((await client.order(many)).problem, 'malformed');
  });

  it('goes from pending to ready to valid, is finalized only when it is ready, and only once', async () => {
    const { client } = await startCa();
    const hosts = ['a.example.com', 'b.example.com'];
    const placed = await client.order(hosts);
    const url = placed.headers['location'] ?? '';
    assert.equal(placed.json['status'], 'pending');
    const early = await client.finalize(placed, hosts);
    assert.deepEqual([early.status, early.problem], [403, 'orderNotReady']);
    await client.prove(placed);
    assert.equal((await client.post(url)).json['status'], 'ready');
    const done = await client.finalize(placed, hosts);
    assert.equal(done.json['status'], 'valid');
    assert.equal((await client.finalize(placed, hosts)).problem, 'orderNotReady');
    const chain = await client.post(stringField(done.json, 'certificate') ?? '');
    assert.equal(chain.headers['content-type'], 'application/pem-certificate-chain');
    assert.equal(chain.body.split('BEGIN CERTIFICATE').length - 1, 2);
  });

  it('is over when the proof of one host is wrong, and its authorization says why', async () => {
    const { client, findings } = await startCa();
    findings.set('b.example.com', 'wrong-answer');
    const placed = await client.order(['a.example.com', 'b.example.com']);
    await client.prove(placed);
    assert.equal((await client.post(placed.headers['location'] ?? '')).json['status'], 'invalid');
    const [, bad] = arrayField(placed.json, 'authorizations');
    const { json } = await client.post(String(bad));
    assert.equal(json['status'], 'invalid');
    assert.match(JSON.stringify(json['challenges']), /error:unauthorized.*Invalid response from/);
  });

  it('is read by POST-as-GET alone, and ends', async () => {
    const { client, clock } = await startCa();
    const placed = await client.order(['a.example.com']);
    const url = placed.headers['location'] ?? '';
    assert.equal((await client.post(url, {})).problem, 'malformed');
    assert.equal((await client.get(url)).status, 405);
    clock.now += 7 * 86_400_000 + 1;
    assert.equal((await client.post(url)).status, 404);
  });

  it('takes the CSR for its own names and for a key of its own', async () => {
    const { client } = await startCa();
    const placed = await client.order(['a.example.com', 'b.example.com']);
    await client.prove(placed);
    for (const names of [['a.example.com'], ['a.example.com', 'b.example.com', 'c.example.com']])
      assert.equal((await client.finalize(placed, names)).problem, 'unauthorized');
    const names = ['b.example.com', 'a.example.com'];
    const accountKey = client.key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    assert.equal((await client.finalize(placed, names, accountKey)).problem, 'badCSR');
    const url = stringField(placed.json, 'finalize') ?? '';
    assert.equal((await client.post(url, { csr: 'AAAA' })).problem, 'badCSR');
    assert.equal((await client.post(url, { csr: '+++=' })).problem, 'malformed');
    const csr = Buffer.from(csrOf(names, newKeyPem()), 'base64url');
    csr.writeUInt8(csr.readUInt8(csr.length - 1) ^ 1, csr.length - 1);
    assert.equal((await client.post(url, { csr: csr.toString('base64url') })).problem, 'badCSR');
    assert.equal((await client.finalize(placed, names)).json['status'], 'valid');
  });
});
