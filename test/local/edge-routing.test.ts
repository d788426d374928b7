import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Change } from '../../deploy/local/edge/objects.ts';
import { type Behaviour, profiles, type Redirect } from '../../deploy/local/edge/profiles.ts';
import { Rules } from '../../deploy/local/edge/rules.ts';
import { cpuTime } from '../time/cpu-time.ts';
import { ingress, ingressClass, noIngress, service } from './edge-objects.ts';

const challenge = '/.well-known/acme-challenge/';
const services = new Map([
  ['shop/web:80', 1001],
  ['shop/api:http', 1002],
  ['blog/web:80', 2001],
  ['kube-lego/kube-lego:8080', 8080],
]);
const knownServices = [
  service('shop/web', 80),
  service('shop/api', 8080, 'http'),
  service('blog/web', 80),
  service('kube-lego/kube-lego', 8080),
];

interface Setting {
  behaviour?: Partial<Behaviour>;
  className?: string;
  withoutClass?: boolean;
}

function tableOf(changes: readonly Change[], { behaviour, ...setting }: Setting = {}): Rules {
  const table = new Rules({
    behaviour: { ...profiles.local, ...behaviour },
    controllerName: 'example.com/edge',
    className: undefined,
    withoutClass: true,
    gateway: undefined,
    services,
    ...setting,
  });
  for (const change of [...knownServices, ...changes]) table.apply(change);
  return table;
}

/** What becomes of a plain http request: the local port, or the kind of the refusal, or the redirect's status. */
function ask(table: Rules, host: string, path: string, scheme: 'http' | 'https' = 'http'): unknown {
  const decision = table.route(scheme, host, path);
  if (decision.kind === 'forward') return decision.port;
  return decision.kind === 'redirect' ? decision.status : decision.kind;
}

function by(backend: string): Rules {
  return tableOf([ingress('shop/i', { rules: { 'shop.test': { '/': backend } } })]);
}

function withRedirect(redirect: Redirect, changes: readonly Change[] = [site, challengeRule]): Rules {
  return tableOf(changes, { behaviour: { redirect } });
}

const site = ingress('shop/site', {
  rules: { 'shop.test': { '/': 'web:80' } },
  tls: { cert: ['shop.test'] },
});
const challengeRule = ingress('kube-lego/kube-lego', {
  createdAt: '2026-02-01T00:00:00Z',
  rules: { 'shop.test': { [challenge]: ['ImplementationSpecific', 'kube-lego:8080'] } },
});

describe('routes of one host', () => {
  it('sends a challenge path to the app as long as no rule of ours is there', () => {
    assert.equal(ask(tableOf([site]), 'shop.test', `${challenge}token`), 1001);
  });

  it('merges the rules of a host across namespaces, and the longest path wins', () => {
    const table = tableOf([site, challengeRule]);
    assert.equal(ask(table, 'shop.test', `${challenge}token`), 8080);
    assert.equal(ask(table, 'shop.test', '/cart'), 1001);
  });

  it('goes back to the app when the challenge rule is gone, and knows no host without rules', () => {
    const table = tableOf([site, challengeRule]);
    table.apply(noIngress('kube-lego/kube-lego'));
    assert.equal(ask(table, 'shop.test', `${challenge}token`), 1001);
    table.apply(noIngress('shop/site'));
    assert.equal(ask(table, 'shop.test', '/'), 'not-found');
  });

  it('gives a path that two Ingresses name to the older one, whichever came first', () => {
    const young = ingress('blog/young', {
      createdAt: '2026-03-01T00:00:00Z',
      rules: { 'shop.test': { '/': 'web:80' } },
    });
    assert.equal(ask(tableOf([site, young]), 'shop.test', '/'), 1001);
    assert.equal(ask(tableOf([young, site]), 'shop.test', '/'), 1001);
  });

  it('breaks a tie in age by namespace and name', () => {
    const sameAge = ingress('blog/same-age', { rules: { 'shop.test': { '/': 'web:80' } } });
    assert.equal(ask(tableOf([site, sameAge]), 'shop.test', '/'), 2001);
  });

  it('follows a change of an Ingress, also to another host', () => {
    const table = tableOf([site]);
    table.apply(ingress('shop/site', { rules: { 'new.test': { '/': 'web:80' } } }));
    assert.equal(ask(table, 'shop.test', '/'), 'not-found');
    assert.equal(ask(table, 'new.test', '/'), 1001);
  });

  it('serves no tls-only host', () => {
    const table = tableOf([ingress('shop/site', { tls: { cert: ['shop.test'] } })]);
    assert.equal(ask(table, 'shop.test', '/'), 'not-found');
    assert.deepEqual(table.secretsOf('shop.test'), ['shop/cert']);
  });

  it('sends what no path takes to the default backend, and else nowhere', () => {
    const rules = { 'shop.test': { '/api': 'api:http' } };
    assert.equal(ask(tableOf([ingress('shop/site', { rules })]), 'shop.test', '/other'), 'not-found');
    const withDefault = tableOf([ingress('shop/site', { rules, defaultBackend: 'web:80' })]);
    assert.equal(ask(withDefault, 'shop.test', '/other'), 1001);
    assert.equal(ask(withDefault, 'shop.test', '/api/1'), 1002);
    assert.equal(ask(withDefault, 'other.test', '/'), 'not-found');
  });

  it('knows wildcard hosts of one label, after the host itself, and rules for every host last', () => {
    const table = tableOf([
      ingress('shop/wild', { rules: { '*.shop.test': { '/': 'web:80' } } }),
      ingress('blog/exact', { rules: { 'www.shop.test': { '/here': 'web:80' } } }),
      ingress('shop/any', { defaultBackend: 'api:http' }),
    ]);
    assert.equal(ask(table, 'cart.shop.test', '/'), 1001);
    assert.equal(ask(table, 'www.shop.test', '/here'), 2001);
    assert.equal(ask(table, 'www.shop.test', '/elsewhere'), 'not-found');
    assert.equal(ask(table, 'a.b.shop.test', '/'), 1002);
  });
});

