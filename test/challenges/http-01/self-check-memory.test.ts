import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Verdict } from '../../../src/challenges/http-01/self-check/self-check.ts';
import { SelfCheckMemory } from '../../../src/challenges/http-01/self-check/self-check-memory.ts';
import { ManualClock } from '../../time/manual-clock.ts';

const host = 'web.example.com';
const silence: Verdict = { kind: 'inconclusive', message: `Host ${host} cannot be connected to.` };
const good: Verdict = { kind: 'reachable', notice: undefined };
const wrong: Verdict = {
  kind: 'wrong-answer',
  message: 'Another server answers.',
  status: 404,
  finalHost: host,
};
const hour = 3_600_000;

describe('a host that gives no answer when it is asked from inside', () => {
  it('is left to the CA when it never gave one', () => {
    const memory = new SelfCheckMemory(new ManualClock());
    assert.equal(memory.judge(host, silence), silence);
    assert.equal(memory.judge(host, silence), silence);
  });

  for (const before of [good, wrong]) {
    it(`costs no order after a ${before.kind} verdict, for half a day; then it is left to the CA`, () => {
      const clock = new ManualClock();
      const memory = new SelfCheckMemory(clock);
      assert.equal(memory.judge(host, before), before);
      for (const hours of [0, 1, 10.5]) {
        clock.advance(hours * hour);
        assert.equal(memory.judge(host, silence).kind, 'wrong-answer');
        assert.equal(memory.judge('other.example.com', silence), silence);
      }
      clock.advance(hour);
      assert.equal(memory.judge(host, silence), silence);
      assert.equal(memory.judge(host, silence), silence);
    });
  }

  for (const jump of [-24, 24]) {
    it(`costs no order for half a day, though the clock was set by ${jump} h`, () => {
      const clock = new ManualClock();
      const memory = new SelfCheckMemory(clock);
      memory.judge(host, good);
      memory.judge(host, silence);
      clock.set(jump * hour);
      clock.advance(11 * hour);
      assert.equal(memory.judge(host, silence).kind, 'wrong-answer');
      clock.advance(hour);
      assert.equal(memory.judge(host, silence), silence);
    });
  }

  it('that answered an earlier process costs no order either, for half a day; then it is left to the CA', () => {
    const clock = new ManualClock();
    const memory = new SelfCheckMemory(clock);
    assert.equal(memory.judge(host, silence, true).kind, 'wrong-answer');
    clock.advance(12 * hour);
    for (let attempts = 0; attempts < 2; attempts += 1)
      assert.equal(memory.judge(host, silence, true), silence);
    assert.equal(memory.hasAnswered(host), false);
    memory.judge(host, good, true);
    assert.equal(memory.hasAnswered(host), true);
  });

  it('has its half a day again when it has answered in between', () => {
    const clock = new ManualClock();
    const memory = new SelfCheckMemory(clock);
    memory.judge(host, good);
    memory.judge(host, silence);
    clock.advance(11 * hour);
    memory.judge(host, good);
    clock.advance(2 * hour);
    assert.equal(memory.judge(host, silence).kind, 'wrong-answer');
  });

  it('is forgotten when there are very many others', () => {
    const memory = new SelfCheckMemory(new ManualClock());
    for (let index = 0; index <= 20_000; index += 1) memory.judge(`host-${index}.example.com`, good);
    assert.equal(memory.judge('host-0.example.com', silence).kind, 'inconclusive');
    assert.equal(memory.judge('host-20000.example.com', silence).kind, 'wrong-answer');
  });
});

it('knows which hosts did not resolve at their last check', () => {
  const memory = new SelfCheckMemory(new ManualClock());
  const unresolved: Verdict = { kind: 'inconclusive', message: 'It does not exist.', unresolved: true };
  memory.judge(host, unresolved);
  assert.ok(memory.isUnresolved(host));
  assert.ok(!memory.isUnresolved('other.example'));
  memory.judge(host, { kind: 'inconclusive', message: 'It is silent.' });
  assert.ok(!memory.isUnresolved(host));
});
