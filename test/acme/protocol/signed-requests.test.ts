import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { inspect } from 'node:util';
import { axios } from 'acme-client';
import { readAccountKey } from '../../../src/acme/protocol/account-key.ts';
import { SignedRequests } from '../../../src/acme/protocol/signed-requests.ts';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import { AcmeProblem } from '../../../src/acme/transport/problem.ts';
import { AcmeTransport } from '../../../src/acme/transport/transport.ts';
import { createCsr } from '../../../src/certificate/making/csr.ts';
import { isRecord, stringField } from '../../../src/process/json.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { newKeyPem, oldKeyPem } from '../keys.ts';
import { ScriptedCa } from '../scripted-ca.ts';

const { signal } = new AbortController();

describe('signed requests', () => {
  let ca: ScriptedCa;
  let transport: AcmeTransport;

  beforeEach(async () => {
    ca = new ScriptedCa();
    await ca.start();
    const proxy = { httpsProxy: '', noProxy: '' };
    transport = new AcmeTransport({
      clock: new CaClock(systemClock),
      userAgent: 'test',
      caBundle: ca.caBundle,
      proxy,
    });
  });

  afterEach(async () => {
    mock.restoreAll();
    await transport.close();
    await ca.stop();
  });

  const requests = (keyPem = newKeyPem(), accountUrl?: string): SignedRequests => {
    const { directoryUrl } = ca;
    return new SignedRequests({ transport, directoryUrl, key: readAccountKey(keyPem) }, accountUrl);
  };

  test('an order is signed by the key as it was read once, and goes past axios', async () => {
    const csr = createCsr(['a.example'], newKeyPem());
    const account = requests(newKeyPem(), ca.url('/account'));
    const signed = mock.method(crypto.Sign.prototype, 'sign');
    const sent = mock.method(axios, 'request', () => Promise.reject(new Error('sent by axios')));
    const { value: order } = await account.newOrder(signal, { hosts: ['a.example'] });
    await account.authorization(signal, ca.url('/authz'));
    await account.answerChallenge(signal, ca.url('/challenge'));
    await account.finalize(signal, order, csr);
    await account.order(signal, order.url);
    assert.equal((await account.certificate(signal, ca.url('/certificate'))).value, ca.chainPem);
    assert.equal(signed.mock.callCount(), ca.received.filter(({ method }) => method === 'POST').length);
    for (const {
      arguments: [by],
    } of signed.mock.calls)
      assert.ok(isRecord(by) && by['key'] instanceof crypto.KeyObject);
    assert.equal(sent.mock.callCount(), 0);
  });

  test('each kind of account key signs what its public half confirms', async () => {
    const p384 = crypto
      .generateKeyPairSync('ec', { namedCurve: 'P-384' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString();
    const kinds = [
      { pem: newKeyPem(), alg: 'ES256', hash: 'sha256' },
      { pem: p384, alg: 'ES384', hash: 'sha384' },
      { pem: oldKeyPem(), alg: 'RS256', hash: 'sha256' },
    ];
    for (const { pem, alg, hash } of kinds) {
      const posted = mock.method(transport, 'post');
      await requests(pem).createAccount(signal, undefined);
      const jws: unknown = JSON.parse(String(posted.mock.calls[0]?.arguments[0].body));
      const [header = '', payload = '', signature = ''] = ['protected', 'payload', 'signature'].map((field) =>
        stringField(jws, field),
      );
      const head: unknown = JSON.parse(Buffer.from(header, 'base64url').toString());
      assert.equal(stringField(head, 'alg'), alg);
      const jwk = isRecord(head) ? head['jwk'] : undefined;
      assert.ok(isRecord(jwk) && !('d' in jwk));
      const key = crypto.createPublicKey({ key: jwk, format: 'jwk' });
      assert.ok(
        crypto.verify(
          hash,
          Buffer.from(`${header}.${payload}`),
          { key, dsaEncoding: 'ieee-p1363' },
          Buffer.from(signature, 'base64url'),
        ),
      );
      posted.mock.restore();
    }
  });

  test('an account that is there already gets the address of today', async () => {
    ca.scripts.set('/new-account', () => ({
      status: 200,
      headers: { location: ca.url('/account') },
      body: { status: 'valid' },
    }));
    assert.equal(await requests().createAccount(signal, 'ops@example.com'), ca.url('/account'));
    const { payload } = ca.received.find(({ path }) => path === '/account') ?? {};
    assert.deepEqual(payload, { termsOfServiceAgreed: true, contact: ['mailto:ops@example.com'] });
  });

  test('an answer that lacks what is needed is a clear error that shows nothing of the body', async () => {
    ca.scripts.set('/new-order', () => ({ status: 200, body: { status: 'SECRET' } }));
    const placed = requests(newKeyPem(), ca.url('/account')).newOrder(signal, { hosts: ['a.example'] });
    await assert.rejects(placed, (error) => {
      assert.ok(error instanceof AcmeProblem);
      assert.equal(error.type, 'invalidResponse');
      assert.match(error.message, /^The new-order request .* the answer has no link to the order/);
      assert.doesNotMatch(`${error.message} ${inspect(error, { depth: 9 })}`, /SECRET/);
      return true;
    });
  });

  test('only a handful of the alternate chains that a CA offers are downloaded', async () => {
    const links = Array.from({ length: 100 }, () => `<${ca.url('/certificate')}>;rel="alternate"`);
    ca.scripts.set('/certificate', () => ({
      status: 200,
      headers: { link: links.join(', '), 'content-type': 'application/pem-certificate-chain' },
      body: ca.caBundle,
    }));
    const account = requests(newKeyPem(), ca.url('/account'));
    const { value } = await account.certificate(signal, ca.url('/certificate'), 'Some Root');
    assert.equal(value, ca.caBundle);
    assert.equal(ca.received.filter(({ path }) => path.startsWith('/certificate')).length, 6);
  });

  test('acme-client is entered in one place', () => {
    const root = new URL('../../../src/', import.meta.url).pathname;
    const entered = globSync('**/*.ts', { cwd: root, exclude: ['**/*.d.ts'] }).filter((file) =>
      readFileSync(`${root}${file}`, 'utf8').includes("from 'acme-client"),
    );
    assert.deepEqual(entered, ['acme/protocol/signed-exchange.ts']);
  });
});
