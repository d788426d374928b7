import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { freePorts } from '../../../deploy/local/free-ports.ts';
import { resolveHost } from '../../../src/challenges/addresses.ts';
import {
  type SelfCheckSettings,
  selfCheck,
  type Verdict,
} from '../../../src/challenges/http-01/self-check/self-check.ts';
import type { Clock } from '../../../src/time/clock.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { unhurriedClock } from '../../time/unhurried-clock.ts';
import { DnsStandIn } from './dns-stand-in.ts';
import { answering, Site, saying } from './site.ts';

const thumbprint = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
const host = 'shop.example.test';
let dns: DnsStandIn;

before(async () => {
  dns = await DnsStandIn.start();
  dns.set(host, ['127.0.0.1']);
});

after(() => dns[Symbol.asyncDispose]());

function settings(httpPort: number, httpsPort = 443, clock: Clock = unhurriedClock): SelfCheckSettings {
  return {
    thumbprint,
    ports: { http: httpPort, https: httpsPort },
    dnsServers: [dns.address],
    allowLoopback: true,
    publicCa: false,
    userAgent: 'kube-lego/test',
    clock,
  };
}

function check(port: number, httpsPort?: number, name = host): Promise<Verdict> {
  return selfCheck(name, settings(port, httpsPort), AbortSignal.timeout(60_000));
}

async function verdictOn(listener: RequestListener): Promise<Verdict> {
  await using site = await Site.start(listener);
  return await check(site.port);
}

function messageOf(verdict: Verdict): string {
  return verdict.kind === 'reachable' ? 'reachable' : `${verdict.kind}: ${verdict.message}`;
}

describe('the self-check finds a host reachable', () => {
  it('when it answers as ours', async () => {
    assert.deepEqual(await verdictOn(answering(thumbprint)), { kind: 'reachable', notice: undefined });
  });

  it('when only white space follows the answer', async () => {
    const verdict = await verdictOn((request, response) => {
      response.end(`${request.url?.split('/').at(-1)}.${thumbprint} \r\n`);
    });
    assert.equal(verdict.kind, 'reachable');
  });

  it('asking as a CA asks: the public name, a fresh token, a new connection', async () => {
    const asked: (string | undefined)[][] = [];
    await using site = await Site.start((request, response) => {
      asked.push([request.headers.host, request.url, request.headers['user-agent']]);
      answering(thumbprint)(request, response);
    });
    await check(site.port);
    await check(site.port);
    assert.equal(site.connections, 2);
    assert.equal(new Set(asked.map(([, url]) => url)).size, 2);
    for (const [name, url, userAgent] of asked) {
      assert.equal(name, `${host}:${site.port}`);
      assert.match(url ?? '', /^\/\.well-known\/acme-challenge\/[A-Za-z0-9_-]{43}$/);
      assert.equal(userAgent, 'kube-lego/test');
    }
  });
});

