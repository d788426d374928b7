import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, before, describe, it } from 'node:test';
import type { Check } from '../../src/commands/explanation.ts';
import { checkHost } from '../../src/commands/path-checks.ts';
import { readConfig } from '../../src/config/config.ts';
import { DnsStandIn } from '../challenges/http-01/dns-stand-in.ts';
import { answering, Site, saying } from '../challenges/http-01/site.ts';

const host = 'shop.example.test';
let dns: DnsStandIn;

describe('explain asks a host as the CA would, and', () => {
  before(async () => {
    dns = await DnsStandIn.start();
    dns.set(host, ['127.0.0.1']);
  });
  after(() => dns[Symbol.asyncDispose]());

  it('takes nobody at his word who answers with an account of his own', async () => {
    for (const thumbprint of ['none', 'x'.repeat(43)]) {
      const [, path] = await checksOn(answering(thumbprint));
      assert.equal(path?.result, 'ok', path?.text);
      assert.match(path?.text ?? '', /^Somebody answers with status 200/);
    }
  });

  it('is content with 404, as long as no challenge is under way', async () => {
    const [name, path] = await checksOn(saying(404, 'nothing here'));
    assert.deepEqual([name?.about, name?.result], [`DNS ${host}`, 'ok']);
    assert.deepEqual([path?.about, path?.result], [`path ${host}`, 'ok']);
  });

  it('names a redirect that the CA would not follow, and what to do', async () => {
    const [, path] = await checksOn(saying(302, '', { location: 'ftp://shop.example.test/' }));
    assert.equal(path?.result, 'problem');
    assert.match(path?.text ?? '', /redirects the challenge/);
    assert.equal(path?.remedy, 'Let /.well-known/acme-challenge/ of the host be reached over port 80.');
  });
});

async function checksOn(listener: RequestListener): Promise<Check[]> {
  await using site = await Site.start(listener);
  const reading = readConfig(
    {
      LEGO_NAMESPACE: 'kube-lego',
      LEGO_DNS_SERVERS: dns.address,
      LEGO_HTTP01_PORT: String(site.port),
    },
    [],
  );
  assert.equal(reading.kind, 'config');
  return await checkHost(host, reading.config, AbortSignal.timeout(20_000));
}
