import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { Agent, request } from 'undici';
import { Authority } from '../../deploy/local/authority.ts';
import { type Dns, startDns } from '../../deploy/local/dns.ts';
import { type Pebble, startPebble } from '../../deploy/local/pebble.ts';
import { guardAgainstDeadlock } from '../../deploy/local/pebble-deadlock.ts';
import { type Session, startSession } from '../../deploy/local/session.ts';

describe('pebble and its DNS', () => {
  let session: Session;
  let dns: Dns;
  let pebble: Pebble;

  before(async () => {
    session = await startSession();
    dns = await startDns({ session });
    pebble = await startPebble({
      session,
      vaHttpPort: 5002,
      vaTlsPort: 5001,
      dnsAddress: dns.address,
      profiles: { short: { description: 'An hour', validityPeriod: 3_600 } },
      externalAccountKeys: { 'key-1': 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W' },
      alternateRoots: 1,
    });
  });
  after(() => session.stop());

  test('serves the directory as configured, under a certificate that its CA bundle verifies', async () => {
    const agent = new Agent({ connect: { ca: await readFile(pebble.caBundle, 'utf8') } });
    const answer = await request(pebble.directoryUrl, {
      dispatcher: agent,
      headers: { 'user-agent': 'kube-lego-test' },
    });
    const directory: unknown = await answer.body.json();
    await agent.close();
    assert.partialDeepStrictEqual(directory, {
      meta: { externalAccountRequired: true, profiles: { short: 'An hour' } },
    });
  });

  test('has other roots after a restart, at the same address', async () => {
    const before = await pebble.rootPem();
    assert.notEqual(await pebble.rootPem(1), before);
    await pebble.restart();
    const root = new X509Certificate(await pebble.rootPem());
    assert.notEqual(root.toString(), before);
    assert.equal(new X509Certificate(await pebble.intermediatePem()).checkIssued(root), true);
  });

  test('resolves names as told', async () => {
    const resolver = new Resolver();
    resolver.setServers([dns.address]);
    assert.deepEqual(await resolver.resolve4('any.example'), ['127.0.0.1']);
    await dns.setA('app.example', ['127.0.0.2']);
    await dns.setA('app.example', ['127.0.0.3', '127.0.0.4']);
    assert.deepEqual(await resolver.resolve4('app.example'), ['127.0.0.3', '127.0.0.4']);
    await dns.clearA('app.example');
    assert.deepEqual(await resolver.resolve4('app.example'), ['127.0.0.1']);
    await dns.setNoAddress('empty.example');
    await assert.rejects(resolver.resolve4('empty.example'), { code: 'ENODATA' });
    await dns.servfail('broken.example');
    await assert.rejects(resolver.resolve4('broken.example'), { code: 'ESERVFAIL' });
  });

  test('guards work that goes well, and passes its failure on', async () => {
    assert.equal(await pebble.guard(Promise.resolve('done')), 'done');
    await assert.rejects(pebble.guard(Promise.reject(new Error('its own failure'))), /its own failure/);
  });
});

test('a store that does not answer is called a deadlock', async () => {
  const never = new Promise<never>(() => undefined);
  await assert.rejects(guardAgainstDeadlock(never, silence, { interval: 1, answer: 20 }), {
    code: 'Deadlocked',
    message: /pebble is deadlocked/,
  });
});

test('an authority issues certificates that verify', () => {
  const authority = new Authority('Test CA');
  const now = Date.UTC(2050, 0, 15);
  const { chainPem } = authority.issue(
    { hosts: ['app.example', '*.app.example'], addresses: ['127.0.0.1'], notAfter: Date.UTC(2050, 1, 1) },
    now,
  );
  const leaf = new X509Certificate(chainPem);
  const root = new X509Certificate(authority.certificatePem);
  assert.equal(root.ca, true);
  assert.equal(leaf.checkIssued(root) && leaf.verify(root.publicKey), true);
  assert.equal(leaf.subjectAltName, 'DNS:app.example, DNS:*.app.example, IP Address:127.0.0.1');
  assert.equal(leaf.validFromDate.getTime(), now - 3_600_000);
  assert.equal(leaf.validToDate.getTime(), Date.UTC(2050, 1, 1));
});

function silence(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')));
  });
}
