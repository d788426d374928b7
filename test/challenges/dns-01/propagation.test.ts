import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ZoneServerOptions } from '../../../deploy/local/zone-server.ts';
import { StepError } from '../../../machines/reasons/step-error.ts';
import { readServer } from '../../../src/challenges/dns-01/lookup/dns-exchange.ts';
import {
  answersText,
  awaitPropagation,
  laggards,
  type PropagationOptions,
} from '../../../src/challenges/dns-01/lookup/propagation.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { hastyClock, zoneServer } from './dns-world.ts';

const signal = new AbortController().signal;
const name = '_acme-challenge.shop.example';

describe('propagation', () => {
  async function twoServers(t: TestContext, ofSecondary?: ZoneServerOptions['zones']) {
    const [primary, secondary] = await Promise.all([
      zoneServer(t),
      zoneServer(t, ofSecondary === undefined ? {} : { zones: ofSecondary }),
    ]);
    const servers = [primary, secondary].map(({ address }, index) => ({
      name: `ns${index + 1}.shop.example`,
      addresses: [readServer(address)],
    }));
    const wait = (options: Partial<PropagationOptions> = {}) =>
      awaitPropagation(
        { name, nameServers: servers },
        'value',
        { clock: systemClock, timeLimit: 60_000, wanted: 'present', ...options },
        signal,
      );
    return { primary, secondary, wait };
  }

  it('has ended when every server has the value, beside others', async (t) => {
    const { primary, secondary, wait } = await twoServers(t);
    for (const server of [primary, secondary]) {
      server.add('TXT', name, 'another');
      server.add('TXT', name, 'value');
    }
    secondary.fallBehind();
    secondary.remove('TXT', name, 'value');
    assert.equal((await wait()).done, true);
  });

  it('waits for a secondary that is behind', async (t) => {
    const { primary, secondary, wait } = await twoServers(t);
    secondary.fallBehind();
    for (const server of [primary, secondary]) server.add('TXT', name, 'value');
    let rounds = 0;
    const { done } = await wait({
      onAnswers() {
        rounds += 1;
        if (rounds === 2) secondary.catchUp();
      },
    });
    assert.deepEqual([done, rounds], [true, 3]);
  });

  it('names the server that is behind at the time limit', async (t) => {
    const { primary, secondary, wait } = await twoServers(t);
    primary.add('TXT', name, 'value');
    const { done, answers } = await wait({ timeLimit: 300 });
    assert.equal(done, false);
    assert.equal(laggards(answers), `ns2.shop.example (${secondary.address}) does not have it`);
    assert.match(answersText(answers), /^ns1\.shop\.example \(.*\) has it, ns2/);
  });

  it('waits a while for a server that never answers, and for nobody else if one has answered', async (t) => {
    const { primary, secondary, wait } = await twoServers(t);
    primary.add('TXT', name, 'value');
    await secondary[Symbol.asyncDispose]();
    const clock = hastyClock();
    const { done, answers } = await wait({ clock, timeLimit: 120_000 });
    assert.deepEqual([done, answers.map(({ state }) => state)], [true, ['has', 'silent']]);
    const waited = clock.monotonic();
    assert.ok(waited >= 15_000 && waited < 120_000, `${waited} ms`);
    await primary[Symbol.asyncDispose]();
    assert.equal((await wait({ clock: hastyClock(), timeLimit: 60_000 })).done, false);
  });

  it('waits a while for a server that has not the zone, and goes on if another has the value', async (t) => {
    const { primary, wait } = await twoServers(t, { 'other.example': ['ns2.other.example'] });
    primary.add('TXT', name, 'value');
    const { done, answers } = await wait({ clock: hastyClock(), timeLimit: 120_000 });
    assert.deepEqual([done, answers.map(({ state }) => state)], [true, ['has', 'wrong']]);
    primary.remove('TXT', name, 'value');
    const missing = await wait({ clock: hastyClock(), timeLimit: 30_000 });
    assert.equal(missing.done, false);
    assert.match(laggards(missing.answers), /ns1.* does not have it, ns2.* answers REFUSED$/);
  });

  it('adds a value again that nobody has seen, a few times, and not within a minute', async (t) => {
    const { primary, secondary, wait } = await twoServers(t);
    const clock = hastyClock();
    const additions: number[] = [];
    const { done } = await wait({
      clock,
      timeLimit: 180_000,
      onVanished() {
        additions.push(clock.monotonic());
        if (additions.length === 2)
          for (const server of [primary, secondary]) server.add('TXT', name, 'value');
        return Promise.resolve();
      },
    });
    const [first = 0, second = 0] = additions;
    assert.deepEqual([done, additions.length], [true, 2]);
    assert.ok(first >= 60_000 && second - first >= 60_000, additions.join());

    for (const server of [primary, secondary]) server.remove('TXT', name, 'value');
    let repairs = 0;
    const onVanished = (): Promise<void> => {
      repairs += 1;
      return Promise.reject(failure);
    };
    let failure: Error = new StepError({
      code: 'DnsUpdateFailed',
      message: 'There is such a record already.',
    });
    assert.equal((await wait({ clock: hastyClock(), timeLimit: 3_600_000, onVanished })).done, false);
    assert.equal(repairs, 8);
    failure = new TypeError('a fault of our own');
    await assert.rejects(wait({ clock: hastyClock(), timeLimit: 3_600_000, onVanished }), failure);
  });

  it('adds a value again that is removed when it has been seen, and after that once more', async (t) => {
    const { primary, secondary, wait } = await twoServers(t);
    primary.add('TXT', name, 'value');
    let additions = 0;
    let seen = 0;
    const { done } = await wait({
      clock: hastyClock(),
      timeLimit: 120_000,
      onAnswers(answers) {
        if (!answers.some(({ state }) => state === 'has')) return;
        seen += 1;
        if (seen < 3) primary.remove('TXT', name, 'value');
        else secondary.add('TXT', name, 'value');
      },
      onVanished() {
        additions += 1;
        // The first and the third one are removed at once.
        if (additions % 2 === 0) primary.add('TXT', name, 'value');
        return Promise.resolve();
      },
    });
    assert.deepEqual([done, seen, additions], [true, 4, 4]);
  });

  it('does not add a value for ever that somebody removes each time', async (t) => {
    const { primary, wait } = await twoServers(t);
    primary.add('TXT', name, 'value');
    let additions = 0;
    const { done } = await wait({
      clock: hastyClock(),
      timeLimit: 330_000,
      onAnswers: () => primary.remove('TXT', name, 'value'),
      onVanished() {
        additions += 1;
        return Promise.resolve();
      },
    });
    assert.deepEqual([done, additions], [false, 8]);
  });

  it('says that no server can be reached, where the pod has no way to any of them', () => {
    const v4 = { server: 'ns1.shop.example (192.0.2.1)', state: 'has' } as const;
    const v6 = { server: 'ns1.shop.example (2001:db8::1)', state: 'no-way' } as const;
    assert.equal(laggards([v6]), `${v6.server} cannot be reached from this pod`);
    assert.equal(laggards([{ ...v4, state: 'has-not' }, v6]), `${v4.server} does not have it`);
  });

  it('is not as wanted while a value is still there', async (t) => {
    const { primary, secondary, wait } = await twoServers(t);
    secondary.add('TXT', name, 'value');
    assert.equal((await wait({ timeLimit: 300, wanted: 'absent' })).done, false);
    secondary.remove('TXT', name, 'value');
    assert.equal((await wait({ wanted: 'absent' })).done, true);
    assert.equal(primary.asked.length > 0, true);
  });

  it('ends with the round', async (t) => {
    const { wait } = await twoServers(t);
    const stop = new AbortController();
    const waiting = awaitPropagation(
      { name, nameServers: [] },
      'value',
      { clock: systemClock, timeLimit: 60_000, wanted: 'present' },
      stop.signal,
    );
    stop.abort(new Error('the round is over'));
    await assert.rejects(waiting, /the round is over/);
    assert.equal((await wait({ timeLimit: 0 })).done, false);
  });
});
