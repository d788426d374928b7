import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Finding } from '../../ca/authorizations.ts';
import { problemAnswer } from '../../ca/faults.ts';
import type { CaLimit, CaLimitRule } from '../../ca/limit-rules.ts';
import { eventually } from '../../time/eventually.ts';
import { type IngressParts, ingress } from '../objects.ts';
import { type Stage, startStage } from '../stage.ts';
import { StrictCa } from '../strict-ca.ts';
import { inTurn } from './starts.ts';

/** Milliseconds; long enough for a restart in its middle on a machine that stands still for a while. */
const blockTime = 40_000;
const rule: CaLimitRule = { burst: 1, period: blockTime };
/** Seconds, of a block without a restart in it. */
const shortWait = 12;

let stage: Stage;
let ca: StrictCa;
/** The CA's, as each test sets them. */
const limits: Partial<Record<CaLimit, CaLimitRule>> = {};
const findings = new Map<string, Finding>();
let seen = 0;

async function start(): Promise<void> {
  await stage.startController({
    ...ca.environment,
    LEGO_HOST_OWNERSHIP: 'any',
  });
}

async function crash(): Promise<void> {
  await stage.controller.kill();
  await start();
}

function web(key: string, ...hosts: readonly string[]) {
  const [, name = ''] = key.split('/');
  return ingress(key, { tls: { [`${name}-tls`]: hosts } } satisfies IngressParts);
}

/** Since the test began. */
function statuses(): number[] {
  return ca.orders.slice(seen).map(({ status }) => status);
}

async function untilRefused(): Promise<void> {
  await eventually('the CA refuses an order', async () => Promise.resolve(statuses().includes(429)));
}

/** For what the CA is asked from now on: a refusal lasts until the time that it told. */
function liftLimits(): void {
  for (const limit of Object.keys(limits)) Reflect.deleteProperty(limits, limit);
}

/** In a block, which a crash does not end: `ca.early` judges that. A machine that stands still may miss the rest of it. */
async function crashInBlock(key: string, waitsFor: RegExp): Promise<void> {
  await stage.untilView(key, `Ingress ${key} waits`, ({ next }) => waitsFor.test(next.action));
  const end = ca.denials.at(-1)?.until ?? 0;
  // Those who wait are to get their certificates together at its end, not one of them a block later.
  liftLimits();
  await crash();
  const waits = async (): Promise<boolean> => waitsFor.test((await stage.view(key))?.next.action ?? '');
  await eventually(
    `Ingress ${key} waits again, or need not any more`,
    async () => Date.now() >= end || waits(),
  );
}

