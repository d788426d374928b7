import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { arrayField } from '../../../src/process/json.ts';
import { busy } from '../../ca/faults.ts';
import { saidOf } from '../../kubernetes/records/written-status.ts';
import { eventually } from '../../time/eventually.ts';
import { ingress, ingressPath } from '../objects.ts';
import { type Stage, startStage } from '../stage.ts';
import { StrictCa } from '../strict-ca.ts';
import { inTurn } from './starts.ts';

/** Seconds; long enough for a restart in its middle on a machine that stands still for a while. */
const wait = 40;
const sites = ['one', 'two', 'three', 'four', 'five'];

let stage: Stage;
let ca: StrictCa;

/** When the CA was asked for orders, and what it answered, since the trouble began. */
function asked(): { readonly at: number; readonly status: number }[] {
  return ca.orders.slice(1).map(({ at, status }) => ({ at, status }));
}

async function statusOf(key: string): Promise<string> {
  return saidOf(await stage.object(ingressPath(key)));
}

/** Where the ledger is kept, of which nothing is kept before at a CA without limits. */
async function documents(): Promise<readonly unknown[]> {
  const path = '/api/v1/namespaces/kube-lego/configmaps?labelSelector=kube-lego.io/ledger';
  return arrayField(await stage.object(path), 'items');
}

/** Declares the tests. */
export function caBusy(): void {
  describe('a CA that is busy and says for how long', { concurrency: 1 }, () => {
    before(() =>
      inTurn(async () => {
        stage = await startStage({ namespaces: ['shop'] });
        ca = await StrictCa.start(stage);
        await stage.startController(ca.environment);
        await stage.apply(ingress('shop/first', { tls: { 'first-tls': ['first.example.com'] } }));
        await stage.untilIssued('shop/first');
      }),
    );
    after(async () => {
      await stage.stop();
      await ca[Symbol.asyncDispose]();
    });

    let end = 0;

    it('is asked by none of those who wait until then, over a crash in its middle', async () => {
      ca.server.ca.faults.script('new-order', () => busy(wait));
      await stage.apply(
        ...sites.map((site) =>
          ingress(`shop/${site}`, { tls: { [`${site}-tls`]: [`${site}.example.com`] } }),
        ),
      );
      await eventually('the CA refuses an order', () => asked().length > 0);
      const [first] = asked();
      assert.ok(first?.status === 503);
      end = first.at + 1000 * wait;
      await stage.untilView('shop/five', 'it waits for the CA', ({ next, problems }) =>
        [next.action, ...problems].some((text) => /CA/.test(text)),
      );
      // It is written at once, which on a busy machine takes a moment.
      await eventually('the wait is written down', async () => (await documents()).length > 0);
      await stage.controller.kill();
      // Others were under way when the first was refused; nobody asks twice.
      const before = asked().length;
      assert.ok(before <= sites.length, `${before} orders were asked for`);
      // Now the CA is well again: who asked would be served.
      ca.server.ca.faults.script('new-order', undefined);
      ca.server.ca.faults.next('new-order', busy(2));
      await stage.startController(ca.environment);
      await stage.untilIssued(...sites.map((site) => `shop/${site}`));
      assert.deepEqual(
        asked()
          .slice(before)
          .filter(({ at }) => at < end),
        [],
      );
    });

    it('is then asked by one alone, and by all when that one is served', () => {
      const [probe, second, ...rest] = asked().filter(({ at }) => at >= end);
      assert.ok(probe !== undefined && second !== undefined);
      assert.deepEqual([probe.status, second.status], [503, 201]);
      assert.ok(second.at - probe.at >= 2000, 'the second wait is kept as well');
      assert.equal(rest.length, sites.length - 1);
      assert.ok(rest.every(({ status }) => status === 201));
    });

    it('is nobody’s failure', async () => {
      for (const site of sites) assert.doesNotMatch(await statusOf(`shop/${site}`), /"failures"/);
    });
  });
}
