import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GatewayOptions } from '../../deploy/local/edge/gateway/gateway-table.ts';
import type { Change } from '../../deploy/local/edge/objects.ts';
import { profiles } from '../../deploy/local/edge/profiles.ts';
import { Rules } from '../../deploy/local/edge/rules.ts';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { ingress, service, tlsSecret } from './edge-objects.ts';
import { certificateOf } from './edge-world.ts';
import {
  fromAll,
  gateway,
  gatewayClass,
  grant,
  httpsListener,
  listener,
  listenerSet,
  namespace,
  noRoute,
  route,
  rule,
} from './gateway-drafts.ts';

const challenge = '/.well-known/acme-challenge/';
const controllerName = 'example.com/gateway';
const [web, other, responder] = [1001, 1002, 8080];
const parentRefs = [{ name: 'gate', namespace: 'infra' }];
const now = '2026-11-30T00:00:00Z';

function rulesOf(changes: readonly Change[], options: Partial<GatewayOptions> = {}): Rules {
  const rules = new Rules({
    behaviour: profiles.local,
    controllerName: 'example.com/edge',
    className: undefined,
    withoutClass: true,
    gateway: { controllerName, missingSecret: 'listener', ...options },
    services: new Map([
      ['shop/web:80', web],
      ['shop/other:80', other],
      ['kube-lego/kube-lego:8080', responder],
    ]),
  });
  const known = [
    gatewayClass('edge', controllerName),
    service('shop/web', 80),
    service('shop/other', 80),
    service('kube-lego/kube-lego', 8080),
  ];
  for (const change of [...known, ...changes]) rules.apply(change);
  return rules;
}

/** The local port, or the kind of the refusal with its status. */
function ask(rules: Rules, host: string, path = '/', scheme: 'http' | 'https' = 'http'): unknown {
  const decision = rules.route(scheme, host, path);
  if (decision.kind === 'forward') return decision.port;
  return 'status' in decision ? decision.status : decision.kind;
}

/** `Type` if a condition holds, else `Type=Reason`, of one parent of a route or one listener. */
function said(part: unknown): string[] {
  return arrayField(part, 'conditions').map((condition) => {
    const type = stringField(condition, 'type') ?? '';
    const holds = stringField(condition, 'status') === 'True';
    return holds ? type : `${type}=${stringField(condition, 'reason') ?? ''}`;
  });
}

function statusOf(rules: Rules, path: string): Record<string, unknown> | undefined {
  return rules.statuses(now).find((write) => write.path.endsWith(`/${path}`))?.wanted;
}

function parentsOf(rules: Rules, path: string): string[][] {
  return arrayField(statusOf(rules, path), 'parents').map(said);
}

function listenersOf(rules: Rules, path: string): Record<string, unknown>[] {
  return arrayField(statusOf(rules, path), 'listeners').map((each) => ({
    name: stringField(each, 'name'),
    routes: recordField({ each }, 'each')?.['attachedRoutes'],
    said: said(each),
  }));
}

const open = gateway('infra/gate', [listener({ name: 'web', allowedRoutes: fromAll })]);
const wildcardApp = route('shop/app', { parentRefs, hostnames: ['*.shop.test'], rules: [rule('web:80')] });

