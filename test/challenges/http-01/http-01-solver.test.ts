import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { StepError } from '../../../machines/reasons/step-error.ts';
import type { Preparation } from '../../../src/challenges/challenge-solver.ts';
import { ChallengeWatch } from '../../../src/challenges/http-01/challenge-ingress/challenge-watch.ts';
import { Http01Solver } from '../../../src/challenges/http-01/http-01-solver.ts';
import { arrayField, recordField } from '../../../src/process/json.ts';
import { type ApiWorld, startApiWorld } from '../../kubernetes/api-world.ts';
import { route } from '../../machines/builders.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { challengeTemplate } from './challenge-template.ts';
import { DnsStandIn } from './dns-stand-in.ts';
import { answering, Site, saying } from './site.ts';

const host = 'shop.example.test';
const thumbprint = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
const challenge = { host, wildcard: false, token: 't', keyAuthorization: `t.${thumbprint}` };
/** Milliseconds; no other timer is as long. */
const propagationDelay = 7000;
const readinessPause = 250;

describe('the HTTP-01 solver', () => {
  let world: ApiWorld;
  let dns: DnsStandIn;
  let clock: ManualClock;
  let stop: AbortController;
  let watch: ChallengeWatch;
  let solver: Http01Solver;
  /** Of the site, by which the challenge rule is spelt. */
  let ruleHost: string;
  let rulesVersion: number;
  let port: number;
  /** Milliseconds, of the self-check. */
  let timeLimit: number;
  let namespace: string;
  let serial = 0;

  before(async () => {
    world = await startApiWorld();
    dns = await DnsStandIn.start();
    dns.set(host, ['127.0.0.1']);
  });
  after(async () => {
    await dns[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    namespace = `lego-${++serial}`;
    await world.createNamespace(namespace);
    clock = new ManualClock();
    stop = new AbortController();
    ruleHost = host;
    rulesVersion = 1;
    timeLimit = 60_000;
    const template = challengeTemplate(namespace);
    const common = { client: world.client, clock, signal: stop.signal, template };
    watch = new ChallengeWatch(common);
    solver = new Http01Solver({
      ...common,
      watch,
      thumbprint: () => thumbprint,
      propagationDelay,
      sites: () => ({
        challengeRules: (_, { host: of }) => [
          { host: of, ruleHost: of === host ? ruleHost : of, ingressClass: { form: 'field', name: 'nginx' } },
        ],
        classStanding: () => ({ exists: true, nonMerging: undefined }),
        rulesVersion,
      }),
      selfCheck: {
        get timeLimit() {
          return timeLimit;
        },
        ports: {
          get http() {
            return port;
          },
          https: 443,
        },
        dnsServers: [dns.address],
        allowLoopback: true,
        publicCa: false,
        userAgent: 'kube-lego/test',
        clock,
      },
      onReport: () => undefined,
    });
  });
  afterEach(() => stop.abort());

  function prepare(selfCheck: boolean, round = 'round', its = host) {
    const preparation: Preparation = {
      round,
      namespace: 'shop',
      hosts: [route(its)],
      thumbprint,
      selfCheck,
      judged: [],
      unready: [],
    };
    return observed(solver.prepare(preparation, stop.signal));
  }

  const present = () => observed(solver.present('round', challenge, stop.signal));

  async function startWatch(): Promise<void> {
    watch.start();
    await eventually('it can answer', () => {
      clock.advance(0);
      return watch.state.synced;
    });
  }

  /** The clock stands still while requests are under way. */
  async function untilPending(what: string, ms: number): Promise<void> {
    await eventually(what, () => {
      clock.advance(0);
      return clock.pending.includes(ms);
    });
  }

  /** @param longest milliseconds of the pauses that are passed over; the time limits of requests are longer */
  async function untilChecked(work: Observed<unknown>, longest: number): Promise<void> {
    await eventually('it has been checked', () => {
      const [next = Number.POSITIVE_INFINITY] = clock.pending;
      clock.advance(next <= longest ? next : 0);
      return work.settled;
    });
  }

  async function assertWaits(work: Observed<unknown>, ms: number): Promise<void> {
    clock.advance(ms);
    await setImmediate();
    assert.equal(work.settled, false);
  }

  /** A rule of the site changes, and the challenge rule with it, a tenth of a second later. */
  function change(to: string): void {
    ruleHost = to;
    rulesVersion += 1;
    solver.follow();
    clock.advance(100);
  }

  describe('without self-check', () => {
    it('waits until this pod can answer, and then as long as a rule takes', async () => {
      const preparing = prepare(false);
      for (let looks = 0; looks < 5; looks += 1) {
        await untilPending('it looks whether it can answer', readinessPause);
        await assertWaits(preparing, readinessPause);
      }
      await startWatch();
      clock.advance(readinessPause);
      await untilPending('it waits for the ingress controller', propagationDelay);
      await assertWaits(preparing, propagationDelay - 1);
      clock.advance(1);
      assert.deepEqual(await preparing.result, []);
    });

    it('orders nothing where challenge Ingresses cannot be watched', async () => {
      timeLimit = readinessPause;
      const preparing = prepare(false);
      await untilPending('it looks whether it can answer', readinessPause);
      clock.advance(readinessPause);
      await assert.rejects(preparing.result, (error) => {
        assert.ok(error instanceof StepError);
        assert.equal(error.failure.code, 'ApiServerUnavailable');
        return true;
      });
    });

    it('answers a challenge only when each change of the rule since then has had that time', async () => {
      await startWatch();
      const preparing = prepare(false);
      await untilPending('it waits for the ingress controller', propagationDelay);
      clock.advance(propagationDelay);
      await preparing.result;
      await present().result;

      change('*.example.test');
      const presenting = present();
      await untilPending('it waits for the ingress controller', propagationDelay);
      await assertWaits(presenting, 3000);
      change('');
      await assertWaits(presenting, 3900);
      await untilPending('it waits again', 3100);
      await assertWaits(presenting, 3099);
      clock.advance(1);
      await presenting.result;
    });
  });

  it('checks a host whose rule was gone only when the ingress controller has had time to hear of that', async () => {
    let asked = 0;
    await using site = await Site.start((request, response) => {
      asked += 1;
      answering(thumbprint)(request, response);
    });
    ({ port } = site);
    const first = prepare(true);
    await untilChecked(first, 2000);
    await first.result;
    solver.cleanUp('round');
    clock.advance(10_000);
    await eventually('the rule is removed', async () => {
      clock.advance(0);
      const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses`;
      return arrayField(await world.admin.expect(path), 'items').length === 0;
    });
    asked = 0;
    const again = prepare(true, 'again');
    await untilPending('it waits for the ingress controller', propagationDelay);
    await assertWaits(again, propagationDelay - 1);
    assert.equal(asked, 0);
    clock.advance(1);
    await untilChecked(again, 2000);
    assert.deepEqual(await again.result, [{ host, kind: 'provable', notice: undefined }]);
  });

  it('checks a host again whose rule is gone since its self-check', async () => {
    solver.start();
    await startWatch();
    await using site = await Site.start(answering(thumbprint));
    ({ port } = site);
    const preparing = prepare(true);
    await untilChecked(preparing, 2000);
    await preparing.result;
    await present().result;

    const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses/kube-lego`;
    await world.admin.expect(path, { method: 'DELETE' });
    await eventually('it is known', () => watch.answerFor(host) === undefined);
    const presenting = present();
    await untilPending('it waits for the ingress controller', propagationDelay);
    clock.advance(propagationDelay);
    await untilChecked(presenting, 2000);
    await presenting.result;
  });

  it('writes the rules of rounds that come together once, but waits for none that is at a Gateway alone', async () => {
    await startWatch();
    solver.expect([route(host, { ingressClasses: [] })], new Promise(() => undefined));
    const proofs = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const rounds = proofs.map(async ({ promise }, number) => {
      solver.expect([route(host)], promise);
      await promise;
      await prepare(false, `round-${number}`, `${number}.example.test`).result;
    });
    proofs[0]?.resolve();
    await setImmediate();
    clock.advance(100);
    proofs[1]?.resolve();
    await eventually('both wait for the ingress controller', () => {
      clock.advance(0);
      return clock.pending.filter((ms) => ms === propagationDelay).length === 2;
    });
    const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses/kube-lego`;
    assert.equal(recordField(await world.admin.expect(path), 'metadata')?.['generation'], 1);
    assert.ok(watch.answerFor('0.example.test') && watch.answerFor('1.example.test'));
    clock.advance(propagationDelay);
    await Promise.all(rounds);
  });

  it('answers no challenge of a host that does not reach us any more after a change of its rule', async () => {
    let answer: RequestListener = answering(thumbprint);
    await using site = await Site.start((request, response) => answer(request, response));
    ({ port } = site);
    const preparing = prepare(true);
    await untilChecked(preparing, 2000);
    assert.deepEqual(await preparing.result, [{ host, kind: 'provable', notice: undefined }]);

    answer = saying(404, 'not found');
    change('');
    const presenting = present();
    await untilPending('it waits for the ingress controller', propagationDelay);
    clock.advance(propagationDelay);
    timeLimit = 100;
    await untilChecked(presenting, timeLimit / 2);
    await assert.rejects(presenting.result, /^StepError: Host shop\.example\.test /);
  });
});

interface Observed<T> {
  readonly result: Promise<T>;
  readonly settled: boolean;
}

function observed<T>(result: Promise<T>): Observed<T> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  result.then(settle, settle);
  return {
    result,
    get settled() {
      return settled;
    },
  };
}
