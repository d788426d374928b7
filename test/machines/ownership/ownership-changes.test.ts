import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Ownership, type OwnershipPolicy } from '../../../machines/ownership/ownership.ts';
import { sourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { day, ingressSpec, now, ownershipPolicy } from '../builders.ts';

function settled(ingresses: readonly SourceSpec[], changes: Partial<OwnershipPolicy> = {}): Ownership {
  const ownership = new Ownership({ ...ownershipPolicy, ...changes });
  for (const ingress of ingresses) ownership.set(ingress, now);
  ownership.settle(now);
  return ownership;
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

function assignments(ownership: Ownership): Map<string, string> {
  return new Map(keys.map((key) => [key, JSON.stringify(ownership.assignment(key)) ?? 'none']));
}

describe('a change of ownership', () => {
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
    const ownership = settled([owner, giver, rival]);
    assert.ok(ownership.delete('Ingress/rival/web', now).has('Ingress/shop/owner'));
    assert.deepEqual(
      ownership.assignment('Ingress/shop/owner')?.desired[0]?.hosts.map(({ standing }) => standing),
      ['ours', 'ours'],
    );
  });

  it('ends in the same ownership in whatever order the Ingresses were seen at the start', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anIngress, {
          selector: ({ namespace, name }) => `${namespace}/${name}`,
          maxLength: 9,
        }),
        fc.constantFrom('namespace', 'any'),
        (ingresses, hostOwnership) => {
          const one = settled(ingresses, { hostOwnership });
          const other = settled(ingresses.toReversed(), { hostOwnership });
          assert.deepEqual(assignments(one), assignments(other));
        },
      ),
      { seed },
    );
  });

  it('gives every Secret that is named by a good entry to exactly one Ingress', () => {
    fc.assert(
      fc.property(fc.array(anIngress, { maxLength: 12 }), (ingresses) => {
        const ownership = settled(ingresses);
        const held = new Map(ingresses.map((ingress) => [`${ingress.namespace}/${ingress.name}`, ingress]));
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
    assert.deepEqual([...settled([]).delete('Ingress/shop/unknown', now)], []);
  });
});
