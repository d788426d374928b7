import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { freePorts } from '../../../deploy/local/free-ports.ts';
import { Floor } from '../../bench/floor.ts';
import { eventually } from '../../time/eventually.ts';
import { ingress, type Manifest } from '../objects.ts';
import { type Stage, startStage } from '../stage.ts';
import { StrictCa } from '../strict-ca.ts';
import { inTurn } from './starts.ts';

/** Milliseconds; long enough for two starts of the controller in it, on a machine that takes a quarter of a minute for each. */
const blockTime = 60_000;

let stage: Stage;
let ca: StrictCa;

/** When it was asked for an account, and how it answered. */
function registrations(): { readonly at: number; readonly status: number }[] {
  return ca.requests
    .filter(({ endpoint }) => endpoint === 'new-account')
    .map(({ at, status }) => ({ at, status }));
}

function web(name: string, host: string): Manifest {
  return ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [host] } });
}

/** Declares the tests. */
export function registrationLimit(): void {
  describe('a CA that takes no new account from this address for a while', {
    concurrency: 1,
  }, () => {
    before(() =>
      inTurn(async () => {
        stage = await startStage({ namespaces: ['shop'] });
        ca = await StrictCa.start(stage, { limits: { registrations: { burst: 1, period: blockTime } } });
        // Somebody else behind the same address is faster.
        const [port = 0] = await freePorts(1);
        const { caBundle, ca: core } = ca.server;
        const other = await Floor.start({ directoryUrl: core.directoryUrl, caBundle, port });
        await other[Symbol.asyncDispose]();
      }),
    );
    after(async () => {
      await stage.stop();
      await ca[Symbol.asyncDispose]();
    });

    it('is asked once for all, and says why', async () => {
      await stage.apply(web('one', 'one.example.com'), web('two', 'two.example.org'));
      await stage.startController(ca.environment);
      await eventually('the CA refuses', () => ca.denials.length > 0);
      assert.match(await stage.untilWarned('shop/one', 'AccountNotReady'), /too many new registrations/);
      await stage.untilWarned('shop/two', 'AccountNotReady');
      assert.equal(ca.denials.length, 1);
    });

    it('is not asked after a crash, by an Ingress that is new either', async () => {
      const asked = registrations().length;
      await stage.controller.kill();
      await stage.apply(web('three', 'three.example.net'));
      await stage.startController(ca.environment);
      const message = await stage.untilWarned('shop/three', 'AccountNotReady');
      const [denial] = ca.denials;
      assert.ok(denial !== undefined);
      const told = Date.parse(/Next attempt: (\S+)\.$/.exec(message)?.[1] ?? '');
      assert.ok(told >= denial.until, message);
      assert.deepEqual(
        registrations()
          .slice(asked)
          .filter(({ at }) => at < denial.until),
        [],
      );
    });

    it('is asked again when its time is over', async () => {
      const isMade = (): boolean => registrations().filter(({ status }) => status === 201).length === 2;
      await eventually('the account is made', isMade, 3 * blockTime);
      await stage.untilIssued('shop/one', 'shop/two', 'shop/three');
      const [denial, ...others] = ca.denials;
      assert.ok(denial !== undefined && others.length === 0);
      const asked = registrations();
      const refused = asked.findIndex(({ status }) => status === 429);
      assert.ok(asked.slice(refused + 1).every(({ at }) => at >= denial.until));
    });
  });
}