describe('a request goes by Gateways', () => {
  it('to the Service of the route that takes the host', () => {
    const rules = rulesOf([open, wildcardApp]);
    assert.equal(ask(rules, 'a.shop.test', '/page'), web);
    assert.equal(ask(rules, 'a.b.shop.test'), web);
    assert.equal(ask(rules, 'shop.test'), 'not-found');
  });

  it('by the hostname before the path: a more specific one takes every path of the host', () => {
    const exact = route('shop/exact', {
      parentRefs,
      hostnames: ['a.shop.test'],
      rules: [rule('other:80', challenge)],
    });
    const rules = rulesOf([open, wildcardApp, exact]);
    assert.equal(ask(rules, 'a.shop.test', `${challenge}token`), other);
    assert.equal(ask(rules, 'a.shop.test', '/page'), 'not-found');
    assert.equal(ask(rules, 'b.shop.test', '/page'), web);
    rules.apply(noRoute('shop/exact'));
    assert.equal(ask(rules, 'a.shop.test', '/page'), web);
  });

  it('by the longest path of routes that spell the hostname alike, even past a redirect of the rest', () => {
    const redirect = {
      filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }],
    };
    const all = route('shop/app', { parentRefs, hostnames: ['*.shop.test'], rules: [redirect] });
    const path = route('shop/path', {
      parentRefs,
      hostnames: ['*.shop.test'],
      rules: [rule('other:80', challenge)],
    });
    const rules = rulesOf([open, all, path]);
    assert.equal(ask(rules, 'a.shop.test', `${challenge}token`), other);
    assert.equal(ask(rules, 'a.shop.test', '/page'), 301);
    assert.equal(ask(rules, 'a.shop.test', '/.well-known/acme-challenge-not'), 301);
  });

  it('to the older of two routes that are alike', () => {
    const rest = { parentRefs, hostnames: ['a.test'] };
    const rules = rulesOf([
      open,
      route('shop/a', { ...rest, rules: [rule('web:80')] }, { createdAt: '2026-02-01T00:00:00Z' }),
      route('shop/b', { ...rest, rules: [rule('other:80')] }, { createdAt: '2026-01-01T00:00:00Z' }),
    ]);
    assert.equal(ask(rules, 'a.test'), other);
  });

  it('to the listener with the most specific hostname only', () => {
    const listeners = [
      listener({ name: 'all', allowedRoutes: fromAll }),
      listener({ name: 'one', hostname: 'a.shop.test', allowedRoutes: fromAll }),
    ];
    const toAll = [{ ...parentRefs[0], sectionName: 'all' }];
    const rules = rulesOf([
      gateway('infra/gate', listeners),
      route('shop/app', { parentRefs: toAll, rules: [rule('web:80')] }),
    ]);
    assert.equal(ask(rules, 'b.shop.test'), web);
    assert.equal(ask(rules, 'a.shop.test'), 'not-found');
  });

  it('only if no Ingress takes it', () => {
    const site = ingress('shop/site', { rules: { 'a.shop.test': { '/mine': 'other:80' } } });
    const rules = rulesOf([open, wildcardApp, site]);
    assert.equal(ask(rules, 'a.shop.test', '/mine'), other);
    assert.equal(ask(rules, 'a.shop.test', '/page'), web);
  });

  it('nowhere, with 500, if the backend is not there or not permitted', () => {
    const across = route('shop/across', {
      parentRefs,
      hostnames: ['a.test'],
      rules: [rule('kube-lego:8080', '/', 'kube-lego')],
    });
    const missing = route('shop/missing', { parentRefs, hostnames: ['b.test'], rules: [rule('none:80')] });
    const rules = rulesOf([open, across, missing]);
    assert.equal(ask(rules, 'a.test'), 500);
    assert.equal(ask(rules, 'b.test'), 500);
    assert.deepEqual(parentsOf(rules, 'httproutes/across'), [['Accepted', 'ResolvedRefs=RefNotPermitted']]);
    assert.deepEqual(parentsOf(rules, 'httproutes/missing'), [['Accepted', 'ResolvedRefs=BackendNotFound']]);
    rules.apply(
      grant('kube-lego/g', { kind: 'HTTPRoute', namespace: 'shop' }, { kind: 'Service', name: 'kube-lego' }),
    );
    assert.equal(ask(rules, 'a.test'), responder);
    assert.deepEqual(parentsOf(rules, 'httproutes/across'), [['Accepted', 'ResolvedRefs']]);
  });
});

describe('a route is refused, and says so,', () => {
  function refusal(
    parentRef: Record<string, unknown>,
    listeners: readonly unknown[],
    ...more: Change[]
  ): string {
    const refs = [{ ...parentRefs[0], ...parentRef }];
    const rules = rulesOf([
      gateway('infra/gate', listeners),
      route('shop/app', { parentRefs: refs, hostnames: ['a.shop.test'], rules: [rule('web:80')] }),
      ...more,
    ]);
    const [accepted = ''] = parentsOf(rules, 'httproutes/app')[0] ?? [];
    assert.equal(ask(rules, 'a.shop.test'), accepted === 'Accepted' ? web : 'not-found');
    return accepted;
  }
  const all = listener({ name: 'web', allowedRoutes: fromAll });

  it('by a name or port that no listener has', () => {
    assert.equal(refusal({ sectionName: 'web', port: 80 }, [all]), 'Accepted');
    assert.equal(refusal({ sectionName: 'none' }, [all]), 'Accepted=NoMatchingParent');
    assert.equal(refusal({ port: 443 }, [all]), 'Accepted=NoMatchingParent');
  });

  it('by allowedRoutes', () => {
    assert.equal(refusal({}, [listener({ name: 'web' })]), 'Accepted=NotAllowedByListeners');
    const selector = { matchExpressions: [{ key: 'team', operator: 'In', values: ['a', 'b'] }] };
    const selecting = listener({
      name: 'web',
      allowedRoutes: { namespaces: { from: 'Selector', selector } },
    });
    assert.equal(
      refusal({}, [selecting], namespace('shop', { team: 'c' })),
      'Accepted=NotAllowedByListeners',
    );
    assert.equal(refusal({}, [selecting], namespace('shop', { team: 'b' })), 'Accepted');
    const grpc = listener({ name: 'web', allowedRoutes: { ...fromAll, kinds: [{ kind: 'GRPCRoute' }] } });
    assert.equal(refusal({}, [grpc]), 'Accepted=NotAllowedByListeners');
  });

  it('by the hostnames', () => {
    const elsewhere = listener({ name: 'web', hostname: '*.blog.test', allowedRoutes: fromAll });
    assert.equal(refusal({}, [elsewhere]), 'Accepted=NoMatchingListenerHostname');
  });

  it('by what the edge does not know', () => {
    const rules = rulesOf([
      open,
      route('shop/app', { parentRefs, rules: [{ matches: [{ headers: [{ name: 'a', value: 'b' }] }] }] }),
    ]);
    assert.deepEqual(parentsOf(rules, 'httproutes/app'), [['Accepted=UnsupportedValue', 'ResolvedRefs']]);
  });
});

