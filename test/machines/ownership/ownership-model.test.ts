import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Ownership } from '../../../machines/ownership/ownership.ts';
import { type SourceKey, sourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { ingressSpec, minute, now, ownershipPolicy } from '../builders.ts';
import { OwnershipModel, spell } from './ownership-model.ts';

const seed = 20261124;
const namespaces = ['a', 'b'];
const names = ['one', 'two'];
const keys = namespaces.flatMap((namespace) =>
  names.map((name) => sourceKey({ kind: 'Ingress', namespace, name })),
);
/** Few, so that they meet. */
const hosts = ['x.shop.example', 'shop.example'];
const mostNames = 3;
const [x, p, q] = ['x.shop.example', ['p1.example', 'p2.example'], ['q1.example', 'q2.example']] as const;

/** Some fit into a certificate, some do only with others, some do not. */
const someHosts = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom([x], hosts, []) },
  { weight: 2, arbitrary: fc.constantFrom([...p, x], [x, ...q], [...p, ...q, x], [...q, ...p, x]) },
);

/** In seconds. */
const ages: Readonly<Record<string, number>> = {
  'a-one-0': 240,
  'a-one-1': 2,
  'a-two-0': 4,
  'a-two-1': 4,
  'b-one-0': 5,
  'b-one-1': 2,
  'b-two-0': 300,
};

const anIngress = fc
  .record({
    namespace: fc.constantFrom(...namespaces),
    name: fc.constantFrom(...names),
    life: fc.nat(1),
    enabled: fc.nat(3).map((number) => number > 0),
    tls: fc.uniqueArray(fc.record({ secretName: fc.constantFrom('s1', 's2'), hosts: someHosts }), {
      selector: ({ secretName }) => secretName,
      maxLength: 2,
    }),
    ruleHosts: fc.constantFrom([], [], ['x.shop.example'], ['*.shop.example'], ['other.example']),
    aliases: fc.constantFrom(undefined, undefined, ['x.shop.example']),
    certManager: fc.nat(9).map((number) => number === 0),
  })
  .map(({ life, ...ingress }) => {
    // Made again under its name, it has another uid and another age.
    const uid = `${ingress.namespace}-${ingress.name}-${life}`;
    return ingressSpec({ ...ingress, uid, createdAt: now - 1000 * (ages[uid] ?? 0) });
  });

type Step =
  | { readonly do: 'observe'; readonly source: SourceSpec }
  | { readonly do: 'forget'; readonly key: SourceKey }
  | { readonly do: 'hold'; readonly hosts: readonly string[]; readonly namespace: string | undefined }
  | { readonly do: 'reserve'; readonly name: string; readonly domains: readonly string[] | undefined }
  | { readonly do: 'class'; readonly controller: string | undefined }
  | { readonly do: 'pass'; readonly minutes: number }
  | { readonly do: 'settle'; readonly most?: number };

const domains = fc.uniqueArray(
  fc.constantFrom('*.shop.example', 'shop.example', 'x.shop.example', '*.x.shop.example', '*.example'),
  { maxLength: 2 },
);
const changes: fc.WeightedArbitrary<Step>[] = [
  { weight: 10, arbitrary: anIngress.map((source): Step => ({ do: 'observe', source })) },
  { weight: 3, arbitrary: fc.constantFrom(...keys).map((key): Step => ({ do: 'forget', key })) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('hold' as const),
      hosts: fc.oneof(fc.constant(hosts), someHosts),
      namespace: fc.constantFrom(...namespaces, undefined),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      name: fc.constantFrom(...namespaces),
      domains: fc.option(domains, { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('class' as const),
      controller: fc.constantFrom(
        'haproxy-ingress.github.io/controller',
        'k8s.io/ingress-nginx',
        'nginx.org/ingress-controller',
        undefined,
      ),
    }),
  },
];
const aStep = fc.oneof(...changes, {
  weight: 3,
  arbitrary: fc.nat(4).map((minutes): Step => ({ do: 'pass', minutes })),
});
/** Of the first decision, or what happens between two parts of it. */
const aPart = fc.oneof(...changes, {
  weight: 20,
  arbitrary: fc.nat(4).map((most): Step => ({ do: 'settle', most })),
});
const steps = fc
  .tuple(
    fc.array(aStep, { maxLength: 6 }),
    fc.array(aPart, { maxLength: 12 }),
    fc.array(aStep, { maxLength: 30, size: 'max' }),
  )
  .map(([before, during, after]): Step[] => [...before, ...during, { do: 'settle' }, ...after]);

