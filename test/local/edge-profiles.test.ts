import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Change } from '../../deploy/local/edge/objects.ts';
import { isProfileName, type ProfileName, profiles } from '../../deploy/local/edge/profiles.ts';
import { Rules } from '../../deploy/local/edge/rules.ts';
import { ingress, service, tlsSecret } from './edge-objects.ts';
import { appPort, ask, certificateFor, certificateOf, edgeTo } from './edge-world.ts';

const challenge = '/.well-known/acme-challenge/';
const host = 'www.shop.test';

function tableOf(profile: ProfileName, ...ingresses: readonly Change[]): Rules {
  const table = new Rules({
    behaviour: profiles[profile],
    controllerName: 'example.com/edge',
    className: undefined,
    withoutClass: true,
    gateway: undefined,
    services: new Map([
      ['a/web:80', 1],
      ['b/web:80', 2],
    ]),
  });
  for (const change of [service('a/web', 80), service('b/web', 80), ...ingresses]) table.apply(change);
  return table;
}

/** Who answers: the Ingress, or else the status. */
function answer(table: Rules, path: string, scheme: 'http' | 'https' = 'http', name = host): string | number {
  const decision = table.route(scheme, name, path);
  if (decision.kind === 'forward') return decision.source;
  return decision.kind === 'redirect' ? decision.status : 404;
}

/** Asks one question of the edge with each profile. */
function compare<T>(
  what: string,
  ask: (profile: ProfileName) => T,
  answers: Readonly<Record<ProfileName, T>>,
): void {
  for (const name of Object.keys(profiles).filter(isProfileName)) {
    it(`${name}: ${what}`, () => {
      assert.deepEqual(ask(name), answers[name]);
    });
  }
}

const rules = { [host]: { '/': 'web:80' } };
const tls = { cert: [host] };

describe('profiles of the edge', () => {
  compare<unknown>(
    'whose a host is of two Ingresses of the same second',
    (profile) => {
      const one = ingress('a/site', { rules, tls, uid: '2' });
      const other = ingress('b/site', { rules, tls, uid: '1' });
      const table = tableOf(profile, other, one);
      return [answer(table, '/', 'https'), table.secretsOf(host)];
    },
    {
      local: ['a/site', ['a/cert']],
      'haproxy-ingress': ['a/site', ['a/cert']],
      'haproxy-ingress-strict-host': ['a/site', ['a/cert']],
      'ingress-nginx': ['b/site', ['b/cert']],
      'f5-nginx': ['a/site', ['a/cert']],
    },
  );

  compare<unknown>(
    'who takes a path that the exact host has no rule for, and one that the wildcard has none for either',
    (profile) => {
      const exact = ingress('a/exact', { rules: { [host]: { [challenge]: 'web:80' } } });
      const wildcard = ingress('b/wildcard', { rules: { '*.shop.test': { '/cart': 'web:80' } } });
      const everyHost = ingress('b/every-host', { rules: { '': { '/': 'web:80' } } });
      const table = tableOf(profile, exact, wildcard, everyHost);
      return ['/cart', '/', `${challenge}t`].map((path) => answer(table, path));
    },
    {
      local: [404, 404, 'a/exact'],
      'haproxy-ingress': ['b/wildcard', 'b/every-host', 'a/exact'],
      'haproxy-ingress-strict-host': [404, 404, 'a/exact'],
      'ingress-nginx': [404, 404, 'a/exact'],
      'f5-nginx': [404, 404, 'a/exact'],
    },
  );

  compare<unknown>(
    'whether https answers for a host without tls',
    (profile) => answer(tableOf(profile, ingress('a/site', { rules })), '/', 'https'),
    {
      local: 404,
      'haproxy-ingress': 404,
      'haproxy-ingress-strict-host': 404,
      'ingress-nginx': 'a/site',
      'f5-nginx': 404,
    },
  );

  compare<unknown>(
    'which path is redirected: of the site, of the challenge without and with a rule of its own',
    (profile) => {
      const site = ingress('a/site', { rules, tls });
      const rule = ingress('b/rule', {
        createdAt: '2026-02-01T00:00:00Z',
        rules: { [host]: { [challenge]: ['ImplementationSpecific', 'web:80'] } },
      });
      const without = tableOf(profile, site);
      return [
        answer(without, '/'),
        answer(without, `${challenge}t`),
        answer(tableOf(profile, site, rule), `${challenge}t`),
      ];
    },
    {
      local: ['a/site', 'a/site', 'b/rule'],
      'haproxy-ingress': [302, 302, 'b/rule'],
      'haproxy-ingress-strict-host': [302, 302, 'b/rule'],
      'ingress-nginx': [308, 308, 'b/rule'],
      'f5-nginx': [301, 301, 301],
    },
  );

  compare<unknown>(
    'whom a default backend serves beside the hosts of its Ingress',
    (profile) => {
      const table = tableOf(
        profile,
        ingress('a/site', { rules: { [host]: { '/cart': 'web:80' } }, defaultBackend: 'web:80' }),
      );
      return [answer(table, '/'), answer(table, '/', 'http', 'other.test')];
    },
    {
      local: ['a/site', 404],
      'haproxy-ingress': ['a/site', 'a/site'],
      'haproxy-ingress-strict-host': [404, 'a/site'],
      'ingress-nginx': ['a/site', 404],
      'f5-nginx': ['a/site', 404],
    },
  );
});

it('TLS of a host belongs to its first Ingress, even if the Secret of that one is missing', async (t) => {
  const younger = ingress('blog/site', {
    createdAt: '2026-03-01T00:00:00Z',
    rules: { 'shop.test': { '/blog': 'web:80' } },
    tls: { cert: ['shop.test'] },
  });
  const good = tlsSecret('blog/cert', certificateOf('shop.test'));
  const port = await appPort(t);
  const strict = await edgeTo(t, port, [younger, good]);
  assert.equal(await certificateFor(strict.httpsPort, 'shop.test'), 'DNS:edge.invalid');
  const friendly = await edgeTo(t, port, [younger, good], { certificate: 'first-usable' });
  assert.equal(await certificateFor(friendly.httpsPort, 'shop.test'), 'DNS:shop.test');
});

it('a redirect behind ports 80 and 443 names the bare host', async (t) => {
  const { httpPort } = await edgeTo(t, await appPort(t), [], profiles['haproxy-ingress']);
  const { status, headers } = await ask(httpPort, { path: '/a?b=c' });
  assert.deepEqual([status, headers.location], [302, 'https://shop.test/a?b=c']);
});