describe('the status', () => {
  it('of a route keeps what other controllers say, and the times of what has not changed', () => {
    const foreign = { parentRef: { name: 'x' }, controllerName: 'example.com/other', conditions: [] };
    const since = '2026-01-01T00:00:00Z';
    const last = (type: string, status: string): unknown => ({ type, status, lastTransitionTime: since });
    const ours = {
      parentRef: parentRefs[0],
      controllerName,
      conditions: [last('Accepted', 'True'), last('ResolvedRefs', 'False')],
    };
    const app = { parentRefs, rules: [rule('web:80')] };
    const rules = rulesOf([
      open,
      route('shop/app', app, { generation: 7, status: { parents: [ours, foreign] } }),
    ]);
    const condition = { status: 'True', message: '', observedGeneration: 7 };
    assert.deepEqual(statusOf(rules, 'httproutes/app'), {
      parents: [
        foreign,
        {
          ...ours,
          conditions: [
            { ...condition, type: 'Accepted', reason: 'Accepted', lastTransitionTime: since },
            { ...condition, type: 'ResolvedRefs', reason: 'ResolvedRefs', lastTransitionTime: now },
          ],
        },
      ],
    });
  });

  it('of a route whose parent is not ours any more says nothing of ours', () => {
    const status = { parents: [{ parentRef: parentRefs[0], controllerName, conditions: [] }] };
    const rules = rulesOf([route('shop/app', { parentRefs, rules: [rule('web:80')] }, { status })]);
    assert.deepEqual(statusOf(rules, 'httproutes/app'), { parents: [] });
  });

  it('is not written for what is nothing of ours', () => {
    const strange = gateway('infra/gate', [listener({ name: 'web' })], { gatewayClassName: 'other' });
    const rules = rulesOf([strange, route('infra/app', { parentRefs, rules: [rule('web:80')] })]);
    assert.deepEqual(
      rules.statuses(now).map(({ path }) => path.split('/').at(-1)),
      ['edge'],
    );
  });
});

