import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import { describe, it } from 'node:test';
import { ingress, tlsSecret } from './edge-objects.ts';
import { answerTo, appPort, ask, certificateFor, certificateOf, edgeTo } from './edge-world.ts';

describe('redirects', () => {
  it('name the https port, keep path and query, and are not for https', async (t) => {
    const certificate = certificateOf('shop.test');
    const { httpPort, httpsPort } = await edgeTo(t, await appPort(t), [tlsSecret('shop/cert', certificate)], {
      redirect: 'ingress',
    });
    const { status, headers } = await ask(httpPort, { path: '/a?b=c' });
    assert.equal(status, 308);
    assert.equal(headers.location, `https://shop.test:${httpsPort}/a?b=c`);
    const agent = new Agent({ ca: certificate.certificatePem, maxCachedSessions: 0 });
    const secure = await answerTo(
      request({
        host: '127.0.0.1',
        port: httpsPort,
        servername: 'shop.test',
        headers: { host: 'shop.test' },
        agent,
      }),
    );
    agent.destroy();
    assert.equal(secure.status, 200);
  });
});

describe('certificates', () => {
  it("are chosen by the client's server name, from the Secrets that spec.tls names", async (t) => {
    const blog = ingress('blog/site', {
      rules: { '*.blog.test': { '/': 'web:80' } },
      tls: { wild: ['*.blog.test'] },
    });
    const { httpsPort } = await edgeTo(t, await appPort(t), [
      tlsSecret('shop/cert', certificateOf('shop.test')),
      blog,
      tlsSecret('blog/wild', certificateOf('*.blog.test')),
    ]);
    assert.equal(await certificateFor(httpsPort, 'shop.test'), 'DNS:shop.test');
    assert.equal(await certificateFor(httpsPort, 'SHOP.test'), 'DNS:shop.test');
    assert.equal(await certificateFor(httpsPort, 'my.blog.test'), 'DNS:*.blog.test');
    assert.equal(await certificateFor(httpsPort, undefined), 'DNS:edge.invalid');
  });

  it('are followed when the Secret changes or goes', async (t) => {
    const { edge, httpsPort } = await edgeTo(t, await appPort(t));
    assert.equal(await certificateFor(httpsPort, 'shop.test'), 'DNS:edge.invalid');
    edge.change(tlsSecret('shop/cert', certificateOf('shop.test', 'first.test')));
    assert.equal(await certificateFor(httpsPort, 'shop.test'), 'DNS:shop.test, DNS:first.test');
    edge.change(tlsSecret('shop/cert', certificateOf('shop.test', 'second.test')));
    assert.equal(await certificateFor(httpsPort, 'shop.test'), 'DNS:shop.test, DNS:second.test');
    edge.change({ kind: 'secret', key: 'shop/cert', object: undefined });
    assert.equal(await certificateFor(httpsPort, 'shop.test'), 'DNS:edge.invalid');
  });

  it('are the default one where the Secret is of no use', async (t) => {
    const good = certificateOf('shop.test');
    const useless = [
      tlsSecret('shop/cert', certificateOf('other.test')),
      tlsSecret('shop/cert', { ...good, keyPem: certificateOf('shop.test').keyPem }),
      tlsSecret('shop/cert', { certificatePem: '', keyPem: '' }),
      tlsSecret('elsewhere/cert', good),
    ];
    for (const secret of useless) {
      const { httpsPort } = await edgeTo(t, await appPort(t), [secret]);
      assert.equal(await certificateFor(httpsPort, 'shop.test'), 'DNS:edge.invalid');
    }
  });

  it('are refused with an alert where the edge has no default', async (t) => {
    const { httpsPort } = await edgeTo(t, await appPort(t), [], { missingCertificate: 'refuse' });
    for (const name of ['shop.test', 'unknown.test', undefined]) {
      await assert.rejects(certificateFor(httpsPort, name), {
        code: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
      });
    }
  });
});
