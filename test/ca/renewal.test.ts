import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { recordField, stringField } from '../../src/process/json.ts';
import { newKeyPem } from '../acme/keys.ts';
import type { ScriptedCa } from './ca.ts';
import { Client, type Reply, startCa } from './client.ts';
import type { CaEvent, CaOptions } from './options.ts';

const hour = 3_600_000;
const day = 24 * hour;
const host = 'a.example.com';

/** A CA that has issued one certificate. */
async function startIssued(options: Partial<CaOptions> = {}) {
  const issued: Extract<CaEvent, { type: 'issued' }>[] = [];
  const onEvent = (event: CaEvent): void => void (event.type === 'issued' && issued.push(event));
  const parts = await startCa({ onEvent, ...options });
  await parts.client.issue([host]);
  return { ...parts, id: issued[0]?.certificateId ?? '', issued };
}

function certificateUrl(ca: ScriptedCa, id: string): string {
  const serial = Buffer.from(id.split('.')[1] ?? '', 'base64url').toString('hex');
  return `${ca.origin}/certificate/${serial}`;
}

function orderUrl({ headers }: Reply): string {
  return headers['location'] ?? '';
}

function windowOf(ca: ScriptedCa, client: Client, id: string): Promise<Reply> {
  return client.get(`${ca.origin}/renewal-info/${id}`);
}

describe('renewal information', () => {
  it('is a window about two thirds of the validity, with a Retry-After', async () => {
    const { ca, client, clock, id } = await startIssued();
    const { headers, json, status } = await windowOf(ca, client, id);
    assert.deepEqual([status, headers['retry-after']], [200, '21600']);
    const { start = '', end = '' } = recordField(json, 'suggestedWindow') ?? {};
    const middle = (Date.parse(String(start)) + Date.parse(String(end))) / 2;
    assert.ok(Math.abs(middle - clock.now - 60 * day) < 2 * hour);
  });

  it('is what a test says, and for a revoked certificate a window that has passed', async () => {
    const { ca, client, clock, id } = await startIssued();
    const certificate = ca.renewalInfo.get(id);
    const explanationUrl = 'https://ca.test/why';
    certificate.window = { start: clock.now, end: clock.now + hour, explanationUrl };
    assert.equal((await windowOf(ca, client, id)).json['explanationURL'], explanationUrl);
    certificate.revoked = true;
    const window = recordField((await windowOf(ca, client, id)).json, 'suggestedWindow');
    assert.ok(Date.parse(stringField(window, 'end') ?? '') < clock.now);
  });

  it('is not there for an unknown certificate, an odd id, or at a CA without it', async () => {
    const { ca, client } = await startIssued();
    assert.equal((await windowOf(ca, client, 'AA.BB')).status, 404);
    assert.equal((await windowOf(ca, client, 'AABB')).problem, 'malformed');
    const without = await startIssued({ renewalInfo: false });
    assert.equal((await without.client.get(without.ca.directoryUrl)).json['renewalInfo'], undefined);
    assert.equal((await windowOf(without.ca, without.client, without.id)).status, 404);
  });
});

describe('a certificate', () => {
  it('is revoked once, by the account that has it, for a reason that there is', async () => {
    const { ca, client, id } = await startIssued();
    const { body } = await client.post(certificateUrl(ca, id));
    const certificate = new X509Certificate(body).raw.toString('base64url');
    const url = `${ca.origin}/revoke-cert`;
    const other = new Client(ca);
    await other.register();
    assert.equal((await other.post(url, { certificate })).problem, 'unauthorized');
    assert.equal((await client.post(url, { certificate, reason: 3 })).problem, 'badRevocationReason');
    assert.equal((await client.post(url, { certificate: 'AAAA' })).status, 404);
    assert.equal((await client.post(url, { certificate })).status, 200);
    assert.equal((await client.post(url, { certificate })).problem, 'alreadyRevoked');
    assert.equal(ca.renewalInfo.get(id).revoked, true);
  });

  it('is revoked by its own key, too, which is never certified again', async () => {
    const { ca, client } = await startCa();
    const keyPem = newKeyPem();
    const order = await client.order([host]);
    await client.prove(order);
    await client.finalize(order, [host], keyPem);
    const { json } = await client.post(orderUrl(order));
    const { body } = await client.post(stringField(json, 'certificate') ?? '');
    const certificate = new X509Certificate(body).raw.toString('base64url');
    const url = `${ca.origin}/revoke-cert`;
    const signedBy = (pem: string) => {
      const key = createPrivateKey(pem);
      const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' });
      return { key, header: { kid: undefined, jwk: { crv, kty, x, y } } };
    };
    const stranger = await client.post(url, { certificate, reason: 1 }, signedBy(newKeyPem()));
    assert.deepEqual([stranger.status, stranger.problem], [403, 'unauthorized']);
    assert.equal((await client.post(url, { certificate, reason: 4 })).status, 200);
    assert.equal((await client.post(url, { certificate, reason: 1 }, signedBy(keyPem))).status, 200);
    const again = await client.post(url, { certificate, reason: 1 }, signedBy(keyPem));
    assert.equal(again.problem, 'alreadyRevoked');
    const next = await client.order(['b.example.com']);
    await client.prove(next);
    assert.equal((await client.finalize(next, ['b.example.com'], keyPem)).problem, 'badCSR');
  });
});