/** Declares the tests. */
export function caRefusals(): void {
  describe('a CA with limits', { concurrency: 1 }, () => {
    before(() =>
      inTurn(async () => {
        stage = await startStage({ namespaces: ['shop', 'blog'] });
        ca = await StrictCa.start(stage, {
          limits,
          validate: (host) => Promise.resolve(findings.get(host) ?? 'ok'),
          authorizationReuse: false,
          orderReuse: false,
          issuanceTime: () => 500,
        });
        await start();
      }),
    );
    after(async () => {
      await stage.stop();
      await ca[Symbol.asyncDispose]();
    });
    beforeEach(() => {
      liftLimits();
      seen = ca.orders.length;
    });

    describe("a refusal by the CA's limit", { concurrency: 1 }, () => {
      it('of new orders holds up the whole account until its end, over a crash', async () => {
        limits.orders = rule;
        await stage.apply(web('shop/first', 'first.example.com'));
        await stage.untilIssued('shop/first');
        await stage.apply(web('shop/second', 'second.example.com'));
        await untilRefused();
        await stage.apply(web('blog/third', 'third.example.org'));
        const message = await stage.untilWarned('blog/third', 'RateLimited');
        assert.match(message, /limit of new orders \(this account\)/);
        await crashInBlock('blog/third', /this account/);
        await stage.untilIssued('shop/second', 'blog/third');
        assert.deepEqual(ca.early, []);
      });

      it('of a registered domain holds up its hosts, over a crash, and no other domain', async () => {
        limits['certificates-per-domain'] = rule;
        await stage.apply(web('shop/domain', 'a.example.net'));
        await stage.untilIssued('shop/domain');
        await stage.apply(web('shop/refused', 'b.example.net'));
        await untilRefused();
        await stage.apply(web('blog/waiting', 'c.example.net'), web('blog/elsewhere', 'www.example.info'));
        const message = await stage.untilWarned('blog/waiting', 'RateLimited');
        assert.match(
          message,
          /limit of certificates of a registered domain \(registered domain example\.net\)/,
        );
        assert.equal((await stage.view('blog/waiting'))?.state, 'queued');
        await stage.untilIssued('blog/elsewhere');
        assert.equal(statuses().filter((status) => status === 429).length, 1);
        await crashInBlock('blog/waiting', /registered domain example\.net/);
        await stage.untilIssued('shop/refused');
        assert.deepEqual(ca.early, []);
      });

      it('of an exact set holds up this set alone, over a crash', async () => {
        limits['certificates-per-set'] = rule;
        await stage.apply(web('shop/set', 'set.example.com'));
        await stage.untilIssued('shop/set');
        await stage.apply(web('blog/set', 'set.example.com'));
        await untilRefused();
        await stage.apply(web('shop/wider', 'set.example.com', 'wider.example.com'));
        await stage.untilIssued('shop/wider');
        assert.equal(await stage.secret('blog/set-tls'), undefined);
        await crashInBlock('blog/set', /retry set-tls|exactly set\.example\.com/);
        await stage.untilIssued('blog/set');
        assert.deepEqual(ca.early, []);
      });

      it('in unknown words holds up the refused order alone', async () => {
        const wait = { 'retry-after': String(shortWait) };
        ca.server.ca.faults.next('new-order', problemAnswer(429, 'rateLimited', 'Slow down, please.', wait));
        const at = Date.now();
        await stage.apply(web('shop/odd', 'odd.example.com'));
        assert.match(await stage.untilWarned('shop/odd', 'RateLimited'), /Slow down, please/);
        await stage.apply(web('shop/even', 'even.example.com'));
        await stage.untilIssued('shop/even');
        assert.deepEqual(statuses(), [429, 201]);
        await stage.untilIssued('shop/odd');
        assert.ok((ca.orders.at(-1)?.at ?? 0) >= at + shortWait * 1000);
      });

      it('of failures of a host holds up the orders with this host until its end, over a crash', async () => {
        limits['failed-authorizations'] = { burst: 1, period: 2 * blockTime };
        findings.set('bad.example.com', 'connection');
        await stage.apply(web('shop/bad', 'bad.example.com'));
        await stage.untilState('shop/bad', 'backing-off');
        findings.clear();
        await stage.apply(web('shop/both', 'bad.example.com', 'good.example.com'));
        await untilRefused();
        const message = await stage.untilWarned('shop/both', 'RateLimited');
        assert.match(message, /bad\.example\.com/);
        await stage.apply(web('shop/good', 'good.example.com'));
        await stage.untilIssued('shop/good');
        await crashInBlock('shop/both', /retry both-tls|bad\.example\.com/);
        await stage.apply(web('blog/late', 'bad.example.com', 'late.example.com'));
        assert.match(await stage.untilWarned('blog/late', 'RateLimited'), /bad\.example\.com/);
        // Its own back-off, a minute, ends with that; the block does not.
        const annotations = { 'kube-lego.io/retry': 'mended' };
        await stage.apply(ingress('shop/bad', { tls: { 'bad-tls': ['bad.example.com'] }, annotations }));
        assert.match(await stage.untilWarned('shop/bad', 'RateLimited'), /bad\.example\.com/);
        await stage.untilIssued('shop/bad', 'shop/both');
        assert.deepEqual(ca.early, []);
      });
    });

    describe('the same set in two namespaces', { concurrency: 1 }, () => {
      it('is ordered by one after the other', async () => {
        const from = ca.requests.length;
        await stage.apply(web('shop/same', 'same.example.com'), web('blog/same', 'same.example.com'));
        await stage.untilIssued('shop/same', 'blog/same');
        const steps = ca.requests
          .slice(from)
          .filter(({ endpoint, status }) => ['new-order', 'certificate'].includes(endpoint) && status < 300);
        assert.deepEqual(
          steps.map(({ endpoint }) => endpoint),
          ['new-order', 'certificate', 'new-order', 'certificate'],
        );
      });
    });
  });
}
