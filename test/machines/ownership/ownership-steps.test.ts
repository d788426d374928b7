import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ownership } from '../../../machines/ownership/ownership.ts';
import { sourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { projectIngress } from '../../../src/sources/ingress/ingress-projection.ts';
import { ingressSpec, minute, now, ownershipPolicy } from '../builders.ts';
import { countSteps } from '../steps.ts';

const annotationKey = 'kubernetes.io/tls-acme';

function named(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${letter}${index}.example.com`);
}

/** An object of the API server. */
function ingress(namespace: string, tls: unknown, hosts: readonly string[] = [], annotated = true): unknown {
  const annotations = annotated ? { [annotationKey]: 'true' } : {};
  const metadata = { uid: `uid-${namespace}`, namespace, name: 'web', annotations };
  return { metadata, spec: { tls, rules: hosts.map((host) => ({ host })) } };
}

/** Everything that happens to one Ingress in its life, beside others. */
function live(object: unknown, others: readonly SourceSpec[] = []): void {
  const spec = projectIngress(object, { annotationKey });
  const ownership = new Ownership(ownershipPolicy);
  for (const other of others) ownership.set(other, now);
  ownership.set(spec, now);
  ownership.settle(now);
  const desired = ownership.assignment(sourceKey(spec))?.desired ?? [];
  for (const { hosts } of desired) for (const route of hosts) ownership.challengeRules(spec.namespace, route);
  ownership.set(projectIngress(object, { annotationKey }), now);
  ownership.set({ ...spec, retry: '1' }, now);
  const hosts = spec.tls.flatMap((entry) => entry.hosts);
  const holder = { namespace: spec.namespace, notBefore: 0, notAfter: now, certificate: 'c' };
  ownership.setHolder(hosts, holder, now);
  ownership.delete(sourceKey(spec), now);
  ownership.endGraces(now + 10 * minute);
  ownership.set({ ...spec, uid: 'again' }, now);
}

/** How many times the steps ten times the size takes. */
function growth(of: (size: number) => () => void, size: number): number {
  const [small, large] = [of(size), of(10 * size)];
  // What happens the first time only is not to count.
  small();
  const before = countSteps(small);
  return countSteps(large) / before;
}

describe('one Ingress, ten times as large, takes less than fifteen times the steps', () => {
  const shapes: Record<string, (size: number) => unknown> = {
    'with many hosts in one entry': (size) => ingress('shop', [{ secretName: 's', hosts: named('h', size) }]),
    'with many entries': (size) =>
      ingress(
        'shop',
        named('s', size).map((secretName) => ({ secretName, hosts: [secretName] })),
      ),
    'with many rules that are not in spec.tls': (size) => ingress('shop', [], named('r', size)),
    'with many hosts in tls and rules': (size) =>
      ingress('shop', [{ secretName: 's', hosts: named('h', size) }], named('h', size)),
    'with many hosts and no annotation': (size) =>
      ingress('shop', [{ hosts: named('l', size) }], named('r', size), false),
    'with many wildcard rules': (size) =>
      ingress(
        'shop',
        [],
        named('r', size).map((host) => `*.${host}`),
      ),
  };
  for (const [what, shape] of Object.entries(shapes)) {
    it(`${what}, within the bounds`, () => {
      assert.ok(growth((size) => () => live(shape(size)), 20) < 15);
    });

    it(`${what}, beyond them`, () => {
      assert.ok(growth((size) => () => live(shape(size)), 14_000) < 15);
    });
  }
});

describe('ten times as many Ingresses take less than fifteen times the steps, when one of them changes', () => {
  const crowds: Record<string, (index: number) => Partial<SourceSpec>> = {
    'that claim the same host': (index) => ({ namespace: `n${index}` }),
    'that list the same hosts': (index) => ({
      namespace: `n${index}`,
      tls: [{ secretName: 's', hosts: named('h', 50) }],
    }),
    'that serve any host, of as many classes': (index) => ({
      namespace: `n${index}`,
      tls: [],
      servesAnyHost: true,
      ingressClass: { form: 'annotation', name: `class-${index}` },
    }),
    'that share a Secret': (index) => ({ name: `i${index}` }),
    'below a wildcard': (index) => ({
      namespace: `n${index}`,
      tls: [{ secretName: 's', hosts: [`h${index}.example.com`] }],
    }),
  };
  for (const [what, changes] of Object.entries(crowds)) {
    it(what, () => {
      const crowd = (size: number) =>
        Array.from({ length: size }, (_, index) =>
          ingressSpec({ createdAt: now - index, ...changes(index) }),
        );
      const object = ingress('shop', [{ secretName: 's', hosts: named('h', 50) }], ['*.example.com']);
      const of = (size: number) => {
        const others = crowd(size);
        return () => live(object, others);
      };
      assert.ok(growth(of, 30) < 15);
    });
  }
});

it('the challenge rules of a host are found without a look at its aliases in other namespaces', () => {
  let looks = 0;
  const other: SourceSpec = {
    ...ingressSpec({ tls: [], ruleHosts: ['a.example.com'], aliases: ['h.example.com'] }),
    get namespace() {
      looks += 1;
      return 'other';
    },
  };
  const ownership = new Ownership(ownershipPolicy);
  ownership.set(other, now);
  ownership.settle(now);
  const before = looks;
  ownership.challengeRules('shop', { host: 'h.example.com', ingressClasses: [other.ingressClass] });
  assert.equal(looks, before);
});
