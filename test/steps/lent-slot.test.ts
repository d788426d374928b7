import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LentSlot } from '../../src/steps/lent-slot.ts';

const { signal } = new AbortController();

function challengeOf(host: string) {
  return { host, wildcard: false, token: 'token', keyAuthorization: 'token.thumbprint' };
}

/** A slot, and hosts whose records spread until they are told to end. */
function world() {
  const told: string[] = [];
  const reclaims: PromiseWithResolvers<void>[] = [];
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const slot = new LentSlot({
    lend: () => void told.push('lend'),
    reclaim() {
      told.push('reclaim');
      const granted = Promise.withResolvers<void>();
      reclaims.push(granted);
      return granted.promise;
    },
  });
  const present = async (host: string): Promise<void> => {
    const spread = Promise.withResolvers<void>();
    ends.set(host, spread);
    const presenter = slot.around({ type: 'dns-01', spreads: true, present: () => spread.promise });
    await presenter.present(challengeOf(host), signal);
    told.push(`answer ${host}`);
  };
  const turn = (): Promise<void> => new Promise(setImmediate);
  return {
    told,
    slot,
    present,
    spread: async (host: string) => {
      ends.get(host)?.resolve();
      await turn();
    },
    fail: async (host: string) => {
      ends.get(host)?.reject(new Error('it lags'));
      await turn();
    },
    grant: async () => {
      reclaims.shift()?.resolve();
      await turn();
    },
  };
}

describe('the slot of an order', () => {
  it('is lent until all records have spread and it is granted again, then the challenges are answered', async () => {
    const { told, present, spread, grant } = world();
    const presents = [present('a'), present('b')];
    await spread('a');
    assert.deepEqual(told, ['lend']);
    await spread('b');
    assert.deepEqual(told, ['lend', 'reclaim']);
    await grant();
    await Promise.all(presents);
    assert.deepEqual(told.slice(2).toSorted(), ['answer a', 'answer b']);
  });

  it('is lent again for a record that comes later, and once while it is being reclaimed', async () => {
    const { told, present, spread, grant } = world();
    const first = present('a');
    await spread('a');
    const second = present('b');
    await grant();
    await first;
    await spread('b');
    await second;
    assert.deepEqual(told, ['lend', 'reclaim', 'answer a', 'answer b']);
    const third = present('c');
    await spread('c');
    await grant();
    await third;
    assert.deepEqual(told.slice(4), ['lend', 'reclaim', 'answer c']);
  });

  it('comes back for the other hosts when one fails', async () => {
    const { told, present, spread, fail, grant } = world();
    const good = present('a');
    const bad = assert.rejects(present('b'), /it lags/);
    await spread('a');
    await fail('b');
    await bad;
    await grant();
    await good;
    assert.deepEqual(told, ['lend', 'reclaim', 'answer a']);
  });

  it('is not lent for challenges that can be seen at once', async () => {
    const { told, slot } = world();
    const presenter = { type: 'http-01', present: () => Promise.resolve() };
    assert.equal(slot.around(presenter), presenter);
    assert.deepEqual(told, []);
  });
});
