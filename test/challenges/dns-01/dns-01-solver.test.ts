import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import type { ZoneServer } from '../../../deploy/local/zone-server.ts';
import { StepError } from '../../../machines/reasons/step-error.ts';
import { minute } from '../../../machines/time/durations.ts';
import type { DnsReport } from '../../../machines/zones/dns-report.ts';
import { Zones } from '../../../machines/zones/zone.ts';
import type { PreparationReport } from '../../../src/challenges/challenge-solver.ts';
import { createDns01 } from '../../../src/challenges/dns-01/create-dns-01.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { noMetadata } from '../../../src/kubernetes/records/object-metadata.ts';
import { type Clock, systemClock } from '../../../src/time/clock.ts';
import { route } from '../../machines/builders.ts';
import { eventually } from '../../time/eventually.ts';
import { MemoryValues, secretsClient, shopZone, tsigKey, zoneServer, zonesOf } from './dns-world.ts';

const thumbprint = 'thumb';
const preparation = { namespace: 'shop', thumbprint, selfCheck: true, judged: [], unready: [] };

function digestOf(token: string): string {
  return createHash('sha256').update(`${token}.${thumbprint}`).digest('base64url');
}

/** A solver of a process that ends with the test, or when `stop` is called. */
function solving(
  t: TestContext,
  zones: Zones,
  {
    store = new MemoryValues(),
    clock = systemClock,
    propagationTimeout = 10_000,
  }: {
    store?: MemoryValues;
    clock?: Clock;
    propagationTimeout?: number;
  } = {},
) {
  const ended = new AbortController();
  t.after(() => ended.abort());
  const reports: PreparationReport[] = [];
  const troubles: unknown[] = [];
  const told: DnsReport[] = [];
  const world = { zones };
  const { solver, keeper } = createDns01({
    client: secretsClient({
      'shop-tsig': { 'tsig-secret': tsigKey.secret.toString('base64') },
      'shop-account': { username: 'u', password: 'p', subdomain: 's', fulldomain: 's.auth.example' },
    }),
    store,
    namespace: 'kube-lego',
    metadata: noMetadata,
    zones: () => world.zones,
    resolvers: [],
    allowLoopback: true,
    clock,
    signal: ended.signal,
    userAgent: 'test',
    caBundle: undefined,
    proxy: { httpsProxy: '', noProxy: '' },
    propagationTimeout,
    onReport: (_, report) => void reports.push(report),
    onDnsReport: (report) => void told.push(report),
    onTrouble: (trouble) => void troubles.push(trouble),
    onNotRemoved: (error) => void troubles.push(error),
    onGivenUp: () => assert.fail('a value was given up'),
  });
  const { signal } = new AbortController();
  return {
    solver,
    keeper,
    store,
    reports,
    troubles,
    told,
    world,
    stop: () => ended.abort(new Error('the process has ended')),
    prepare: (round: string, ...hosts: string[]) =>
      solver.prepare({ ...preparation, round, hosts: hosts.map((host) => route(host)) }, signal),
    present: (round: string, host: string, token: string) =>
      solver.present(
        round,
        {
          host: host.replace(/^\*\./, ''),
          wildcard: host.startsWith('*.'),
          token,
          keyAuthorization: `${token}.${thumbprint}`,
        },
        signal,
      ),
  };
}

const apex = '_acme-challenge.shop.example';

