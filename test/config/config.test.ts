import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Config, readConfig } from '../../src/config/config.ts';
import { formatDuration, parseDuration } from '../../src/config/go-duration.ts';
import { TestCa } from '../certificate/test-ca.ts';

const hour = 3_600_000;
const files = new Map([
  ['/ca.pem', new TestCa().certificatePem],
  ['/hmac', 'c2VjcmV0LXNlY3JldC1zZWNyZXQ\n'],
]);

function read(env: NodeJS.ProcessEnv = {}, argv: readonly string[] = []) {
  return readConfig(env, argv, (path) => {
    const text = files.get(path);
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  });
}

function accepted(
  env: NodeJS.ProcessEnv = {},
  argv: readonly string[] = [],
): { config: Config; notices: string[] } {
  const reading = read(env, argv);
  if (reading.kind === 'config') {
    return {
      config: reading.config,
      notices: reading.notices.map(({ level, message }) => `${level}: ${message}`),
    };
  }
  return assert.fail(JSON.stringify(reading));
}

function errors(env: NodeJS.ProcessEnv, argv: readonly string[] = []): readonly string[] {
  const reading = read(env, argv);
  return reading.kind === 'errors' ? reading.errors : assert.fail(`${reading.kind} instead of errors`);
}

describe('the configuration without any setting', () => {
  it('is that of the kube-lego of 2016', () => {
    const { config, notices } = accepted();
    assert.equal(config.directoryUrl, 'https://acme-staging-v02.api.letsencrypt.org/directory');
    assert.equal(config.staging, true);
    assert.equal(config.accountSecretName, 'kube-lego-account');
    assert.equal(config.namespace, 'default');
    assert.equal(config.port, 8080);
    assert.equal(config.checkInterval, 8 * hour);
    assert.equal(config.minimumValidity, 720 * hour);
    assert.equal(config.annotationKey, 'kubernetes.io/tls-acme');
    assert.deepEqual(config.leftoverIngressNames, ['kube-lego-nginx']);
    assert.match(notices.join(), /^warn: LEGO_URL is not set/);
  });

  it('has the defaults of its own', () => {
    const { config } = accepted();
    assert.equal(config.keyType, 'ec-p256');
    assert.equal(config.supportedIngressClasses, undefined);
    assert.deepEqual(config.watchNamespaces, []);
    assert.deepEqual(
      [config.ingressName, config.serviceName, config.servicePort],
      ['kube-lego', 'kube-lego', 8080],
    );
    assert.deepEqual([config.metricsPort, config.inspectorPort, config.healthPort], [9402, 9403, 9404]);
    assert.deepEqual([config.http01Port, config.httpsPort, config.allowLoopback], [80, 443, false]);
    assert.equal(config.selfCheckTimeout, 30_000);
    assert.equal(config.propagationDelay, 10_000);
    assert.equal(config.maxOrdersInFlight, 10);
    assert.deepEqual(config.challengePathTypes, { other: 'ImplementationSpecific', byClass: new Map() });
    assert.equal(config.logType, 'auto');
  });
});

