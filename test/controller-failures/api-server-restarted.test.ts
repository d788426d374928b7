import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { type Cluster, startCluster } from '../../deploy/local/cluster.ts';
import { gate } from './gate.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

/** Milliseconds. An API server that starts denies everybody everything, until it has read its roles, and for a moment after it is ready. */
const deniesAfterStart = 30_000;

let cluster: Cluster;
let stage: Stage;
/** When the API server was started again, and when it was ready. */
const starts: { readonly begun: number; ready: number }[] = [];

before(async () => {
  cluster = await startCluster();
  stage = await startStage({
    cluster,
    namespaces: ['shop'],
    proxyCa: true,
    isDenialMeant: ({ receivedAt }) =>
      starts.some(({ begun, ready }) => receivedAt >= begun && receivedAt < ready + deniesAfterStart),
  });
  await stage.startController();
});
afterEach(() => {
  stage.ca.interfere = () => undefined;
});
after(() => stage.stop());

describe('an API server that is restarted', () => {
  it('in the middle of an order does not disturb it', async () => {
    const challenge = await orderHeldAt('/chalZ/', 'early');

    await started(() => cluster.restartApiServer());
    challenge.open();

    await stage.untilIssued('shop/early');
    assert.equal(await stage.orders(), 1);
  });

  it('while a certificate waits to be stored gets it when it is back, from the same order', async () => {
    const download = await orderHeldAt('/certZ/', 'late');

    await cluster.stopApiServer();
    download.open();
    await stage.untilLogged(/^The certificate is not stored yet: .*the API server cannot be reached/);
    assert.equal((await stage.view('shop/late'))?.state, 'storing');
    await started(() => cluster.startApiServer());

    await stage.untilIssued('shop/late');
    assert.match((await stage.secret('shop/late-tls'))?.['tls.crt'] ?? '', /^-----BEGIN CERTIFICATE-----/);
    assert.equal(await stage.orders(), 2);
  });

  it('is watched again, and what was issued is not ordered again', async () => {
    await stage.apply(ingress('shop/after', { tls: { 'after-tls': ['after.example.com'] } }));
    await stage.untilIssued('shop/early', 'shop/late', 'shop/after');
    assert.equal(await stage.orders(), 3);
  });
});

async function started(start: () => Promise<void>): Promise<void> {
  const times = { begun: Date.now(), ready: Number.POSITIVE_INFINITY };
  starts.push(times);
  await start();
  times.ready = Date.now();
}

/** Applies the Ingress `shop/NAME` and waits until its order has come as far as this path of pebble's. */
async function orderHeldAt(prefix: string, name: string): Promise<{ open(): void }> {
  const held = gate();
  stage.ca.interfere = ({ path, forward }) => (path.startsWith(prefix) ? held.pass(forward) : undefined);
  await stage.apply(ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [`${name}.example.com`] } }));
  await held.reached;
  return held;
}
