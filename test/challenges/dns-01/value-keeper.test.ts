import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { PresentedValues, valueOf } from '../../../src/challenges/dns-01/presented-values.ts';
import type { DnsProvider } from '../../../src/challenges/dns-01/providers/provider.ts';
import { ValueKeeper } from '../../../src/challenges/dns-01/value-keeper.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { MemoryValues, zonesOf } from './dns-world.ts';

/** Of a process that ends with the test, with a provider whose records have room for two values. */
function keeping(t: TestContext) {
  const ended = new AbortController();
  t.after(() => ended.abort());
  const { signal } = ended;
  const onTrouble = (trouble: unknown): never => assert.fail(String(trouble));
  const common = { clock: systemClock, signal, onTrouble };
  const added: string[] = [];
  const provider: DnsProvider = {
    room: 2,
    add: ({ record, keyAuthorization }) => {
      added.push(`${keyAuthorization} ${record.name}`);
      return Promise.resolve();
    },
    remove: () => Promise.resolve(),
  };
  const zones = zonesOf({ 'shop.example': 'provider: external-dns' });
  const keeper = new ValueKeeper({
    ...common,
    values: new PresentedValues({ ...common, store: new MemoryValues() }),
    providers: { of: () => Promise.resolve(provider) },
    zones: () => zones,
  });
  const add = (round: string, name: string): Promise<void> => {
    const record = { name, zone: 'auth.example', primary: 'ns1.auth.example' };
    const value = { domain: 'shop.example', host: 'shop.example', record, keyAuthorization: round };
    return keeper.add(round, { ...value, value: valueOf(`${round}${name}`) }, ['b', 'a'], signal);
  };
  return { keeper, add, added };
}

describe('the keeper of values', { timeout: 30_000 }, () => {
  it('lets orders that share two records have them one after the other', async (t) => {
    const { keeper, add, added } = keeping(t);
    const first = [add('1', 'a')];
    const second = [add('2', 'b'), add('2', 'a')];
    first.push(add('1', 'b'));
    await Promise.all(first);
    assert.deepEqual(added.toSorted(), ['1 a', '1 b']);
    keeper.release('1');
    await Promise.all(second);
    assert.deepEqual(added.toSorted(), ['1 a', '1 b', '2 a', '2 b']);
  });
});
