import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { freePorts } from '../../deploy/local/free-ports.ts';
import { Floor } from '../bench/floor.ts';
import { eventually } from '../kubernetes/eventually.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';
import { StrictCa } from './strict-ca.ts';

/** Milliseconds. */
const blockTime = 30_000;

let stage: Stage;
let ca: StrictCa;

function registrations(): number[] {
  return ca.requests.filter(({ endpoint }) => endpoint === 'new-account').map(({ status }) => status);
}

describe('a CA that takes no new account from this address for a while', { timeout: 240_000 }, () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
    ca = await StrictCa.start(stage, { limits: { registrations: { burst: 1, period: blockTime } } });
    // Somebody else behind the same address is faster.
    const [port = 0] = await freePorts(1);
    const { caBundle, ca: core } = ca.server;
    const other = await Floor.start({ directoryUrl: core.directoryUrl, caBundle, port });
    await other[Symbol.asyncDispose]();
  });
  after(async () => {
    await stage.stop();
    await ca[Symbol.asyncDispose]();
  });

  it('is asked once for all, says why, and again when its time is over', async () => {
    await stage.apply(
      ingress('shop/one', { tls: { 'one-tls': ['one.example.com'] } }),
      ingress('shop/two', { tls: { 'two-tls': ['two.example.org'] } }),
    );
    await stage.startController(ca.environment);
    await eventually('the CA refuses', async () => Promise.resolve(ca.denials.length > 0), 60_000);
    assert.match(await stage.untilWarned('shop/one', 'AccountNotReady'), /too many new registrations/);
    // The first step of the back-off is a minute, longer than the CA asks for.
    const made = (): boolean => registrations().filter((status) => status === 201).length === 2;
    await eventually('the account is made', async () => Promise.resolve(made()), 100_000);
    await stage.untilIssued('shop/one', 'shop/two');
    assert.equal(registrations().filter((status) => status === 429).length, 1);
    assert.ok(ca.denials.every(({ early }) => !early));
  });
});
