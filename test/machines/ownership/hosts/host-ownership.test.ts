import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Holder } from '../../../../machines/ownership/holders/holders.ts';
import { Ownership, type OwnershipPolicy } from '../../../../machines/ownership/ownership.ts';
import { type SourceKey, sourceKey } from '../../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../../machines/ownership/source-spec.ts';
import { day, ingressSpec, minute, now, ownershipPolicy } from '../../builders.ts';
import { spell } from '../ownership-model.ts';

const host = 'web.example.com';
const tls = [{ secretName: 'web-tls', hosts: [host] }];

/** `NAMESPACE/web`, which routes and lists the host. */
function site(namespace: string, changes: Partial<SourceSpec> = {}): SourceSpec {
  return ingressSpec({ namespace, tls, ruleHosts: [host], ...changes });
}

function listing(namespace: string, changes: Partial<SourceSpec> = {}): SourceSpec {
  return site(namespace, { ruleHosts: [], ...changes });
}

/** An Ingress without our annotation, as it is projected. */
function plain(namespace: string, changes: Partial<SourceSpec> = {}): SourceSpec {
  return site(namespace, { enabled: false, tls: [], ...changes });
}

function holder(namespace: string): Holder {
  return { namespace, notBefore: now - day, notAfter: now + 80 * day, certificate: 'a'.repeat(16) };
}

/** A cluster whose ownership is asked about. */
class Cluster {
  readonly ownership: Ownership;
  time = now;

  constructor(sources: readonly SourceSpec[], changes: Partial<OwnershipPolicy> = {}, held?: string) {
    this.ownership = new Ownership({ ...ownershipPolicy, ...changes });
    for (const source of sources) this.see(source);
    if (held !== undefined) this.issue(held);
    this.ownership.settle(this.time);
  }

  see(...sources: SourceSpec[]): void {
    for (const source of sources) this.ownership.set(source, this.time);
  }

  remove(namespace: string): void {
    this.ownership.delete(sourceKey(site(namespace)), this.time);
  }

  issue(namespace: string, ...hosts: string[]): void {
    this.ownership.setHolder(hosts.length === 0 ? [host] : hosts, holder(namespace), this.time);
  }

  reserve(name: string, domains: readonly string[], createdAt = now - day): void {
    this.ownership.setNamespace({ name, createdAt, domains }, this.time);
  }

  pass(time: number): void {
    this.time += time;
    this.ownership.endGraces(this.time);
  }

  /** Hosts of all Secrets of `NAMESPACE/web`, each with its standing if that is not `ours`. */
  hosts(namespace: string, name = 'web'): string[] {
    const key: SourceKey = `Ingress/${namespace}/${name}`;
    const { desired } = this.ownership.assignment(key) ?? assert.fail(`${key} has no assignment`);
    return desired.flatMap(({ hosts }) => hosts.map((route) => spell(route.host, route)));
  }

  notices(namespace: string): string[] {
    return (this.ownership.assignment(`Ingress/${namespace}/web`)?.notices ?? []).map(
      ({ code, message }) => `${code}: ${message}`,
    );
  }
}

const elsewhere = [`${host}: elsewhere`];
const ours = [host];

