import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SourceKey } from '../../../machines/ownership/source-key.ts';
import { RecheckPace } from '../../../machines/supervisor/recheck-pace.ts';
import { minute, now } from '../builders.ts';

const key = (index: number): SourceKey => `Ingress/shop/web-${index}`;
const oneHost = () => 1;

/** Takes what it may for so long, each recheck lasting `lasts`, and begins each again a minute after its end. */
function run(count: number, until: number, lasts: number) {
  const pace = new RecheckPace();
  for (let index = 0; index < count; index += 1) pace.set(key(index), now);
  const begun: number[] = [];
  const longestWaits = new Map<SourceKey, number>();
  const lastOf = new Map<SourceKey, number>();
  const running: { readonly key: SourceKey; readonly ends: number }[] = [];
  let most = 0;
  for (let time = now; time < until; time += 1000) {
    while (running[0] !== undefined && running[0].ends <= time) {
      const ended = running.shift();
      if (ended !== undefined) pace.set(ended.key, time + minute);
    }
    for (const taken of pace.take(time, running.length, oneHost)) {
      begun.push(time);
      running.push({ key: taken, ends: time + lasts });
      longestWaits.set(taken, Math.max(longestWaits.get(taken) ?? 0, time - (lastOf.get(taken) ?? now)));
      lastOf.set(taken, time);
    }
    most = Math.max(most, running.length);
  }
  return { begun, most, longestWaits };
}

describe('the pace of repeated self-checks', () => {
  it('lets a few begin within seconds', () => {
    const pace = new RecheckPace();
    pace.set(key(1), now + minute);
    assert.equal(pace.next(), now + minute);
    assert.deepEqual(pace.take(now + minute - 1, 0, oneHost), []);
    assert.deepEqual(pace.take(now + minute, 0, oneHost), [key(1)]);
    pace.set(key(2), now + minute + 1);
    const next = pace.next() ?? 0;
    assert.ok(next - now - minute <= 10_000);
    assert.deepEqual(pace.take(next, 0, oneHost), [key(2)]);
    assert.equal(pace.next(), undefined);
  });

  it('bounds 5,000 dead hosts to 300 a minute and 50 at a time, and forgets none', () => {
    for (const lasts of [1000, 30_000]) {
      const { begun, most, longestWaits } = run(5000, now + 40 * minute, lasts);
      assert.ok(begun.length > 3000, `${begun.length}`);
      for (let from = now; from < now + 40 * minute; from += minute) {
        const inMinute = begun.filter((time) => time >= from && time < from + minute).length;
        assert.ok(inMinute <= 350, `${inMinute} in a minute`);
      }
      assert.ok(most <= 50, `${most} at a time`);
      if (lasts === 1000) assert.equal(longestWaits.size, 5000);
    }
  });

  it('begins those of a beat together, so that they share a write of the challenge Ingress', () => {
    const { begun } = run(200, now + 10 * minute, 5000);
    assert.ok(new Set(begun).size <= 62, `${new Set(begun).size} beginnings in 10 minutes`);
  });

  it('takes an Ingress of very many hosts alone, and stops for none', () => {
    const pace = new RecheckPace();
    for (const index of [1, 2]) pace.set(key(index), now);
    const hostsOf = () => 2000;
    assert.deepEqual(pace.take(now, 0, hostsOf), [key(1)]);
    assert.deepEqual(pace.take(now + minute, 50, hostsOf), [], 'none while those run');
    assert.ok((pace.next() ?? 0) > now + minute, 'and is not asked again at once');
    assert.deepEqual(pace.take(now + 2 * minute, 0, hostsOf), [key(2)]);
  });

  it('keeps its beats when the clock is set', () => {
    const pace = new RecheckPace();
    pace.set(key(1), now);
    pace.take(now, 0, oneHost);
    pace.set(key(2), now + minute);
    pace.move(-60 * minute);
    assert.equal(pace.next(), now - 59 * minute);
    assert.deepEqual(pace.take(now - 59 * minute, 0, oneHost), [key(2)]);
  });
});
