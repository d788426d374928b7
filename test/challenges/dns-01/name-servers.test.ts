import assert from 'node:assert/strict';
import { getuid } from 'node:process';
import { describe, it } from 'node:test';
import { Zones } from '../../../machines/zones/zone.ts';
import { readServer } from '../../../src/challenges/dns-01/lookup/dns-exchange.ts';
import { LookupError, NameServers } from '../../../src/challenges/dns-01/lookup/name-servers.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { namesBy, shopZone, zoneServer } from './dns-world.ts';

const signal = new AbortController().signal;

describe('the record of a challenge', () => {
  it('is below the host, in the zone that its SOA record shows', async (t) => {
    const server = await zoneServer(t, {
      zones: { 'shop.example': ['ns1.shop.example'], 'eu.shop.example': ['ns2.shop.example'] },
    });
    const names = namesBy(shopZone(server));
    const record = await names.challengeRecord('a.shop.example', signal);
    assert.deepEqual(
      [record.name, record.zone, record.primary],
      ['_acme-challenge.a.shop.example', 'shop.example', 'ns1.shop.example'],
    );
    const below = await names.challengeRecord('eu.shop.example', signal);
    assert.deepEqual([below.zone, below.primary], ['eu.shop.example', 'ns2.shop.example']);
  });

  it('is where CNAMEs lead, through several zones', async (t) => {
    const server = await zoneServer(t, {
      zones: { 'shop.example': ['ns1.shop.example'], 'acme.example': ['ns1.acme.example'] },
    });
    server.add('CNAME', '_acme-challenge.shop.example', 'one.shop.example');
    server.add('CNAME', 'one.shop.example', 'two.acme.example');
    const zones = shopZone(server);
    const names = namesBy(new Zones([...zones.all].map((zone) => ({ ...zone, domain: 'example' }))));
    const record = await names.challengeRecord('shop.example', signal);
    assert.deepEqual([record.name, record.zone], ['two.acme.example', 'acme.example']);
    assert.deepEqual(record.via, ['_acme-challenge.shop.example', 'one.shop.example']);
  });

  it('is looked for in the zone of the host, although the CNAME leads to one above', async (t) => {
    const server = await zoneServer(t, {
      zones: { 'shop.example': ['ns1.shop.example'], 'eu.shop.example': ['ns2.shop.example'] },
    });
    server.add('CNAME', '_acme-challenge.eu.shop.example', 'x.shop.example');
    const record = await namesBy(shopZone(server)).challengeRecord('eu.shop.example', signal);
    assert.deepEqual([record.name, record.zone], ['x.shop.example', 'shop.example']);
    assert.ok(server.asked.includes('SOA eu.shop.example'));
  });

  it('is not where the CNAME of a wildcard leads', async (t) => {
    const server = await zoneServer(t);
    server.add('CNAME', '*.shop.example', 'sites.shop.example');
    const record = await namesBy(shopZone(server)).challengeRecord('shop.example', signal);
    assert.deepEqual(
      [record.name, record.synthesised],
      ['_acme-challenge.shop.example', 'sites.shop.example'],
    );
  });

  it('is not among the records of another protocol, wherever CNAMEs lead', async (t) => {
    const server = await zoneServer(t);
    const names = namesBy(shopZone(server));
    const refused = [
      'mail._domainkey.shop.example',
      '_dmarc.shop.example',
      'printer._http._tcp.shop.example',
    ];
    for (const [index, end] of refused.entries()) {
      server.add('CNAME', `_acme-challenge.r${index}.shop.example`, end);
      await assert.rejects(
        names.challengeRecord(`r${index}.shop.example`, signal),
        (error) => error instanceof LookupError && error.message.includes(` lead to ${end}, where`),
      );
    }
    const ends = [
      'x._acme-challenge.shop.example',
      '_acme-challenge-a.acme.shop.example',
      '_acme-challenge.a.acme.shop.example',
      '_a.acme.shop.example',
      'a.acme.shop.example',
    ];
    for (const [index, end] of ends.entries()) {
      server.add('CNAME', `_acme-challenge.e${index}.shop.example`, end);
      assert.equal((await names.challengeRecord(`e${index}.shop.example`, signal)).name, end);
    }
  });

  it('is not looked for in circles, nor without end', async (t) => {
    const server = await zoneServer(t);
    const names = namesBy(shopZone(server));
    server.add('CNAME', '_acme-challenge.a.shop.example', 'b.shop.example');
    server.add('CNAME', 'b.shop.example', '_acme-challenge.a.shop.example');
    await assert.rejects(names.challengeRecord('a.shop.example', signal), /lead in a circle/);
    server.add('CNAME', '_acme-challenge.c.shop.example', '1.shop.example');
    for (let hop = 1; hop < 20; hop += 1)
      server.add('CNAME', `${hop}.shop.example`, `${hop + 1}.shop.example`);
    await assert.rejects(names.challengeRecord('c.shop.example', signal), /More than 8 CNAMEs/);
  });

  it('is not looked for under a name that is too long', async () => {
    const host = `${'a.'.repeat(118)}example`;
    const looking = namesBy(shopZone({ address: '127.0.0.1:9' })).challengeRecord(host, signal);
    await assert.rejects(looking, /example is longer than a DNS name may be/);
  });

  it('is found over TCP when answers do not fit', async (t) => {
    const server = await zoneServer(t);
    server.trouble = 'truncated';
    const { zone } = await namesBy(shopZone(server)).challengeRecord('a.shop.example', signal);
    assert.equal(zone, 'shop.example');
  });

  it('cannot be found where the name server is silent, or knows no such zone', async (t) => {
    const server = await zoneServer(t, { zones: {} });
    const names = namesBy(shopZone(server));
    await assert.rejects(names.challengeRecord('shop.example', signal), /answers REFUSED/);
    server.trouble = 'silent';
    await assert.rejects(names.challengeRecord('shop.example', signal), /does not answer/);
  });

  it('is said to have no name servers that could be looked up in time', async (t) => {
    const server = await zoneServer(t);
    const names = new NameServers({
      resolvers: Array.from({ length: 9 }, () => readServer(server.address)),
      serversOf: () => [],
      allowLoopback: true,
      clock: { ...systemClock, setTimeout: (fn, ms) => systemClock.setTimeout(fn, ms / 100) },
    });
    server.trouble = 'silent';
    await assert.rejects(
      names.nameServersOf('shop.example', 'a.shop.example', signal),
      (error) => error instanceof LookupError && /could not be looked up within 30 s/.test(error.message),
    );
  });

  it('is at all servers that the NS records name, at their addresses', {
    skip: getuid?.() === 0 ? false : 'only root may listen at port 53',
  }, async (t) => {
    const zones = { 'shop.example': ['ns1.shop.example', 'ns2.shop.example', 'gone.shop.example'] };
    const address = `127.53.${process.pid % 200}.${(Date.now() % 200) + 1}`;
    const server = await zoneServer(t, { zones, listenAt: { address, port: 53 } });
    server.add('A', 'ns1.shop.example', address);
    server.add('A', 'ns2.shop.example', '127.0.0.9');
    server.add('A', 'gone.shop.example', '169.254.169.254');
    const { nameServers } = await namesBy(new Zones([]), server).challengeRecord('shop.example', signal);
    assert.deepEqual(nameServers, [
      { name: 'ns1.shop.example', addresses: [{ address, port: 53 }] },
      { name: 'ns2.shop.example', addresses: [{ address: '127.0.0.9', port: 53 }] },
    ]);
  });
});