describe('a host without a holder', () => {
  const [older, younger] = [{ createdAt: now - 2 * day }, { createdAt: now - day }];

  it('belongs at the start to the namespace with the oldest Ingress', () => {
    for (const order of [
      [site('one', older), site('other', younger)],
      [site('other', younger), site('one', older)],
    ]) {
      const cluster = new Cluster(order);
      assert.deepEqual(cluster.hosts('one'), ours);
      assert.deepEqual(cluster.hosts('other'), elsewhere);
    }
  });

  it('belongs to all Ingresses of that namespace', () => {
    const sibling = site('one', { name: 'sibling', tls: [{ secretName: 'sibling', hosts: [host] }] });
    const cluster = new Cluster([site('one', older), site('other', younger)]);
    cluster.see(sibling);
    assert.deepEqual(cluster.hosts('one', 'sibling'), ours);
  });

  it('belongs to who routes it before who only lists it', () => {
    const cluster = new Cluster([listing('lister', older), site('router', younger)]);
    assert.deepEqual(cluster.hosts('lister'), elsewhere);
    assert.deepEqual(cluster.hosts('router'), ours);
  });

  it('belongs to who routes it, although without our annotation', () => {
    const cluster = new Cluster([listing('lister', older), plain('router', younger)]);
    assert.deepEqual(cluster.hosts('lister'), elsewhere);
  });

  it('is routed by a wildcard rule, too, of one label', () => {
    const wildcard = plain('router', { ...younger, ruleHosts: ['*.example.com'] });
    assert.deepEqual(new Cluster([listing('lister', older), wildcard]).hosts('lister'), elsewhere);
    const deep = { ...wildcard, ruleHosts: ['*.com'] };
    assert.deepEqual(new Cluster([listing('lister', older), deep]).hosts('lister'), ours);
  });

  it('is routed by an alias of a rule, or the redirect to one, like by a rule', () => {
    const alias = plain('router', { ...younger, ruleHosts: ['www.web.example.com'], aliases: [host] });
    for (const router of [alias, { ...alias, aliases: undefined, redirectsWww: true as const }]) {
      const cluster = new Cluster([listing('lister', older), router]);
      assert.deepEqual(cluster.hosts('lister'), elsewhere);
      cluster.see(site('late', { createdAt: now }));
      assert.deepEqual(cluster.hosts('late'), elsewhere);
      cluster.remove('router');
      assert.deepEqual(cluster.hosts('late'), ours);
    }
    const withoutRule = { ...alias, ruleHosts: [], servesAnyHost: true as const };
    assert.deepEqual(new Cluster([listing('lister', older), withoutRule]).hosts('lister'), ours);
  });

  it('is routed by an alias last if its own certificate is refused', () => {
    const many = Array.from({ length: 200 }, (_, index) => `${index}.example.com`);
    const alias = site('router', {
      ...older,
      ruleHosts: ['www.web.example.com'],
      aliases: [host],
      tls: [{ secretName: 'many', hosts: [host, ...many] }],
    });
    assert.deepEqual(new Cluster([alias, site('other', younger)]).hosts('other'), ours);
    assert.deepEqual(new Cluster([alias, listing('other', younger)]).hosts('other'), elsewhere);
  });

  it('is routed by a wildcard rule whose own certificate is refused', () => {
    const names = ['*.example.com'];
    const wildcard = site('router', {
      ...younger,
      ruleHosts: names,
      tls: [{ secretName: 'wild', hosts: names }],
    });
    const cluster = new Cluster([wildcard, site('other', { createdAt: now })]);
    assert.deepEqual(cluster.hosts('other'), elsewhere);
  });

  it('is not routed by a wildcard under spec.tls', () => {
    const wildcard = plain('other', {
      ...older,
      ruleHosts: [],
      tls: [{ secretName: undefined, hosts: ['*.example.com'] }],
    });
    assert.deepEqual(new Cluster([wildcard, listing('lister', younger)]).hosts('lister'), ours);
  });

  it('is claimed, after the start, by who names it first, however old the Ingress is', () => {
    const placeholder = site('old', { ...older, tls: [], ruleHosts: [] });
    const cluster = new Cluster([placeholder]);
    cluster.see(site('young', { createdAt: now }));
    cluster.see(site('old', older));
    assert.deepEqual(cluster.hosts('young'), ours);
    assert.deepEqual(cluster.hosts('old'), elsewhere);
  });

  it('is not gained by a rule in an Ingress that has listed it for long', () => {
    const cluster = new Cluster([listing('old', older)]);
    cluster.see(site('young'));
    cluster.see(site('old', older));
    assert.deepEqual(cluster.hosts('young'), ours);
    assert.deepEqual(cluster.hosts('old'), elsewhere);
  });

  it('passes on at once when nobody older names it any more', () => {
    const cluster = new Cluster([site('one', older), site('other', younger)]);
    cluster.see(site('one', { ...older, tls: [], ruleHosts: [] }));
    assert.deepEqual(cluster.hosts('other'), ours);
  });

  it('stays with who changes something else of the Ingress', () => {
    const cluster = new Cluster([site('one', older), site('other', younger)]);
    cluster.see(site('one', { ...older, retry: '1', ruleHosts: [host, 'more.example.com'] }));
    assert.deepEqual(cluster.hosts('one'), ours);
  });

  it('is served by an Ingress of another class, or of cert-manager, as by any other', () => {
    const supported = { supportedClasses: ['nginx'] };
    const traefik = site('router', { ...older, ingressClass: { form: 'field', name: 'traefik' } });
    assert.deepEqual(new Cluster([traefik, site('other', younger)], supported).hosts('other'), elsewhere);
    const managed = listing('lister', { ...older, certManager: true });
    assert.deepEqual(new Cluster([managed, listing('other', younger)]).hosts('other'), elsewhere);
  });

  it('belongs to everybody with LEGO_HOST_OWNERSHIP=any', () => {
    const cluster = new Cluster(
      [site('one', older), site('other', younger)],
      { hostOwnership: 'any' },
      'one',
    );
    assert.deepEqual([cluster.hosts('one'), cluster.hosts('other')], [ours, ours]);
  });
});

