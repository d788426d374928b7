import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GatewayReading, GrantReading, SiteRoute } from '../../../machines/gateway/gateway-objects.ts';
import { gatewayRequest } from '../../../machines/gateway/gateway-request.ts';
import { gateway, gatewayNamespace, http, https, listenerSet, route } from './gateway-builders.ts';

function secret(name: string, namespace = gatewayNamespace) {
  return { certificateRefs: [{ group: '', kind: 'Secret', namespace, name }] };
}

function request(
  reading: GatewayReading,
  routes: readonly SiteRoute[] = [],
  {
    grants = [],
    held = [],
    labels = {},
  }: {
    readonly grants?: readonly GrantReading[];
    readonly held?: readonly string[];
    readonly labels?: Readonly<Record<string, string>>;
  } = {},
) {
  return gatewayRequest(reading, {
    routes,
    grants,
    isHeld: (host) => held.includes(host),
    labelsOf: () => labels,
  });
}

/** `SECRET: HOSTS`, and the codes of the notices. */
function asked(...args: Parameters<typeof request>): string[] {
  const { tls, notices } = request(...args);
  return [
    ...tls.map(({ secretName, hosts }) => `${secretName}: ${hosts.join(' ')}`),
    ...notices.map(({ code }) => code),
  ];
}

