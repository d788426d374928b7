import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ChallengeListeners } from '../../../machines/gateway/challenge-routes.ts';
import type {
  AllowedNamespaces,
  GatewayReading,
  RouteReading,
} from '../../../machines/gateway/gateway-objects.ts';
import { sourceKey } from '../../../machines/ownership/source-key.ts';
import {
  gateway,
  gatewayNamespace,
  http,
  https,
  listenerSet,
  route,
  unaccepted,
} from './gateway-builders.ts';

const namespace = 'kube-lego';

function slotsFor(
  host: string,
  of: GatewayReading,
  {
    gateways = [of],
    routes = [],
    holder,
  }: { gateways?: readonly GatewayReading[]; routes?: readonly RouteReading[]; holder?: string } = {},
  labels: Readonly<Record<string, string>> = {},
) {
  const isHeldBy = (of: string) => of === holder;
  const objects = { gateways: () => gateways, routes: () => routes, namespaceLabels: () => labels };
  return new ChallengeListeners(objects, { namespace, isHeldBy }).slotsOf(host, sourceKey(of));
}

/** `LISTENER of KIND: HOSTNAME, in NAMESPACE` of each slot, or why there is none. */
function described(found: ReturnType<typeof slotsFor>): readonly string[] | string {
  if ('why' in found) return found.why;
  return found.map(
    ({ listener, hostname, namespace: where }) =>
      `${listener.sectionName} of ${listener.kind}: ${hostname ?? 'all hosts'}, in ${where}`,
  );
}

