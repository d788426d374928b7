import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { domainToUnicode } from 'node:url';
import * as fc from 'fast-check';
import { Ownership } from '../../../machines/ownership/ownership.ts';
import { type SourceKey, sourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { day, ingressSpec, now } from '../builders.ts';

function newOwnership(hostOwnership: 'oldest' | 'any' = 'oldest'): Ownership {
  return new Ownership({
    hostOwnership,
    hostGrace: 300_000,
    requireDomains: false,
    supportedClasses: undefined,
    names: 'public',
    toUnicode: domainToUnicode,
    defaultClass: undefined,
  });
}

const seed = 20261124;
const namespaces = ['a', 'b', 'c'];
const names = ['one', 'two', 'three'];
const keys = namespaces.flatMap((namespace) =>
  names.map((name) => sourceKey({ kind: 'Ingress', namespace, name })),
);

const anIngress = fc
  .record({
    namespace: fc.constantFrom(...namespaces),
    name: fc.constantFrom(...names),
    age: fc.nat(5),
    tls: fc.array(
      fc.record({
        secretName: fc.constantFrom('s1', 's2'),
        hosts: fc.uniqueArray(fc.constantFrom('x.example.com', 'y.example.com', 'z.example.com'), {
          maxLength: 2,
        }),
      }),
      { maxLength: 2 },
    ),
    certManager: fc.nat(9).map((number) => number === 0),
  })
  .map(({ age, ...ingress }) => ingressSpec({ ...ingress, createdAt: now - age * day }));

const aChange = fc.oneof(
  { weight: 3, arbitrary: anIngress.map((ingress): SourceSpec | SourceKey => ingress) },
  { weight: 1, arbitrary: fc.constantFrom(...keys) },
);

function assignments(ownership: Ownership): Map<string, string> {
  return new Map(keys.map((key) => [key, JSON.stringify(ownership.assignment(key)) ?? 'none']));
}

describe('a change of ownership', () => {
  it('names every Ingress whose assignment it changes', () => {
    fc.assert(
      fc.property(fc.array(aChange, { maxLength: 20 }), (changes) => {
        const ownership = newOwnership();
        for (const change of changes) {
          const before = assignments(ownership);
          const own = typeof change === 'string' ? change : sourceKey(change);
          const affected = typeof change === 'string' ? ownership.delete(change) : ownership.set(change);
          const after = assignments(ownership);
          const silent = keys.filter(
            (key) => key !== own && !affected.has(key) && before.get(key) !== after.get(key),
          );
          assert.deepEqual(silent, []);
        }
      }),
      { seed, numRuns: 300 },
    );
  });

  it('reaches the owner of a Secret when a host that a younger Ingress gave it changes hands', () => {
    const owner = ingressSpec({
      name: 'owner',
      createdAt: now - 3 * day,
      tls: [{ secretName: 'shared', hosts: ['own.example.com'] }],
    });
    const giver = ingressSpec({
      name: 'giver',
      createdAt: now - day,
      tls: [{ secretName: 'shared', hosts: ['given.example.com'] }],
    });
    const rival = ingressSpec({
      namespace: 'rival',
      createdAt: now - 2 * day,
      tls: [{ secretName: 'rival-tls', hosts: ['given.example.com'] }],
    });
    const ownership = newOwnership();
    for (const ingress of [owner, giver, rival]) ownership.set(ingress);
    assert.ok(ownership.delete('Ingress/rival/web').has('Ingress/shop/owner'));
    assert.deepEqual(
      ownership.assignment('Ingress/shop/owner')?.desired[0]?.hosts.map(({ standing }) => standing),
      ['ours', 'ours'],
    );
  });

  it('ends in the same ownership in whatever order the Ingresses were seen', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anIngress, {
          selector: ({ namespace, name }) => `${namespace}/${name}`,
          maxLength: 9,
        }),
        fc.constantFrom('oldest', 'any'),
        (ingresses, rule) => {
          const one = newOwnership(rule);
          const other = newOwnership(rule);
          for (const ingress of ingresses) one.set(ingress);
          for (const ingress of ingresses.toReversed()) other.set(ingress);
          assert.deepEqual(assignments(one), assignments(other));
        },
      ),
      { seed },
    );
  });

  it('gives every Secret that is named by a good entry to exactly one Ingress', () => {
    fc.assert(
      fc.property(fc.array(anIngress, { maxLength: 12 }), (ingresses) => {
        const ownership = newOwnership();
        const held = new Map(ingresses.map((ingress) => [`${ingress.namespace}/${ingress.name}`, ingress]));
        for (const ingress of ingresses) ownership.set(ingress);
        const named = [...held.values()]
          .filter(({ certManager }) => !certManager)
          .flatMap(({ namespace, tls }) =>
            tls
              .filter(({ hosts }) => hosts.length > 0)
              .map(({ secretName }) => `${namespace}/${secretName ?? ''}`),
          );
        const owned = keys.flatMap((key) =>
          (ownership.assignment(key)?.desired ?? []).map(
            ({ namespace, secretName }) => `${namespace}/${secretName}`,
          ),
        );
        assert.deepEqual(owned.toSorted(), [...new Set(named)].toSorted());
      }),
      { seed },
    );
  });

  it('leaves nothing behind when an Ingress that is not held is deleted', () => {
    assert.deepEqual([...newOwnership().delete('Ingress/shop/unknown')], []);
  });
});
