import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Kubelet } from '../bench/hostile/kubelet.ts';
import type { Answer } from '../controller-failures/faulty-proxy.ts';
import { inTurn } from '../controller-failures/long-waits/starts.ts';
import { ingress } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { kubeletOf, untilStatus } from './tenant.ts';

// The CA, or whoever answers in its place, answers new orders as it likes.

const escape = '\u001B]0;owned\u0007\u001B[2J\r\n{"level":"error"}\u202E\u2066';
const json = {
  'content-type': 'application/problem+json',
  link: '<x>;rel="__proto__", <x>;rel="constructor"',
};

function problem(parts: object): Answer {
  return { status: 403, headers: json, body: JSON.stringify(parts) };
}

const subproblem = {
  type: `urn:ietf:params:acme:error:dns${escape}`,
  detail: escape,
  identifier: { type: `dns${escape}`, value: `evil.example.com${escape}` },
};

/** By the name of an Ingress: the answer, and what its author is told. */
const answers: Readonly<
  Record<string, { readonly answer: Answer; readonly told: RegExp; readonly reason: string }>
> = {
  'control-characters': {
    answer: problem({
      type: `urn:ietf:params:acme:error:rejectedIdentifier${escape}`,
      detail: `no${escape}`,
      instance: `https://ca.example/${escape}`,
      subproblems: [subproblem],
    }),
    reason: 'OrderFailed',
    told: /no \]0;owned \[2J \{"level":"error"\}\\u\{202e\}\\u\{2066\}/,
  },
  'many-problems': {
    answer: problem({
      type: 'urn:ietf:params:acme:error:rejectedIdentifier',
      detail: 'too many certificates '.repeat(4000),
      subproblems: Array.from({ length: 300 }, () => subproblem),
    }),
    reason: 'OrderFailed',
    told: /too many certificates too many/,
  },
  'endless-problem': {
    answer: problem({ type: 'urn:ietf:params:acme:error:dns', detail: 'x'.repeat(344 * 1024) }),
    reason: 'CaUnavailable',
    told: /the answer is longer than 262144 bytes/,
  },
  'another-status': {
    answer: { status: 200, headers: { 'content-type': 'application/json' }, body: '{"detail":"PRIVATE"}' },
    reason: 'CaUnavailable',
    told: /the answer has no link to the order/,
  },
};

let stage: Stage;
let kubelet: Kubelet;

/** Declares the tests. */
export function maliciousCa(): void {
  describe('a malicious CA', { concurrency: 1 }, () => {
    before(() =>
      inTurn(async () => {
        stage = await startStage({ namespaces: ['shop'], proxyCa: true });
        await stage.startController();
        kubelet = kubeletOf(stage);
      }),
    );
    afterEach(() => {
      stage.ca.interfere = () => undefined;
    });
    after(async () => {
      await kubelet.leave();
      await stage.stop();
    });

    for (const [name, { answer, reason, told }] of Object.entries(answers)) {
      it(`that answers with ${name.replace('-', ' ')} writes no more than a line of text`, async () => {
        const key = `shop/${name}`;
        stage.ca.interfere = ({ path }) => (path === '/order-plz' ? Promise.resolve(answer) : undefined);
        await stage.apply(ingress(key, { tls: { [`${name}-tls`]: [`${name}.example.com`] } }));
        const message = await untilTold(key, reason, told);
        const status = await untilStatus(stage, key);
        const page = await stage.controller.page('inspector', '/sources');
        for (const text of [message, status, page]) {
          assert.doesNotMatch(text, /(?!\n)\p{Cc}|\p{Cf}|\\u00[01]|PRIVATE|__proto__/u);
          assert.ok(text.length < 8000, `${text.length} characters`);
        }
      });
    }

    /** What an Event says when the CA has answered; until then it may wait for the end of the trouble that another order has met. */
    async function untilTold(key: string, reason: string, told: RegExp): Promise<string> {
      let message = '';
      const isTold = async (): Promise<boolean> => {
        const events = await stage.events(key);
        message = events.find((event) => event.reason === reason && told.test(event.message))?.message ?? '';
        return message !== '';
      };
      await stage.guard(eventually(`${key} is told of the answer`, isTold, 100_000));
      return message;
    }

    it('appears in the log in the same way', async () => {
      const log = await stage.log();
      assert.ok(log.length > 0);
      for (const record of log) {
        const text = JSON.stringify(record);
        assert.doesNotMatch(text, /\p{Cf}|\\u00[01]|PRIVATE/u);
        assert.ok(text.length < 16_000, `${text.length} characters`);
      }
    });

    it('keeps no probe waiting, and no certificate once it is itself again', async () => {
      await stage.apply(ingress('shop/later', { tls: { 'later-tls': ['later.example.com'] } }));
      // The CA in trouble is asked once a minute.
      const isStored = async () => (await stage.secret('shop/later-tls')) !== undefined;
      await stage.guard(eventually('it is issued', isStored, 130_000));
      await stage.untilIssued('shop/later');
      assert.ok(kubelet.asked > 0);
      assert.equal(kubelet.failed, 0);
    });
  });
}
