import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeWrongAnswer } from '../../../src/challenges/http-01/self-check/wrong-answer.ts';

const described = (status: number, server?: string, body = '') =>
  describeWrongAnswer({ status, body, token: 'token', address: '203.0.113.7', server });
const of = (...parameters: Parameters<typeof described>): string => described(...parameters).what;

describe('a wrong answer of a host', () => {
  for (const [status, server, expected] of [
    [
      521,
      'cloudflare',
      /^answers .* 521 from 203\.0\.113\.7 \(Server: "cloudflare"\): a CDN in front is refused the connection/,
    ],
    [522, undefined, /522 from 203\.0\.113\.7: a CDN in front cannot connect to the ingress controller$/],
    [
      525,
      'cloudflare',
      /: a CDN in front asks the ingress controller over https, and takes no certificate that is missing or not valid yet$/,
    ],
    [526, 'cloudflare', /: a CDN in front asks the ingress controller over https/],
    [530, 'cloudflare', /: a CDN in front does not find the ingress controller$/],
    [503, 'cloudflare', /: the CDN in front is in maintenance or protects the site, or cannot reach/],
    [503, 'AkamaiGHost', /\(Server: "AkamaiGHost"\): the CDN in front is in maintenance/],
    [
      503,
      'nginx',
      /\(Server: "nginx"\): the ingress controller cannot reach kube-lego, or something in front of it is in maintenance$/,
    ],
    [500, 'CloudFront', /: the CDN in front cannot reach the ingress controller$/],
    [
      404,
      'Apache/2.4.1 (Debian)',
      /404 from 203\.0\.113\.7 \(Server: "Apache\/2\.4\.1 \(Debian\)"\): the challenge rule is not in effect there, or another server/,
    ],
    [404, 'Netlify', /: the CDN in front answers itself, or asks another server/],
    [403, 'cloudflare', /: the CDN in front refuses the challenge path/],
    [403, undefined, /: authentication, an allow-list or a firewall is in front of/],
    [410, 'x', /: another server was asked, or the site has been removed there$/],
    [421, undefined, /: another server was asked, which does not serve this host$/],
    [429, undefined, /: a rate limit is in front of the challenge path$/],
    [599, undefined, /: the ingress controller cannot reach kube-lego, or something/],
    [418, 'teapot', /418 from 203\.0\.113\.7 \(Server: "teapot"\) instead of 200$/],
  ] as const) {
    it(`${status} of ${server ?? 'an unnamed server'}`, () => assert.match(of(status, server), expected));
  }

  it('has a bounded name of the server on one line, which ends nothing and holds no key', () => {
    const name = (server: string): string => /\(Server: (.*)\) instead/.exec(of(204, server))?.[1] ?? '';
    assert.equal(name('a\r\n\u001B[31m"b" \u202E'), '"a [31mb \\u{202e}"');
    assert.equal(name('x y '.repeat(5000)), `"${'x y '.repeat(10)}…"`);
    assert.equal(name(`Bearer ${'s3cret'.repeat(3)}`), '"Bearer (a token)"');
    assert.equal(of(204, '   '), 'answers the challenge with status 204 from 203.0.113.7 instead of 200');
  });

  it('of a CDN has a remedy of its own, and of nobody else', () => {
    for (const [status, server] of [
      [525, undefined],
      [530, 'x'],
      [503, 'cloudflare'],
      [404, 'Netlify'],
    ] as const) {
      assert.match(described(status, server).remedy ?? '', /^Let the CDN take .* over http /);
    }
    for (const [status, server] of [
      [503, 'nginx'],
      [404, undefined],
      [200, 'cloudflare'],
    ] as const) {
      assert.equal(described(status, server).remedy, undefined);
    }
    assert.equal(described(404, 'a"b').from, '203.0.113.7 (Server: "ab")');
  });

  it('never holds its body', () => {
    for (const status of [200, 404, 500]) assert.doesNotMatch(of(status, undefined, 'the secret'), /secret/);
    assert.match(of(200, undefined, 'token.other'), /but for another ACME account/);
  });
});
