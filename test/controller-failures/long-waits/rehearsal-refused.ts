import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import type { CaAnswer } from '../../ca/exchange.ts';
import { problemAnswer } from '../../ca/faults.ts';
import { limitRefusal } from '../../ca/limit-refusal.ts';
import { eventually } from '../../time/eventually.ts';
import { ingress } from '../objects.ts';
import { type Stage, startStage } from '../stage.ts';
import { StrictCa } from '../strict-ca.ts';
import { inTurn } from './starts.ts';

/** Seconds; long enough for a restart in its middle on a machine that stands still for a while. */
const wait = 40;
/** For the account, in Boulder's words, as the strict CA says it. */
function refusal(): CaAnswer {
  const rule = { burst: 300, period: 3 * 3_600_000 };
  const { problem, headers } = limitRefusal('orders', '', rule, Date.now() + wait * 1000, wait);
  return problemAnswer(problem.status, problem.type, problem.detail, headers);
}

let stage: Stage;
/** The CA of the rehearsal. */
let ca: StrictCa;
let environment: Readonly<Record<string, string>>;

/** The names of the ConfigMaps in which a ledger is kept. */
async function documents(): Promise<(string | undefined)[]> {
  const path = '/api/v1/namespaces/kube-lego/configmaps?labelSelector=kube-lego.io/ledger';
  const items = arrayField(await stage.object(path), 'items');
  return items.map((item) => stringField(recordField(item, 'metadata'), 'name'));
}

/** Declares the tests. */
export function rehearsalRefused(): void {
  describe('a CA of rehearsals that refuses an order for a while', {
    concurrency: 1,
  }, () => {
    before(() =>
      inTurn(async () => {
        stage = await startStage({ namespaces: ['shop'] });
        ca = await StrictCa.start(stage);
        const { directoryUrl, caBundle } = stage.world.pebble;
        const LEGO_CA_BUNDLE = join(stage.world.session.directory, 'both.pem');
        await writeFile(LEGO_CA_BUNDLE, (await readFile(caBundle, 'utf8')) + ca.server.caBundle);
        environment = {
          LEGO_URL: directoryUrl,
          LEGO_REHEARSE: 'first',
          LEGO_REHEARSAL_URL: ca.server.ca.directoryUrl,
          LEGO_CA_BUNDLE,
        };
      }),
    );
    after(async () => {
      await stage.stop();
      await ca[Symbol.asyncDispose]();
    });

    it('is asked by nobody until then, over a crash in its middle, not even for a new Ingress', async () => {
      ca.server.ca.faults.script('new-order', refusal);
      await stage.startController(environment);
      await stage.apply(ingress('shop/one', { tls: { 'one-tls': ['one.example.com'] } }));
      const message = await stage.untilWarned('shop/one', 'RateLimited');
      assert.match(message, /^In the rehearsal \(LEGO_REHEARSE\): No certificate for one\.example\.com/);
      // It is written at once, which on a busy machine takes a moment.
      await eventually('the wait is written down', async () => (await documents()).length > 0);
      assert.match((await documents()).join(), /^kube-lego-rehearsal-ledger-\d+$/);
      await stage.controller.kill();
      // Now it is open again: who asked would be served.
      ca.server.ca.faults.script('new-order', undefined);
      await stage.apply(ingress('shop/two', { tls: { 'two-tls': ['two.example.com'] } }));
      await stage.startController(environment);
      const held = await stage.untilWarned('shop/two', 'RateLimited');
      assert.match(held, /^In the rehearsal \(LEGO_REHEARSE\): The order waits for the CA's/);
      assert.equal(await stage.orders(), 0);
    });

    it('is asked when that is over, and then the real one', async () => {
      await stage.untilIssued('shop/one', 'shop/two');
      const [first, ...later] = ca.orders;
      assert.ok(first?.status === 429);
      assert.deepEqual(
        later.map(({ status, at }) => [status, at >= first.at + 1000 * wait]),
        [
          [201, true],
          [201, true],
        ],
      );
      assert.equal(await stage.orders(), 2);
    });
  });
}