describe('a listener', () => {
  const secured = httpsListener('cert', { name: 'tls', hostname: 'a.shop.test', allowedRoutes: fromAll });
  const http = listener({ name: 'web', allowedRoutes: fromAll });
  const app = route('shop/app', { parentRefs, rules: [rule('web:80')] });
  const secret = tlsSecret('infra/cert', certificateOf('a.shop.test'));

  it('is down as long as its Secret is missing, and the others are not', () => {
    const rules = rulesOf([gateway('infra/gate', [http, secured]), app]);
    assert.deepEqual(listenersOf(rules, 'gateways/gate'), [
      { name: 'web', routes: 1, said: ['Accepted', 'Conflicted=NoConflicts', 'Programmed', 'ResolvedRefs'] },
      {
        name: 'tls',
        routes: 1,
        said: [
          'Accepted',
          'Conflicted=NoConflicts',
          'Programmed=Invalid',
          'ResolvedRefs=InvalidCertificateRef',
        ],
      },
    ]);
    assert.equal(rules.contextFor('a.shop.test'), 'down');
    assert.equal(rules.contextFor('b.shop.test'), undefined);
    assert.equal(ask(rules, 'a.shop.test', '/', 'https'), 'not-found');
    assert.equal(ask(rules, 'a.shop.test'), web);
    rules.apply(secret);
    assert.equal(typeof rules.contextFor('a.shop.test'), 'object');
    assert.equal(ask(rules, 'a.shop.test', '/', 'https'), web);
  });

  it('takes all of its Gateway down with it where that is the way of the controller', () => {
    const rules = rulesOf([gateway('infra/gate', [http, secured]), app], { missingSecret: 'gateway' });
    assert.equal(ask(rules, 'a.shop.test'), 'not-found');
    assert.deepEqual(said(statusOf(rules, 'gateways/gate')), ['Accepted', 'Programmed=Invalid']);
    rules.apply(secret);
    assert.equal(ask(rules, 'a.shop.test'), web);
  });

  it('needs a ReferenceGrant for a Secret of another namespace', () => {
    const tls = { certificateRefs: [{ name: 'cert', namespace: 'shop' }] };
    const across = httpsListener('cert', { name: 'tls', tls });
    const rules = rulesOf([gateway('infra/gate', [across]), tlsSecret('shop/cert', certificateOf('a.test'))]);
    const resolved = (): unknown => arrayField(listenersOf(rules, 'gateways/gate')[0], 'said')[3];
    assert.equal(resolved(), 'ResolvedRefs=RefNotPermitted');
    rules.apply(grant('shop/g', { kind: 'Gateway', namespace: 'infra' }, { kind: 'Secret' }));
    assert.equal(resolved(), 'ResolvedRefs');
  });

  it('is refused with a port or protocol that the edge does not serve', () => {
    const listeners = [
      listener({ name: 'port', port: 8080 }),
      listener({ name: 'protocol', protocol: 'TCP', port: 81 }),
    ];
    const rules = rulesOf([gateway('infra/gate', listeners)]);
    assert.deepEqual(
      listenersOf(rules, 'gateways/gate').map((each) => arrayField(each, 'said')[0]),
      ['Accepted=PortUnavailable', 'Accepted=UnsupportedProtocol'],
    );
    assert.deepEqual(said(statusOf(rules, 'gateways/gate')), [
      'Accepted=ListenersNotValid',
      'Programmed=Invalid',
    ]);
  });
});

describe('listeners of ListenerSets', () => {
  const open = { allowedListeners: { namespaces: { from: 'All' } } };
  const http = listener({ name: 'web', allowedRoutes: fromAll });
  const own = (name: string, hostname: string): unknown => listener({ name, hostname });
  const toSet = [{ group: 'gateway.networking.k8s.io', kind: 'ListenerSet', name: 'set' }];

  it('are refused unless the Gateway allows them', () => {
    const rules = rulesOf([
      gateway('infra/gate', [http]),
      listenerSet('shop/set', 'infra/gate', [own('a', 'a.test')]),
    ]);
    assert.deepEqual(said(statusOf(rules, 'listenersets/set')), [
      'Accepted=NotAllowed',
      'Programmed=NotAllowed',
    ]);
    assert.deepEqual(listenersOf(rules, 'listenersets/set'), []);
  });

  it('take routes that name the ListenerSet, and those only', () => {
    const set = listenerSet('shop/set', 'infra/gate', [own('a', 'a.test')]);
    const rules = rulesOf([
      gateway('infra/gate', [listener({ name: 'web', hostname: 'b.test', allowedRoutes: fromAll })], open),
      set,
      route('shop/to-set', { parentRefs: toSet, rules: [rule('web:80')] }),
      route('shop/to-gate', { parentRefs, rules: [rule('other:80')] }),
    ]);
    assert.equal(ask(rules, 'a.test'), web);
    assert.equal(ask(rules, 'b.test'), other);
    assert.deepEqual(said(statusOf(rules, 'listenersets/set')), ['Accepted', 'Programmed']);
    assert.deepEqual(parentsOf(rules, 'httproutes/to-set'), [['Accepted', 'ResolvedRefs']]);
  });

  it('lose against those of the Gateway, then against those of an older ListenerSet', () => {
    const rules = rulesOf([
      gateway('infra/gate', [listener({ name: 'web', hostname: 'gate.test' })], open),
      listenerSet('shop/young', 'infra/gate', [
        own('x', 'gate.test'),
        own('y', 'set.test'),
        own('z', 'z.test'),
      ]),
      listenerSet('shop/old', 'infra/gate', [own('y', 'set.test')], { createdAt: '2025-01-01T00:00:00Z' }),
    ]);
    const conflicts = (path: string): unknown[] =>
      listenersOf(rules, path).map((each) => arrayField(each, 'said').slice(0, 3).join(' '));
    const lost = 'Accepted=HostnameConflict Conflicted Programmed=Invalid';
    const kept = 'Accepted Conflicted=NoConflicts Programmed';
    assert.deepEqual(conflicts('gateways/gate'), [kept]);
    assert.deepEqual(conflicts('listenersets/old'), [kept]);
    assert.deepEqual(conflicts('listenersets/young'), [lost, lost, kept]);
    assert.deepEqual(said(statusOf(rules, 'listenersets/young')), ['Accepted', 'Programmed']);
  });
});
