import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { idOf, PresentedValues, valueOf } from '../../../src/challenges/dns-01/presented-values.ts';
import { ProviderError } from '../../../src/challenges/dns-01/providers/provider.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { eventually } from '../../time/eventually.ts';
import { MemoryValues } from './dns-world.ts';

const { signal } = new AbortController();
const keyAuthorization = 'token.thumbprint';
const value = {
  domain: 'shop.example',
  host: 'shop.example',
  record: { name: '_acme-challenge.shop.example', zone: 'shop.example', primary: 'ns1.shop.example' },
  keyAuthorization,
  value: valueOf(keyAuthorization),
};

/** Its writes end when they are let. */
class SlowValues extends MemoryValues {
  held: PromiseWithResolvers<void> | undefined;

  override async write(entries: ReadonlyMap<string, string>): Promise<void> {
    const { held } = this;
    await super.write(entries);
    await held?.promise;
  }
}

function keeping(
  store: MemoryValues,
  onTrouble: (trouble: unknown) => void = (trouble) => assert.fail(String(trouble)),
): PresentedValues {
  return new PresentedValues({ store, clock: systemClock, signal, onTrouble });
}

describe('the record of values in the DNS', () => {
  it('has a value that is added again while it is being struck out', async () => {
    const store = new SlowValues();
    const values = keeping(store);
    await values.add(value, signal);
    const held = Promise.withResolvers<void>();
    store.held = held;
    values.remove(value);
    await eventually('it is struck out', () => store.entries.size === 0);
    store.held = undefined;
    const added = values.add(value, signal);
    await setImmediate();
    held.resolve();
    await added;
    assert.deepEqual([...store.entries.keys()], [idOf(value)]);
  });

  it('leaves a damaged entry alone, says so once, and goes on with the others', async () => {
    const store = new MemoryValues();
    const other = { ...value, record: { ...value.record, name: '_acme-challenge.a.shop.example' } };
    await keeping(store).add(value, signal);
    const text = store.entries.get(idOf(value)) ?? '';
    const damaged = [
      ['half', text.slice(1)],
      ['future', '{"version":2}'],
      // It would never be struck out.
      ['moved', text],
    ] as const;
    store.entries = new Map([...store.entries, ...damaged]);
    const troubles: string[] = [];
    const values = keeping(store, (trouble) => troubles.push(String(trouble)));
    assert.deepEqual(await values.restore(), [value]);
    await values.add(other, signal);
    values.remove(value);
    await eventually('it is struck out', () => !store.entries.has(idOf(value)));
    assert.deepEqual(new Map(damaged), new Map([...store.entries].filter(([id]) => id !== idOf(other))));
    assert.deepEqual(
      troubles.map((trouble) => /^The entry (\S+) of the values in the DNS, /.exec(trouble)?.[1]),
      damaged.map(([id]) => id),
    );
  });

  it('has a value whose entry was damaged as it is, before it is added', async () => {
    const store = new MemoryValues();
    store.entries = new Map([[idOf(value), 'half']]);
    await keeping(store, () => undefined).add(value, signal);
    assert.deepEqual(await keeping(store).restore(), [value]);
  });

  it('refuses more values than a Secret has room for, until some are removed', async () => {
    const values = keeping(new MemoryValues());
    const of = (domain: string) =>
      Array.from({ length: 1000 }, (_, index) => ({ ...value, domain, value: valueOf(`${domain}${index}`) }));
    const [broken, other] = [of('broken.example'), of('other.example')];
    const refused = (domain: string, words: RegExp): Promise<void> =>
      assert.rejects(
        values.add({ ...value, domain }, signal),
        (error) => error instanceof ProviderError && words.test(error.message),
      );
    await Promise.all(broken.map((one) => values.add(one, signal)));
    await refused('broken.example', /has room for 1000 values of zone broken\.example, and as many/);
    await Promise.all(other.map((one) => values.add(one, signal)));
    await refused('shop.example', /has room for 2000 values, and as many/);
    const [first] = broken;
    assert.ok(first !== undefined);
    await values.add(first, signal);
    values.remove(first);
    await values.add(value, signal);
  });
});
