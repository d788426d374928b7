import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../time/eventually.ts';
import { ingress, ingressPath } from './objects.ts';
import { type Stage, startStage } from './stage.ts';
import { StrictCa } from './strict-ca.ts';

const day = 24 * 60 * 60_000;
const environment = {
  LEGO_RATE_LIMITS: '{"orders-per-account": {"burst": 1, "period": "24h"}, "reserve": 0}',
};

let stage: Stage;
/** Before the first order. */
let begun = 0;

before(async () => {
  stage = await startStage({ namespaces: ['shop'] });
});
after(() => stage.stop());

describe('a limit of failures of a host', () => {
  it('is kept to although its owner deletes the Ingress, and with it what the status remembers', async () => {
    await using ca = await StrictCa.start(stage, { validate: () => Promise.resolve('connection') });
    const failures = '{"authorization-failures": {"burst": 2, "period": "24h"}, "reserve": 0}';
    const settings = { ...ca.environment, LEGO_RATE_LIMITS: failures };
    const bad = ingress('shop/bad', { tls: { 'bad-tls': ['bad.example.com'] } });
    await stage.startController(settings);
    for (const orders of [1, 2]) {
      await stage.apply(bad);
      await stage.untilState('shop/bad', 'backing-off');
      assert.equal(ca.orders.length, orders, 'a new Ingress is tried at once');
      await stage.world.api.expect(ingressPath('shop/bad'), { method: 'DELETE' });
      await eventually('it is forgotten', async () => (await stage.view('shop/bad')) === undefined);
    }
    await stage.controller.stop();
    await stage.startController(settings);
    await stage.apply(bad);
    assert.match(await stage.untilWarned('shop/bad', 'RateLimited'), /\(host bad\.example\.com\)/);
    assert.equal((await stage.view('shop/bad'))?.state, 'queued');
    assert.equal(ca.orders.length, 2);
    await stage.world.api.expect(ingressPath('shop/bad'), { method: 'DELETE' });
    await stage.controller.stop();
  });
});

describe('a CA whose limit is reached', () => {
  before(() => stage.startController(environment));
  after(() => stage.controller.stop());

  it('is not asked: the Ingress waits in queued and says for what, until when', async () => {
    begun = Date.now();
    await stage.apply(ingress('shop/first', { tls: { 'first-tls': ['first.example.com'] } }));
    await stage.untilIssued('shop/first');
    const orders = await stage.orders();
    await stage.apply(ingress('shop/second', { tls: { 'second-tls': ['second.example.com'] } }));
    const message = await stage.untilWarned('shop/second', 'RateLimited');
    assert.match(message, /waits for the CA's limit of new orders \(this account\)/);
    const told = Date.parse(/Next attempt: (\S+)\.$/.exec(message)?.[1] ?? '');
    const view = await stage.view('shop/second');
    assert.equal(view?.state, 'queued');
    assert.equal(view.next.action, 'order when this account has room');
    const until = view.next.at ?? 0;
    assert.ok(until > Date.now() + day / 2 && until <= Date.now() + day);
    assert.ok(Math.abs(told - until) <= 1000, message);
    assert.equal(await stage.orders(), orders);
  });

  it('is not asked after a crash either', async () => {
    const before = await stage.view('shop/second');
    const orders = await stage.orders();
    await stage.controller.kill();
    await stage.startController(environment);
    const view = await stage.untilView(
      'shop/second',
      'the wait goes on',
      ({ state, next }) => state === 'queued' && next.at !== undefined,
    );
    const moved = (view.next.at ?? 0) - (before?.next.at ?? 0);
    // The journal may have the first order still, which then counts from the restart on.
    const passed = Date.now() - begun;
    assert.ok(moved >= -1000 && moved <= passed + 1000, `by ${moved} ms, ${passed} ms after the first order`);
    assert.equal(await stage.orders(), orders);
  });

  it('is asked at once when its limit is lifted', async () => {
    await stage.controller.stop();
    await stage.startController();
    await stage.untilIssued('shop/second');
  });
});
