import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import type { Clock } from '../../../src/time/clock.ts';
import { hour } from '../../machines/builders.ts';
import { ManualClock } from '../../time/manual-clock.ts';

/** A machine whose clock is wrong, and a CA whose clock is right. */
function newWorld() {
  const time = new ManualClock();
  const world = { time, error: 0, ahead: 0 };
  const machine: Clock = {
    now: () => time.now() + world.error,
    monotonic: () => time.monotonic(),
    setTimeout: (run: () => void, ms: number) => time.setTimeout(run, ms),
    clearTimeout: (handle: unknown) => time.clearTimeout(handle),
  };
  const clock = new CaClock(machine);
  const caNow = (): number => time.now() + world.ahead;
  /** One request with its answer; milliseconds for either way. */
  const ask = (there = 0, back = 0): void => {
    const sentAt = clock.monotonic();
    time.advance(there);
    const date = Math.floor(caNow() / 1000) * 1000;
    time.advance(back);
    clock.observe(date, sentAt);
  };
  return { ...world, world, machine, clock, caNow, ask };
}

describe("the CA's clock", () => {
  it('is that of the machine at the start until the CA has said what time it is', () => {
    const { clock, machine, time, world } = newWorld();
    const start = machine.now();
    time.advance(5000);
    assert.equal(clock.now(), machine.now());
    assert.equal(clock.skew, undefined);
    world.error = hour;
    assert.equal(clock.now(), start + 5000);
    assert.equal(clock.byMachine(clock.now()), machine.now());
  });

  it('is then that of the CA, and tells the same moments by the clock of the machine', () => {
    const { ask, clock, machine, time, world } = newWorld();
    world.ahead = -2000;
    ask();
    time.advance(10_000);
    assert.equal(clock.now(), time.now() - 2000);
    assert.equal(clock.skew, -2000);
    assert.equal(clock.byMachine(clock.now() + hour), machine.now() + hour);
  });

  for (const lie of [5 * hour, -5 * hour]) {
    it(`does not believe one answer at the start that is ${lie / hour} h off, as of a proxy, but two`, () => {
      const { ask, caNow, clock, time, world } = newWorld();
      world.ahead = lie;
      ask();
      assert.equal(clock.now(), time.now());
      assert.equal(clock.skew, undefined);
      world.ahead = 0;
      ask();
      assert.equal(clock.skew, 0);

      const other = newWorld();
      other.world.ahead = lie;
      other.ask();
      other.ask();
      assert.equal(other.clock.now(), other.time.now() + lie);
      assert.equal(clock.now(), caNow());
    });
  }

  it('is never ahead of the CA, behind it by a second and the way of an answer at most, and takes no step while neither is set', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -4_000_000, max: 4_000_000 }),
        fc.array(fc.record({ pause: fc.nat(5000), there: fc.nat(300), back: fc.nat(300) }), { minLength: 1 }),
        (ahead, exchanges) => {
          const { ask, caNow, clock, time, world } = newWorld();
          world.ahead = ahead;
          const late = new Set<number>();
          for (const { pause, there, back } of exchanges) {
            time.advance(pause);
            ask(there, back);
            if (clock.skew !== undefined) late.add(caNow() - clock.now());
          }
          assert.ok(late.size === 1 || (late.size === 0 && exchanges.length === 1));
          for (const ms of late) assert.ok(ms >= 0 && ms < 1300, `${ms} ms`);
        },
      ),
      { seed: 20261130 },
    );
  });

  for (const jump of [hour, -hour]) {
    it(`does not mind when the machine's clock jumps by ${jump / hour} h, while a request is under way or not`, () => {
      const { ask, clock, time, world } = newWorld();
      ask();
      const start = time.now();
      world.error = jump;
      assert.equal(clock.now(), start);
      time.advance(1000);
      ask(200, 200);
      assert.equal(clock.now(), start + 1400);
      assert.equal(clock.byMachine(clock.now()), time.now() + jump);
    });

    it(`follows the CA when that is set by ${jump / hour} h`, () => {
      const { ask, caNow, clock, world } = newWorld();
      ask();
      const before = clock.now();
      world.ahead = jump;
      ask();
      assert.equal(clock.now(), before, 'one answer may come from a proxy');
      world.ahead = 0;
      ask();
      world.ahead = jump;
      ask();
      assert.equal(clock.now(), before);
      ask();
      assert.equal(clock.now(), caNow());
    });
  }
});
