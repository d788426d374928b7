import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { SecretFacts } from '../../machines/assessment/secret-facts.ts';
import type { RenewalInfo, SuggestedWindow } from '../../src/acme/order/renewal-info.ts';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import { RenewalPolls } from '../../src/steps/renewal-polls.ts';
import { RenewalWatch } from '../../src/steps/renewal-watch.ts';
import { certificateFacts, day, hour, minute, now, secretFacts } from '../machines/builders.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { ManualClock } from '../time/manual-clock.ts';

const directory = 'https://ca.example/dir';
const place = { namespace: 'shop', secretName: 'web-tls' };
const window: SuggestedWindow = { start: now + 50 * day, end: now + 52 * day, url: undefined };
const sooner: SuggestedWindow = { ...window, start: now + day, end: now + 2 * day };
/** Milliseconds for which an answer of the CA holds. */
const period = 10 * hour;

function secretWith(id: string): Extract<SecretFacts, { kind: 'present' }> {
  return secretFacts({ directory, certificate: certificateFacts({ id }) });
}

function certificateOf(id: string): { readonly id: string; readonly notAfter: number } {
  const { notAfter } = certificateFacts();
  return { id, notAfter };
}

function world() {
  const clock = new ManualClock(now);
  const ended = new AbortController();
  const asked: { readonly id: string; readonly at: number }[] = [];
  const woken: string[] = [];
  const troubles: unknown[] = [];
  /** What the CA and the cluster say; a test changes it. */
  const says = {
    window,
    answer: (): Promise<RenewalInfo> =>
      Promise.resolve({ window: says.window, askAt: clock.now() + says.period }),
    period,
    trouble: undefined as { readonly until: number } | undefined,
    refusal: undefined as Error | undefined,
    wanted: true,
  };
  const watch = new RenewalWatch({
    ca: {
      directoryUrl: directory,
      renewalInfo: {
        ask: (id) => {
          asked.push({ id, at: clock.now() });
          return says.answer();
        },
      },
      budget: {
        trouble: () => says.trouble && { ...says.trouble, cause: 'unavailable', scope: 'the CA' },
      },
      clock: aheadOf(clock),
    },
    secrets: {
      annotate: () =>
        says.refusal === undefined
          ? Promise.resolve({ uid: 'uid-of-secret', resourceVersion: '18' })
          : Promise.reject(says.refusal),
    },
    clock,
    signal: ended.signal,
  });
  const polls = new RenewalPolls({
    watch,
    clock,
    signal: ended.signal,
    isWanted: () => says.wanted,
    onNews: ({ namespace, secretName }) => woken.push(`${namespace}/${secretName}`),
    onTrouble: (trouble) => troubles.push(trouble),
  });
  /** Lets everything come to rest after each timer. */
  async function pass(ms: number): Promise<void> {
    const end = clock.now() + ms;
    await setImmediate();
    for (;;) {
      const left = end - clock.now();
      const [next = Number.POSITIVE_INFINITY] = clock.pending;
      clock.advance(Math.min(left, Math.max(0, next)));
      await setImmediate();
      if (next > left) return;
    }
  }
  const check = (secret: SecretFacts = secretWith('id'), where = place) =>
    polls.check(where, secret, ended.signal);
  /** One whose window is recorded and known to the CA, right after a question. */
  async function settle(): Promise<SecretFacts> {
    await polls.first(place, certificateOf('id'), ended.signal);
    await check();
    await pass(period);
    assert.deepEqual(woken.splice(0), ['shop/web-tls'], 'its first window is recorded by a check');
    const settled = await check();
    asked.length = 0;
    return settled;
  }
  return { asked, check, clock, ended, pass, polls, says, settle, troubles, woken };
}

