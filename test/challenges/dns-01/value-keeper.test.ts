import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { LookupError } from '../../../src/challenges/dns-01/lookup/name-servers.ts';
import {
  type PresentedValue,
  PresentedValues,
  valueOf,
} from '../../../src/challenges/dns-01/presented-values.ts';
import {
  type ChallengeValue,
  type DnsProvider,
  ProviderError,
} from '../../../src/challenges/dns-01/providers/provider.ts';
import { ValueKeeper } from '../../../src/challenges/dns-01/value-keeper.ts';
import { type Clock, systemClock } from '../../../src/time/clock.ts';
import { eventually } from '../../time/eventually.ts';
import { hastyClock, MemoryValues, zonesOf } from './dns-world.ts';

/** Of a process that ends with the test, with a provider whose records have room for two values. */
function keeping(t: TestContext, clock = systemClock) {
  const ended = new AbortController();
  t.after(() => ended.abort());
  const { signal } = ended;
  const troubles: string[] = [];
  const onTrouble = (trouble: unknown): void => void troubles.push(String(trouble));
  const common = { clock, signal, onTrouble };
  const store = new MemoryValues();
  const givenUp = Promise.withResolvers<PresentedValue>();
  const added: string[] = [];
  const provider: DnsProvider = {
    room: 2,
    add: ({ record, keyAuthorization }) => {
      added.push(`${keyAuthorization} ${record.name}`);
      return Promise.resolve();
    },
    remove: (value) => world.remove(value),
  };
  const world = {
    zones: zonesOf({ 'shop.example': 'provider: external-dns' }),
    remove: (_: ChallengeValue): Promise<void> => Promise.resolve(),
    zoneOf: () => Promise.resolve({ zone: 'auth.example', primary: 'ns1.auth.example' }),
  };
  const keeper = new ValueKeeper({
    ...common,
    values: new PresentedValues({ ...common, store }),
    providers: { of: () => Promise.resolve(provider) },
    names: { zoneOf: () => world.zoneOf() },
    zones: () => world.zones,
    onGivenUp: givenUp.resolve,
  });
  const add = (round: string, name: string): Promise<void> => {
    const record = { name, zone: 'auth.example', primary: 'ns1.auth.example' };
    const value = { domain: 'shop.example', host: 'shop.example', record, keyAuthorization: round };
    return keeper.add(round, { ...value, value: valueOf(`${round}${name}`) }, ['b', 'a'], signal);
  };
  return { keeper, add, added, provider, store, world, troubles, givenUp: givenUp.promise };
}