describe('path types', () => {
  const cases: [type: string, path: string, request: string, taken: boolean][] = [
    ['Exact', '/foo', '/foo', true],
    ['Exact', '/foo', '/foo/', false],
    ['Exact', '/foo', '/foo/bar', false],
    ['Prefix', '/foo', '/foo', true],
    ['Prefix', '/foo', '/foo/', true],
    ['Prefix', '/foo', '/foo/bar', true],
    ['Prefix', '/foo', '/foobar', false],
    ['Prefix', '/foo/', '/foo', true],
    ['Prefix', '/', '/anything', true],
    ['ImplementationSpecific', '/foo', '/foobar', true],
    ['ImplementationSpecific', challenge, `${challenge}t`, true],
    ['ImplementationSpecific', challenge, '/.well-known/acme-challenge', false],
  ];
  for (const [type, path, request, taken] of cases) {
    it(`${type} ${path} ${taken ? 'takes' : 'leaves'} ${request}`, () => {
      const table = tableOf([ingress('shop/i', { rules: { 'shop.test': { [path]: [type, 'web:80'] } } })]);
      assert.equal(ask(table, 'shop.test', request), taken ? 1001 : 'not-found');
    });
  }

  it('prefers Exact to a prefix of the same length, even from a younger Ingress', () => {
    const table = tableOf([
      ingress('shop/prefix', { rules: { 'shop.test': { '/foo': 'web:80' } } }),
      ingress('blog/exact', {
        createdAt: '2026-05-01T00:00:00Z',
        rules: { 'shop.test': { '/foo': ['Exact', 'web:80'] } },
      }),
    ]);
    assert.equal(ask(table, 'shop.test', '/foo'), 2001);
    assert.equal(ask(table, 'shop.test', '/foo/bar'), 1001);
  });
});

describe('Services', () => {
  it('are found by number or name, whichever the table of local ports has', () => {
    assert.equal(ask(by('web:80'), 'shop.test', '/'), 1001);
    assert.equal(ask(by('api:http'), 'shop.test', '/'), 1002);
    assert.equal(ask(by('api:8080'), 'shop.test', '/'), 1002);
  });

  it('are unavailable without that port, without a Service object, and without a local port', () => {
    assert.equal(ask(by('web:8443'), 'shop.test', '/'), 'unavailable');
    assert.equal(ask(by('missing:80'), 'shop.test', '/'), 'unavailable');
    const table = by('new:80');
    table.apply(service('shop/new', 80));
    assert.equal(ask(table, 'shop.test', '/'), 'unavailable');
  });

  it('never come from another namespace', () => {
    const table = tableOf([ingress('blog/i', { rules: { 'shop.test': { '/': 'api:http' } } })]);
    assert.equal(ask(table, 'shop.test', '/'), 'unavailable');
  });
});

describe("sharing 'oldest'", () => {
  it('rejects a younger challenge rule', () => {
    const table = tableOf([site, challengeRule], { behaviour: { sharing: 'oldest' } });
    assert.equal(ask(table, 'shop.test', `${challenge}token`), 1001);
    assert.equal(ask(table, 'shop.test', '/'), 1001);
  });

  it("takes the user's site down for an older challenge rule, and its certificate with it", () => {
    const young = ingress('shop/site', {
      createdAt: '2026-06-01T00:00:00Z',
      rules: { 'shop.test': { '/': 'web:80' } },
      tls: { cert: ['shop.test'] },
    });
    const table = tableOf([young, challengeRule], { behaviour: { sharing: 'oldest' } });
    assert.equal(ask(table, 'shop.test', '/'), 'not-found');
    assert.deepEqual(table.secretsOf('shop.test'), []);
    table.apply(noIngress('kube-lego/kube-lego'));
    assert.equal(ask(table, 'shop.test', '/'), 1001);
    assert.deepEqual(table.secretsOf('shop.test'), ['shop/cert']);
  });
});

