import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { normalizeHost } from '../../../machines/hosts/host-names.ts';
import { oneLine } from '../../../machines/reasons/foreign-text.ts';
import { Zones } from '../../../machines/zones/zone.ts';
import { readZones } from '../../../machines/zones/zone-document.ts';

const good = 'provider: rfc2136\ntsig-key: kube-lego\nsecret: shop-tsig';

describe('the zones document', () => {
  it('has an entry for each domain', () => {
    const text = `# of the shop team
      provider: rfc2136
      namespaces: shop, blog   # nobody else
      wildcards-beside-others: shop
      challenge: dns-01
      name-servers: 192.0.2.1, [2001:db8::1]:5353
      server: ns1.shop.example:5353
      tsig-key: "kube-lego."
      tsig-algorithm: hmac-sha512
      secret: shop-tsig`;
    assert.deepEqual(readZones({ 'Shop.Example': text }), {
      zones: [
        {
          domain: 'shop.example',
          provider: 'rfc2136',
          namespaces: ['shop', 'blog'],
          wildcardsBesideOthers: ['shop'],
          challenge: 'dns-01',
          nameServers: ['192.0.2.1', '[2001:db8::1]:5353'],
          settings: {
            server: 'ns1.shop.example:5353',
            'tsig-key': 'kube-lego.',
            'tsig-algorithm': 'hmac-sha512',
            secret: 'shop-tsig',
          },
        },
      ],
      invalid: [],
      closed: [],
    });
  });

  for (const [key, text, why] of [
    ['no_domain', good, 'its key must be a domain such as shop.example'],
    [
      'shop.example',
      'tsig-key: x',
      'provider is missing; it must be rfc2136, external-dns, httpreq, acme-dns',
    ],
    ['shop.example', 'provider: route53', 'provider must be rfc2136, external-dns, httpreq, acme-dns'],
    [
      'shop.example',
      'provider: rfc2136\nsecret: a',
      'tsig-key is missing; it must be the name of a TSIG key',
    ],
    ['shop.example', `${good}\nurl: https://a.example`, 'provider rfc2136 has no setting url'],
    ['shop.example', `${good}\nsecret: b`, 'secret is set twice'],
    [
      'shop.example',
      `${good}\nnamespaces: a/b`,
      'namespaces must be names of namespaces, separated by commas, or *',
    ],
    ['shop.example', `${good}\nhello`, 'line "hello" must be "setting: value"'],
    [
      'shop.example',
      `${good}\ntsig-algorithm: hmac-md5`,
      'tsig-algorithm must be hmac-sha256 or hmac-sha512',
    ],
    [
      'shop.example',
      'provider: httpreq\nurl: http://script.example/',
      'url must be an https:// URL without user name and query, or http:// of a Service (NAME.NAMESPACE.svc)',
    ],
    ['shop.example', 7, 'its text is too long'],
  ] as const) {
    it(`names what is wrong: ${why}`, () => {
      const other = { 'other.example': good };
      const { zones, invalid } = readZones({ [key]: text, ...other });
      assert.deepEqual(invalid, [{ domain: key, message: `Zone ${key} is not used: ${why}.` }]);
      assert.deepEqual(
        zones.map(({ domain }) => domain),
        ['other.example'],
      );
    });
  }

  const httpreq = 'provider: httpreq\nurl: ';
  for (const [text, accepted] of [
    [`${good}\nname-servers: 2001:db8::1, [2001:db8::1], 192.0.2.1:5353`, true],
    [`${good}\nname-servers: ns1.shop.example`, false],
    [`${good}\nname-servers: 192.0.2`, false],
    [`${good}\nname-servers: 192.0.2.999`, false],
    [`${good}\nname-servers: 192.0.2.1:99999`, false],
    [`${good}\nname-servers: [2001:db8:::1]`, false],
    [`${good}\nserver: 2001:db8::1`, true],
    [`${good}\nserver: ns1.shop.example.:5353`, true],
    [`${good}\nserver: ns1..shop.example`, false],
    [`${good}\nserver: ns1.shop.example:0`, false],
    [`${good}\nserver: 192.0.2`, false],
    [good.replace('kube-lego', 'a..b'), false],
    [good.replace('kube-lego', 'a'.repeat(64)), false],
    [`${httpreq}https://script.example:8443/dns`, true],
    [`${httpreq}http://script.dns.svc:8080`, true],
    [`${httpreq}http://127.0.0.1:8080`, true],
    [`${httpreq}http://127.0.0.1.attacker.example`, false],
    [`${httpreq}https://script.example:99999`, false],
    [`${httpreq}https://1.2.3.4.5/`, false],
    [`${httpreq}https://user@script.example`, false],
  ] as const) {
    it(`${accepted ? 'takes' : 'refuses'} ${text.replaceAll('\n', ', ')}`, () => {
      const { zones, invalid } = readZones({ 'shop.example': text });
      assert.deepEqual([zones.length, invalid.length], accepted ? [1, 0] : [0, 1]);
    });
  }

  it('closes the domain of an invalid entry, whatever the one above allows', () => {
    const { zones, closed } = readZones({
      'shop.example': `${good}\nnamespaces: *`,
      'pay.shop.example': `${good}\nnamespace: pay`,
      no_domain: good,
    });
    assert.deepEqual(closed, ['pay.shop.example']);
    const all = new Zones(zones, closed);
    assert.equal(all.usableBy('blog', 'www.pay.shop.example'), undefined);
    assert.equal(all.lists('www.pay.shop.example'), true);
    assert.equal(all.usableBy('blog', 'www.shop.example')?.domain, 'shop.example');
  });

  it('has a domain that is listed twice closed: nobody can tell which entry is meant', () => {
    const read = readZones({ 'shop.example': good, 'Shop.Example': `${good}\nnamespaces: blog` });
    assert.deepEqual(read, {
      zones: [],
      invalid: [{ domain: 'Shop.Example', message: 'Zone Shop.Example is not used: it is listed twice.' }],
      closed: ['shop.example'],
    });
  });

  it('is read up to a thousand entries', () => {
    const entries = Array.from({ length: 1001 }, (_, index) => [`z${index}.example`, good]);
    const { zones, invalid } = readZones(Object.fromEntries(entries));
    assert.equal(zones.length, 1000);
    assert.deepEqual(
      invalid.map(({ message }) => message),
      ['Zone z1000.example is not used: only the first 1000 entries are read.'],
    );
  });

  it('is read whatever it contains', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.constant(good))), (data) => {
        const { zones, closed, invalid } = readZones(data);
        const told = new Set([...zones, ...invalid].map(({ domain }) => domain).concat(closed));
        return Object.keys(data).every((key) => told.has(normalizeHost(key)) || told.has(oneLine(key, 100)));
      }),
      { seed: 20261130 },
    );
  });
});

describe('the zone of a name', () => {
  const { zones } = readZones({ 'shop.example': good, 'eu.shop.example': good });
  for (const [name, domain] of [
    ['shop.example', 'shop.example'],
    ['*.shop.example', 'shop.example'],
    ['_acme-challenge.a.eu.shop.example', 'eu.shop.example'],
    ['EU.shop.example.', 'eu.shop.example'],
    ['xshop.example', undefined],
    ['example', undefined],
  ] as const) {
    it(`${name}: ${domain ?? 'none'}`, () => assert.equal(new Zones(zones).of(name)?.domain, domain));
  }
});