describe('the self-check names a wrong answer', () => {
  const intro = `wrong-answer: Host ${host} answers the challenge with status`;
  for (const [name, listener, expected] of [
    [
      'of the app',
      saying(200, '<html>the secret of the page</html>'),
      `${intro} 200 from 127.0.0.1, but not with kube-lego's text: the application or another server took the request.`,
    ],
    ['longer than a CA reads', saying(200, 'x'.repeat(200_000)), `${intro} 200 from 127.0.0.1, but not with`],
    [
      'for another account',
      answering('of-another-account'),
      `${intro} 200 from 127.0.0.1, but for another ACME account: another ACME client is in the way.`,
    ],
    [
      '404',
      saying(404, 'the secret of the page'),
      `${intro} 404 from 127.0.0.1: the challenge rule is not in effect there, or another server was asked.`,
    ],
    [
      '403',
      saying(403, ''),
      `${intro} 403 from 127.0.0.1: authentication, an allow-list or a firewall is in front of`,
    ],
    [
      '502',
      saying(502, ''),
      `${intro} 502 from 127.0.0.1: the ingress controller cannot reach kube-lego, or`,
    ],
    ['204', saying(204, ''), `${intro} 204 from 127.0.0.1 instead of 200.`],
    [
      '303, which no CA follows',
      saying(303, '', { location: '/x' }),
      `${intro} 303 from 127.0.0.1 instead of 200.`,
    ],
  ] as const) {
    it(name, async () => {
      const verdict = await verdictOn(listener);
      const message = messageOf(verdict);
      assert.ok(message.startsWith(expected), message);
      assert.doesNotMatch(JSON.stringify(verdict), /secret/);
    });
  }

  it('without the Server header of a private address, which may be that of an internal server', async () => {
    const verdict = await verdictOn(saying(404, '', { server: 'Vault/1.2.3' }));
    assert.equal(
      messageOf(verdict),
      `${intro} 404 from 127.0.0.1: the challenge rule is not in effect there, or another server was asked.`,
    );
  });

  it('with white space in front of ours', async () => {
    const verdict = await verdictOn((request, response) => {
      response.end(` ${request.url?.split('/').at(-1)}.${thumbprint}`);
    });
    assert.equal(verdict.kind, 'wrong-answer');
  });

  it('that is not HTTP', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume();
      socket.end('SSH-2.0-OpenSSH_9.9\r\n');
    });
    await using site = await Site.serve(server);
    assert.match(messageOf(await check(site.port)), /^wrong-answer: .* is not HTTP\/1\.1 \(HPE_/);
  });
});

describe('the self-check follows redirects as a CA does', () => {
  it('to https, whatever the certificate', async () => {
    await using tls = await Site.startTls(answering(thumbprint));
    await using site = await Site.start((request, response) => {
      saying(308, '', { location: `https://${host}:${tls.port}${request.url}` })(request, response);
    });
    assert.equal(messageOf(await check(site.port, tls.port)), 'reachable');
  });

  it('to the default port of https where it is another one here', async () => {
    await using tls = await Site.startTls(answering(thumbprint));
    await using site = await Site.start((request, response) => {
      saying(301, '', { location: `https://${host}${request.url}` })(request, response);
    });
    assert.equal(messageOf(await check(site.port, tls.port)), 'reachable');
  });

  it('and names the last host when that one answers wrongly', async () => {
    await using tls = await Site.startTls(saying(404, ''));
    dns.set('www.example.test', ['127.0.0.1']);
    await using site = await Site.start((request, response) => {
      saying(302, '', { location: `https://www.example.test${request.url}` })(request, response);
    });
    const verdict = await check(site.port, tls.port);
    assert.deepEqual(verdict, {
      kind: 'wrong-answer',
      status: 404,
      finalHost: 'www.example.test',
      message: `Host ${host} redirects the challenge to https://www.example.test, which gives another answer than kube-lego's.`,
    });
  });

  for (const [name, location, expected] of [
    ['to another port', `http://${host}:8081/`, 'to port 8081, but a CA follows to ports'],
    ['to another protocol', 'ftp://shop.example.test/', 'to ftp:, but a CA follows http and https only'],
    [
      'to a Service of the cluster',
      'http://kubernetes.default.svc/',
      'to kubernetes.default.svc, which is not a public name',
    ],
    ['to a name of the pod network', 'http://db/', 'to db, which is not a public name'],
    [
      'without the slash',
      'http://shop.example.test.well-known/acme',
      'a slash is missing after the host name',
    ],
    ['to itself', '?', 'in a loop'],
    ['to nonsense', 'http://[', 'to something that is no URL'],
    ['to nowhere', '', 'without saying whereto'],
    ['to a very long path', `/${'a'.repeat(2001)}`, 'to a path of more than 2000 characters'],
  ] as const) {
    it(`but not ${name}`, async () => {
      const message = messageOf(
        await verdictOn((request, response) => {
          saying(301, '', { location: location === '?' ? (request.url ?? '') : location })(request, response);
        }),
      );
      assert.ok(message.startsWith(`wrong-answer: Host ${host} redirects the challenge `), message);
      assert.ok(message.includes(expected), message);
    });
  }

  it('ten times and no more', async () => {
    const hops = Array.from({ length: 12 }, (_, number) => `hop-${number}.example.test`);
    for (const hop of hops) dns.set(hop, ['127.0.0.1']);
    let redirects = 0;
    let allowed = 10;
    await using site = await Site.start((request, response) => {
      if (redirects === allowed) answering(thumbprint)(request, response);
      else {
        const location = `http://${hops[redirects]}:${site.port}${request.url}`;
        redirects++;
        saying(307, '', { location })(request, response);
      }
    });
    assert.equal(messageOf(await check(site.port)), 'reachable');
    redirects = 0;
    allowed = 11;
    assert.equal((await check(site.port)).kind, 'wrong-answer');
    assert.equal(redirects, 11);
  });
});

