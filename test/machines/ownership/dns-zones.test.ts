import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostsToCover } from '../../../machines/assessment/hosts-to-cover.ts';
import type { Holder } from '../../../machines/ownership/holders/holders.ts';
import { Ownership } from '../../../machines/ownership/ownership.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { Zones } from '../../../machines/zones/zone.ts';
import { readZones } from '../../../machines/zones/zone-document.ts';
import { day, ingressSpec, now, ownershipPolicy } from '../builders.ts';

const wildcard = '*.shop.example';

function site(namespace: string, host: string, changes: Partial<SourceSpec> = {}): SourceSpec {
  const tls = [{ secretName: 'web-tls', hosts: [host] }];
  return ingressSpec({ namespace, tls, ruleHosts: [host], ...changes });
}

function zoneText(namespaces: string, ...more: string[]): string {
  return ['provider: external-dns', `namespaces: ${namespaces}`, ...more].join('\n');
}

function holder(namespace: string): Holder {
  return { namespace, notBefore: now - day, notAfter: now + 80 * day, certificate: 'a'.repeat(16) };
}

/** A cluster with DNS-01 and these zones. */
class Cluster {
  readonly ownership = new Ownership({ ...ownershipPolicy, dns01: true });

  constructor(zones: Readonly<Record<string, string>>, ...sources: SourceSpec[]) {
    this.zones(zones);
    for (const source of sources) this.ownership.set(source, now);
    this.ownership.settle(now);
  }

  zones(data: Readonly<Record<string, string>>): void {
    const { zones, closed } = readZones(data);
    this.ownership.setZones(new Zones(zones, closed), now);
  }

  issue(namespace: string, host: string): void {
    this.ownership.setHolder([host], holder(namespace), now);
  }

  /** The hosts that `NAMESPACE/web` gets a certificate for, by which challenge, and the codes of what it is told instead. */
  told(namespace: string): string[] {
    const assignment = this.ownership.assignment(`Ingress/${namespace}/web`);
    assert.ok(assignment !== undefined);
    const covered = assignment.desired.map((desired) => hostsToCover(desired, { kind: 'absent' }));
    return [
      ...covered.flatMap(({ hosts }) =>
        hosts.map(({ host, challenge = 'http-01' }) => `${host} ${challenge}`),
      ),
      ...[...assignment.notices, ...covered.flatMap(({ notices }) => notices)].map(({ code }) => code),
    ];
  }
}

describe('how a host is proven', () => {
  const plain = 'www.shop.example';

  it('is DNS-01 for a wildcard, HTTP-01 for others, beside each other in one certificate', () => {
    const tls = [{ secretName: 'web-tls', hosts: ['shop.example', wildcard] }];
    const cluster = new Cluster({ 'shop.example': zoneText('shop') }, site('shop', wildcard, { tls }));
    assert.deepEqual(cluster.told('shop'), ['shop.example http-01', '*.shop.example dns-01']);
  });

  it('is what the annotation says, else what the zone says', () => {
    const said = (challenge: string | undefined, ...more: string[]): string[] =>
      new Cluster({ 'shop.example': zoneText('shop', ...more) }, site('shop', plain, { challenge })).told(
        'shop',
      );
    assert.deepEqual(said('dns-01'), [`${plain} dns-01`]);
    assert.deepEqual(said(undefined, 'challenge: dns-01'), [`${plain} dns-01`]);
    assert.deepEqual(said('http-01', 'challenge: dns-01'), [`${plain} http-01`]);
    assert.deepEqual(said('tls-alpn-01'), ['UnsupportedChallenge']);
  });

  it('is not DNS-01 for a namespace that the zone does not list', () => {
    const zones = { 'shop.example': zoneText('other', 'challenge: dns-01') };
    assert.deepEqual(new Cluster(zones, site('shop', plain)).told('shop'), [`${plain} http-01`]);
    assert.deepEqual(new Cluster(zones, site('shop', wildcard)).told('shop'), ['NoDnsZone']);
    assert.deepEqual(new Cluster(zones, site('shop', plain, { challenge: 'dns-01' })).told('shop'), [
      'NoDnsZone',
    ]);
    const everybody = { 'shop.example': zoneText('*') };
    assert.deepEqual(new Cluster(everybody, site('shop', wildcard)).told('shop'), ['*.shop.example dns-01']);
    assert.deepEqual(
      new Cluster({ 'shop.example': 'provider: external-dns' }, site('shop', wildcard)).told('shop'),
      ['NoDnsZone'],
    );
  });

  it('is by the most specific zone', () => {
    const zones = { 'shop.example': zoneText('*'), 'eu.shop.example': zoneText('eu') };
    assert.deepEqual(new Cluster(zones, site('shop', '*.eu.shop.example')).told('shop'), ['NoDnsZone']);
    assert.deepEqual(new Cluster(zones, site('eu', '*.eu.shop.example')).told('eu'), [
      '*.eu.shop.example dns-01',
    ]);
  });

  it('is not by the zone above one whose entry has a mistake, until that is corrected', () => {
    const open = { 'shop.example': zoneText('*') };
    const cluster = new Cluster(open, site('shop', '*.eu.shop.example'));
    assert.deepEqual(cluster.told('shop'), ['*.eu.shop.example dns-01']);
    cluster.zones({ ...open, 'eu.shop.example': 'provider: magic' });
    assert.deepEqual(cluster.told('shop'), ['NoDnsZone']);
    cluster.zones({ ...open, 'eu.shop.example': zoneText('shop') });
    assert.deepEqual(cluster.told('shop'), ['*.eu.shop.example dns-01']);
  });

  it('is nothing for a wildcard that asks for HTTP-01, or without DNS-01', () => {
    const cluster = new Cluster(
      { 'shop.example': zoneText('shop') },
      site('shop', wildcard, { challenge: 'http-01' }),
    );
    assert.deepEqual(cluster.told('shop'), ['WildcardHost']);
    const without = new Ownership(ownershipPolicy);
    without.set(site('shop', wildcard), now);
    without.settle(now);
    assert.deepEqual(
      without.assignment('Ingress/shop/web')?.notices.map(({ message }) => message),
      ['Host *.shop.example is a wildcard, which HTTP-01 cannot validate.'],
    );
  });

  it('changes with the zones; who holds a wildcard keeps it in its certificate, to be told when it is renewed', () => {
    const cluster = new Cluster({}, site('shop', wildcard));
    assert.deepEqual(cluster.told('shop'), ['NoDnsZone']);
    cluster.zones({ 'shop.example': zoneText('shop') });
    assert.deepEqual(cluster.told('shop'), ['*.shop.example dns-01']);
    cluster.issue('shop', wildcard);
    cluster.zones({});
    assert.deepEqual(cluster.told('shop'), ['*.shop.example dns-01', 'NoDnsZone']);
  });
});