describe('the keeper of values', () => {
  it('lets orders that share two records have them one after the other', async (t) => {
    const { keeper, add, added, troubles } = keeping(t);
    const first = [add('1', 'a')];
    const second = [add('2', 'b'), add('2', 'a')];
    first.push(add('1', 'b'));
    await Promise.all(first);
    assert.deepEqual(added.toSorted(), ['1 a', '1 b']);
    keeper.release('1');
    await Promise.all(second);
    assert.deepEqual(added.toSorted(), ['1 a', '1 b', '2 a', '2 b']);
    assert.deepEqual(troubles, []);
  });

  it('waits a day for a zone to be listed again, and gives its values up then', async (t) => {
    const clock = hastyClock();
    const { keeper, add, store, world, troubles, givenUp } = keeping(t, clock);
    await add('1', 'a');
    world.zones = zonesOf({});
    const begun = clock.monotonic();
    keeper.release('1');
    assert.equal((await givenUp).record.name, 'a');
    assert.ok(clock.monotonic() - begun >= 24 * 3_600_000);
    await keeper.settled(AbortSignal.timeout(60_000));
    assert.equal(keeper.size, 0);
    assert.match(troubles.join(), /^ProviderError: The DNS zone shop\.example is gone[^,]*,?[^,]*$/);
    while (store.entries.size > 0) await new Promise(setImmediate);
  });

  it('lets no order wait for a removal that has failed, and removes the value after it', async (t) => {
    let pausing = false;
    // Its pauses have no end.
    const clock: Clock = {
      ...systemClock,
      setTimeout(fn, ms) {
        if (ms < 1000) return systemClock.setTimeout(fn, ms);
        pausing ||= ms === 1000;
        return undefined;
      },
    };
    const { keeper, add, added, store, world, troubles } = keeping(t, clock);
    await add('1', 'a');
    world.remove = () => Promise.reject(new Error('the DNS is away'));
    keeper.release('1');
    await eventually('the removal pauses', () => pausing);
    await add('1', 'a');
    assert.deepEqual(added, ['1 a', '1 a']);
    assert.deepEqual([keeper.size, store.entries.size], [1, 1]);
    world.remove = () => Promise.resolve();
    keeper.release('1');
    await eventually('it is removed', () => keeper.size === 0 && store.entries.size === 0);
    assert.deepEqual(troubles, ['Error: the DNS is away']);
  });

  it('removes a value where its zone is now', async (t) => {
    const { keeper, add, store, world, troubles } = keeping(t, hastyClock());
    await add('1', 'a');
    const primaries: string[] = [];
    world.remove = ({ record }) => {
      primaries.push(record.primary);
      return record.primary === 'ns2.auth.example' ? Promise.resolve() : Promise.reject(new Error('NOTAUTH'));
    };
    let lookUps = 0;
    world.zoneOf = () => {
      lookUps += 1;
      return lookUps === 1
        ? Promise.reject(new LookupError('The DNS is away.'))
        : Promise.resolve({ zone: 'auth.example', primary: 'ns2.auth.example' });
    };
    keeper.release('1');
    await eventually('it is removed', () => keeper.size === 0 && store.entries.size === 0);
    assert.deepEqual(primaries, ['ns1.auth.example', 'ns1.auth.example', 'ns2.auth.example']);
    assert.deepEqual(troubles, ['Error: NOTAUTH']);
  });

  for (const [what, error, removals] of [
    ['was not answered', new ProviderError('unreachable', 'It gives no answer within 30 s.'), 2],
    ['was refused', new ProviderError('refused', 'It answers with status 401.'), 1],
  ] as const) {
    it(`removes a value ${removals === 1 ? 'once' : 'once more after two minutes'} whose addition ${what}`, async (t) => {
      const clock = hastyClock();
      const { keeper, add, provider, store } = keeping(t, clock);
      const removed: number[] = [];
      provider.add = () => Promise.reject(error);
      provider.remove = () => {
        removed.push(clock.monotonic());
        assert.equal(store.entries.size, 1, 'a crash leaves it to the next process');
        return Promise.resolve();
      };
      await assert.rejects(add('1', 'a'), error);
      keeper.release('1');
      await eventually('nothing is kept', () => keeper.size === 0);
      assert.equal(removed.length, removals);
      const [first = 0, second = first] = removed;
      assert.ok(removals === 1 || second - first >= 120_000);
      await eventually('it is struck out', () => store.entries.size === 0);
    });
  }

  it('removes no value late that another round of its order has added', async (t) => {
    const { keeper, add, provider } = keeping(t, hastyClock());
    const unreachable = new ProviderError('unreachable', 'It gives no answer within 30 s.');
    const story: string[] = [];
    provider.add = () => Promise.reject(unreachable);
    provider.remove = () => {
      story.push('removed');
      return Promise.resolve();
    };
    await assert.rejects(add('1', 'a'), unreachable);
    provider.add = () => {
      story.push('added');
      return Promise.resolve();
    };
    keeper.release('1');
    await add('1', 'a');
    for (let turns = 0; turns < 500; turns += 1) await new Promise(setImmediate);
    assert.equal(story.at(-1), 'added');
    assert.equal(keeper.size, 1);
  });

  it('waits longer where the entry has a mistake', async (t) => {
    const { keeper, add, world } = keeping(t, hastyClock());
    await add('1', 'a');
    world.zones = zonesOf({ 'shop.example': 'provider: none' });
    keeper.release('1');
    for (let turns = 0; turns < 500; turns += 1) await new Promise(setImmediate);
    assert.equal(keeper.size, 1);
    world.zones = zonesOf({ 'shop.example': 'provider: external-dns' });
    await keeper.settled(AbortSignal.timeout(60_000));
    assert.equal(keeper.size, 0);
  });
});
