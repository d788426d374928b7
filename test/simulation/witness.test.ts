import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { standing } from '../metrics/scrape-world.ts';
import { readExpiryAlert } from './expiry-alert.ts';
import { longestGoodSpan } from './goodness.ts';
import { HarmOrder } from './harm-order.ts';
import { Hosts } from './hosts.ts';
import { Population } from './population.ts';
import { Random } from './random.ts';
import { RetryAfters } from './retry-afters.ts';
import { day, hour, minute } from './time-units.ts';
import { ProcessClock, VirtualTime } from './virtual-time.ts';
import { World } from './world.ts';

const start = Date.UTC(2026, 10, 2);

describe('what watches over a simulation', () => {
  const round = (id: string, harmAt: number, namespace = 'shop') =>
    ({ id, harmAt, namespace, hosts: [id], purpose: 'renewal', exemption: 'none' }) as const;

  test('sees that a round passes one of its namespace whose harm comes first', () => {
    const violations: string[] = [];
    const order = new HarmOrder('a slot', (words) => violations.push(words));
    order.waits(round('late', start + 2000), start);
    order.waits(round('early', start + 1000), start);
    order.gets('late', start);
    assert.equal(violations.length, 1);
    assert.match(violations[0] ?? '', /Round late .* before early/);
  });

  test('lets a round pass one that is held by a limit', () => {
    const order = new HarmOrder('a slot', assert.fail);
    order.waits(round('late', start + 2000), start);
    order.waits(round('early', start + 1000), start);
    order.held('early');
    order.gets('late', start);
  });

  test('sees that a round passes one of another namespace with as many under way whose harm comes first', () => {
    const violations: string[] = [];
    const order = new HarmOrder('a slot', (words) => violations.push(words));
    order.waits(round('late', start + 2000, 'blog'), start);
    order.waits(round('early', start + 1000), start);
    order.gets('late', start);
    assert.equal(violations.length, 1);
    assert.match(violations[0] ?? '', /Round late .* before early .* blog had 0 and shop 0/);
  });

  test('wants the namespace with fewer rounds under way to go first, whatever the harm', () => {
    const violations: string[] = [];
    const order = new HarmOrder('a slot', (words) => violations.push(words));
    order.waits(round('one', start), start);
    order.gets('one', start);
    order.waits(round('two', start + 1000), start);
    order.waits(round('other', start + 2000, 'blog'), start);
    order.gets('two', start);
    assert.match(violations[0] ?? '', /Round two .* before other .* shop had 1 and blog 0/);
    order.leaves('one');
    order.leaves('two');
    order.waits(round('three', start + 1000), start);
    order.gets('three', start);
    assert.equal(violations.length, 1, 'with none under way the harm decides');
  });

  test('counts what a namespace has had, for as long as it counts at least, and while it waits at most', () => {
    const violations: string[] = [];
    const order = new HarmOrder('admission', (words) => violations.push(words));
    order.waits(round('one', start), start);
    order.waits(round('theirs', start, 'blog'), start);
    order.gets('one', start);
    order.gets('theirs', start);
    order.leaves('one', { least: start + 10, most: start + 20 });
    order.leaves('theirs', { least: start + 10, most: start + 20 });
    order.waits(round('two', start), start + 5);
    order.waits(round('other', start, 'news'), start + 5);
    order.gets('two', start + 9);
    assert.match(violations[0] ?? '', /Round two .* before other .* shop had 1 and news 0/);
    order.leaves('other');
    order.waits(round('three', start), start + 15);
    order.waits(round('four', start, 'blog'), start + 15);
    order.gets('three', start + 30);
    assert.equal(violations.length, 1, 'blog may have had one');
  });

  test('knows who asks before the end of a Retry-After, and lets pass what was on its way when the CA said so', () => {
    const retryAfters = new RetryAfters();
    retryAfters.close('/new-order', start, start + hour, start + 50);
    retryAfters.close('/new-order', start + 20, start + minute, start + 70);
    const early = [50, 51, hour - 1, hour].map((after) => retryAfters.earlyBy('/new-order', start + after));
    assert.deepEqual(early, [undefined, hour - 51, 1, undefined]);
    assert.equal(retryAfters.earlyBy('/order/1', start + 60), undefined);
  });

  test('knows for how long nothing was bad', () => {
    assert.equal(longestGoodSpan([], 0, 100), 100);
    assert.equal(longestGoodSpan([[40, 50]], 0, 100), 50);
    assert.equal(
      longestGoodSpan(
        [
          [60, 200],
          [-10, 30],
          [20, 40],
        ],
        0,
        100,
      ),
      20,
    );
  });

  test('misses the word in the status, the alert and the renewal of a certificate that nobody looks after', async () => {
    const world = await World.create({ seed: 1, ca: 'strict' });
    new Population(world).addSettled(1);
    await world.time.runUntil(world.time.now + 100 * day);
    const seen = world.witness.violations.map((words) =>
      ['overdue without a word', 'raise no alert', 'expired'].find((part) => words.includes(part)),
    );
    assert.deepEqual(new Set(seen), new Set(['overdue without a word', 'raise no alert', 'expired']));
    assert.deepEqual([world.witness.tally.overdue, world.witness.tally.expired], [1, 1]);
  });

  test('evaluates the alert of the rules: three days before the end where renewal fails, else one', () => {
    const alert = readExpiryAlert();
    assert.equal(alert.pending, 15 * minute);
    const holds = (left: number, attempts: number): boolean => {
      const notAfter = start + left;
      const failure = { code: 'ChallengeFailed', message: 'It failed.' } as const;
      const status =
        attempts > 0
          ? ({ kind: 'failed', failure, nextAttemptAt: start + hour } as const)
          : ({ kind: 'good', notAfter, renewAt: notAfter - 30 * day } as const);
      return alert.holds(
        standing('Ingress/shop/web', 'idle', { web: status }, { attempts, servesUntil: { web: notAfter } }),
        'shop/web',
        start,
      );
    };
    assert.deepEqual(
      [3 * day, 3 * day - minute].map((left) => holds(left, 2)),
      [false, true],
    );
    assert.deepEqual(
      [day, day - minute].map((left) => holds(left, 0)),
      [false, true],
    );
  });

  test('knows when a host was bad', () => {
    const time = new VirtualTime(start);
    const hosts = new Hosts(time);
    hosts.set('a.example', 'dead');
    assert.deepEqual(hosts.badSpans('a.example', start, start + 10), [[start, Number.POSITIVE_INFINITY]]);
    assert.deepEqual(hosts.badSpans('b.example', start, start + 10), []);
  });
});

describe('time that jumps', () => {
  test('fires timers in their order, and what they set off before the next', async () => {
    const time = new VirtualTime(start);
    const seen: string[] = [];
    time.after(2000, () => seen.push('second'));
    time.after(1000, () => {
      seen.push('first');
      void Promise.resolve().then(() => time.after(500, () => seen.push('between')));
    });
    time.after(9000, () => seen.push('too late'));
    await time.runUntil(start + 5000);
    assert.deepEqual(seen, ['first', 'between', 'second']);
    assert.equal(time.now, start + 5000);
  });

  test('a process that is gone hears no timer', async () => {
    const time = new VirtualTime(start);
    const clock = new ProcessClock(time, () => 3000);
    clock.setTimeout(() => assert.fail('it is gone'), 1000);
    assert.equal(clock.now(), start + 3000);
    clock.stop();
    await time.runUntil(start + 5000);
  });

  test('the same seed draws the same numbers', () => {
    const draw = (seed: number): number[] => {
      const random = new Random(seed);
      return Array.from({ length: 5 }, () => random.next());
    };
    assert.deepEqual(draw(3), draw(3));
    assert.notDeepEqual(draw(3), draw(4));
  });
});