describe('a wildcard', () => {
  const zones = { 'shop.example': zoneText('shop') };
  const below = 'a.shop.example';
  const [older, younger] = [{ createdAt: now - 2 * day }, { createdAt: now - day }];

  it('is refused where another namespace holds, routes or has reserved a host below it', () => {
    const holding = new Cluster(zones, site('shop', wildcard, older));
    assert.deepEqual(holding.told('shop'), ['*.shop.example dns-01']);
    holding.issue('other', below);
    holding.ownership.set(site('other', below), now);
    assert.deepEqual(holding.told('shop'), ['WildcardOverOthers']);
    const unannotated = site('other', below, { ...older, enabled: false, tls: [] });
    assert.deepEqual(new Cluster(zones, unannotated, site('shop', wildcard, younger)).told('shop'), [
      'WildcardOverOthers',
    ]);
    const reserving = new Cluster(zones, site('shop', wildcard, older), site('other', below, younger));
    assert.deepEqual(reserving.told('shop'), ['*.shop.example dns-01']);
    reserving.ownership.setNamespace({ name: 'other', createdAt: now, domains: [below] }, now);
    assert.deepEqual(reserving.told('shop'), ['WildcardOverOthers']);
  });

  it('is refused where a host below it is reserved that nobody serves yet', () => {
    const cluster = new Cluster(zones, site('shop', wildcard));
    cluster.ownership.setNamespace({ name: 'other', createdAt: now, domains: [below] }, now);
    assert.deepEqual(cluster.told('shop'), ['WildcardOverOthers']);
    cluster.ownership.deleteNamespace('other', now);
    assert.deepEqual(cluster.told('shop'), ['*.shop.example dns-01']);
  });

  it('is given again when that host is gone', () => {
    const cluster = new Cluster(zones, site('other', below, older), site('shop', wildcard, younger));
    assert.deepEqual(cluster.told('shop'), ['WildcardOverOthers']);
    cluster.ownership.delete('Ingress/other/web', now);
    assert.deepEqual(cluster.told('shop'), ['*.shop.example dns-01']);
  });

  it('that is held has the hosts below it', () => {
    const tls = [{ secretName: 'web-tls', hosts: [wildcard] }];
    // It only lists the wildcard: a rule would come first anyway.
    const cluster = new Cluster(zones, ingressSpec({ namespace: 'shop', tls }));
    cluster.issue('shop', wildcard);
    cluster.ownership.set(site('other', below), now);
    assert.deepEqual(cluster.told('other'), ['HostOwnedElsewhere']);
    assert.deepEqual(cluster.told('shop'), ['*.shop.example dns-01']);
    assert.equal(cluster.ownership.hostOwner(below, now).by, 'wildcard');
  });

  it('may be beside the hosts of others where the zone says so', () => {
    const tls = [{ secretName: 'web-tls', hosts: [wildcard] }];
    const beside = { 'shop.example': zoneText('shop', 'wildcards-beside-others: shop') };
    const cluster = new Cluster(beside, ingressSpec({ namespace: 'shop', tls }), site('other', below));
    cluster.issue('shop', wildcard);
    assert.deepEqual(cluster.told('shop'), ['*.shop.example dns-01']);
    assert.deepEqual(cluster.told('other'), [`${below} http-01`]);
  });

  it('covers one label: hosts further below are not its own', () => {
    const cluster = new Cluster(zones, site('shop', wildcard), site('other', 'b.a.shop.example', older));
    assert.deepEqual(cluster.told('shop'), ['*.shop.example dns-01']);
    assert.deepEqual(cluster.told('other'), ['b.a.shop.example http-01']);
  });
});
