import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { RenewalWindow } from '../../machines/assessment/renewal.ts';
import { OrderBudget } from '../../machines/authority/order-budget.ts';
import { type RenewalInfo, RenewalInfoSource } from '../../src/acme/order/renewal-info.ts';
import { AcmeProblem } from '../../src/acme/transport/problem.ts';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import { createLedger } from '../../src/ledger/ledger-keeper.ts';
import { readRenewal, recordOf, writeRenewal } from '../../src/secret/renewal-record.ts';
import { RenewalWatch } from '../../src/steps/renewal-watch.ts';
import { certificateFacts, day, hour, minute, now, secretFacts } from '../machines/builders.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { ManualClock } from '../time/manual-clock.ts';

const directory = 'https://ca.example/dir';
const signal = AbortSignal.timeout(60_000);
const window = { start: now + 50 * day, end: now + 52 * day };

describe('what is recorded of a renewal', () => {
  const record: RenewalWindow = { ...window, at: now + 51 * day, url: 'https://ca.example/why' };

  it('is read as it was written, for that certificate only', () => {
    assert.deepEqual(readRenewal(writeRenewal('id', record), 'id'), record);
    assert.equal(readRenewal(writeRenewal('id', record), 'another'), undefined);
    assert.equal(readRenewal(writeRenewal('id', record), undefined), undefined);
  });

  it('is nothing in any other text', () => {
    const texts = [
      undefined,
      '',
      '{',
      'null',
      '[]',
      '{"certificate":"id"}',
      writeRenewal('id', { ...record, end: 0 }),
    ];
    for (const text of texts) assert.equal(readRenewal(text, 'id'), undefined);
  });

  it('stays when a window that has passed moves on with the time', () => {
    const passed = { start: now - 2 * hour, end: now - hour, at: now + minute, url: undefined };
    const later = { start: now - hour, end: now - minute, url: undefined };
    assert.deepEqual(recordOf('id', later, passed, now), passed);
  });

  it('keeps its moment as long as the window stays, and draws another with another', () => {
    const first = recordOf('id', { ...window, url: undefined }, { ...window, at: 17 }, now);
    assert.equal(first.at, 17);
    const moved = recordOf('id', { ...window, end: window.end + 1, url: undefined }, first, now);
    assert.ok(moved.at >= window.start && moved.at <= window.end);
  });
});

describe('what the CA says of a renewal', () => {
  function source(
    answer: unknown,
    { retryAfter, renewalInfo }: { retryAfter?: number; renewalInfo?: string | undefined } = {},
  ) {
    const asked: string[] = [];
    const info = new RenewalInfoSource({
      transport: {
        directory: () =>
          Promise.resolve({
            termsOfService: undefined,
            externalAccountRequired: false,
            profiles: undefined,
            renewalInfo,
            resources: {},
          }),
        get: (_, __, url) => {
          asked.push(url);
          return answer instanceof Error
            ? Promise.reject(answer)
            : Promise.resolve({ value: answer, retryAfter });
        },
      },
      directoryUrl: directory,
      clock: { now: () => now },
    });
    return { asked, ask: (id = 'aki.serial') => info.ask(id, signal) };
  }
  const suggestedWindow = { start: '2027-01-01T00:00:00Z', end: '2027-01-03T00:00:00Z' };
  const renewalInfo = 'https://ca.example/ari/';

  it('is a window, an address, and when to ask again', async () => {
    const { ask, asked } = source(
      { suggestedWindow, explanationURL: 'https://ca.example/why' },
      { renewalInfo, retryAfter: 7 * hour },
    );
    assert.deepEqual(await ask(), {
      window: { start: Date.UTC(2027, 0, 1), end: Date.UTC(2027, 0, 3), url: 'https://ca.example/why' },
      askAt: now + 7 * hour,
    });
    assert.deepEqual(asked, ['https://ca.example/ari/aki.serial']);
  });

  it('is asked again after a minute at the earliest, and a day at the latest', async () => {
    const wait = async (retryAfter?: number) =>
      (
        await source(
          { suggestedWindow },
          { renewalInfo, ...(retryAfter === undefined ? {} : { retryAfter }) },
        ).ask()
      ).askAt - now;
    assert.deepEqual([await wait(0), await wait(30 * day), await wait()], [minute, day, 6 * hour]);
  });

  it('is nothing where the CA has no such thing, and it is not asked', async () => {
    const { ask, asked } = source({ suggestedWindow });
    assert.equal((await ask()).window, undefined);
    assert.deepEqual(asked, []);
  });

  it('is nothing where the window makes no sense, or the address is none', async () => {
    const odd = [
      {},
      { suggestedWindow: {} },
      { suggestedWindow: { start: suggestedWindow.end, end: suggestedWindow.start } },
      { suggestedWindow: { start: 'soon', end: 'later' } },
    ];
    for (const answer of odd) assert.equal((await source(answer, { renewalInfo }).ask()).window, undefined);
    for (const explanationURL of [
      'javascript:alert(1)',
      'nonsense',
      `https://a.example/${'x'.repeat(600)}`,
      7,
    ]) {
      const { window: found } = await source({ suggestedWindow, explanationURL }, { renewalInfo }).ask();
      assert.equal(found?.url, undefined);
    }
  });

  it('is asked again later where the CA cannot answer', async () => {
    const problem = (type: string, status: number, retryAfter?: number) =>
      new AcmeProblem({ type, detail: '', endpoint: 'renewal-info', ca: 'ca.example', status, retryAfter });
    const wait = async (error: Error) => (await source(error, { renewalInfo }).ask()).askAt - now;
    assert.equal(await wait(problem('serverInternal', 500)), hour);
    assert.equal(await wait(problem('malformed', 404)), 6 * hour);
  });

  it('is asked again when the CA allows it, however late that is, and not of all certificates at once', async () => {
    for (const [type, status] of [
      ['rateLimited', 429],
      ['serverInternal', 503],
    ] as const) {
      const init = { type, status, detail: '', endpoint: 'renewal-info', ca: 'ca.example' } as const;
      const refusal = new AcmeProblem({ ...init, retryAfter: 3 * day });
      const { ask } = source(refusal, { renewalInfo });
      const [one, other] = [(await ask('one')).askAt, (await ask('other')).askAt];
      for (const askAt of [one, other])
        assert.ok(askAt >= now + 3 * day && askAt < now + 3 * day + hour, String(askAt));
      assert.notEqual(one, other);
    }
  });
});

