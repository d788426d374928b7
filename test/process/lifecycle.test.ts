import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Lifecycle, type Part } from '../../src/process/lifecycle.ts';

/** Parts that write down what happens to them. */
function recorded(...names: readonly string[]) {
  const happened: string[] = [];
  const parts = names.map((name): Part & { name: string } => ({
    name,
    start: async () => {
      happened.push(`${name} starts`);
      await Promise.resolve();
    },
    stop: async () => {
      happened.push(`${name} stops`);
      await Promise.resolve();
    },
  }));
  return { parts, happened };
}

describe('a lifecycle', () => {
  it('starts its parts in order and stops them in the reverse one', async () => {
    const { parts, happened } = recorded('servers', 'caches', 'work');
    const lifecycle = new Lifecycle(parts);
    await lifecycle.start();
    await lifecycle.stop();
    assert.deepEqual(happened, [
      'servers starts',
      'caches starts',
      'work starts',
      'work stops',
      'caches stops',
      'servers stops',
    ]);
  });

  it('stops what has begun when a part cannot start, that part too', async () => {
    const { parts, happened } = recorded('connections', 'servers', 'work');
    const [connections, servers, work] = parts;
    assert.ok(connections && servers && work);
    const failing: Part = { ...servers, start: () => Promise.reject(new Error('the port is taken')) };
    await assert.rejects(new Lifecycle([connections, failing, work]).start(), /the port is taken/);
    assert.deepEqual(happened, ['connections starts', 'servers stops', 'connections stops']);
  });

  it('says what kept it from starting, also when that cannot be stopped either', async () => {
    const broken: Part = {
      name: 'servers',
      start: () => Promise.reject(new Error('the port is taken')),
      stop: () => Promise.reject(new Error('no')),
    };
    await assert.rejects(new Lifecycle([broken]).start(), /the port is taken/);
  });

  for (const phase of ['servers', 'caches', 'work']) {
    it(`is stopped while ${phase} starts: what comes after never starts`, async () => {
      const { parts, happened } = recorded('servers', 'caches', 'work');
      const reached = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      const lifecycle = new Lifecycle(
        parts.map((part) => ({
          ...part,
          start: async () => {
            await part.start?.();
            if (part.name !== phase) return;
            reached.resolve();
            await goOn.promise;
          },
        })),
      );
      const starting = lifecycle.start();
      await reached.promise;
      const stopping = lifecycle.stop();
      goOn.resolve();
      await Promise.all([starting, stopping]);
      const begun = parts.slice(0, parts.findIndex(({ name }) => name === phase) + 1).map(({ name }) => name);
      assert.deepEqual(happened, [
        ...begun.map((name) => `${name} starts`),
        ...begun.toReversed().map((name) => `${name} stops`),
      ]);
    });
  }

  it('never starts after it was stopped', async () => {
    const { parts, happened } = recorded('servers');
    const lifecycle = new Lifecycle(parts);
    await lifecycle.stop();
    await lifecycle.start();
    assert.deepEqual(happened, []);
  });

  it('stops once, however often it is asked', async () => {
    const { parts, happened } = recorded('servers');
    const lifecycle = new Lifecycle(parts);
    await lifecycle.start();
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    assert.deepEqual(happened, ['servers starts', 'servers stops']);
  });

  it('stops the others when one cannot stop, and names it', async () => {
    const { parts, happened } = recorded('servers', 'work');
    const [servers, work] = parts;
    assert.ok(servers && work);
    const stuck: Part = { ...work, stop: () => Promise.reject(new Error('no')) };
    const lifecycle = new Lifecycle([servers, stuck]);
    await lifecycle.start();
    await assert.rejects(lifecycle.stop(), /work could not be stopped/);
    assert.ok(happened.includes('servers stops'));
  });
});
