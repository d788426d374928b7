import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { readAuditLog } from '../../deploy/local/audit-log.ts';
import { gate } from '../controller-failures/gate.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { assertStored } from './certificate.ts';
import { ingress, secretPath } from './ingress-fixtures.ts';

const challengeIngresses = '/apis/networking.k8s.io/v1/namespaces/kube-lego/ingresses/kube-lego';

let stage: Stage;

describe('a controller that ends in the middle of an order', { timeout: 240_000 }, () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyCa: true });
    await stage.startController();
  });
  afterEach(() => {
    stage.ca.interfere = () => undefined;
  });
  after(() => stage.stop());

  /** Paths of pebble's, each the first request of a step. */
  const steps = {
    account: '/dir',
    order: '/order-plz',
    validation: '/authZ/',
    finalization: '/finalize-order/',
    download: '/certZ/',
  };
  for (const [step, prefix] of Object.entries(steps)) {
    it(`by a crash at its ${step} gets the certificate after its start, for one more order at most`, async () => {
      const orders = await stage.orders();
      const held = gate();
      stage.ca.interfere = ({ path, forward }) => (path.startsWith(prefix) ? held.pass(forward) : undefined);
      if (step === 'account') {
        await stage.controller.kill();
        await stage.startController();
      }
      const host = `${step}.example.com`;
      await stage.apply(ingress(`shop/${step}`, { tls: { [`${step}-tls`]: [host] } }));
      await held.reached;
      await stage.controller.kill();
      stage.ca.interfere = () => undefined;
      held.open();
      await stage.startController();

      await stage.untilIssued(`shop/${step}`);
      await assertStored(stage, `shop/${step}-tls`, [host]);
      assert.ok((await stage.orders()) <= orders + 2);
    });
  }

  it('asked to end, finishes the order first, and leaves no challenge Ingress', async () => {
    const held = gate();
    stage.ca.interfere = ({ path, forward }) => (path.startsWith('/certZ/') ? held.pass(forward) : undefined);
    await stage.apply(ingress('shop/asked', { tls: { 'asked-tls': ['asked.example.com'] } }));
    await held.reached;
    const stopped = stage.controller.stop();
    held.open();
    await stopped;
    await assertStored(stage, 'shop/asked-tls', ['asked.example.com']);
    assert.equal(await stage.object(challengeIngresses), undefined);
  });

  it('with good certificates only asks the CA for nothing when it starts, and writes nothing', async () => {
    const startedAt = Date.now();
    let asked = 0;
    stage.ca.interfere = () => {
      asked += 1;
      return undefined;
    };
    await stage.startController();
    await stage.untilIssued(...Object.keys(steps).map((step) => `shop/${step}`), 'shop/asked');
    const writes = (await readAuditLog(stage.world.cluster.auditLog)).filter(
      ({ user, verb, receivedAt }) =>
        isController(user) && receivedAt > startedAt && !['get', 'list', 'watch'].includes(verb),
    );
    assert.deepEqual(writes, []);
    assert.equal(asked, 0);
  });

  it('has done all of this under its ServiceAccount, and was never refused', async () => {
    const records = (await readAuditLog(stage.world.cluster.auditLog)).filter(({ userAgent }) =>
      userAgent.startsWith('kube-lego/'),
    );
    assert.ok(records.length > 0);
    assert.deepEqual(
      records.filter(({ user, status }) => !isController(user) || status === 403),
      [],
    );
    assert.ok(await stage.object(secretPath('kube-lego/kube-lego-account')));
  });
});

function isController(user: string): boolean {
  return user === 'system:serviceaccount:kube-lego:kube-lego';
}