describe('an order that replaces a certificate', () => {
  it('is free of all limits within the window, and only there', async () => {
    const limits = { 'certificates-per-set': { burst: 1, period: 7 * day } };
    const { ca, client, clock, id, issued } = await startIssued({ limits });
    assert.equal((await client.order([host], { replaces: id })).status, 429);
    ca.renewalInfo.get(id).window = { start: clock.now - hour, end: clock.now + hour };
    const renewed = await client.issue([host], { replaces: id });
    assert.deepEqual([renewed.json['status'], renewed.json['replaces']], ['valid', id]);
    assert.deepEqual(
      issued.map(({ exemption }) => exemption),
      ['none', 'ari'],
    );
  });

  it('can be made once, but again when the first one came to nothing', async () => {
    const { client, findings, id } = await startIssued({ authorizationReuse: false });
    findings.set(host, 'dns');
    await client.issue([host], { replaces: id });
    findings.clear();
    assert.equal((await client.issue([host], { replaces: id })).json['status'], 'valid');
    const again = await client.order([host], { replaces: id });
    assert.deepEqual([again.status, again.problem], [409, 'alreadyReplaced']);
    assert.equal((await client.order([host])).status, 201);
  });

  it('is refused for the certificate of another, with other names, or of no CA', async () => {
    const { ca, client, id } = await startIssued();
    const other = new Client(ca);
    await other.register();
    for (const [reply, problem] of [
      [await other.order([host], { replaces: id }), 'unauthorized'],
      [await client.order(['b.example.com'], { replaces: id }), 'malformed'],
      [await client.order([host], { replaces: 'AA.BB' }), 'malformed'],
    ] as const) {
      assert.equal(reply.problem, problem);
      assert.match(reply.detail, /'replaces'/);
    }
  });
});

describe('a profile', () => {
  it('decides the lifetime and the names, and is told in directory and order', async () => {
    const { ca, client, issued } = await startIssued();
    const directory = await client.get(ca.directoryUrl);
    const offered = recordField(recordField(directory.json, 'meta'), 'profiles') ?? {};
    assert.deepEqual(Object.keys(offered), ['classic', 'tlsserver', 'shortlived']);
    const order = await client.issue(['b.example.com'], { profile: 'shortlived' });
    assert.equal(order.json['profile'], 'shortlived');
    const [first, second] = issued;
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(first.notAfter - first.at, 90 * day - hour - 1000);
    assert.equal(second.notAfter - second.at, 160 * hour - hour - 1000);
    const address = { identifiers: [{ type: 'ip', value: '192.0.2.1' }] };
    const url = `${ca.origin}/new-order`;
    assert.equal((await client.post(url, address)).problem, 'rejectedIdentifier');
    assert.equal((await client.post(url, { ...address, profile: 'shortlived' })).status, 201);
    assert.equal((await client.order(['b.example.com'], { profile: 'none' })).problem, 'invalidProfile');
  });

  it("follows the changes that Let's Encrypt has announced", async () => {
    const { client, clock, issued } = await startIssued();
    for (const date of ['2027-02-11', '2028-02-17']) {
      clock.now = Date.parse(date);
      await client.issue([host]);
    }
    const days = issued.map(({ at, notAfter }) => Math.round((notAfter - at) / day));
    assert.deepEqual(days, [90, 64, 45]);
  });
});