describe('the watch over renewals', () => {
  const place = { namespace: 'shop', secretName: 'web-tls' };
  const known = secretFacts({ directory, certificate: certificateFacts({ id: 'id' }) });
  /** Milliseconds by which the CA's clock is ahead of ours. */
  const caAhead = 10 * minute;
  const caIsWell = { budget: { trouble: () => undefined } };

  function watch(...answers: readonly RenewalInfo[]) {
    const clock = new ManualClock(now);
    const budget = new OrderBudget(createLedger({ limits: {}, reserve: 0 }, directory));
    const written: string[] = [];
    let asked = 0;
    const renewals = new RenewalWatch({
      ca: {
        directoryUrl: directory,
        renewalInfo: {
          ask: () => {
            const answer = answers[asked];
            asked += 1;
            assert.ok(answer !== undefined);
            return Promise.resolve({ ...answer, askAt: answer.askAt + caAhead });
          },
        },
        budget,
        clock: aheadOf(clock, caAhead),
      },
      secrets: {
        annotate: (_, __, { resourceVersion }, annotations) => {
          written.push(`${resourceVersion} ${Object.keys(annotations).join()}`);
          return Promise.resolve({ uid: 'uid-of-secret', resourceVersion: '18' });
        },
      },
      clock,
      signal,
    });
    return {
      renewals,
      clock,
      budget,
      written,
      asked: () => asked,
      check: (secret = known) => renewals.check(place, secret, signal),
    };
  }

  it('asks nobody at a start, but within six hours, each certificate at its own time', async () => {
    const { check, asked } = watch();
    const times = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        check({ ...known, certificate: certificateFacts({ id: `id-${index}` }) }),
      ),
    );
    assert.equal(asked(), 0);
    const waits = times.map(({ askAt = 0 }) => askAt - now);
    assert.ok(waits.every((wait) => wait > 0 && wait <= 6 * hour));
    assert.ok(new Set(waits.map((wait) => Math.floor(wait / hour))).size === 6);
  });

  it('asks when it is time, records another window, and leaves the same one alone', async () => {
    const answer = { window: { ...window, url: undefined }, askAt: now + 12 * hour };
    const { clock, check, asked, written } = watch(answer, { ...answer, askAt: now + 18 * hour });
    const { askAt = 0 } = await check();
    clock.advance(askAt - now);
    const first = await check();
    assert.equal(asked(), 1);
    assert.deepEqual(written, ['17 kube-lego.io/renewal']);
    assert.equal(first.secret.resourceVersion, '18', 'what comes next is about the Secret as it is now');
    assert.equal(first.secret.window?.start, window.start);
    assert.equal(first.askAt, now + 12 * hour);
    await check(first.secret);
    assert.equal(asked(), 1);
    clock.advance(12 * hour);
    const second = await check(first.secret);
    assert.equal(asked(), 2);
    assert.equal(written.length, 1);
    assert.equal(second.askAt, now + 18 * hour);
  });

  it('forgets a certificate that nobody has looked at since the day of its turn: it has been replaced', async () => {
    const { clock, check, asked } = watch();
    const { askAt = 0 } = await check();
    clock.advance(askAt - now + day);
    await check({ ...known, certificate: certificateFacts({ id: 'its-successor' }) });
    // It would be asked about at once; one that is not known is spread.
    const again = await check();
    assert.equal(asked(), 0);
    assert.ok(again.askAt !== undefined && again.askAt > clock.now());
  });

  it('asks about a new certificate at once, acts upon the answer, and records it when it asks next', async () => {
    const answer = { window: { ...window, url: undefined }, askAt: now + 8 * hour };
    const { renewals, clock, check, asked, written } = watch(answer, { ...answer, askAt: now + 16 * hour });
    const first = await renewals.first('id', signal);
    assert.equal(first.window?.end, window.end);
    const before = await check();
    assert.equal(before.askAt, now + 8 * hour);
    assert.deepEqual(before.secret.window, first.window);
    assert.deepEqual([asked(), written.length], [1, 0]);
    clock.advance(8 * hour);
    const { secret } = await check();
    assert.deepEqual(secret.window, first.window, 'its moment stays');
    assert.deepEqual([asked(), written.length], [2, 1]);
  });

  it('acts upon what it was told of a new certificate also where that cannot be recorded', async () => {
    const clock = new ManualClock(now);
    const renewals = new RenewalWatch({
      ca: {
        directoryUrl: directory,
        renewalInfo: { ask: () => Promise.resolve({ window: { ...window, url: undefined }, askAt: now }) },
        ...caIsWell,
        clock: aheadOf(clock),
      },
      secrets: { annotate: () => Promise.reject(new KubernetesError('Forbidden', 'PATCH Secret')) },
      clock,
      signal,
    });
    const first = await renewals.first('id', signal);
    for (const wait of [0, 10 * minute]) {
      clock.advance(wait);
      const { secret, askAt } = await renewals.check(place, known, signal);
      assert.deepEqual(secret.window, first.window);
      assert.equal(askAt, clock.now() + 10 * minute);
    }
  });

  it('forgets what it was told when another certificate takes the place', async () => {
    const { renewals, check } = watch({ window: { ...window, url: undefined }, askAt: now + 8 * hour });
    await renewals.first('the one before', signal);
    assert.equal((await check()).secret.window, undefined);
  });

  it('leaves alone what may not be written, does not act upon it, and tries again later without asking the CA before its time', async () => {
    const clock = new ManualClock(now);
    const answers: RenewalInfo[] = [
      { window: undefined, askAt: now },
      { window: { ...window, url: undefined }, askAt: now + 8 * hour },
    ];
    const renewals = new RenewalWatch({
      ca: {
        directoryUrl: directory,
        renewalInfo: { ask: () => Promise.resolve(answers.shift() ?? assert.fail('asked too often')) },
        ...caIsWell,
        clock: aheadOf(clock),
      },
      secrets: {
        annotate: () =>
          clock.now() === now
            ? Promise.reject(new KubernetesError('Conflict', 'PATCH Secret'))
            : Promise.resolve({ uid: known.uid, resourceVersion: '2' }),
      },
      clock,
      signal,
    });
    await renewals.first('id', signal);
    const { secret, askAt } = await renewals.check(place, known, signal);
    assert.equal(secret, known);
    assert.equal(askAt, now + 10 * minute);
    assert.equal((await renewals.check(place, known, signal)).askAt, askAt);
    clock.advance(10 * minute);
    const later = await renewals.check(place, known, signal);
    assert.deepEqual([later.secret.window?.start, later.askAt], [window.start, now + 8 * hour]);
  });

  it('asks before anything is done because of a record that somebody else may have written, and corrects it', async () => {
    const answer = { window: { ...window, url: undefined }, askAt: now + 8 * hour };
    const { check, asked, written } = watch(answer, answer);
    const claimed = { start: now - hour, end: now + hour, at: now - minute };
    const first = await check({ ...known, window: claimed });
    assert.deepEqual([asked(), written.length], [1, 1], 'also right after a start');
    assert.deepEqual([first.secret.window?.start, first.secret.windowConfirmed], [window.start, true]);
    const again = await check({ ...known, window: claimed });
    assert.equal(again.secret.window?.start, window.start, 'nor later');
    const harmless = await check({ ...known, window: { ...claimed, at: now + day } });
    assert.equal(harmless.secret.windowConfirmed, undefined);
    assert.deepEqual([asked(), written.length], [1, 2], 'the CA not before its Retry-After');
    const anew = await check({ ...known, uid: 'created-anew', window: claimed });
    assert.deepEqual([anew.secret.window?.start, asked()], [window.start, 1], 'nor of a Secret created anew');
  });

  it('leaves such a record alone until the CA can be asked, also with an answer that is not recorded yet', async () => {
    const answer = { window: { ...window, url: undefined }, askAt: now + 8 * hour };
    const { renewals, budget, clock, check, asked } = watch(answer, { ...answer, askAt: now + 16 * hour });
    await renewals.first('id', signal);
    clock.advance(8 * hour);
    assert.equal((await renewals.poll('id', undefined)).isNews, true);
    budget.report({ type: 'CA_UNAVAILABLE', id: 'order', retryAfter: 3 * hour }, clock.now() + caAhead);
    const claimed = { start: now - hour, end: now + hour, at: now - minute };
    const { askAt = 0 } = await check({ ...known, window: claimed });
    assert.ok(askAt >= clock.now() + 3 * hour, 'It would be checked over and over.');
    assert.equal(asked(), 2);
  });

  it('does not keep the end of a round waiting for an answer', async () => {
    const clock = new ManualClock(now);
    const renewals = new RenewalWatch({
      ca: {
        directoryUrl: directory,
        renewalInfo: {
          ask: (_, given) =>
            new Promise((_resolve, reject) => given.addEventListener('abort', () => reject(given.reason))),
        },
        ...caIsWell,
        clock: aheadOf(clock),
      },
      secrets: { annotate: () => Promise.reject(new Error('nothing is to be written')) },
      clock,
      signal,
    });
    const first = renewals.first('id', signal);
    clock.advance(2000);
    const { window: suggested, askAt } = await first;
    assert.equal(suggested, undefined);
    assert.ok(askAt > now && askAt <= now + 7 * hour);
  });

  for (const [what, late] of [
    ['a refusal', { window: undefined, askAt: now + 30 * hour }],
    ['a window', { window: { ...window, url: undefined }, askAt: now + 30 * hour }],
  ] as const) {
    it(`keeps to the time that ${what} names, though it comes when nobody waits any more`, async () => {
      const clock = new ManualClock(now);
      const { promise, resolve } = Promise.withResolvers<RenewalInfo>();
      let asked = 0;
      let written = 0;
      const renewals = new RenewalWatch({
        ca: {
          directoryUrl: directory,
          renewalInfo: {
            ask: () => {
              asked += 1;
              return promise;
            },
          },
          ...caIsWell,
          clock: aheadOf(clock),
        },
        secrets: {
          annotate: () => {
            written += 1;
            return Promise.resolve({ uid: known.uid, resourceVersion: '2' });
          },
        },
        clock,
        signal,
      });
      const first = renewals.first('id', signal);
      clock.advance(2000);
      const { askAt } = await first;
      resolve(late);
      await setImmediate();
      clock.advance(askAt - clock.now());
      const { secret, askAt: next } = await renewals.check(place, known, signal);
      assert.deepEqual([asked, next], [1, now + 30 * hour]);
      assert.equal(secret.window?.start, late.window?.start);
      assert.equal(written, late.window === undefined ? 0 : 1);
    });
  }

  it('asks nothing while the CA is in trouble, but within six hours after it, each question at its own time', async () => {
    const answer = { window: { ...window, url: undefined }, askAt: now + 30 * hour };
    const { renewals, budget, clock, check, asked, written } = watch(answer, answer);
    const { askAt: beat = 0 } = await check();
    clock.advance(beat - now);
    budget.report({ type: 'CA_UNAVAILABLE', id: 'order', retryAfter: 3 * hour }, clock.now() + caAhead);
    const end = clock.now() + 3 * hour;
    const { secret, askAt = 0 } = await check();
    assert.equal(secret.window, undefined);
    const first = await renewals.first('another', signal);
    assert.equal(first.window, undefined);
    assert.ok([askAt, first.askAt].every((at) => at >= end && at <= end + 6 * hour));
    assert.notEqual(askAt, first.askAt);
    clock.advance(end - 1 - clock.now());
    assert.equal((await check()).askAt, askAt);
    assert.deepEqual([asked(), written.length], [0, 0]);
    clock.advance(askAt - clock.now());
    assert.equal((await check()).secret.window?.start, window.start);
    assert.deepEqual([asked(), written.length], [1, 1]);
  });

  it('looks at a Secret every six hours while the CA is in trouble, however often that is tried', async () => {
    const { budget, clock, check, asked } = watch();
    let { askAt = 0 } = await check();
    let looks = 0;
    while (clock.now() < now + 7 * day) {
      clock.advance(askAt - clock.now());
      for (const _ of [1, 2])
        budget.report({ type: 'CA_UNAVAILABLE', id: 'order', retryAfter: undefined }, clock.now() + caAhead);
      ({ askAt = 0 } = await check());
      looks += 1;
    }
    assert.equal(asked(), 0);
    assert.ok(looks <= 7 * 4 + 2, `${looks} looks in a week`);
  });

  it('asks when the time that the CA named has passed at the CA, however our clock was set meanwhile', async () => {
    for (const jump of [hour, -hour]) {
      const time = new ManualClock(now);
      let error = 0;
      const asked: number[] = [];
      const renewals = new RenewalWatch({
        ca: {
          directoryUrl: directory,
          renewalInfo: {
            ask: () => {
              asked.push(time.now() - now);
              return Promise.resolve({ window: undefined, askAt: time.now() + caAhead + 6 * hour });
            },
          },
          ...caIsWell,
          clock: { now: () => time.now() + caAhead, byMachine: (at) => at - caAhead + error },
        },
        secrets: { annotate: () => assert.fail('nothing is to be written') },
        clock: {
          now: () => time.now() + error,
          monotonic: () => time.monotonic(),
          setTimeout: (run, ms) => time.setTimeout(run, ms),
          clearTimeout: (handle) => time.clearTimeout(handle),
        },
        signal,
      });
      await renewals.first('id', signal);
      error = jump;
      time.advance(6 * hour - 1);
      const { askAt } = await renewals.check(place, known, signal);
      assert.equal(askAt, time.now() + error + 1);
      time.advance(1);
      await renewals.check(place, known, signal);
      assert.deepEqual(asked, [0, 6 * hour]);
    }
  });

  it('writes what it was told before, whatever has become of the CA since', async () => {
    const clock = new ManualClock(now);
    const answers: RenewalInfo[] = [{ window: { ...window, url: undefined }, askAt: now + 5 * minute }];
    let writes = 0;
    let inTrouble = false;
    const until = now + day;
    const renewals = new RenewalWatch({
      ca: {
        directoryUrl: directory,
        renewalInfo: { ask: () => Promise.resolve(answers.shift() ?? assert.fail('asked too often')) },
        budget: {
          trouble: () => (inTrouble ? { cause: 'unavailable', scope: 'the CA', until } : undefined),
        },
        clock: aheadOf(clock),
      },
      secrets: {
        annotate: () => {
          writes += 1;
          return writes === 1
            ? Promise.reject(new KubernetesError('Conflict', 'PATCH Secret'))
            : Promise.resolve({ uid: known.uid, resourceVersion: '2' });
        },
      },
      clock,
      signal,
    });
    const { askAt: beat = 0 } = await renewals.check(place, known, signal);
    clock.advance(beat - now);
    await renewals.check(place, known, signal);
    inTrouble = true;
    clock.advance(10 * minute);
    const { secret, askAt = 0 } = await renewals.check(place, known, signal);
    assert.equal(secret.window?.start, window.start);
    assert.equal(writes, 2);
    assert.ok(askAt >= until);
  });

  it('does not ask about what another CA or somebody else issued, or what has ended', async () => {
    const { clock, check, asked } = watch();
    const strangers = [
      { ...known, directory: undefined },
      { ...known, ours: false },
      { ...known, certManager: true },
      { ...known, certificate: certificateFacts() },
      { ...known, certificate: { kind: 'empty' } as const },
    ];
    for (const secret of strangers) assert.equal((await check(secret)).askAt, undefined);
    await check();
    clock.advance(100 * day);
    await check();
    assert.equal(asked(), 0);
  });
});