describe('the polls of ARI for idle certificates', () => {
  it('ask whenever the last answer no longer holds, and have nothing checked that stays as it is', async () => {
    const { asked, clock, pass, settle, woken } = world();
    await settle();
    const from = clock.now();
    await pass(3 * period);
    assert.deepEqual(
      asked.map(({ at }) => (at - from) / period),
      [1, 2, 3],
    );
    assert.deepEqual(woken, []);
  });

  for (const [what, changed] of [
    ['another window', sooner],
    ['another explanation', { ...window, url: 'https://ca.example/why' }],
  ] as const) {
    it(`have the Secret checked for ${what}, which is used and recorded without another question`, async () => {
      const { asked, check, pass, says, settle, woken } = world();
      const secret = await settle();
      says.window = changed;
      await pass(period);
      assert.deepEqual(woken, ['shop/web-tls']);
      const found = await check(secret);
      assert.equal(asked.length, 1);
      assert.partialDeepStrictEqual(found, {
        resourceVersion: '18',
        window: { start: changed.start, url: changed.url },
        windowConfirmed: true,
      });
      await pass(2 * period);
      assert.deepEqual([asked.length, woken.length], [3, 1]);
    });
  }

  it('have it checked again where the new window could not be recorded, without a question', async () => {
    const { asked, check, pass, says, settle, woken } = world();
    const secret = await settle();
    says.window = sooner;
    says.refusal = new KubernetesError('Conflict', 'PATCH Secret');
    await pass(period);
    await check(secret);
    await pass(10 * minute);
    assert.deepEqual([asked.length, woken.length], [1, 2]);
    says.refusal = undefined;
    await check(secret);
    await pass(period - 11 * minute);
    assert.deepEqual([asked.length, woken.length], [1, 2]);
  });

  it('repeat it while no check comes', async () => {
    const { asked, pass, says, settle, woken } = world();
    await settle();
    says.window = sooner;
    await pass(period + 20 * minute);
    assert.deepEqual([asked.length, woken.length], [1, 3]);
  });

  it('ask about the certificate that the Secret holds now', async () => {
    const { asked, ended, pass, polls, settle } = world();
    await settle();
    await polls.first(place, certificateOf('its-successor'), ended.signal);
    await pass(period);
    assert.deepEqual(
      asked.map(({ id }) => id),
      ['its-successor', 'its-successor'],
    );
  });

  it('end with the Secret, with the last who wants it, and with another certificate in it', async () => {
    const stranger = { ...secretWith('id'), directory: 'https://another.example/dir' };
    for (const end of [
      ({ check }: ReturnType<typeof world>) => check({ kind: 'absent' }),
      ({ check }: ReturnType<typeof world>) => check(stranger),
      ({ says }: ReturnType<typeof world>) => {
        says.wanted = false;
        return Promise.resolve();
      },
    ]) {
      const ending = world();
      await ending.settle();
      await end(ending);
      await ending.pass(2 * day);
      assert.deepEqual(ending.asked, []);
      assert.deepEqual(ending.clock.pending, []);
    }
  });

  it('end with the certificate, which is renewed by itself (RFC 9773 section 4.3)', async () => {
    const { asked, clock, pass, settle, woken } = world();
    await settle();
    const { notAfter } = certificateFacts();
    await pass(notAfter + 2 * day - clock.now());
    assert.deepEqual(clock.pending, []);
    assert.ok(asked.length > 0 && asked.every(({ at }) => at < notAfter));
    assert.deepEqual(woken, []);
  });

  it('have nothing checked over and over that has expired with a window that could not be recorded', async () => {
    const { check, clock, pass, says, settle, woken } = world();
    const secret = await settle();
    const { notAfter } = certificateFacts();
    await pass(notAfter - 2 * period - clock.now());
    says.window = { start: notAfter + day, end: notAfter + 2 * day, url: undefined };
    says.refusal = new KubernetesError('Forbidden', 'PATCH Secret');
    await pass(period);
    await check(secret);
    await pass(notAfter - clock.now());
    woken.length = 0;
    // The renewal fails meanwhile.
    for (let times = 1; times <= 5; times += 1) {
      await check(secret);
      await pass(hour);
    }
    assert.deepEqual(woken, []);
  });

  it('wait while the CA is in trouble, and are spread over six hours then', async () => {
    const { asked, clock, pass, says, settle } = world();
    await settle();
    const until = clock.now() + period + day;
    says.trouble = { until };
    await pass(period + hour);
    says.trouble = undefined;
    await pass(day + 6 * hour);
    assert.equal(asked.length, 1);
    assert.ok(asked.every(({ at }) => at > until && at <= until + 6 * hour));
  });

  it('keep to the time that a refusal names', async () => {
    const { asked, pass, says, settle, woken } = world();
    await settle();
    says.answer = () => Promise.resolve({ window: undefined, askAt: Number.POSITIVE_INFINITY });
    await pass(30 * day);
    assert.deepEqual([asked.length, woken.length], [1, 0]);
  });

  it('come at the time that the CA named, however the clock was set meanwhile', async () => {
    for (const by of [-hour, hour]) {
      const { asked, clock, pass, says, settle } = world();
      await settle();
      const from = clock.monotonic();
      let askedAt = 0;
      const { answer } = says;
      says.answer = () => {
        askedAt = clock.monotonic();
        return answer();
      };
      await pass(hour);
      clock.set(by);
      await pass(period);
      assert.equal(asked.length, 1);
      // The clock of this CA is the machine's: what it named has passed there, too.
      assert.ok(askedAt - from >= period - Math.max(by, 0));
    }
  });

  it('are few at a time, and a check meanwhile does not ask as well', async () => {
    const { asked, check, pass, says } = world();
    const places = Array.from({ length: 40 }, (_, index) => ({ ...place, secretName: `tls-${index}` }));
    const secrets = places.map((_, index) => secretWith(`id-${index}`));
    for (const [index, where] of places.entries()) await check(secrets[index], where);
    const held: PromiseWithResolvers<RenewalInfo>[] = [];
    says.answer = () => {
      const answer = Promise.withResolvers<RenewalInfo>();
      held.push(answer);
      return answer.promise;
    };
    await pass(6 * hour);
    assert.equal(asked.length, 16);
    for (const [index, where] of places.entries()) {
      if (asked.some(({ id }) => id === `id-${index}`)) await check(secrets[index], where);
    }
    assert.equal(asked.length, 16);
    for (let at = 0; at < held.length; at += 1) {
      held[at]?.resolve({ window: undefined, askAt: now + 30 * day });
      await pass(0);
    }
    assert.ok(asked.length > 16);
    assert.equal(new Set(asked.map(({ id }) => id)).size, asked.length);
  });

  it('go on after a fault of our own, which is told', async () => {
    const { asked, pass, says, settle, troubles } = world();
    await settle();
    const { answer } = says;
    const fault = new TypeError('a bug');
    says.answer = () => Promise.reject(fault);
    await pass(period);
    assert.deepEqual(troubles, [fault]);
    says.answer = answer;
    await pass(6 * hour);
    assert.equal(asked.length, 2);
  });

  it('leave no timer behind at the end', async () => {
    const { clock, ended, settle } = world();
    await settle();
    assert.equal(clock.pending.length, 1);
    ended.abort();
    assert.deepEqual(clock.pending, []);
  });
});
