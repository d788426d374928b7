import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ChallengeRoute, carries, planRoutes } from '../../../machines/gateway/challenge-route-plan.ts';
import type { ChallengeSlot } from '../../../machines/gateway/challenge-routes.ts';

const namespace = 'kube-lego';

describe('challenge routes', () => {
  const slot = (
    sectionName: string,
    hostname: string | undefined,
    change: Partial<ChallengeSlot> = {},
  ): ChallengeSlot => ({
    host: hostname ?? 'a.example.com',
    listener: { kind: 'Gateway', namespace: 'infra', name: 'web', sectionName },
    listenerHostname: undefined,
    hostname,
    namespace,
    ...change,
  });
  const plan = (
    slots: readonly ChallengeSlot[],
    standing: readonly ChallengeRoute[] = [],
    taken = () => false,
  ) => planRoutes(slots, standing, taken);
  const hosts = (count: number, prefix = 'h') =>
    Array.from({ length: count }, (_, index) => `${prefix}${index}.example.com`);

  it('are few: 40 hosts at one listener are three, each with at most 16 hostnames', () => {
    const planned = plan(hosts(40).map((host) => slot('http', host)));
    assert.deepEqual(
      planned.map(({ hostnames }) => hostnames.length),
      [16, 16, 8],
    );
    assert.deepEqual(new Set(planned.flatMap((one) => one.hosts)), new Set(hosts(40)));
    assert.deepEqual(
      planned.map(({ name }) => name),
      ['kube-lego-challenge-1', 'kube-lego-challenge-2', 'kube-lego-challenge-3'],
    );
  });

  it('share a hostname: any number of hosts of a wildcard is one route', () => {
    const planned = plan(hosts(40).map((host) => slot('http', '*.example.com', { host })));
    assert.deepEqual(
      planned.map(({ hostnames }) => hostnames),
      [['*.example.com']],
    );
    assert.equal(planned[0]?.hosts.length, 40);
  });

  it('attach to at most 32 listeners, each with its own host', () => {
    const slots = hosts(10).map((host, index) => slot(`http-${index}`, host, { listenerHostname: host }));
    assert.equal(plan(slots).length, 1);
    const all = Array.from({ length: 40 }, (_, index) => slot(`http-${index}`, undefined));
    assert.deepEqual(
      plan(all).map(({ listeners }) => listeners.length),
      [32, 8],
    );
  });

  it('give no listener a hostname that is not wanted there', () => {
    const planned = plan([
      slot('one', 'a.example.com'),
      slot('two', '*.example.com', { host: 'b.example.com' }),
      slot('three', undefined),
    ]);
    assert.equal(planned.length, 3);
    for (const one of planned) assert.equal(one.listeners.length, 1);
  });

  it('keep a host where it stands, when others come and go', () => {
    const first = plan(hosts(20).map((host) => slot('http', host)));
    const left = hosts(20)
      .slice(10)
      .map((host) => slot('http', host));
    const second = plan([...left, ...hosts(10, 'a').map((host) => slot('http', host))], first);
    for (const one of left) {
      const nameIn = (routes: readonly ChallengeRoute[]) => routes.find((route) => carries(route, one))?.name;
      assert.equal(nameIn(second), nameIn(first), one.host);
    }
    assert.equal(second.length, 2);
  });

  it('are spelt anew in place', () => {
    const first = plan([slot('http', 'a.example.com')]);
    const second = plan([slot('http', '*.example.com', { host: 'a.example.com' })], first);
    assert.deepEqual(
      second.map(({ name, hostnames }) => [name, hostnames]),
      [['kube-lego-challenge-1', ['*.example.com']]],
    );
  });

  it('leave a route whose other hostnames the listener has come to have', () => {
    const narrow = [
      slot('one', 'a.example.com', { listenerHostname: 'a.example.com' }),
      slot('two', 'b.example.com', { listenerHostname: 'b.example.com' }),
    ];
    const first = plan(narrow);
    assert.equal(first.length, 1);
    const second = plan(
      narrow.map((one) => ({ ...one, listenerHostname: undefined })),
      first,
    );
    assert.deepEqual(
      second.map(({ hostnames }) => hostnames),
      [['a.example.com'], ['b.example.com']],
    );
  });

  it("are in the namespace of each slot, with names that are nobody else's", () => {
    const slots = [slot('http', 'a.example.com'), slot('same', 'b.example.com', { namespace: 'infra' })];
    const planned = planRoutes(slots, [], (where, name) => where === 'infra' && name.endsWith('-1'));
    assert.deepEqual(
      planned.map((one) => `${one.namespace}/${one.name}`),
      ['infra/kube-lego-challenge-2', 'kube-lego/kube-lego-challenge-1'],
    );
  });
});