describe('a claim that can come to nothing', () => {
  const many = Array.from({ length: 120 }, (_, index) => `h${index}.example.com`);
  const oversized = { createdAt: now - 3 * day, tls: [{ secretName: 'big', hosts: [host, ...many] }] };

  it('blocks nobody: 121 names', () => {
    assert.deepEqual(new Cluster([listing('big', oversized), listing('small')]).hosts('small'), ours);
  });

  it('blocks nobody who routes the host, although it has rules itself', () => {
    assert.deepEqual(new Cluster([site('big', oversized), site('small')]).hosts('small'), ours);
  });

  it('keeps the host from who only lists it, if it has a rule: somebody serves the host there', () => {
    assert.deepEqual(new Cluster([site('big', oversized), listing('small')]).hosts('small'), elsewhere);
  });

  it('is the youngest when it becomes a good one', () => {
    const cluster = new Cluster([listing('big', oversized), listing('small')]);
    cluster.see(listing('big', { createdAt: now - 3 * day }));
    assert.deepEqual(cluster.hosts('small'), ours);
    assert.deepEqual(cluster.hosts('big'), elsewhere);
  });

  const old = { createdAt: now - 3 * day };
  const refused: Record<string, Partial<SourceSpec>> = {
    'a kind of key that there is not': { keyType: 'rsa-1024' },
    'an annotation that is too long': {
      excess: { entries: 0, tlsHosts: 0, ruleHosts: 0, annotations: ['kube-lego.io/profile'] },
    },
    'an entry that was not read completely': {
      tls: [{ secretName: 'web-tls', hosts: [host], incomplete: true }],
    },
    'no Secret': { tls: [{ secretName: undefined, hosts: [host] }] },
  };
  for (const [what, changes] of Object.entries(refused)) {
    it(`blocks nobody: ${what}`, () => {
      const cluster = new Cluster([listing('refused', { ...old, ...changes }), listing('good')]);
      assert.deepEqual(cluster.hosts('good'), ours);
    });
  }
});

