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

function keeping(store: MemoryValues): PresentedValues {
  const onTrouble = (trouble: unknown): never => assert.fail(String(trouble));
  return new PresentedValues({ store, clock: systemClock, signal, onTrouble });
}

describe('the record of values in the DNS', { timeout: 120_000 }, () => {
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

  it('refuses more values than a Secret has room for, until some are removed', async () => {
    const values = keeping(new MemoryValues());
    const many = Array.from({ length: 2000 }, (_, index) => ({ ...value, value: valueOf(String(index)) }));
    await Promise.all(many.map((one) => values.add(one, signal)));
    await assert.rejects(values.add(value, signal), (error) => {
      assert.ok(error instanceof ProviderError);
      assert.match(error.message, /has room for 2000 values/);
      return true;
    });
    const [first] = many;
    assert.ok(first !== undefined);
    await values.add(first, signal);
    values.remove(first);
    await values.add(value, signal);
  });
});