describe('the challenges of a host are answered', () => {
  it('at the HTTP listener, never at one for HTTPS', () => {
    const web = gateway('web', https('https'), http('http'));
    assert.deepEqual(described(slotsFor('a.example.com', web)), [
      'http of Gateway: a.example.com, in kube-lego',
    ]);
  });

  it('at that of the most specific hostname, which its requests reach', () => {
    const web = gateway(
      'web',
      http('all'),
      http('some', { hostname: '*.example.com' }),
      http('other', { hostname: 'b.example.com' }),
    );
    assert.deepEqual(described(slotsFor('a.example.com', web)), [
      'some of Gateway: a.example.com, in kube-lego',
    ]);
  });

  it('at the listener of the ListenerSet that has the host, else at that of its Gateway', () => {
    const web = gateway('web', http('http'));
    const own = listenerSet('shop', web, http('own', { hostname: '*.example.com' }), https('https'));
    const gateways = [web, own];
    assert.deepEqual(described(slotsFor('a.example.com', own, { gateways })), [
      'own of ListenerSet: a.example.com, in kube-lego',
    ]);
    assert.deepEqual(described(slotsFor('a.example.org', own, { gateways })), [
      'http of Gateway: a.example.org, in kube-lego',
    ]);
  });

  it('at the listener of the Gateway where both have the same hostname: it takes precedence', () => {
    const web = gateway('web', http('http'));
    const own = listenerSet('shop', web, http('own'));
    assert.deepEqual(described(slotsFor('a.example.com', own, { gateways: [web, own] })), [
      'http of Gateway: a.example.com, in kube-lego',
    ]);
  });

  it('at no listener in conflict, refused, or that lets in no HTTPRoute', () => {
    const web = gateway(
      'web',
      http('conflicted', { conflicted: true }),
      http('refused', { accepted: false }),
      http('grpc', { allowsHttpRoutes: false }),
    );
    assert.equal(described(slotsFor('a.example.com', web)), 'no-http-listener');
  });

  it('at port 80; at other ports only where there is none, for a load balancer that translates', () => {
    const both = gateway('web', http('http'), http('other', { port: 8080 }));
    const other = gateway('web', http('other', { port: 8000 }));
    assert.deepEqual(described(slotsFor('a.example.com', both)), [
      'http of Gateway: a.example.com, in kube-lego',
    ]);
    assert.deepEqual(described(slotsFor('a.example.com', other)), [
      'other of Gateway: a.example.com, in kube-lego',
    ]);
  });

  it("of a ListenerSet's host nowhere at its Gateway, where only the sites of third namespaces serve it", () => {
    const web = gateway('web', http('http'));
    const own = { ...listenerSet('shop', web, https('https')), namespace: 'rival' };
    const at = (...routes: readonly RouteReading[]) =>
      described(slotsFor('a.example.com', own, { gateways: [web, own], routes }));
    const wildcard = route('site', web, ['*.example.com']);
    const exact = route('exact', web, ['a.example.com']);
    assert.equal(at(wildcard), 'foreign-site');
    assert.equal(at(route('site', web, [])), 'foreign-site');
    assert.equal(at(wildcard, unaccepted({ ...exact, namespace: 'rival' })), 'foreign-site');
    assert.equal(at(wildcard, exact), 'foreign-site');
    assert.equal(at({ ...wildcard, namespace: 'rival' }, exact), 'foreign-site');
    assert.deepEqual(at({ ...wildcard, namespace: 'rival' }), [
      'http of Gateway: *.example.com, in kube-lego',
    ]);
    assert.deepEqual(at({ ...route('redirect', web, []), namespace: gatewayNamespace }), [
      'http of Gateway: all hosts, in kube-lego',
    ]);
    assert.deepEqual(at(wildcard, exact, { ...route('own', web, ['a.example.com']), namespace: 'rival' }), [
      'http of Gateway: a.example.com, in kube-lego',
    ]);
    assert.deepEqual(described(slotsFor('a.example.com', web, { routes: [wildcard] })), [
      'http of Gateway: *.example.com, in kube-lego',
    ]);
  });

  it("of a ListenerSet's host nowhere at its Gateway, where third namespaces serve it by HTTPS only, or at a ListenerSet", () => {
    const web = gateway('web', http('http'), https('https', { hostname: '*.example.com' }));
    const theirs = {
      ...listenerSet('theirs', web, https('https', { hostname: '*.example.org' })),
      namespace: 'bank',
    };
    const own = { ...listenerSet('own', web, https('https')), namespace: 'rival' };
    const at = (host: string, ...routes: readonly RouteReading[]) =>
      described(slotsFor(host, own, { gateways: [web, theirs, own], routes }));
    const redirect = { ...route('redirect', web, [], { sectionName: 'http' }), namespace: gatewayNamespace };
    const secure = route('site', web, [], { sectionName: 'https' });
    const slots = ['http of Gateway: all hosts, in kube-lego'];
    assert.equal(at('a.example.com', redirect, secure), 'foreign-site');
    assert.deepEqual(at('a.example.net', redirect, secure), slots);
    assert.equal(at('a.example.org', redirect, route('bank', theirs, ['a.example.org'])), 'foreign-site');
    assert.deepEqual(at('b.example.org', redirect, route('bank', theirs, ['a.example.org'])), slots);
    assert.deepEqual(at('a.example.com', redirect, route('app', own, ['a.example.com'])), slots);
  });

  it("of a ListenerSet's host at its Gateway, whatever others serve there, for the namespace with its certificate", () => {
    const web = gateway('web', http('http'));
    const own = { ...listenerSet('shop', web, https('https')), namespace: 'shop' };
    const rival = { ...listenerSet('rival', web, https('https', { port: 8443 })), namespace: 'rival' };
    const trick = { ...route('trick', rival, ['a.example.com']), namespace: 'rival' };
    const at = (holder: string) =>
      described(slotsFor('a.example.com', own, { gateways: [web, own, rival], routes: [trick], holder }));
    assert.deepEqual(at('shop'), ['http of Gateway: a.example.com, in kube-lego']);
    assert.equal(at('rival'), 'foreign-site');
  });

  it("of a ListenerSet's host nowhere at its Gateway for routes of its own that the CA does not ask", () => {
    const alternative = http('alternative', { port: 8080 });
    const web = gateway('web', http('http'), alternative, https('https', { hostname: '*.example.com' }));
    const own = { ...listenerSet('own', web, https('https')), namespace: 'rival' };
    const second = { ...listenerSet('second', web, http('http', { port: 9999 })), namespace: 'rival' };
    const at = (...routes: readonly RouteReading[]) =>
      described(slotsFor('a.example.com', own, { gateways: [web, second, own], routes }));
    const ofRival = (parent: GatewayReading, sectionName?: string) => ({
      ...route('trick', parent, ['a.example.com'], { sectionName }),
      namespace: 'rival',
    });
    for (const site of [
      route('site', web, ['a.example.com'], { sectionName: 'https' }),
      route('site', web, ['*.example.com'], { sectionName: 'http' }),
    ]) {
      assert.equal(at(site), 'foreign-site');
      assert.equal(at(site, ofRival(second)), 'foreign-site');
      assert.equal(at(site, ofRival(web, 'alternative')), 'foreign-site');
      assert.deepEqual(at(site, ofRival(web, 'http')), ['http of Gateway: a.example.com, in kube-lego']);
    }
  });

  it('of a ListenerSet at its Gateway only if that lets it in, whatever the status says', () => {
    const from = (allowedListeners: AllowedNamespaces, labels = {}) => {
      const web = { ...gateway('web', http('http')), allowedListeners };
      const own = { ...listenerSet('shop', web, https('https')), namespace: 'rival' };
      return described(slotsFor('a.example.com', own, { gateways: [web, own] }, labels));
    };
    const selector = { matchLabels: { team: 'rival' }, matchExpressions: [] };
    const slots = ['http of Gateway: a.example.com, in kube-lego'];
    assert.equal(from({ from: 'None' }), 'no-http-listener');
    assert.equal(from({ from: 'Same' }), 'no-http-listener');
    assert.equal(from({ from: 'Selector', selector }), 'no-http-listener');
    assert.deepEqual(from({ from: 'Selector', selector }, { team: 'rival' }), slots);
    assert.deepEqual(from({ from: 'All' }), slots);
  });

  it('nowhere if the Gateway has gone, or has no HTTP listener with this host', () => {
    const web = gateway('web', https('https'), http('http', { hostname: '*.example.org' }));
    assert.equal(described(slotsFor('a.example.com', web)), 'no-http-listener');
    assert.equal(described(slotsFor('a.example.com', web, { gateways: [] })), 'not-found');
  });
});