describe('a holder', () => {
  const old = { createdAt: now - 3 * day };

  it('comes before any claim', () => {
    const cluster = new Cluster([site('old', old), listing('held')], {}, 'held');
    assert.deepEqual(cluster.hosts('held'), ours);
    assert.deepEqual(cluster.hosts('old'), elsewhere);
  });

  it('keeps the host by any Ingress that names it, with annotation or without', () => {
    const cluster = new Cluster([plain('held'), site('other', old)], {}, 'held');
    assert.deepEqual(cluster.hosts('other'), elsewhere);
    cluster.see(plain('held', { ruleHosts: ['*.example.com'] }));
    cluster.pass(day);
    assert.deepEqual(cluster.hosts('other'), elsewhere);
  });

  it('keeps it for the grace period after none names it, and who waits is told until when', () => {
    const cluster = new Cluster([site('held'), site('other')], {}, 'held');
    cluster.remove('held');
    const end = now + 5 * minute;
    assert.deepEqual(cluster.hosts('other'), [`${host}: grace ${end}`]);
    assert.equal(cluster.ownership.nextGraceEnd(), end);
    cluster.pass(5 * minute - 1);
    assert.deepEqual(cluster.hosts('other'), [`${host}: grace ${end}`]);
    cluster.pass(1);
    assert.deepEqual(cluster.hosts('other'), ours);
    assert.equal(cluster.ownership.nextGraceEnd(), undefined);
  });

  it('has the host again when it names it within the grace period, and after it as long as nobody else is issued one', () => {
    const cluster = new Cluster([site('held'), site('other')], {}, 'held');
    cluster.remove('held');
    cluster.pass(4 * minute);
    cluster.see(site('held', { uid: 'again' }));
    cluster.pass(2 * minute);
    assert.deepEqual(cluster.hosts('other'), elsewhere);
    cluster.remove('held');
    cluster.pass(6 * minute);
    cluster.see(site('held', { uid: 'once more' }));
    assert.deepEqual(cluster.hosts('held'), ours);
    cluster.issue('other');
    assert.deepEqual(cluster.hosts('held'), elsewhere);
    assert.deepEqual(cluster.hosts('other'), ours);
  });

  it('has no grace period with LEGO_HOST_GRACE=0', () => {
    const cluster = new Cluster([site('held'), site('other')], { hostGrace: 0 }, 'held');
    cluster.remove('held');
    assert.deepEqual(cluster.hosts('other'), ours);
  });

  it('that does not name the host at the start has the grace period from then on', () => {
    const cluster = new Cluster([site('other')], {}, 'gone');
    assert.deepEqual(cluster.hosts('other'), [`${host}: grace ${now + 5 * minute}`]);
  });

  it('for whom nobody waited has its grace period all the same', () => {
    const cluster = new Cluster([site('held')], {}, 'held');
    cluster.remove('held');
    cluster.pass(4 * minute);
    cluster.see(site('other'));
    assert.deepEqual(cluster.hosts('other'), [`${host}: grace ${now + 5 * minute}`]);
    cluster.remove('other');
    cluster.pass(2 * minute);
    cluster.see(site('other'));
    assert.deepEqual(cluster.hosts('other'), ours);
  });

  it('is forgotten when the record forgets it', () => {
    const cluster = new Cluster([listing('held'), site('other', old)], {}, 'held');
    cluster.ownership.setHolder([host], undefined, now);
    assert.deepEqual(cluster.hosts('other'), ours);
  });

  it('is replaced as the record is', () => {
    const cluster = new Cluster([listing('held'), site('other', old)], {}, 'held');
    cluster.ownership.replaceHolders(new Map([['more.example.com', holder('held')]]), now);
    assert.deepEqual(cluster.hosts('other'), ours);
    assert.equal(cluster.ownership.hostOwner('more.example.com', now).by, 'grace');
  });
});

describe('kube-lego.io/domains on a Namespace', () => {
  it('comes before holders and claims, and before LEGO_HOST_OWNERSHIP=any', () => {
    for (const hostOwnership of ['namespace', 'any'] as const) {
      const cluster = new Cluster([site('held'), listing('shop')], { hostOwnership }, 'held');
      cluster.reserve('shop', [host]);
      assert.deepEqual(cluster.hosts('held'), [`${host}: reserved`]);
      assert.deepEqual(cluster.hosts('shop'), ours);
      cluster.ownership.deleteNamespace('shop', now);
      assert.deepEqual(cluster.hosts('held'), ours);
    }
  });

  it('reserves with a wildcard what is below a domain, at any depth, and not the domain itself', () => {
    const hosts = ['example.com', 'a.example.com', 'b.a.example.com', 'an-example.com'];
    const cluster = new Cluster([listing('other', { tls: [{ secretName: 's', hosts }] })]);
    cluster.reserve('shop', ['*.example.com']);
    assert.deepEqual(cluster.hosts('other'), [
      'example.com',
      'a.example.com: reserved',
      'b.a.example.com: reserved',
      'an-example.com',
    ]);
  });

  it('counts by what is most specific', () => {
    const cluster = new Cluster([site('one'), site('other')]);
    cluster.reserve('one', ['*.com', '*.example.com']);
    cluster.reserve('other', [host], now);
    assert.deepEqual(cluster.hosts('one'), [`${host}: reserved`]);
    assert.deepEqual(cluster.hosts('other'), ours);
  });

  it('counts for the older Namespace if two have the same, and the domains that the younger lost are known', () => {
    const cluster = new Cluster([site('one'), site('other')]);
    cluster.reserve('other', ['*.example.com', 'other.example'], now);
    assert.deepEqual(cluster.hosts('other'), ours);
    cluster.reserve('one', ['*.example.com'], now - 1);
    assert.deepEqual(cluster.hosts('one'), ours);
    assert.deepEqual(cluster.ownership.lostDomains('other'), ['*.example.com']);
    cluster.reserve('one', []);
    assert.deepEqual(cluster.hosts('other'), ours);
    assert.deepEqual(cluster.ownership.lostDomains('other'), []);
  });

  it('is needed with LEGO_REQUIRE_DOMAINS, also by a holder', () => {
    const cluster = new Cluster([site('held')], { requireDomains: true }, 'held');
    assert.deepEqual(cluster.hosts('held'), [`${host}: not-reserved`]);
    cluster.reserve('held', ['*.example.com']);
    assert.deepEqual(cluster.hosts('held'), ours);
  });

  it('is unknown where Namespaces cannot be read, which is another reason than that there is none', () => {
    const cluster = new Cluster([site('shop')], { requireDomains: true });
    cluster.ownership.setNamespacesReadable(false, now);
    assert.deepEqual(cluster.hosts('shop'), [`${host}: unknown`]);
    cluster.ownership.setNamespacesReadable(true, now);
    assert.deepEqual(cluster.hosts('shop'), [`${host}: not-reserved`]);
    const usual = new Cluster([site('shop')]);
    usual.ownership.setNamespacesReadable(false, now);
    assert.deepEqual(usual.hosts('shop'), ours, 'without LEGO_REQUIRE_DOMAINS it makes no difference');
  });
});