describe('redirect to https', () => {
  it("'off' never happens", () => {
    assert.equal(ask(withRedirect('off'), 'shop.test', '/'), 1001);
  });

  it("'ingress' spares the rule of an Ingress without a tls section", () => {
    const table = withRedirect('ingress');
    assert.equal(ask(table, 'shop.test', '/'), 308);
    assert.equal(ask(table, 'shop.test', '/', 'https'), 1001);
    assert.equal(ask(table, 'shop.test', `${challenge}token`), 8080);
  });

  it("'ingress' redirects the challenge path as long as no rule of ours is there", () => {
    assert.equal(ask(withRedirect('ingress', [site]), 'shop.test', `${challenge}token`), 308);
  });

  it("'host' spares only a rule whose Ingress says so by annotation", () => {
    assert.equal(ask(withRedirect('host'), 'shop.test', `${challenge}token`), 308);
    const annotated = ingress('kube-lego/kube-lego', {
      annotations: { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' },
      rules: { 'shop.test': { [challenge]: ['ImplementationSpecific', 'kube-lego:8080'] } },
    });
    const table = withRedirect('host', [site, annotated]);
    assert.equal(ask(table, 'shop.test', `${challenge}token`), 8080);
    assert.equal(ask(table, 'shop.test', '/'), 308);
  });

  it("'all' comes before any path, unless the Ingress with the tls section switches it off", () => {
    const table = withRedirect('all');
    assert.equal(ask(table, 'shop.test', `${challenge}token`), 308);
    table.apply(
      ingress('shop/site', {
        annotations: { 'nginx.org/redirect-to-https': 'False' },
        rules: { 'shop.test': { '/': 'web:80' } },
        tls: { cert: ['shop.test'] },
      }),
    );
    assert.equal(ask(table, 'shop.test', `${challenge}token`), 8080);
  });

  it('concerns no host without a tls section', () => {
    const plain = ingress('shop/site', { rules: { 'shop.test': { '/': 'web:80' } } });
    for (const redirect of ['ingress', 'host', 'all'] as const) {
      assert.equal(ask(withRedirect(redirect, [plain]), 'shop.test', '/'), 1001);
    }
  });
});

describe('Ingress classes', () => {
  const rules = { 'shop.test': { '/': 'web:80' } };
  const ours = ingressClass('edge', 'example.com/edge');
  const served = (draft: Parameters<typeof ingress>[1], setting: Setting, classes = [ours]) =>
    ask(
      tableOf([...classes, ingress('shop/i', { rules, ...draft })], { withoutClass: false, ...setting }),
      'shop.test',
      '/',
    ) === 1001;

  it('are ours by the controller that their object names', () => {
    assert.ok(served({ className: 'edge' }, {}));
    assert.ok(!served({ className: 'edge' }, {}, []));
    assert.ok(!served({ className: 'other' }, {}, [ours, ingressClass('other', 'example.com/other')]));
  });

  it('are narrowed down by name', () => {
    const classes = [ours, ingressClass('second', 'example.com/edge')];
    assert.ok(served({ className: 'second' }, {}, classes));
    assert.ok(!served({ className: 'second' }, { className: 'edge' }, classes));
  });

  it('are named by the legacy annotation too, with or without an object', () => {
    const annotations = { 'kubernetes.io/ingress.class': 'edge' };
    assert.ok(served({ annotations }, {}));
    assert.ok(served({ annotations }, { className: 'edge' }, []));
    assert.ok(!served({ annotations }, { className: 'nginx' }));
  });

  it('may be left out if one of ours is the default one, or by option', () => {
    assert.ok(!served({}, {}));
    assert.ok(served({}, { withoutClass: true }));
    assert.ok(served({}, {}, [ingressClass('edge', 'example.com/edge', true)]));
    assert.ok(!served({}, {}, [ours, ingressClass('other', 'example.com/other', true)]));
  });

  it('take effect on the Ingresses that were there before them', () => {
    const table = tableOf([ingress('shop/i', { rules, className: 'edge' })], { withoutClass: false });
    assert.equal(ask(table, 'shop.test', '/'), 'not-found');
    table.apply(ours);
    assert.equal(ask(table, 'shop.test', '/'), 1001);
    table.apply({ kind: 'class', key: 'edge', object: undefined });
    assert.equal(ask(table, 'shop.test', '/'), 'not-found');
  });
});

it('takes in a change of an Ingress with 200 rules in less than 100 ms of CPU', () => {
  const hosts = Array.from({ length: 200 }, (_, index) => `h${index}.test`);
  const table = tableOf(
    hosts.map((host) => ingress(`shop/${host}`, { rules: { [host]: { '/': 'web:80' } } })),
  );
  const change = ingress('kube-lego/kube-lego', {
    rules: Object.fromEntries(
      hosts.map((host) => [host, { [challenge]: ['ImplementationSpecific', 'kube-lego:8080'] as const }]),
    ),
  });
  const took = cpuTime(() => {
    table.apply(change);
  });
  assert.ok(took < 100, `${took} ms`);
  assert.equal(ask(table, 'h199.test', `${challenge}token`), 8080);
});