describe('a challenge route is', () => {
  const inNamespace = (allowedRoutes: AllowedNamespaces, labels = {}) =>
    described(slotsFor('a.example.com', gateway('web', http('http', { allowedRoutes })), {}, labels));

  it("in kube-lego's namespace if the listener lets it in", () => {
    const selector = { matchLabels: { team: 'tls' }, matchExpressions: [] };
    const expected = ['http of Gateway: a.example.com, in kube-lego'];
    assert.deepEqual(inNamespace({ from: 'All' }), expected);
    assert.deepEqual(inNamespace({ from: 'Selector', selector }, { team: 'tls' }), expected);
  });

  it("in the listener's namespace if that alone is let in", () => {
    assert.deepEqual(inNamespace({ from: 'Same' }), ['http of Gateway: a.example.com, in infra']);
  });

  it('nowhere if neither is let in', () => {
    const selector = { matchLabels: { team: 'tls' }, matchExpressions: [] };
    assert.equal(inNamespace({ from: 'None' }), 'no-routes');
    assert.equal(inNamespace({ from: 'Selector', selector }), 'no-routes');
  });
});

describe('the hostname of a challenge route is', () => {
  const web = gateway('web', http('http'), http('other', { port: 8080 }));
  const spelling = (...routes: readonly RouteReading[]) => {
    const found = slotsFor('a.example.com', web, { routes });
    return 'why' in found ? found.why : found.map(({ hostname }) => hostname);
  };

  it('that of the site, also a wildcard: a more specific one would take its other paths away', () => {
    assert.deepEqual(spelling(route('site', web, ['*.example.com'])), ['*.example.com']);
    assert.deepEqual(spelling(route('site', web, ['*.com', 'b.example.com'])), ['*.com']);
  });

  it('none where the site has none', () => {
    assert.deepEqual(spelling(route('redirect', web, [])), [undefined]);
  });

  it('that of the most specific route, at which requests arrive', () => {
    const routes = [
      route('redirect', web, []),
      route('all', web, ['*.example.com']),
      route('site', web, ['a.example.com']),
    ];
    assert.deepEqual(spelling(...routes), ['a.example.com']);
    assert.deepEqual(spelling(...routes.slice(0, 2)), ['*.example.com']);
  });

  it('the host itself where no route serves it there', () => {
    assert.deepEqual(spelling(), ['a.example.com']);
    assert.deepEqual(spelling(route('site', web, ['b.example.com'])), ['a.example.com']);
    assert.deepEqual(spelling(route('site', web, ['*.example.com'], { sectionName: 'other' })), [
      'a.example.com',
    ]);
    assert.deepEqual(spelling(route('site', web, ['*.example.com'], { port: 8080 })), ['a.example.com']);
    const elsewhere = gateway('elsewhere', http('http'));
    assert.deepEqual(spelling(route('site', elsewhere, ['*.example.com'])), ['a.example.com']);
  });

  it('that of a route which may be served and is not accepted yet, where no other one serves the host', () => {
    const all = unaccepted(route('all', web, ['*.example.com']));
    const site = unaccepted(route('site', web, ['a.example.com']));
    assert.deepEqual(spelling(all), ['*.example.com']);
    assert.deepEqual(spelling(unaccepted(route('redirect', web, []))), [undefined]);
    assert.deepEqual(spelling(all, site), ['*.example.com']);
    assert.deepEqual(spelling(site, route('site', web, ['*.com'])), ['*.com']);
    assert.deepEqual(spelling(all, route('site', web, ['a.example.com'])), ['a.example.com']);
  });

  it('that of one of the thousand newest routes that are not accepted, however many there are', () => {
    const flood = Array.from({ length: 1000 }, (_, index) =>
      unaccepted(route(`flood-${index}`, web, ['other.example.com'])),
    );
    const all = { ...unaccepted(route('all', web, ['*.example.com'])), createdAt: -1 };
    assert.deepEqual(spelling(all, ...flood.slice(1)), ['*.example.com']);
    assert.deepEqual(spelling(all, ...flood), ['a.example.com']);
    assert.deepEqual(spelling({ ...all, createdAt: 1 }, ...flood), ['*.example.com']);
  });

  it('not that of a route which cannot be let in there', () => {
    const all = route('all', web, ['*.example.com'], { sectionName: 'other' });
    assert.deepEqual(spelling(unaccepted(all)), ['a.example.com']);
    const own = gateway('web', http('http', { allowedRoutes: { from: 'Same' } }));
    const routes = [unaccepted(route('all', own, ['*.example.com']))];
    assert.deepEqual(described(slotsFor('a.example.com', own, { routes })), [
      'http of Gateway: a.example.com, in infra',
    ]);
  });

  it('not that of a challenge route', () => {
    const wildcard = route('site', web, ['*.example.com']);
    const [parentRef] = route('challenge', web, [], { sectionName: 'http' }).attached;
    assert.ok(parentRef);
    const accepted = { status: true, reason: '', message: '', observedGeneration: 1 };
    const challenge: RouteReading = {
      ours: true,
      namespace,
      name: 'kube-lego-challenge-1',
      generation: 1,
      hostnames: ['a.example.com'],
      parentRefs: [parentRef],
      parents: [{ parentRef, accepted, resolvedRefs: accepted }],
    };
    assert.deepEqual(spelling(wildcard, challenge), ['*.example.com']);
  });
});