describe('the DNS-01 solver', () => {
  it('has an apex and its wildcard proven by two values of one record, and removes both', async (t) => {
    const server = await zoneServer(t);
    const { prepare, present, solver, store, reports, told } = solving(t, shopZone(server));
    server.add('TXT', apex, 'somebody else’s');
    const verdicts = await prepare('1', 'shop.example', '*.shop.example');
    assert.deepEqual(
      verdicts.map(({ kind }) => kind),
      ['provable', 'provable'],
    );
    assert.equal(server.values(apex).length, 1);
    await Promise.all([present('1', 'shop.example', 'a'), present('1', '*.shop.example', 'b')]);
    assert.deepEqual(
      new Set(server.values(apex)),
      new Set(['somebody else’s', digestOf('a'), digestOf('b')]),
    );
    assert.equal(store.entries.size, 2);
    const details = reports.map(
      ({ host, step, state, detail }) => `${host} ${step} ${state} ${detail ?? ''}`,
    );
    assert.ok(
      details.some((line) => line.startsWith(`*.shop.example dns done ${apex} TXT in zone shop.example at`)),
    );
    assert.ok(details.includes(`*.shop.example record done ${apex}: ${server.address} has it`));
    solver.cleanUp('1');
    await eventually(
      'both values are removed',
      () => server.values(apex).length === 1 && store.entries.size === 0,
    );
    const updates = told.map((report) =>
      report.type === 'DNS_UPDATED' ? `${report.operation} ${report.outcome}` : `spread ${report.everywhere}`,
    );
    const each = ['check done', 'add done', 'spread true', 'remove done'];
    assert.deepEqual(updates.toSorted(), [...each, ...each].toSorted());
  });

  it('finds before any order that a host has no zone, or none for its namespace', async (t) => {
    const server = await zoneServer(t);
    const { prepare } = solving(t, shopZone(server, 'challenge: dns-01'));
    const [ours, none] = await prepare('1', 'a.shop.example', 'a.other.example');
    assert.equal(ours?.kind, 'provable');
    assert.deepEqual(none, {
      host: 'a.other.example',
      kind: 'not-provable',
      code: 'NoDnsZone',
      message: 'Host a.other.example needs DNS-01, and no DNS zone that namespace shop may use has it.',
      remedy: undefined,
    });
  });

  it('follows a CNAME into another zone only if the namespace may use that', async (t) => {
    const server = await zoneServer(t, {
      zones: { 'shop.example': ['ns1.shop.example'], 'bank.example': ['ns1.bank.example'] },
    });
    server.add('CNAME', apex, 'x.bank.example');
    const zoneText = (namespaces: string): string =>
      `provider: rfc2136\nserver: ${server.address}\nname-servers: ${server.address}\ntsig-key: kube-lego\nsecret: shop-tsig\nnamespaces: ${namespaces}`;
    const foreign = zonesOf({ 'shop.example': zoneText('shop'), 'bank.example': zoneText('bank') });
    const { prepare, present, world } = solving(t, foreign);
    const [refused] = await prepare('1', '*.shop.example');
    assert.ok(
      refused?.kind === 'not-provable' &&
        /x\.bank\.example, in a DNS zone that namespace shop may not use/.test(refused.message),
    );
    world.zones = zonesOf({ 'shop.example': zoneText('shop'), 'bank.example': 'provider: magic' });
    const [unclear] = await prepare('1', '*.shop.example');
    assert.equal(unclear?.kind, 'not-provable');
    world.zones = zonesOf({ 'shop.example': zoneText('shop'), 'bank.example': zoneText('bank, shop') });
    await prepare('2', '*.shop.example');
    await present('2', '*.shop.example', 'a');
    assert.deepEqual(server.values('x.bank.example'), [digestOf('a')]);
  });

  for (const [why, change, words] of [
    ['does not know the key', { key: { ...tsigKey, name: 'other' } }, /BADKEY.*Configure the key kube-lego/],
    ['has another secret', { key: { ...tsigKey, secret: Buffer.alloc(32) } }, /BADSIG.*tsig-secret/],
  ] as const) {
    it(`says why updates are refused by a server that ${why}`, async (t) => {
      const server = await zoneServer(t, change);
      const { prepare, told } = solving(t, shopZone(server));
      const [verdict] = await prepare('1', '*.shop.example');
      const provider = 'rfc2136';
      assert.deepEqual(told, [{ type: 'DNS_UPDATED', provider, operation: 'check', outcome: 'refused' }]);
      assert.ok(verdict?.kind === 'not-provable');
      assert.equal(verdict.code, 'DnsNotWritable');
      assert.match(`${verdict.message} ${verdict.remedy ?? ''}`, words);
      assert.ok(!verdict.message.includes(tsigKey.secret.toString('base64')));
    });
  }

  it('says by how much the clocks differ', async (t) => {
    const server = await zoneServer(t);
    server.clockAhead = 1000;
    const [verdict] = await solving(t, shopZone(server)).prepare('1', '*.shop.example');
    assert.ok(verdict?.kind === 'not-provable');
    assert.match(verdict.message, /differ by (?:999|100\d) s \(BADTIME\)/);
  });

  it('is not held up by the silent name servers of another namespace', async (t) => {
    const [server, silent] = await Promise.all([zoneServer(t), zoneServer(t)]);
    silent.trouble = 'silent';
    const [[theirs], ours] = [shopZone(silent).all, shopZone(server).all];
    assert.ok(theirs !== undefined);
    const slow = { ...theirs, domain: 'slow.example', namespaces: ['slow'] };
    const { solver, prepare } = solving(t, new Zones([...ours, slow]));
    const stop = new AbortController();
    const hosts = Array.from({ length: 40 }, (_, index) => route(`${index}.slow.example`));
    let ended = false;
    const waiting = solver
      .prepare({ ...preparation, namespace: 'slow', round: '1', hosts }, stop.signal)
      .finally(() => {
        ended = true;
      });
    // One question to a silent server takes seven seconds, and of the forty hosts half wait for the others.
    const [verdict] = await prepare('2', '*.shop.example');
    assert.deepEqual([verdict?.kind, ended], ['provable', false]);
    stop.abort(new Error('the test is over'));
    await assert.rejects(waiting, /the test is over/);
  });

  it('begins no order for more hosts than an acme-dns account has room for', async (t) => {
    const server = await zoneServer(t, {
      zones: { 'shop.example': ['ns1.shop.example'], 'auth.example': ['ns1.auth.example'] },
    });
    for (const host of ['shop.example', 'a.shop.example'])
      server.add('CNAME', `_acme-challenge.${host}`, 's.auth.example');
    const account = `provider: acme-dns\nname-servers: ${server.address}\nurl: https://auth.example\nsecret: shop-account\nnamespaces: shop`;
    const { prepare } = solving(t, zonesOf({ 'shop.example': account, 'auth.example': account }));
    const two = await prepare('1', 'shop.example', '*.shop.example');
    assert.deepEqual(
      two.map(({ kind }) => kind),
      ['provable', 'provable'],
    );
    const [first] = await prepare('2', 'shop.example', '*.shop.example', 'a.shop.example');
    assert.ok(first?.kind === 'not-provable');
    assert.match(first.message, /s\.auth\.example has room for 2 values, and 3 hosts of the certificate/);
  });

  it('fails with the name of the server that is behind, and removes the value', async (t) => {
    const [primary, secondary] = await Promise.all([zoneServer(t), zoneServer(t)]);
    const zones = shopZone(primary);
    const [zone] = zones.all;
    assert.ok(zone !== undefined);
    const both = new Zones([{ ...zone, nameServers: [primary.address, secondary.address] }]);
    const { prepare, present, solver, told } = solving(t, both, { propagationTimeout: 300 });
    await prepare('1', '*.shop.example');
    await assert.rejects(present('1', '*.shop.example', 'a'), (error) => {
      assert.ok(error instanceof StepError);
      assert.equal(error.failure.code, 'DnsPropagation');
      assert.equal(error.failure.host, '*.shop.example');
      assert.ok(error.message.endsWith(`${secondary.address} does not have it.`));
      return true;
    });
    assert.ok(told.some((report) => report.type === 'VALUE_SPREAD' && !report.everywhere));
    solver.cleanUp('1');
    await eventually('the value is removed', () => primary.values(apex).length === 0);
  });

  for (const [what, isDown, code] of [
    ['an outage of the server that takes updates', true, 'DnsUnavailable'],
    ['a success that nobody has signed', false, 'DnsUpdateFailed'],
  ] as const) {
    it(`tells ${what} as what it is`, async (t) => {
      const [server, updates] = await Promise.all([zoneServer(t), zoneServer(t)]);
      const [zone] = shopZone(server).all;
      assert.ok(zone !== undefined);
      const settings = { ...zone.settings, server: updates.address };
      const { prepare, present } = solving(t, new Zones([{ ...zone, settings }]));
      await prepare('1', '*.shop.example');
      if (isDown) await updates[Symbol.asyncDispose]();
      else updates.trouble = 'unsigned';
      await assert.rejects(present('1', '*.shop.example', 'a'), (error) => {
        assert.ok(error instanceof StepError);
        assert.deepEqual([error.failure.code, error.failure.host], [code, '*.shop.example']);
        return true;
      });
    });
  }

  it('adds a value again that another client of the zone has removed', async (t) => {
    const [primary, secondary] = await Promise.all([zoneServer(t), zoneServer(t)]);
    const [zone] = shopZone(primary).all;
    assert.ok(zone !== undefined);
    const both = new Zones([{ ...zone, nameServers: [primary.address, secondary.address] }]);
    const { prepare, present, reports } = solving(t, both, { propagationTimeout: 60_000 });
    await prepare('1', '*.shop.example');
    const presented = present('1', '*.shop.example', 'a');
    await eventually('the primary was seen to have it', () =>
      reports.some(({ detail }) => detail?.startsWith(`${primary.address} has it`) === true),
    );
    primary.remove('TXT', apex, digestOf('a'));
    await eventually('it is there again', () => primary.values(apex).includes(digestOf('a')));
    secondary.add('TXT', apex, digestOf('a'));
    await presented;
  });

  it('removes what a crash has left, unless its order is taken up again', async (t) => {
    const server = await zoneServer(t);
    const first = solving(t, shopZone(server));
    await first.prepare('1', 'a.shop.example', 'b.shop.example');
    await Promise.all([first.present('1', 'a.shop.example', 'a'), first.present('1', 'b.shop.example', 'b')]);
    first.stop();
    const values = (host: string): string[] => server.values(`_acme-challenge.${host}`);

    let fire: (() => void) | undefined;
    const clock: Clock = {
      ...systemClock,
      setTimeout(fn, ms) {
        if (ms !== 2 * minute) return systemClock.setTimeout(fn, ms);
        fire = fn;
        return undefined;
      },
    };
    const second = solving(t, shopZone(server), { store: first.store, clock });
    void second.keeper.removeLeftovers().catch(() => undefined);
    await second.prepare('2', 'a.shop.example');
    await second.present('2', 'a.shop.example', 'a');
    await eventually('the leftovers are read', () => fire !== undefined);
    assert.deepEqual([values('a.shop.example').length, values('b.shop.example').length], [1, 1]);
    fire?.();
    await eventually('the one is removed', () => values('b.shop.example').length === 0);
    assert.equal(values('a.shop.example').length, 1);
    second.solver.cleanUp('2');
    await eventually(
      'the other is removed',
      () => values('a.shop.example').length === 0 && first.store.entries.size === 0,
    );
  });

  it('adds nothing that it could not write down before', async (t) => {
    const server = await zoneServer(t);
    const { prepare, present, store, troubles } = solving(t, shopZone(server));
    await prepare('1', '*.shop.example');
    store.failure = new Error('the API server is away');
    const presenting = present('1', '*.shop.example', 'a');
    await eventually('it is said', () => troubles.length > 0);
    assert.deepEqual(server.texts, []);
    store.failure = undefined;
    await presenting;
    assert.deepEqual(server.values(apex), [digestOf('a')]);
  });

  it('prepares nothing while its record cannot be read, and says so', async (t) => {
    const server = await zoneServer(t);
    const clock: Clock = {
      ...systemClock,
      setTimeout: (fn, ms) => systemClock.setTimeout(fn, ms === 20_000 ? 50 : ms),
    };
    const store = new MemoryValues();
    store.failure = new KubernetesError('Forbidden', 'Secrets are forbidden');
    const { prepare } = solving(t, shopZone(server), { store, clock });
    await assert.rejects(prepare('1', '*.shop.example'), /Secrets are forbidden/);
    store.failure = undefined;
  });

  it('removes a value whose zone was taken out of the document when it is there again', async (t) => {
    const server = await zoneServer(t);
    const { prepare, present, solver, troubles, store, world } = solving(t, shopZone(server));
    await prepare('1', '*.shop.example');
    await present('1', '*.shop.example', 'a');
    world.zones = new Zones([]);
    solver.cleanUp('1');
    await eventually('it is said', () => /is gone from the zones document/.test(String(troubles[0])));
    assert.equal(store.entries.size, 1);
    world.zones = shopZone(server);
    await eventually('it is removed', () => server.texts.length === 0 && store.entries.size === 0);
  });

  it('tries on until a value can be removed', async (t) => {
    const server: ZoneServer = await zoneServer(t);
    const { prepare, present, solver, troubles, store } = solving(t, shopZone(server));
    await prepare('1', '*.shop.example');
    await present('1', '*.shop.example', 'a');
    server.clockAhead = 10_000;
    solver.cleanUp('1');
    await eventually('it is said', () => troubles.length === 1);
    server.clockAhead = 0;
    await eventually('it is removed', () => server.texts.length === 0 && store.entries.size === 0);
    assert.equal(troubles.length, 1);
  });
});