describe('the self-check is no way into the network of the cluster', () => {
  /** What an internal server was asked. */
  let asked: (string | undefined)[];
  let internal: Site;
  const command = '/api/v1/admin/purge?confirm=yes';

  before(async () => {
    // Others listen at the same port of other addresses: it is none that a connection of anybody may have.
    const [port] = await freePorts(1);
    const listener: RequestListener = (request, response) => {
      asked.push(request.url);
      saying(202, 'the secret of the server', { location: 'http://further.example.test/' })(
        request,
        response,
      );
    };
    internal = await Site.start(listener, '127.0.0.2', port);
    dns.set('internal.example.test', ['127.0.0.2']);
  });
  beforeEach(() => {
    asked = [];
  });
  after(() => internal[Symbol.asyncDispose]());

  /** The verdict on a host that redirects the challenge. The internal server has the same port. */
  async function redirected(
    to: string | ((url: string) => string),
    changes: Partial<SelfCheckSettings> = {},
  ): Promise<Verdict> {
    await using site = await Site.start(
      (request, response) => {
        const location = typeof to === 'string' ? to : to(request.url ?? '');
        saying(302, '', { location: location.replace('PORT', String(internal.port)) })(request, response);
      },
      '127.0.0.1',
      internal.port,
    );
    const all = { ...settings(site.port), ...changes };
    return await selfCheck(host, all, AbortSignal.timeout(60_000));
  }

  it('with a CA of the internet, a redirect to another host is not followed to a private address', async () => {
    const verdict = await redirected((url) => `http://internal.example.test:PORT${url}`, { publicCa: true });
    assert.equal(
      messageOf(verdict),
      'inconclusive: Host internal.example.test has no address of the internet in the DNS of the cluster, and a redirect is not followed to others.',
    );
    assert.deepEqual(asked, []);
  });

  it('nor is one to an IP address', async () => {
    const verdict = await redirected((url) => `http://127.0.0.2:PORT${url}`, { publicCa: true });
    assert.equal(
      messageOf(verdict),
      `wrong-answer: Host ${host} redirects the challenge to the IP address 127.0.0.2, but a CA follows to names only.`,
    );
    assert.deepEqual(asked, []);
  });

  it('a private address is asked for no other path and no query, with any CA', async () => {
    const message =
      /^wrong-answer: .* has a private address, and is asked for the challenge itself only, not for another path\.$/;
    const targets = [
      `http://internal.example.test:PORT${command}`,
      `http://127.0.0.2:PORT${command}`,
      command,
    ];
    for (const target of targets) assert.match(messageOf(await redirected(target)), message);
    assert.match(messageOf(await redirected((url) => `${url}?confirm=yes`)), message);
    assert.deepEqual(asked, []);
  });

  it('nor does a name that changes its address between the answer and the redirect bring one there', async () => {
    await using site = await Site.start(
      (_, response) => {
        dns.set(host, ['127.0.0.2']);
        saying(302, '', { location: command })(_, response);
      },
      '127.0.0.1',
      internal.port,
    );
    try {
      for (const publicCa of [true, false]) {
        dns.set(host, ['127.0.0.1']);
        const all = { ...settings(site.port), publicCa };
        const verdict = await selfCheck(host, all, AbortSignal.timeout(60_000));
        assert.match(messageOf(verdict), /is asked for the challenge itself only/);
      }
    } finally {
      dns.set(host, ['127.0.0.1']);
    }
    assert.deepEqual(asked, []);
  });

  it('of a redirected answer nothing is told: not the status, not the content, not where it redirects to', async () => {
    const to = (url: string): string => `http://internal.example.test:PORT${url}`;
    const message = `wrong-answer: Host ${host} redirects the challenge to http://internal.example.test:${internal.port}, which gives another answer than kube-lego's.`;
    assert.equal(messageOf(await redirected(to)), message);
    assert.equal(asked.length, 1);
    assert.match(asked[0] ?? '', /^\/\.well-known\/acme-challenge\/[\w-]{43}$/);

    await using onward = await Site.start(
      saying(302, '', { location: 'http://hidden.example.test/secret' }),
      '127.0.0.3',
      internal.port,
    );
    dns.set('onward.example.test', ['127.0.0.3']);
    const hidden = await redirected((url) => `http://onward.example.test:PORT${url}`);
    assert.equal(onward.connections, 1);
    assert.equal(
      messageOf(hidden),
      `wrong-answer: Host ${host} redirects the challenge to http://onward.example.test:${internal.port}, which redirects it to where kube-lego does not follow.`,
    );
  });

  it('of a redirect without an answer nothing is told but that', async () => {
    const { port } = await closedSite();
    dns.set('closed.example.test', ['127.0.0.1']);
    const verdict = await redirected('https://closed.example.test/', {
      ports: { http: internal.port, https: port },
    });
    assert.match(messageOf(verdict), /is asked for the challenge itself only/);
    const same = await redirected((url) => `https://closed.example.test${url}`, {
      ports: { http: internal.port, https: port },
    });
    assert.equal(
      messageOf(same),
      `inconclusive: Host ${host} redirects the challenge to https://closed.example.test, which gave no answer from inside the cluster.`,
    );
  });

  it('an address of no server of anybody is never asked', async () => {
    const message = messageOf(await redirected('http://169.254.169.254/latest/meta-data'));
    assert.match(
      message,
      /^wrong-answer: Host 169\.254\.169\.254 .* an address that the internet cannot reach\.$/,
    );
  });
});

