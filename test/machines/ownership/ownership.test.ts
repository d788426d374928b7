import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import { Ownership } from '../../../machines/ownership/ownership.ts';
import type { SourceHistory } from '../../../machines/ownership/secret-claims.ts';
import type { SourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { describeFailure } from '../../../machines/reasons/reasons.ts';
import { recordedFailure } from '../../../machines/reasons/status-text.ts';
import { day, ingressSpec, now, ownershipPolicy } from '../builders.ts';

function ownershipOf(ingresses: readonly SourceSpec[], policy = ownershipPolicy): Ownership {
  const ownership = new Ownership(policy);
  for (const ingress of ingresses) ownership.set(ingress, now);
  ownership.settle(now);
  return ownership;
}

function history(known: Partial<SourceHistory>): SourceHistory {
  return { outcomes: new Map(), notices: [], ...known };
}

function assignmentOf(ownership: Ownership, key: SourceKey): Assignment {
  const assignment = ownership.assignment(key);
  assert.ok(assignment !== undefined, `${key} is not held`);
  return assignment;
}

/** Secret → hosts, one marked with `!` if another namespace owns it. */
function secretsOf(ownership: Ownership, key: SourceKey): Record<string, string[]> {
  return Object.fromEntries(
    assignmentOf(ownership, key).desired.map(({ secretName, hosts }) => [
      secretName,
      hosts.map(({ host, standing }) => (standing === 'ours' ? host : `${host}!`)),
    ]),
  );
}

function noticesOf(ownership: Ownership, key: SourceKey): string[] {
  return assignmentOf(ownership, key).notices.map(describeFailure);
}

const old = ingressSpec({
  name: 'old',
  createdAt: now - 3 * day,
  tls: [{ secretName: 'shared', hosts: ['old.example.com', 'both.example.com'] }],
});
const young = ingressSpec({
  name: 'young',
  createdAt: now - day,
  ingressClass: { form: 'annotation', name: 'traefik' },
  tls: [{ secretName: 'shared', hosts: ['both.example.com', 'young.example.com'] }],
});

describe('a Secret that several Ingresses of a namespace name', () => {
  it('is seen to by the oldest, with the hosts of all of them', () => {
    const ownership = ownershipOf([young, old]);
    assert.deepEqual(secretsOf(ownership, 'Ingress/shop/old'), {
      shared: ['old.example.com', 'both.example.com', 'young.example.com'],
    });
    assert.deepEqual(secretsOf(ownership, 'Ingress/shop/young'), {});
  });

  it('takes each host with the classes of the Ingresses that ask for it, the oldest first', () => {
    const [certificate] = assignmentOf(ownershipOf([young, old]), 'Ingress/shop/old').desired;
    assert.deepEqual(
      certificate?.hosts.map(({ host, ingressClasses }) => [host, ...ingressClasses]),
      [
        ['old.example.com', { form: 'field', name: 'nginx' }],
        ['both.example.com', { form: 'field', name: 'nginx' }, { form: 'annotation', name: 'traefik' }],
        ['young.example.com', { form: 'annotation', name: 'traefik' }],
      ],
    );
  });

  /** As the actor of its owner finds it, longer than what is recorded, and as it is recorded. */
  const found = (address: string) => {
    const message = `Host old.example.com answers with status 404 from ${address}: ${'what that means '.repeat(30)}`;
    return { code: 'SelfCheckFailed', message } as const;
  };
  const failure = recordedFailure(found('192.0.2.1'));
  const toldOf = (ownership: Ownership, name = 'young') =>
    assignmentOf(ownership, `Ingress/shop/${name}`).notices.find(({ code }) => code === failure.code)
      ?.message;

  it('tells the others of its failures, for as long as it fails', () => {
    const ownership = ownershipOf([young, old], { ...ownershipPolicy, mostNames: 2 });
    const outcomes = [{ secretName: 'shared', failure: found('192.0.2.1') }];
    assert.deepEqual([...ownership.setOutcomes('Ingress/shop/old', outcomes)], ['Ingress/shop/young']);
    assert.deepEqual([...ownership.setOutcomes('Ingress/shop/old', outcomes)], [], 'once');
    assert.equal(toldOf(ownership), `Secret shared of the older Ingress old: ${failure.message}`);
    assert.equal(toldOf(ownership, 'old'), undefined, 'the owner has it in its status');
    ownership.setOutcomes('Ingress/shop/young', [{ secretName: 'shared', failure: undefined }]);
    assert.ok(toldOf(ownership), 'nobody but its owner says so');
    ownership.setOutcomes('Ingress/shop/old', [{ secretName: 'shared', failure: undefined }]);
    assert.equal(toldOf(ownership), undefined);
    ownership.setOutcomes('Ingress/shop/old', outcomes);
    ownership.set({ ...old, keyType: 'dsa' }, now);
    assert.equal(toldOf(ownership), undefined, 'nobody works on it');
    ownership.set(old, now);
    ownership.setOutcomes('Ingress/shop/old', outcomes);
    ownership.delete('Ingress/shop/old', now);
    assert.equal(toldOf(ownership), undefined, 'its next owner finds out for itself');
  });

  it('goes on telling them after a restart, before its owner tells the same again', () => {
    const told = { ...failure, message: `Secret shared of the older Ingress old: ${failure.message}` };
    const cases: [string, SourceHistory, SourceHistory, string | undefined][] = [
      [
        'as the owner has recorded',
        history({ outcomes: new Map([['shared', failure]]) }),
        history({}),
        told.message,
      ],
      ['as they were told', history({}), history({ notices: [told] }), told.message],
      [
        'its end, which was not told',
        history({ outcomes: new Map([['shared', undefined]]) }),
        history({ notices: [told] }),
        undefined,
      ],
      ['nothing new', history({}), history({ notices: [failure] }), undefined],
      ['nothing that the owner was told', history({ notices: [told] }), history({}), undefined],
    ];
    for (const [what, ofOwner, ofSharer, expected] of cases) {
      const ownership = new Ownership(ownershipPolicy);
      for (const ingress of [young, old]) ownership.set(ingress, now);
      ownership.settle(now, ({ name }) => (name === 'old' ? ofOwner : ofSharer));
      assert.equal(toldOf(ownership), expected, what);
      if (expected === undefined) continue;
      for (const address of ['192.0.2.1', '192.0.2.7']) {
        const outcomes = [{ secretName: 'shared', failure: found(address) }];
        assert.deepEqual([...ownership.setOutcomes('Ingress/shop/old', outcomes)], [], what);
        assert.equal(toldOf(ownership), expected.replace('192.0.2.1', address), what);
      }
    }
  });

  it('tells the others who owns it', () => {
    const ownership = ownershipOf([young, old]);
    assert.deepEqual(noticesOf(ownership, 'Ingress/shop/old'), []);
    assert.deepEqual(noticesOf(ownership, 'Ingress/shop/young'), [
      'Secret shared is owned by the older Ingress old. The Secret gets one certificate for the hosts of both; name another Secret if that is not intended.',
    ]);
  });

  it('passes to the next one when the oldest goes', () => {
    const ownership = ownershipOf([young, old]);
    assert.deepEqual([...ownership.delete('Ingress/shop/old', now)], ['Ingress/shop/young']);
    assert.deepEqual(secretsOf(ownership, 'Ingress/shop/young'), {
      shared: ['both.example.com', 'young.example.com'],
    });
    assert.equal(ownership.assignment('Ingress/shop/old'), undefined);
  });

  it('belongs, between two of the same second, to the smaller uid, in whatever order they are seen', () => {
    const twins = ['b', 'a'].map((uid) => ingressSpec({ uid, name: `twin-${uid}` }));
    for (const order of [twins, twins.toReversed()]) {
      const ownership = ownershipOf(order);
      assert.deepEqual(Object.keys(secretsOf(ownership, 'Ingress/shop/twin-a')), ['web-tls']);
      assert.deepEqual(Object.keys(secretsOf(ownership, 'Ingress/shop/twin-b')), []);
    }
  });

  it('has nothing to do with a Secret of the same name in another namespace', () => {
    const ownership = ownershipOf([old, ingressSpec({ namespace: 'blog', tls: young.tls })], {
      ...ownershipPolicy,
      hostOwnership: 'any',
    });
    assert.deepEqual(secretsOf(ownership, 'Ingress/shop/old'), {
      shared: ['old.example.com', 'both.example.com'],
    });
    assert.deepEqual(secretsOf(ownership, 'Ingress/blog/web'), {
      shared: ['both.example.com', 'young.example.com'],
    });
  });

  it('is not adopted because an Ingress says so, and the notice gives the way that is open', () => {
    const ownership = ownershipOf([{ ...old, misplacedAdopt: true }]);
    assert.deepEqual(noticesOf(ownership, 'Ingress/shop/old'), [
      'kube-lego.io/adopt has no effect on the Ingress. kubectl annotate secret shared -n shop kube-lego.io/adopt=true lets ' +
        'kube-lego replace the certificate there. Remove the annotation. Somebody who may write the Secret sets it there.',
    ]);
  });

  it('takes its settings from the owner', () => {
    const settings = { keyType: 'rsa-2048', profile: 'shortlived', selfCheck: 'False' };
    const ownership = ownershipOf([
      { ...old, ...settings },
      { ...young, keyType: 'rsa-4096' },
    ]);
    const [certificate] = assignmentOf(ownership, 'Ingress/shop/old').desired;
    assert.deepEqual(
      [certificate?.keyType, certificate?.profile, certificate?.selfCheck],
      ['rsa-2048', 'shortlived', false],
    );
  });
});

describe('an entry of spec.tls for a certificate', () => {
  it('orders a host once that it lists twice', () => {
    const twice = ['web.example.com', 'www.example.com', 'web.example.com'];
    const ownership = ownershipOf([ingressSpec({ tls: [{ secretName: 'web-tls', hosts: twice }] })]);
    assert.deepEqual(secretsOf(ownership, 'Ingress/shop/web'), {
      'web-tls': ['web.example.com', 'www.example.com'],
    });
  });

  it('may list a host that another entry lists as well', () => {
    const hosts = ['web.example.com'];
    const tls = ['one', 'two'].map((secretName) => ({ secretName, hosts }));
    assert.deepEqual(secretsOf(ownershipOf([ingressSpec({ tls })]), 'Ingress/shop/web'), {
      one: hosts,
      two: hosts,
    });
  });

  it('may list a host of 65 characters, too long for a common name, and one of 253', () => {
    const label = 'a'.repeat(53);
    const hosts = [`${label}.example.com`, `${`${'b'.repeat(59)}.`.repeat(4)}example.store`];
    assert.deepEqual(
      hosts.map((host) => host.length),
      [65, 253],
    );
    const ownership = ownershipOf([ingressSpec({ tls: [{ secretName: 'long', hosts }] })]);
    assert.deepEqual(secretsOf(ownership, 'Ingress/shop/web'), { long: hosts });
    assert.deepEqual(noticesOf(ownership, 'Ingress/shop/web'), []);
  });

  it('may list 100 hosts', () => {
    const hosts = Array.from({ length: 100 }, (_, index) => `h${index}.example.com`);
    const ownership = ownershipOf([ingressSpec({ tls: [{ secretName: 'many', hosts }] })]);
    assert.deepEqual(secretsOf(ownership, 'Ingress/shop/web'), { many: hosts });
  });
});

it('the value of the retry annotation is handed on', () => {
  assert.equal(assignmentOf(ownershipOf([ingressSpec({ retry: 'a' })]), 'Ingress/shop/web').retry, 'a');
});