describe('more hosts in a Secret than the CA allows', () => {
  const named = (letter: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${letter}${index}.example.com`);
  const entry = (hosts: readonly string[]) => [{ secretName: 'shared', hosts }];
  const old = listing('shop', { createdAt: now - day, tls: entry(named('a', 60)) });
  const young = listing('shop', { name: 'young', createdAt: now, tls: entry(named('b', 60)) });

  it('cost the oldest Ingress nothing; those of the youngest that do not fit are refused', () => {
    const cluster = new Cluster([young, old]);
    assert.deepEqual(cluster.hosts('shop'), [...named('a', 60), ...named('b', 40)]);
    assert.deepEqual(cluster.notices('shop'), []);
    const { notices = [] } = cluster.ownership.assignment('Ingress/shop/young') ?? {};
    assert.deepEqual(
      notices.map(({ code }) => code),
      ['SecretOwnedByOther', 'TooManyHosts'],
    );
    assert.match(notices[1]?.message ?? '', /allows, 100\. Left out: b40\.example\.com, .* and 15 more\.$/);
  });

  it('cost nobody a certificate that there is', () => {
    const cluster = new Cluster([young, old]);
    cluster.issue('shop', ...named('a', 60), ...named('b', 40));
    cluster.see({ ...old, tls: entry([...named('new', 30), ...named('a', 60)]) });
    assert.deepEqual(cluster.hosts('shop').toSorted(), [...named('a', 60), ...named('b', 40)].toSorted());
  });

  it('in one entry leave the care for those that have a certificate, and nothing new', () => {
    const cluster = new Cluster([listing('shop', { tls: entry(named('a', 100)) })]);
    cluster.issue('shop', ...named('a', 100));
    cluster.see(listing('shop', { tls: entry(['one-more.example.com', ...named('a', 100)]) }));
    assert.deepEqual(cluster.hosts('shop'), named('a', 100));
    assert.match(
      cluster.notices('shop').join(),
      /^TooManyHosts: Secret shared .* for 101 hosts; the CA allows 100\.$/,
    );
  });
});

describe('a setting that is refused', () => {
  const typo = { keyType: 'rsa2048' };

  const none = { entries: 0, tlsHosts: 0, ruleHosts: 0 };
  for (const [what, setting, code, told] of [
    ['a type of key that there is not', typo, 'UnsupportedKeyType', /^UnsupportedKeyType: Key type rsa2048/],
    [
      'a value that is too long',
      { excess: { ...none, annotations: ['kube-lego.io/profile'] } },
      'AnnotationTooLong',
      /^AnnotationTooLong: .* kube-lego\.io\/profile is too long\.$/,
    ],
    [
      'a type of challenge that there is not',
      { challenge: 'dns01' },
      'UnsupportedChallenge',
      /^UnsupportedChallenge: Challenge type dns01 is unknown\.$/,
    ],
  ] as const) {
    it(`such as ${what} leaves the care for the hosts that have a certificate, as it is`, () => {
      const cluster = new Cluster([site('shop')]);
      cluster.issue('shop');
      const more = [{ secretName: 'web-tls', hosts: [host, 'more.example.com'] }];
      cluster.see(site('shop', { ...setting, tls: more }));
      const [certificate] = cluster.ownership.assignment('Ingress/shop/web')?.desired ?? [];
      assert.deepEqual(cluster.hosts('shop'), ours);
      assert.deepEqual([certificate?.refusedSetting?.code, certificate?.keyType], [code, undefined]);
      assert.deepEqual(
        certificate?.keeps?.map((kept) => kept.host),
        ['more.example.com'],
      );
      assert.match(cluster.notices('shop').join(), told);
    });
  }

  it('counts for all hosts of the Secret, and who adds them is told', () => {
    const cluster = new Cluster([site('shop', typo)]);
    const hosts = ['more.example.com'];
    cluster.see(site('shop', { name: 'young', createdAt: now, tls: [{ secretName: 'web-tls', hosts }] }));
    const { notices = [] } = cluster.ownership.assignment('Ingress/shop/young') ?? {};
    assert.match(
      notices.at(-1)?.message ?? '',
      /^Secret web-tls gets no new hosts: a setting of Ingress [a-z-]+, which owns it, is refused/,
    );
    assert.deepEqual(cluster.hosts('shop'), []);
  });

  it('is named, and not another annotation that is refused, too', () => {
    const annotations = ['kube-lego.io/retry'];
    const cluster = new Cluster([site('shop', { ...typo, excess: { ...none, annotations } })]);
    const hosts = ['more.example.com'];
    const tls = [{ secretName: 'web-tls', hosts }];
    cluster.see(listing('shop', { name: 'young', createdAt: now, tls }));
    const { notices = [] } = cluster.ownership.assignment('Ingress/shop/young') ?? {};
    assert.deepEqual(
      notices.map(({ code }) => code),
      ['SecretOwnedByOther', 'UnsupportedKeyType'],
    );
  });
});

describe('mallory, who wants a certificate for the host of alice', () => {
  const older = { createdAt: now - 365 * day };

  it('gets none by an older Ingress while alice serves the host without our annotation', () => {
    const cluster = new Cluster([plain('alice'), listing('mallory', older)]);
    assert.deepEqual(cluster.hosts('mallory'), elsewhere);
  });

  it('gets none by adding the host to an old placeholder', () => {
    const placeholder = listing('mallory', {
      ...older,
      tls: [{ secretName: 's', hosts: ['mallory.example.com'] }],
    });
    for (const alices of [site('alice'), listing('alice')]) {
      const cluster = new Cluster([placeholder, alices]);
      cluster.see({ ...placeholder, tls: [{ secretName: 's', hosts: ['mallory.example.com', host] }] });
      assert.deepEqual(cluster.hosts('mallory'), ['mallory.example.com', ...elsewhere]);
      assert.deepEqual(cluster.hosts('alice'), ours);
    }
  });

  it('gets none when alice deletes her Ingress and makes it again', () => {
    const cluster = new Cluster([site('alice'), site('mallory', older)], {}, 'alice');
    cluster.remove('alice');
    cluster.pass(300);
    assert.deepEqual(cluster.hosts('mallory'), [`${host}: grace ${now + 5 * minute}`]);
    cluster.see(site('alice', { uid: 'again', createdAt: now }));
    assert.deepEqual(cluster.hosts('mallory'), elsewhere);
    assert.deepEqual(cluster.hosts('alice'), ours);
  });

  it('does not keep her from a new host by an old Ingress with 121 names', () => {
    const names = Array.from({ length: 120 }, (_, index) => `m${index}.example.com`);
    const parked = listing('mallory', { ...older, tls: [{ secretName: 's', hosts: [...names, host] }] });
    const cluster = new Cluster([parked]);
    cluster.see(site('alice'));
    assert.deepEqual(cluster.hosts('alice'), ours);
  });

  it('does not keep what alice holds by a rule, a reservation that is not hers, or a wildcard', () => {
    const cluster = new Cluster(
      [site('alice'), site('mallory', { ...older, ruleHosts: [host, '*.example.com'] })],
      {},
      'alice',
    );
    assert.deepEqual(cluster.hosts('alice'), ours);
    assert.deepEqual(cluster.hosts('mallory'), elsewhere);
  });
});