describe('a listener', () => {
  it('asks for its own hostname where it terminates TLS with a Secret', () => {
    const own = gateway(
      'edge',
      http('http'),
      https('shop', { hostname: 'shop.example.com', ...secret('shop-tls') }),
      https('mail', { protocol: 'TLS', hostname: 'mail.example.com', ...secret('mail-tls') }),
      https('through', { tlsMode: 'Passthrough', hostname: 'through.example.com' }),
      https('mine', { protocol: 'example.com/tls', hostname: 'mine.example.com', ...secret('mine-tls') }),
      https('none', { hostname: 'none.example.com' }),
    );
    assert.deepEqual(asked(own), [
      'shop-tls: shop.example.com',
      'mail-tls: mail.example.com',
      'MissingSecretName',
    ]);
    assert.deepEqual(request(own).awaited, ['shop-tls', 'mail-tls']);
  });

  it('asks for nothing without the annotation, and claims the hostnames of its listeners for TLS', () => {
    const own = gateway(
      'edge',
      http('http', { hostname: 'plain.example.com' }),
      https('shop', { hostname: 'shop.example.com', ...secret('shop-tls') }),
      https('through', { protocol: 'TLS', tlsMode: 'Passthrough', hostname: 'mail.example.com' }),
      https('all', { hostname: '*.example.org', ...secret('all-tls') }),
      https('conflicted', { hostname: 'b.example.com', conflicted: true }),
      https('unserved', { hostname: 'c.example.com', accepted: undefined }),
    );
    const silent = { ...own, settings: { ...own.settings, enabled: false } };
    assert.deepEqual(request(silent, [route('app', own, ['app.example.org'])]), {
      tls: [],
      ruleHosts: ['shop.example.com', 'mail.example.com'],
      notices: [],
      awaited: [],
    });
  });

  it('claims no host before its implementation has accepted it, but asks for it', () => {
    const own = { hostname: 'shop.example.com', ...secret('shop-tls') };
    const { tls, ruleHosts } = request(gateway('edge', https('shop', { ...own, accepted: undefined })));
    assert.deepEqual(tls, [{ secretName: 'shop-tls', hosts: ['shop.example.com'] }]);
    assert.deepEqual(ruleHosts, []);
    assert.deepEqual(request(gateway('edge', https('shop', own))).ruleHosts, ['shop.example.com']);
  });

  it('with a wildcard asks for the hostnames that it has in common with its routes, of any depth', () => {
    const edge = gateway('edge', https('all', { hostname: '*.example.com', ...secret('all-tls') }));
    const routes = [
      route('one', edge, ['a.example.com', 'elsewhere.test']),
      route('two', edge, ['deep.b.example.com']),
      route('three', edge, ['example.com']),
    ];
    assert.deepEqual(asked(edge, routes), ['all-tls: a.example.com deep.b.example.com']);
  });

  it('without hostname asks for those of its routes', () => {
    const edge = gateway('edge', https('all', secret('all-tls')));
    assert.deepEqual(asked(edge, [route('one', edge, ['a.example.com', 'b.test'])]), [
      'all-tls: a.example.com b.test',
    ]);
    assert.deepEqual(asked(edge, [route('any', edge, [])]), ['NoRouteHostnames']);
    assert.deepEqual(
      request(edge).awaited,
      ['all-tls'],
      'some implementations accept no route before there is a Secret',
    );
  });

  it('gets a wildcard certificate only where an annotation asks for it', () => {
    const edge = gateway('edge', https('all', { hostname: '*.example.com', ...secret('all-tls') }));
    const routes = [
      route('wild', edge, ['*.example.com']),
      route('exact', edge, ['a.example.com', 'deep.b.example.com']),
    ];
    assert.deepEqual(asked(edge, routes), ['all-tls: a.example.com deep.b.example.com', 'WildcardNotAsked']);
    const asking = { ...edge, wildcards: true };
    assert.deepEqual(asked(asking, routes), ['all-tls: *.example.com deep.b.example.com']);
    assert.deepEqual(asked(asking), ['all-tls: *.example.com']);
  });

  it('counts only routes that are attached to it: by name, port and namespace', () => {
    const edge = gateway(
      'edge',
      https('one', { hostname: '*.example.com', ...secret('one-tls') }),
      https('two', { hostname: '*.example.com', port: 8443, ...secret('two-tls') }),
      https('same', { port: 9443, allowedRoutes: { from: 'Same' }, ...secret('same-tls') }),
    );
    const routes = [
      route('by-name', edge, ['name.example.com'], { sectionName: 'one' }),
      route('by-port', edge, ['port.example.com'], { port: 8443 }),
      route('of-another', gateway('other', ...edge.listeners), ['other.example.com']),
    ];
    assert.deepEqual(asked(edge, routes), [
      'one-tls: name.example.com',
      'two-tls: port.example.com',
      'NoRouteHostnames',
    ]);
  });

  it('goes by the labels of the Namespace where its selector does', () => {
    const selector = { matchLabels: { team: 'shop' }, matchExpressions: [] };
    const edge = gateway(
      'edge',
      https('all', { allowedRoutes: { from: 'Selector', selector }, ...secret('all-tls') }),
    );
    const routes = [route('one', edge, ['a.example.com'])];
    assert.deepEqual(asked(edge, routes, { labels: { team: 'shop' } }), ['all-tls: a.example.com']);
    assert.deepEqual(asked(edge, routes, { labels: { team: 'bank' } }), ['NoRouteHostnames']);
  });

  it('is skipped where its implementation refuses it, with a reason', () => {
    const own = { hostname: 'shop.example.com', ...secret('shop-tls') };
    const edge = gateway(
      'edge',
      https('first', own),
      https('second', { ...own, conflicted: true }),
      https('third', { hostname: 'third.example.com', ...secret('third-tls'), accepted: false }),
      https('new', { hostname: 'new.example.com', ...secret('new-tls'), accepted: undefined }),
    );
    assert.deepEqual(asked(edge), [
      'shop-tls: shop.example.com',
      'new-tls: new.example.com',
      'ListenerConflicted',
      'ListenerNotAccepted',
    ]);
  });

  it('shares a Secret with others: one certificate for the names of all', () => {
    const edge = gateway(
      'edge',
      https('a', { hostname: 'a.example.com', ...secret('tls') }),
      https('b', { hostname: 'b.example.com', port: 8443, ...secret('tls') }),
      https('again', { hostname: 'a.example.com', port: 9443, ...secret('tls') }),
    );
    assert.deepEqual(asked(edge), ['tls: a.example.com b.example.com']);
  });

  it('gets no certificate in a Secret of another namespace', () => {
    const edge = gateway('edge', https('a', { hostname: 'a.example.com', ...secret('a-tls', 'certs') }));
    const grant = {
      namespace: 'certs',
      from: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: gatewayNamespace }],
      to: [{ group: '', kind: 'Secret', name: 'a-tls' }],
    };
    assert.deepEqual(asked(edge), ['SecretNotGranted']);
    assert.deepEqual(asked(edge, [], { grants: [{ ...grant, namespace: 'elsewhere' }] }), [
      'SecretNotGranted',
    ]);
    assert.deepEqual(asked(edge, [], { grants: [grant] }), ['SecretElsewhere']);
  });

  it('of a ListenerSet has the routes of the ListenerSet, not those of its Gateway', () => {
    const edge = gateway('edge', http('http'));
    const set = listenerSet('team', edge, https('all', secret('all-tls')));
    const routes = [route('one', set, ['a.example.com']), route('two', edge, ['b.example.com'])];
    assert.deepEqual(asked(set, routes), ['all-tls: a.example.com']);
  });

  it('names its own first, then those of each namespace in turn, of its oldest routes', () => {
    const edge = gateway(
      'edge',
      https('all', secret('tls')),
      https('own', { hostname: 'own.example.com', ...secret('tls') }),
    );
    const of = (namespace: string, createdAt: number, ...hostnames: readonly string[]) => ({
      ...route(`${namespace}-${createdAt}`, edge, hostnames),
      namespace,
      createdAt,
    });
    const routes = [
      of('blog', 4, 'b2.example.com'),
      of('shop', 1, 's1.example.com', 's2.example.com', 'own.example.com'),
      of('blog', 3, 'b1.example.com', 's1.example.com'),
      of(gatewayNamespace, 5, 'i1.example.com'),
      of('shop', 2, 's3.example.com', 's2.example.com'),
    ];
    const { tls } = request(edge, routes);
    assert.deepEqual(tls, [
      {
        secretName: 'tls',
        hosts: [
          'own.example.com',
          ...['s1', 'b1', 'i1', 's2', 'b2', 's3'].map((name) => `${name}.example.com`),
        ],
        separable: true,
        shares: [
          { namespace: 'shop', hosts: ['s1.example.com', 's2.example.com', 's3.example.com'] },
          { namespace: 'blog', hosts: ['b1.example.com', 'b2.example.com'] },
        ],
      },
    ]);
  });

  it('reads names of each namespace, however many routes another one has that are older', () => {
    const edge = gateway('edge', https('all', secret('tls')));
    const routes = Array.from({ length: 200 }, (_, of) => {
      const hostnames = Array.from({ length: 16 }, (__, at) => `h${at}.r${of}.example.com`);
      return { ...route(`r${of}`, edge, hostnames), createdAt: of };
    });
    const late = { ...route('late', edge, ['late.example.com']), namespace: 'blog', createdAt: 1000 };
    const { tls, ruleHosts } = request(edge, [...routes, late]);
    assert.deepEqual(tls[0]?.hosts.slice(0, 3), [
      'h0.r0.example.com',
      'late.example.com',
      'h1.r0.example.com',
    ]);
    assert.equal(tls[0]?.hosts.length, 2000);
    assert.ok(ruleHosts.includes('late.example.com'));
  });

  it('is read within bounds, however many routes a shared Gateway has', () => {
    const edge = gateway(
      'edge',
      ...Array.from({ length: 63 }, (_, at) => https(`l${at}`, secret(`tls-${at}`))),
      https('own', { hostname: 'own.example.com', ...secret('own') }),
    );
    const routes = Array.from({ length: 200 }, (_, of) => {
      const hostnames = Array.from({ length: 16 }, (__, at) => `h${at}.r${of}.example.com`);
      return { ...route(`r${of}`, edge, hostnames), createdAt: of };
    });
    const { tls, ruleHosts } = request(edge, routes);
    assert.equal(ruleHosts.length, 2001);
    assert.equal(ruleHosts.at(-1), 'own.example.com');
    const ofRoutes = tls.filter(({ secretName }) => secretName !== 'own');
    assert.equal(ofRoutes.length, 63);
    // More than a certificate has: else nobody would be told that there is no room.
    assert.ok(ofRoutes.every(({ hosts }) => hosts.length === 200 && hosts[0] === 'h0.r0.example.com'));
  });

  describe('with more names than are read', () => {
    /** So many routes of a namespace, each with 16 hostnames. */
    const many = (edge: GatewayReading, namespace: string, count: number): SiteRoute[] =>
      Array.from({ length: count }, (_, of) => {
        const hostnames = Array.from({ length: 16 }, (__, at) => `h${at}.r${of}.${namespace}.example.com`);
        return { ...route(`r${of}`, edge, hostnames), namespace, createdAt: of };
      });

    it('keeps those that have had a certificate, whoever adds others, at a Gateway of many Secrets', () => {
      const listeners = Array.from({ length: 12 }, (_, at) => https(`l${at}`, secret(`tls-${at}`)));
      const edge = gateway('edge', ...listeners);
      const own = many(edge, 'shop', 4);
      const held = own.flatMap(({ hostnames }) => hostnames);
      const others = ['a', 'b', 'c', 'd'].flatMap((namespace) => many(edge, namespace, 10));
      const { tls } = request(edge, [...others, ...own], { held });
      assert.equal(tls.length, 12);
      for (const { hosts } of tls) {
        assert.equal(hosts.length, 200);
        assert.deepEqual(
          held.filter((host) => !hosts.includes(host)),
          [],
        );
      }
      const [first, second] = request(edge, own, { held }).tls[0]?.hosts ?? [];
      assert.deepEqual([first, second], held.slice(0, 2), 'in their order');
    });

    it('keeps those that come after any number of others', () => {
      const edge = gateway('edge', https('all', { hostname: '*.example.com', ...secret('tls') }));
      const others = Array.from({ length: 50 }, (_, at) => many(edge, `n${at}`, 10)).flat();
      const late = { ...route('late', edge, ['new.example.com', 'held.example.com']), createdAt: 10_000 };
      const copies = Array.from({ length: 100 }, (_, at) => ({
        ...route(`copy-${at}`, edge, ['held.example.com']),
        namespace: 'n0',
        createdAt: 20_000,
      }));
      const own = Array.from({ length: 100 }, (_, at) => ({
        ...route(`own-${at}`, edge, [`o${at}.example.com`]),
        createdAt: at,
      }));
      const elsewhere = { ...gateway('other', ...edge.listeners) };
      const away = route('away', elsewhere, ['away.example.com']);
      const held = ['held.example.com', 'away.example.com'];
      const { ruleHosts, tls } = request(edge, [...others, ...own, late, ...copies, away], { held });
      const hosts: readonly string[] = tls[0]?.hosts ?? [];
      const { shares = [] } = tls[0] ?? {};
      assert.equal(hosts.length, 2000);
      assert.ok(hosts.includes('held.example.com') && ruleHosts.includes('held.example.com'));
      assert.ok(!hosts.includes('away.example.com'));
      const whose = shares.filter((share) => share.hosts.includes('held.example.com'));
      assert.deepEqual(
        whose.map(({ namespace }) => namespace),
        ['shop'],
      );
      assert.ok(!request(edge, [...others, ...own, late]).tls[0]?.hosts.includes('held.example.com'));
    });
  });
});
