import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { ChallengeRule } from '../../../machines/ownership/challenge-rules.ts';
import { Ownership } from '../../../machines/ownership/ownership.ts';
import type { StepError } from '../../../machines/reasons/step-error.ts';
import { RoundRules } from '../../../src/challenges/http-01/round-rules.ts';
import { ownershipPolicy } from '../../machines/builders.ts';
import { ManualClock } from '../../time/manual-clock.ts';

const host = 'shop.example';
const inClass = (name: string, ruleHost = host): ChallengeRule => ({
  host,
  ruleHost,
  ingressClass: { form: 'field', name },
});

describe('the challenge rules of a round', () => {
  let clock: ManualClock;
  let stop: AbortController;
  let classes: Ownership;
  let rules: ChallengeRule[];
  let version: number;
  /** Hosts whose rules somebody removes. */
  let removed: string[];
  /** As the challenge Ingresses hold them. */
  let held: string[];
  /** Likewise, at the end of each time for which more rules were expected. */
  let heldAfterwards: string[][];
  let of: RoundRules;

  beforeEach(() => {
    classes = new Ownership(ownershipPolicy);
    classes.setClass('f5', 'nginx.org/ingress-controller', 0);
    for (const name of ['nginx', 'late']) classes.setClass(name, 'example.com/other', 0);
    classes.setClassesReadable(true);
    clock = new ManualClock();
    stop = new AbortController();
    held = [];
    heldAfterwards = [];
    version = 1;
    removed = [];
    let wanted: () => readonly ChallengeRule[] = () => [];
    const reread = (): void => {
      held = wanted().map(
        ({ ingressClass, ruleHost }) =>
          `${ingressClass.form === 'none' ? '' : ingressClass.name}=${ruleHost}`,
      );
    };
    of = new RoundRules({
      ingresses: {
        standing: true,
        expect: (proofs) => {
          void proofs.then(() => heldAfterwards.push(held));
        },
        acquire: (round, asked) => {
          if (round === 'round') wanted = asked;
          reread();
          return Promise.resolve();
        },
        release: () => undefined,
        removedFrom: () => removed,
        follow: () => {
          const before = held.join();
          reread();
          return held.join() === before ? [] : ['round'];
        },
      },
      sites: () => ({
        challengeRules: (_, { host: of }) => rules.filter((rule) => rule.host === of),
        classStanding: (ingressClass) => classes.classStanding(ingressClass),
        rulesVersion: version,
      }),
      clock,
      signal: stop.signal,
    });
  });
  afterEach(() => stop.abort());

  const acquire = (...hosts: string[]): Promise<void> => {
    const routes = [host, ...hosts].map((one) => ({ host: one, ingressClasses: [] }));
    return of.acquire('round', { namespace: 'shop', hosts: routes }, stop.signal);
  };
  const follow = (): void => {
    of.follow();
    of.follow();
    clock.advance(100);
  };

  it('leave out a class whose controller gives a host to one Ingress only, if another serves the host', async () => {
    rules = [inClass('f5'), inClass('nginx')];
    await acquire();
    assert.deepEqual(held, ['nginx=shop.example']);
    rules = [inClass('f5')];
    await assert.rejects(acquire(), {
      message: /^Ingress controller nginx\.org\/ingress-controller gives host/,
    });
  });

  it('are refused for a host that only a catch-all of another namespace serves, and go when it comes to that', async () => {
    const foreign = { ...inClass('nginx', ''), foreign: true as const };
    rules = [foreign];
    await assert.rejects(acquire(), { message: /^Host shop\.example has no rule/ });
    assert.deepEqual(held, []);
    rules = [inClass('nginx', '')];
    await acquire();
    assert.deepEqual(held, ['nginx=']);
    rules = [foreign];
    version = 2;
    follow();
    assert.deepEqual(held, []);
  });

  it('are expected while they wait to be younger than a site of the same second', async () => {
    rules = [{ ...inClass('nginx'), after: clock.now() - 600 }];
    const acquiring = acquire();
    clock.advance(399);
    await setImmediate();
    assert.deepEqual([held, heldAfterwards], [[], []]);
    clock.advance(1);
    await acquiring;
    assert.deepEqual([held, heldAfterwards], [['nginx=shop.example'], [[]]]);
  });

  it('are not told of as wrong DNS when somebody removes them', async () => {
    rules = [inClass('nginx')];
    await acquire();
    of.proveStanding('round');
    removed = [host];
    assert.throws(
      () => of.proveStanding('round'),
      ({ failure }: StepError) => {
        assert.deepEqual([failure.code, failure.hosts], ['ChallengeRuleRemoved', [host]]);
        return true;
      },
    );
  });

  it('follow the sites and their classes, and remember when', async () => {
    rules = [inClass('nginx', '')];
    await acquire();
    assert.deepEqual([held, of.changedAt('round')], [['nginx='], undefined]);
    rules = [inClass('nginx'), inClass('f5'), inClass('late')];
    follow();
    assert.deepEqual(held, ['nginx=shop.example', 'late=shop.example']);
    assert.equal(of.changedAt('round'), clock.monotonic());
    // Nothing has changed: the sites are not looked through.
    rules = [];
    follow();
    assert.equal(clock.pending.length, 0);
    assert.equal(held.length, 2);
    version = 2;
    follow();
    assert.equal(held.length, 0);
    of.release('round');
    assert.equal(of.changedAt('round'), undefined);
  });

  it('stay, whatever classes other Ingresses name', async () => {
    rules = [inClass('nginx')];
    await acquire();
    const others = Array.from({ length: 1000 }, (_, number) => `h${number}.example`);
    rules.push(...others.map((other) => ({ ...inClass(`invented-${other}`), host: other })));
    const routes = others.map((other) => ({ host: other, ingressClasses: [] }));
    await of.acquire('other', { namespace: 'other', hosts: routes }, stop.signal).catch(() => undefined);
    version = 2;
    follow();
    assert.deepEqual(held, ['nginx=shop.example']);
  });

  it('have eight classes at most in a certificate, and of those that do not exist the first of a host', async () => {
    rules = ['typo', 'nginx', 'invented', 'late'].map((name) => inClass(name));
    await acquire();
    assert.deepEqual(
      held,
      ['typo', 'nginx', 'late'].map((name) => `${name}=${host}`),
    );
    const others = Array.from({ length: 100 }, (_, number) => `h${number}.example`);
    const perHost = others.map((other, number) => ({ ...inClass(`class-${number}`, other), host: other }));
    rules = [inClass('nginx'), ...perHost];
    await acquire(...others.slice(0, 7));
    assert.equal(held.length, 8);
    await assert.rejects(acquire(...others), {
      failure: {
        code: 'ChallengeRuleRefused',
        host: 'h7.example',
        message:
          'The Ingresses of this certificate name more than 8 classes, so host h7.example has no challenge rule.',
      },
    });
  });
});