/** The product and the model, to which the same happens. */
class Pair {
  readonly ownership: Ownership;
  readonly model: OwnershipModel;
  time = now;

  constructor(changes: Partial<typeof ownershipPolicy>) {
    this.ownership = new Ownership({ ...ownershipPolicy, mostNames, ...changes });
    this.model = new OwnershipModel({ mostNames, ...changes });
  }

  /** @returns the sources whose assignment may have changed */
  take(step: Step): ReadonlySet<SourceKey> {
    const { ownership, model } = this;
    switch (step.do) {
      case 'observe': {
        model.replace(step.source);
        const affected = ownership.set(step.source, this.time);
        return this.#changed(affected);
      }
      case 'forget':
        model.delete(step.key);
        return this.#changed(ownership.delete(step.key, this.time));
      case 'hold': {
        const { hosts: held, namespace } = step;
        for (const host of held) model.hold(host, namespace);
        const holder =
          namespace === undefined ? undefined : { namespace, notBefore: 0, notAfter: now, certificate: 'c' };
        return this.#changed(ownership.setHolder(held, holder, this.time));
      }
      case 'reserve': {
        const { name, domains: reserved } = step;
        if (reserved === undefined) {
          model.namespaces.delete(name);
          return this.#changed(ownership.deleteNamespace(name, this.time));
        }
        const namespace = { name, createdAt: now - (name === 'b' ? minute : 0), domains: reserved };
        model.namespaces.set(name, namespace);
        return this.#changed(ownership.setNamespace(namespace, this.time));
      }
      case 'class':
        model.controller = step.controller;
        return this.#changed(ownership.setClass('nginx', step.controller, this.time));
      case 'pass': {
        this.time += step.minutes * minute;
        return ownership.endGraces(this.time);
      }
      default:
        model.settled ||= ownership.settle(this.time, undefined, step.most);
        return this.#changed(new Set());
    }
  }

  /** What each source is assigned, by both. */
  assigned(): { readonly product: Record<string, unknown>; readonly model: Record<string, unknown> } {
    return {
      product: Object.fromEntries(keys.map((key) => [key, this.#desired(key)])),
      model: Object.fromEntries(keys.map((key) => [key, this.model.desired(key, this.time)])),
    };
  }

  /** All that each source is assigned and told, as text. */
  told(): Map<SourceKey, string | undefined> {
    return new Map(keys.map((key) => [key, JSON.stringify(this.ownership.assignment(key))]));
  }

  #changed(affected: ReadonlySet<SourceKey>): ReadonlySet<SourceKey> {
    this.model.changed(this.time);
    return affected;
  }

  #desired(key: SourceKey): Record<string, string[]> | undefined {
    const desired = this.ownership.assignment(key)?.desired;
    if (desired === undefined) return undefined;
    return Object.fromEntries(
      desired.map(({ secretName, hosts: routes }) => [
        secretName,
        routes.map((route) => spell(route.host, route)),
      ]),
    );
  }
}

describe('ownership, whatever happens in whatever order', () => {
  for (const [what, changes] of Object.entries({
    'as it is': {},
    'with LEGO_HOST_OWNERSHIP=any': { hostOwnership: 'any' },
    'with LEGO_REQUIRE_DOMAINS': { requireDomains: true },
    'without grace': { hostGrace: 0 },
  } as const)) {
    it(`${what}: is that of the rules, and each Ingress whose assignment changes is named`, () => {
      fc.assert(
        fc.property(steps, (steps) => {
          const pair = new Pair(changes);
          let before = pair.told();
          for (const step of steps) {
            const affected = pair.take(step);
            const { product, model } = pair.assigned();
            assert.deepEqual(product, model);
            const after = pair.told();
            const silent = keys.filter((key) => {
              const [old, fresh] = [before.get(key), after.get(key)];
              return old !== fresh && old !== undefined && fresh !== undefined && !affected.has(key);
            });
            assert.deepEqual(silent, []);
            before = after;
          }
        }),
        { seed, numRuns: what === 'as it is' ? 500 : 100 },
      );
    });
  }

  it('says when the next grace period ends, while somebody waits for it', () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const pair = new Pair({});
        for (const step of steps) pair.take(step);
        const waits = JSON.stringify(pair.assigned().model).matchAll(/: grace (\d+)/g);
        const next = pair.ownership.nextGraceEnd() ?? Number.POSITIVE_INFINITY;
        for (const [, end] of waits) assert.ok(next <= Number(end));
      }),
      { seed, numRuns: 100 },
    );
  });
});