describe('the configuration', () => {
  it('reads variables, and options that win over them', () => {
    const env = { LEGO_EMAIL: ' ops@example.com ', LEGO_CHECK_INTERVAL: '1h30m', LEGO_PORT: '8081' };
    const { config } = accepted(env, ['--check-interval', '2h', '--port=8082']);
    assert.deepEqual([config.email, config.checkInterval, config.port], ['ops@example.com', 2 * hour, 8082]);
  });

  it('takes an empty variable for one that is not set', () => {
    const { config } = accepted({ LEGO_PORT: '', LEGO_WATCH_NAMESPACE: ' ', LEGO_EMAIL: '' });
    assert.deepEqual([config.port, config.watchNamespaces, config.email], [8080, [], undefined]);
  });

  it('reads lists, annotations and path types', () => {
    const { config } = accepted({
      LEGO_WATCH_NAMESPACE: 'shop, blog,shop',
      LEGO_SUPPORTED_INGRESS_CLASS: 'nginx,haproxy',
      LEGO_CHALLENGE_INGRESS_ANNOTATIONS: 'a.example/one=1,two=x=y',
      LEGO_CHALLENGE_PATH_TYPE: 'Prefix,nginx=ImplementationSpecific',
      LEGO_DNS_SERVERS: '192.0.2.53,[2001:db8::53]:5353,2001:db8::54',
    });
    assert.deepEqual(config.watchNamespaces, ['shop', 'blog']);
    assert.deepEqual(config.supportedIngressClasses, ['nginx', 'haproxy']);
    assert.deepEqual(config.challengeIngressAnnotations, { 'a.example/one': '1', two: 'x=y' });
    assert.deepEqual(config.challengePathTypes, {
      other: 'Prefix',
      byClass: new Map([['nginx', 'ImplementationSpecific']]),
    });
    assert.deepEqual(config.dnsServers, ['192.0.2.53', '[2001:db8::53]:5353', '2001:db8::54']);
    const json = accepted({ LEGO_CHALLENGE_INGRESS_ANNOTATIONS: '{"a.example/one": "1,2"}' });
    assert.deepEqual(json.config.challengeIngressAnnotations, { 'a.example/one': '1,2' });
  });

  it('does not take a list of nothing for everything', () => {
    for (const variable of ['LEGO_WATCH_NAMESPACE', 'LEGO_SUPPORTED_INGRESS_CLASS']) {
      assert.deepEqual(errors({ [variable]: ' , ' }), [
        `${variable}=,: lists nothing: leave it unset if that is meant.`,
      ]);
    }
  });

  it('reads the ingress controllers of classes, and refuses what names none', () => {
    const { config } = accepted({
      LEGO_INGRESS_CONTROLLER: 'f5=nginx.org/ingress-controller, web=k8s.io/a/b',
    });
    assert.deepEqual(
      config.ingressControllers,
      new Map([
        ['f5', 'nginx.org/ingress-controller'],
        ['web', 'k8s.io/a/b'],
      ]),
    );
    assert.deepEqual(accepted({}).config.ingressControllers, new Map());
    for (const value of ['f5', 'f5=', 'f5=nginx', '=a.example/b', 'F 5=a.example/b', 'a=b.example/c=d']) {
      assert.match(errors({ LEGO_INGRESS_CONTROLLER: value }).join(), /LEGO_INGRESS_CONTROLLER/, value);
    }
  });

  it('reads what every object of kube-lego is to have', () => {
    const { config } = accepted({
      LEGO_OBJECT_LABELS: 'team=platform, example.com/tier=',
      LEGO_OBJECT_ANNOTATIONS: '{"a.example/owner": "a, b"}',
      LEGO_CHALLENGE_INGRESS_LABELS: 'shard=acme',
    });
    assert.deepEqual(config.objectMetadata, {
      labels: { team: 'platform', 'example.com/tier': '' },
      annotations: { 'a.example/owner': 'a, b' },
    });
    assert.deepEqual(config.challengeIngressLabels, { shard: 'acme' });
  });

  it('allows loopback only with a port or DNS server that no public CA has', () => {
    assert.equal(accepted({ LEGO_DNS_SERVERS: '192.0.2.53' }).config.allowLoopback, false);
    assert.equal(accepted({ LEGO_DNS_SERVERS: '127.0.0.1:5353' }).config.allowLoopback, true);
    assert.equal(accepted({ LEGO_HTTP01_PORT: '5002' }).config.allowLoopback, true);
  });

  it('reads the files that are named', () => {
    const { config } = accepted({
      LEGO_CA_BUNDLE: '/ca.pem',
      LEGO_EAB_KID: 'kid-1',
      LEGO_EAB_HMAC_KEY_FILE: '/hmac',
    });
    assert.equal(config.caBundle, files.get('/ca.pem'));
    assert.deepEqual(config.externalAccount, { keyId: 'kid-1', hmacKey: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ' });
  });

  it('makes RSA keys where LEGO_RSA_KEYSIZE or LEGO_KEY_TYPE asks for them', () => {
    assert.equal(accepted({ LEGO_RSA_KEYSIZE: '4096' }).config.keyType, 'rsa-4096');
    assert.equal(accepted({ LEGO_KEY_TYPE: 'RSA-3072' }).config.keyType, 'rsa-3072');
    assert.equal(
      accepted({ LEGO_KEY_TYPE: 'rsa-2048', LEGO_RSA_KEYSIZE: '2048' }).config.keyType,
      'rsa-2048',
    );
  });
});

describe('the ownership of hosts', () => {
  it('is on, with five minutes of grace and free domains, unless something else is said', () => {
    const { hostOwnership, hostGrace, requireDomains } = accepted({}).config;
    assert.deepEqual([hostOwnership, hostGrace, requireDomains], ['namespace', 300_000, false]);
    const changed = accepted({
      LEGO_HOST_OWNERSHIP: 'any',
      LEGO_HOST_GRACE: '0',
      LEGO_REQUIRE_DOMAINS: 'True',
    }).config;
    assert.deepEqual([changed.hostOwnership, changed.hostGrace, changed.requireDomains], ['any', 0, true]);
  });

  it('takes the former name of its rule, with a line in the log', () => {
    const { config, notices } = accepted({
      LEGO_URL: 'https://ca.example/dir',
      LEGO_HOST_OWNERSHIP: 'oldest',
    });
    assert.equal(config.hostOwnership, 'namespace');
    assert.match(notices.join('\n'), /^info: LEGO_HOST_OWNERSHIP=oldest is now called namespace/);
  });
});

describe('a configuration of 2016', () => {
  it('has its dead URLs replaced, with a line in the log', () => {
    const production = accepted({ LEGO_URL: 'https://acme-v01.api.letsencrypt.org/directory' });
    assert.equal(production.config.directoryUrl, 'https://acme-v02.api.letsencrypt.org/directory');
    assert.equal(production.config.staging, false);
    assert.deepEqual(production.notices, [
      'info: LEGO_URL=https://acme-v01.api.letsencrypt.org/directory no longer exists; ' +
        'https://acme-v02.api.letsencrypt.org/directory is used instead.',
    ]);
    const staging = accepted({ LEGO_URL: 'https://acme-staging.api.letsencrypt.org/directory' });
    assert.equal(staging.config.directoryUrl, 'https://acme-staging-v02.api.letsencrypt.org/directory');
    assert.equal(staging.config.staging, true);
  });

  it('may have variables that lost their meaning', () => {
    const { notices } = accepted({
      LEGO_URL: 'https://ca.example/dir',
      LEGO_POD_IP: '10.0.0.1',
      LEGO_SERVICE_SELECTOR: 'kube-lego',
    });
    assert.deepEqual(notices, [
      'info: LEGO_POD_IP is obsolete: challenges come through the Service.',
      'info: LEGO_SERVICE_SELECTOR is obsolete: the Service is part of the manifests.',
    ]);
  });

  it('may name its Service and Ingress as then', () => {
    const { config } = accepted({
      LEGO_SERVICE_NAME_NGINX: 'lego-svc',
      LEGO_INGRESS_NAME_NGINX: 'kube-lego',
    });
    assert.equal(config.serviceName, 'lego-svc');
    assert.deepEqual(config.leftoverIngressNames, []);
    const both = accepted({ LEGO_SERVICE_NAME_NGINX: 'old', LEGO_SERVICE_NAME: 'new' });
    assert.equal(both.config.serviceName, 'new');
  });

  it('may have the log levels of then', () => {
    assert.equal(accepted({ LEGO_LOG_LEVEL: 'WARNING' }).config.logLevel, 'warn');
  });
});

describe('variables that are no settings', () => {
  it('are warned of, with what was probably meant', () => {
    const { notices } = accepted({
      LEGO_URL: 'https://ca.example/dir',
      LEGO_EMIAL: 'a@b.example',
      LEGO_ZZZZZZ: '1',
    });
    assert.deepEqual(notices, [
      'warn: Unknown setting LEGO_EMIAL is ignored. Did you mean LEGO_EMAIL?',
      'warn: Unknown setting LEGO_ZZZZZZ is ignored.',
    ]);
  });

  it('are ignored where the kubelet set them for a Service named lego', () => {
    const { config, notices } = accepted({
      LEGO_URL: 'https://ca.example/dir',
      LEGO_SERVICE_HOST: '10.0.0.9',
      LEGO_SERVICE_PORT: '80',
      LEGO_SERVICE_PORT_HTTP: '80',
      LEGO_PORT: 'tcp://10.0.0.9:80',
      LEGO_PORT_80_TCP: 'tcp://10.0.0.9:80',
      LEGO_PORT_80_TCP_ADDR: '10.0.0.9',
    });
    assert.deepEqual([config.port, config.servicePort], [8080, 8080]);
    assert.deepEqual(notices, [
      'warn: LEGO_SERVICE_PORT comes from a Service named lego and is ignored: set enableServiceLinks: false in the pod.',
      'warn: LEGO_PORT comes from a Service named lego and is ignored: set enableServiceLinks: false in the pod.',
    ]);
  });
});

describe('the rehearsal', () => {
  const production = 'https://acme-v02.api.letsencrypt.org/directory';
  const rehearsalUrl = (env: NodeJS.ProcessEnv): string | undefined => accepted(env).config.rehearsalUrl;

  it('is off, also where a directory for it is named', () => {
    assert.equal(rehearsalUrl({ LEGO_URL: production }), undefined);
    assert.equal(
      rehearsalUrl({ LEGO_URL: production, LEGO_REHEARSAL_URL: 'https://other.example/d' }),
      undefined,
    );
  });

  it("is at Let's Encrypt's staging CA, or at one that is named; never before a staging CA", () => {
    const first = { LEGO_REHEARSE: 'first' };
    assert.equal(
      rehearsalUrl({ ...first, LEGO_URL: production }),
      'https://acme-staging-v02.api.letsencrypt.org/directory',
    );
    const other = { ...first, LEGO_URL: 'https://ca.example/d' };
    assert.equal(
      rehearsalUrl({ ...other, LEGO_REHEARSAL_URL: 'https://other.example/d' }),
      'https://other.example/d',
    );
    assert.deepEqual(errors(other), [
      'LEGO_REHEARSE=first: needs LEGO_REHEARSAL_URL, the directory of a staging CA.',
    ]);
    assert.equal(rehearsalUrl(first), undefined);
  });
});

describe('wrong values', () => {
  it('are all named at once, each with its remedy', () => {
    assert.deepEqual(
      errors(
        {
          LEGO_URL: 'http://ca.example/dir',
          LEGO_EMAIL: 'nobody',
          LEGO_CHECK_INTERVAL: '8',
          LEGO_MINIMUM_VALIDITY: '10m',
          LEGO_RSA_KEYSIZE: '1024',
          LEGO_PORT: '0',
          LEGO_WATCH_NAMESPACE: 'Shop',
          LEGO_HOST_OWNERSHIP: 'newest',
          LEGO_DNS_SERVERS: 'dns.google',
          LEGO_CA_BUNDLE: '/nowhere',
        },
        ['--metrics-port=99999', '--colour=blue', '--emial=x@y.example', 'explain'],
      ),
      [
        '--colour: unknown option; see --help.',
        '--emial: unknown option; see --help. Did you mean --email?',
        'explain: kube-lego takes options only; see --help.',
        'LEGO_URL=http://ca.example/dir: must be the https:// URL of an ACME directory (RFC 8555, section 6.1).',
        'LEGO_DNS_SERVERS=dns.google: must list IP addresses of DNS servers, such as 192.0.2.53 or 192.0.2.53:5353.',
        'LEGO_CA_BUNDLE=/nowhere: must name a file that can be read (ENOENT).',
        'LEGO_PORT=0: must be a whole number from 1 to 65535.',
        'LEGO_EMAIL=nobody: must be one e-mail address, such as ops@example.com.',
        'LEGO_CHECK_INTERVAL=8: must be a duration from 1s to 720h, a number with its unit such as 30s, 8h or 1h30m.',
        'LEGO_MINIMUM_VALIDITY=10m: must be a duration from 1h to 8760h, a number with its unit such as 30s, 8h or 1h30m.',
        'LEGO_RSA_KEYSIZE=1024: must be 2048, 3072 or 4096.',
        'LEGO_WATCH_NAMESPACE=Shop: must be the name of a namespace: a-z, 0-9 and hyphens.',
        'LEGO_HOST_OWNERSHIP=newest: must be namespace, any or oldest.',
        '--metrics-port=99999: must be a whole number from 1 to 65535.',
      ],
    );
  });

  it('are found where settings do not go together', () => {
    assert.deepEqual(
      errors({
        LEGO_KEY_TYPE: 'ec-p256',
        LEGO_RSA_KEYSIZE: '2048',
        LEGO_METRICS_PORT: '8080',
        LEGO_HEALTH_PORT: '9403',
        LEGO_EAB_KID: 'k',
      }),
      [
        'LEGO_EAB_KID=k: needs LEGO_EAB_HMAC_KEY or LEGO_EAB_HMAC_KEY_FILE as well.',
        'LEGO_RSA_KEYSIZE=2048: contradicts LEGO_KEY_TYPE=ec-p256; set only one of them.',
        'LEGO_METRICS_PORT=8080: must not be port 8080, which LEGO_PORT uses.',
        'LEGO_INSPECTOR_PORT: must not be port 9403, which LEGO_HEALTH_PORT uses.',
      ],
    );
  });

  it('are not shown where they may be secret', () => {
    const said = errors({
      LEGO_URL: 'https://user:hunter2@ca.example/dir',
      LEGO_EAB_HMAC_KEY: 'hunter2',
    }).join('\n');
    assert.doesNotMatch(said, /hunter2/);
    assert.match(said, /^LEGO_URL: must not contain a user name/);
    assert.match(said, /^LEGO_EAB_HMAC_KEY: must be the HMAC key as the CA shows it/m);
  });

  it('include options without a value, and secrets on the command line', () => {
    assert.deepEqual(errors({}, ['--email', '--port=8080', '--namespace']), [
      '--email: needs a value, as in --email=VALUE.',
      '--namespace: needs a value, as in --namespace=VALUE.',
    ]);
    assert.match(
      errors({}, ['--eab-hmac-key=hunter2']).join(),
      /^--eab-hmac-key: unknown option; see --help\./,
    );
  });

  it('include a CA bundle that holds no certificate', () => {
    assert.deepEqual(errors({ LEGO_CA_BUNDLE: '/hmac' }), [
      'LEGO_CA_BUNDLE=/hmac: names a file whose content must be certificates in PEM form.',
    ]);
  });
});

describe('what every object of kube-lego is to have', () => {
  for (const [variable, value, expected] of [
    ['LEGO_OBJECT_LABELS', 'team=a b', /must have values of at most 63 letters.*; that of team is none/],
    ['LEGO_CHALLENGE_INGRESS_LABELS', `team=${'x'.repeat(64)}`, /must have values of at most 63/],
    [
      'LEGO_OBJECT_LABELS',
      'app.kubernetes.io/managed-by=Helm',
      /must not contain app\.kubernetes\.io\/managed-by/,
    ],
    ['LEGO_OBJECT_LABELS', 'kube-lego.io/ledger=x', /must not contain kube-lego\.io\/ledger/],
    ['LEGO_OBJECT_ANNOTATIONS', 'kube-lego.io/adopt=true', /must not contain kube-lego\.io\/adopt/],
    ['LEGO_OBJECT_ANNOTATIONS', 'kubernetes.io/tls-acme=true', /must not contain kubernetes\.io\/tls-acme/],
    ['LEGO_OBJECT_LABELS', 'team', /must be key=value pairs/],
    ['LEGO_OBJECT_LABELS', '-team=a', /must be a key of annotations or labels/],
  ] as const) {
    it(`is not ${variable}=${value.slice(0, 40)}`, () => {
      const [error = '', ...others] = errors({ [variable]: value });
      assert.match(error, expected);
      assert.deepEqual(others, []);
    });
  }
});

describe('--help, --version and docs/configuration.md', () => {
  it('--help names every setting with its default within 80 columns, whatever else is wrong', () => {
    const reading = read({ LEGO_PORT: 'x' }, ['--help']);
    assert.equal(reading.kind, 'help');
    const text = reading.kind === 'help' ? reading.text : '';
    assert.match(text, /--check-interval=DURATION {2}LEGO_CHECK_INTERVAL\n {6}How often .*\[8h\]/s);
    assert.match(text, /LEGO_EAB_HMAC_KEY \(no option\)/);
    for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
  });

  it('--version says the version', () => {
    const reading = read({}, ['-V']);
    assert.match(reading.kind === 'version' ? reading.text : '', /^kube-lego \d+\.\d+\.\d+/);
  });
});

describe('durations', () => {
  for (const [text, milliseconds] of [
    ['8h', 8 * hour],
    ['1m30s', 90_000],
    ['1.5h', 1.5 * hour],
    ['250ms', 250],
    ['1h0m0s', hour],
  ] as const) {
    it(`${text} is ${milliseconds} ms`, () => assert.equal(parseDuration(text), milliseconds));
  }

  for (const text of ['', '8', 'h', '8 h', '-8h', '1d', '1.h', 'h8', '8H']) {
    it(`"${text}" is none`, () => assert.equal(parseDuration(text), undefined));
  }

  it('are written in their shortest form', () => {
    assert.deepEqual([8 * hour, 90_000, 1000, 250].map(formatDuration), ['8h', '1m30s', '1s', '250ms']);
  });
});

describe('the proxy to the CA', () => {
  const proxyOf = (env: NodeJS.ProcessEnv): Config['proxy'] => accepted(env).config.proxy;

  for (const [written, httpsProxy] of [
    ['10.0.0.1:3128', 'http://10.0.0.1:3128/'],
    ['proxy.corp', 'http://proxy.corp/'],
    ['//proxy.corp:8080', 'http://proxy.corp:8080/'],
    ['ops:secret@proxy.corp:8080', 'http://ops:secret@proxy.corp:8080/'],
    ['[2001:db8::1]:3128', 'http://[2001:db8::1]:3128/'],
    ['HTTP://proxy.corp:8080', 'http://proxy.corp:8080/'],
    ['https://proxy.corp', 'https://proxy.corp/'],
    [' http://proxy.corp:8080 ', 'http://proxy.corp:8080/'],
  ] as const) {
    it(`is ${httpsProxy} if HTTPS_PROXY is ${JSON.stringify(written)}`, () => {
      assert.deepEqual(proxyOf({ HTTPS_PROXY: written }), { httpsProxy, noProxy: '' });
    });
  }

  it('is read from either spelling, and not from an empty one', () => {
    const env = { https_proxy: 'one:1', HTTPS_PROXY: 'two:2', http_proxy: 'three:3', NO_PROXY: 'a,.b' };
    assert.deepEqual(proxyOf(env), { httpsProxy: 'http://one:1/', noProxy: 'a,.b' });
    assert.equal(
      proxyOf({ https_proxy: '', HTTPS_PROXY: ' ', HTTP_PROXY: 'three:3' }).httpsProxy,
      'http://three:3/',
    );
    assert.equal(proxyOf({}).httpsProxy, '');
  });

  for (const written of [
    'http://',
    'ftp://proxy.corp',
    'http://proxy:99999',
    'http://a b',
    'ops:secret@:80',
  ]) {
    it(`cannot be ${JSON.stringify(written)}, which the error does not repeat`, () => {
      const [error = '', ...others] = errors({ HTTPS_PROXY: written, LEGO_URL: 'https://ca.example/' });
      assert.match(
        error,
        /^HTTPS_PROXY: must be the address of an HTTP proxy, such as http:\/\/10\.0\.0\.1:3128/,
      );
      assert.ok(!error.includes('secret'));
      assert.deepEqual(others, []);
    });
  }
});
