import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { explainedInTrouble } from '../../commands/command-run.ts';
import type { Answer } from '../faulty-proxy.ts';
import { ingress } from '../objects.ts';
import { type Stage, startStage } from '../stage.ts';
import { inTurn } from './starts.ts';

const html = { 'content-type': 'text/html' };
const json = { 'content-type': 'application/json' };
const padding = 'x'.repeat(2000);
const notTheCa =
  /Check that LEGO_URL is the directory of an ACME CA and that no proxy answers in its place\./;
const theWay = /Check LEGO_URL, HTTPS_PROXY and that the cluster allows egress to the CA/;

interface Case {
  /** silence: nothing is answered until the time limit of a request, which is half a minute */
  readonly answer: Answer | 'hang-up' | 'silence';
  readonly told: RegExp;
}

/** By the name of an Ingress: what the CA answers to a new order, and what people are to be told. */
const answers: Readonly<Record<string, Case>> = {
  page: { answer: { status: 200, headers: html, body: '<html>PRIVATE</html>' }, told: notTheCa },
  gateway: { answer: { status: 502, headers: html, body: '<html>PRIVATE</html>' }, told: notTheCa },
  garbage: { answer: { status: 201, headers: json, body: '{"status": PRIVATE' }, told: notTheCa },
  half: { answer: { status: 201, headers: json, body: padding, half: true }, told: theWay },
  'hang-up': { answer: 'hang-up', told: theWay },
  silence: {
    answer: 'silence',
    told: /no complete answer within 30 s\. Check the connection to the CA \(LEGO_URL, HTTPS_PROXY\) and its status page;/,
  },
};

/** Declares the tests. */
export function caGarbage(): void {
  describe('a CA that answers an order with', { concurrency: 1 }, () => {
    let stage: Stage;

    before(() =>
      inTurn(async () => {
        stage = await startStage({ namespaces: ['shop'], proxyCa: true });
        await stage.startController();
      }),
    );
    afterEach(() => {
      stage.ca.interfere = () => undefined;
    });
    after(() => stage.stop());

    for (const [name, { answer, told }] of Object.entries(answers)) {
      it(`${name}: people are told what to look at, by kube-lego explain too, and the certificate comes when the CA is itself again`, async () => {
        const key = `shop/${name}`;
        stage.ca.interfere = ({ path }) => {
          if (path !== '/order-plz') return undefined;
          return answer === 'silence' ? new Promise(() => undefined) : Promise.resolve(answer);
        };
        await stage.apply(ingress(key, { tls: { [`${name}-tls`]: [`${name}.example.com`] } }));
        const message = await stage.untilWarned(key, 'CaUnavailable');
        assert.match(message, told);
        assert.doesNotMatch(message, /PRIVATE/);
        await stage.untilState(key, 'backing-off');
        const { at, nextAttempt } = await stage.firstFailure(key, 'CaUnavailable');
        // The first step of a failure of its own would be a minute.
        assert.ok(nextAttempt - at < 45_000, 'it is tried again soon');
        await assertExplained(stage, key, told);
        stage.ca.interfere = () => undefined;
        await stage.untilIssued(key);
      });
    }
  });
}

/** At once, though no outcome is written into the status yet. */
async function assertExplained(stage: Stage, key: string, told: RegExp): Promise<void> {
  const { why, remedy = '' } = await explainedInTrouble(stage, key);
  assert.match(why, /^CaUnavailable: /);
  assert.match(`${why} ${remedy}`, told);
  assert.doesNotMatch(why, /PRIVATE/);
  assert.match(remedy, /^Check the connection to the CA/);
}