describe('the self-check reads no more than it needs', () => {
  /** Sends a beginning, and then a piece again and again as fast as it can. */
  async function flooding(beginning: string, piece: string): Promise<Site> {
    const block = piece.repeat(Math.ceil(65_536 / piece.length));
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(beginning);
      const flood = (): void => {
        while (socket.writable && socket.write(block));
      };
      socket.on('drain', flood);
      void once(socket, 'data').then(flood);
    });
    return Site.serve(server);
  }

  for (const [name, beginning, piece, expected] of [
    [
      'interim answers',
      '',
      'HTTP/1.1 103 Early Hints\r\n\r\n',
      /^wrong-answer: .* not HTTP\/1\.1 \(too many interim answers\)/,
    ],
    [
      '100 Continue',
      '',
      'HTTP/1.1 100 Continue\r\n\r\n',
      /^wrong-answer: .* not HTTP\/1\.1 \(too many interim answers\)/,
    ],
    ['header lines', 'HTTP/1.1 200 OK\r\n', 'X-Filler: x\r\n', /^wrong-answer: .* \(HPE_HEADER_OVERFLOW\)/],
    ['a header line', 'HTTP/1.1 200 OK\r\nX: ', 'x', /^wrong-answer: .* \(HPE_HEADER_OVERFLOW\)/],
    ['a body', 'HTTP/1.1 200 OK\r\n\r\n', 'x', /^wrong-answer: .* but not with kube-lego's text/],
    [
      'chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      '1\r\nx\r\n',
      /^wrong-answer: .* but not with/,
    ],
    ['a redirect', 'HTTP/1.1 302 Found\r\n', 'Location: /x\r\n', /^wrong-answer: .* \(HPE_HEADER_OVERFLOW\)/],
  ] as const) {
    it(`of ${name} without end`, async () => {
      await using site = await flooding(beginning, piece);
      assert.match(messageOf(await check(site.port)), expected);
    });
  }

  it('and takes some interim answers', async () => {
    const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n';
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (request) => {
        const [, token] = /acme-challenge\/([\w-]+)/.exec(String(request)) ?? [];
        const body = `${token}.${thumbprint}`;
        socket.end(`${hint.repeat(4)}HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      });
    });
    await using site = await Site.serve(server);
    assert.equal(messageOf(await check(site.port)), 'reachable');
  });
});

describe('the self-check and the two address families', () => {
  it('goes over to IPv4 where IPv6 refuses, and says so', async () => {
    await using site = await Site.start(answering(thumbprint));
    dns.set('both.example.test', ['::1', '127.0.0.1']);
    assert.deepEqual(await check(site.port, 443, 'both.example.test'), {
      kind: 'reachable',
      notice:
        'Host both.example.test has the IPv6 address ::1, which cannot be connected to from inside the cluster.',
    });
  });

  it('holds to IPv6 when that one answers, though wrongly', async () => {
    await using site = await Site.start(answering(thumbprint));
    await using other = await Site.start(saying(404, ''), '::1', site.port);
    dns.set('both.example.test', ['::1', '127.0.0.1']);
    assert.equal((await check(site.port, 443, 'both.example.test')).kind, 'wrong-answer');
    assert.equal(other.connections, 1);
    assert.equal(site.connections, 0);
  });

  it('names both when both refuse', async () => {
    const { port } = await closedSite();
    dns.set('both.example.test', ['::1', '127.0.0.1']);
    assert.equal(
      messageOf(await check(port, 443, 'both.example.test')),
      'inconclusive: Host both.example.test cannot be connected to from inside the cluster, neither over IPv6 nor over IPv4 (ECONNREFUSED).',
    );
  });
});

describe('the self-check and the DNS', () => {
  it('is definite about a name that the configured servers do not know', async () => {
    const verdict = await check(80, 443, 'unknown.example.test');
    assert.equal(messageOf(verdict), 'wrong-answer: Host unknown.example.test does not exist in the DNS.');
  });

  it('is definite about a name without addresses', async () => {
    dns.set('empty.example.test', []);
    assert.match(
      messageOf(await check(80, 443, 'empty.example.test')),
      /^wrong-answer: .* has no address in the DNS/,
    );
  });

  it('is not definite where the server fails', async () => {
    dns.set('broken.example.test', 'SERVFAIL');
    assert.equal(
      messageOf(await check(80, 443, 'broken.example.test')),
      "inconclusive: Host broken.example.test cannot be resolved now: the DNS server's answer is ESERVFAIL.",
    );
  });

  it('never asks link-local, metadata, multicast or unspecified addresses', async () => {
    for (const address of [
      '169.254.169.254',
      '0.0.0.0',
      '224.0.0.1',
      'fe80::1',
      '::ffff:a9fe:a9fe',
      '64:ff9b::a9fe:a9fe',
      '::',
    ]) {
      dns.set('odd.example.test', [address]);
      const message = messageOf(await check(80, 443, 'odd.example.test'));
      assert.match(message, /^wrong-answer: .* an address that the internet cannot reach\.$/, address);
    }
  });

  for (const address of ['10.1.2.3', '100.64.0.9', '172.31.0.1', '192.168.1.1', 'fd00::5', '64:ff9b:1::a']) {
    it(`is definite that a CA of the internet cannot reach ${address}, which the configured servers know`, async () => {
      const name = `private-${address.replaceAll(/\W+/g, '-')}.example.test`;
      dns.set(name, [address]);
      const verdict = await selfCheck(name, { ...settings(80), publicCa: true }, AbortSignal.timeout(60_000));
      assert.match(
        messageOf(verdict),
        /^wrong-answer: Host private-\S+ resolves to \S+, an address that the internet cannot reach\.$/,
      );
    });
  }

  it('passes over private addresses beside one of the internet, as the CA does', async () => {
    const name = 'mixed.example.test';
    dns.set(name, ['10.1.2.3', 'fd00::5', '203.0.113.7']);
    const all = { ...settings(80), publicCa: true };
    const found = await resolveHost(name, all, AbortSignal.timeout(60_000));
    assert.deepEqual(found, { kind: 'addresses', ipv6: undefined, ipv4: '203.0.113.7' });
  });

  it('asks loopback only where the configuration allows it', async () => {
    await using site = await Site.start(answering(thumbprint));
    const careful = { ...settings(site.port), allowLoopback: false };
    const verdict = await selfCheck(host, careful, AbortSignal.timeout(60_000));
    assert.match(messageOf(verdict), /^wrong-answer: .* resolves to 127\.0\.0\.1,/);
    assert.equal(site.connections, 0);
  });

  it('concludes nothing from the names of the cluster', async () => {
    // RFC 6761, section 6.4: no resolver knows a name under .invalid.
    const verdict = await selfCheck(
      'x.invalid',
      { ...settings(80), dnsServers: undefined },
      AbortSignal.timeout(60_000),
    );
    assert.equal(verdict.kind, 'inconclusive');
  });
});

describe('the self-check is inconclusive', () => {
  it('about a host that refuses the connection', async () => {
    const { port } = await closedSite();
    const message = `inconclusive: Host ${host} cannot be connected to from inside the cluster (ECONNREFUSED).`;
    assert.equal(messageOf(await check(port)), message);
  });

  it('about a connection that is closed without an answer', async () => {
    await using site = await Site.serve(createServer((socket) => socket.destroy()));
    assert.match(messageOf(await check(site.port)), /^inconclusive: .* gave no answer \(ECONNRESET\)\.$/);
  });

  it('about a server that stays silent, after ten seconds', async () => {
    await using site = await Site.start(() => undefined);
    const clock = new ManualClock();
    const verdict = selfCheck(host, settings(site.port, 443, clock), new AbortController().signal);
    await eventually('the request is there', () => site.connections === 1 && clock.pending.length === 1);
    clock.advance(10_000);
    const message = `inconclusive: Host ${host} did not complete its answer within 10 s when asked from inside the cluster.`;
    assert.equal(messageOf(await verdict), message);
    assert.deepEqual(clock.pending, []);
  });
});

describe('the self-check can be aborted', () => {
  it('while a server is silent', async () => {
    await using site = await Site.start(() => undefined);
    const controller = new AbortController();
    const verdict = selfCheck(host, settings(site.port), controller.signal);
    await eventually('the request is there', () => site.connections === 1);
    controller.abort(new Error('the Ingress is gone'));
    await assert.rejects(verdict, /the Ingress is gone/);
  });

  it('while the DNS is silent', async () => {
    dns.set('silent.example.test', 'silent');
    const controller = new AbortController();
    const verdict = selfCheck('silent.example.test', settings(80), controller.signal);
    controller.abort(new Error('the Ingress is gone'));
    await assert.rejects(verdict, /the Ingress is gone/);
  });
});

describe('the self-check and TLS', () => {
  it('calls a refused handshake a wrong answer', async () => {
    // A fatal alert, unrecognized_name (RFC 8446, section 6), as ingress controllers send it before the Secret exists.
    const alert = Buffer.from([0x15, 3, 3, 0, 2, 2, 112]);
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      void once(socket, 'data').then(() => socket.end(alert));
    });
    await using tls = await Site.serve(server);
    await using site = await Site.start((request, response) => {
      saying(301, '', { location: `https://${host}${request.url}` })(request, response);
    });
    const message = messageOf(await check(site.port, tls.port));
    assert.match(message, /^wrong-answer: .* which fails in the TLS handshake \(/);
  });
});

/** A port that nobody listens on. */
async function closedSite(): Promise<{ port: number }> {
  const [port = 0] = await freePorts(1);
  return { port };
}
