import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { recordField } from '../../src/process/json.ts';
import { controllerRequests } from '../controller-failures/controller-requests.ts';
import { gate } from '../controller-failures/gate.ts';
import { ingress } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored } from './certificate.ts';

/** So that there is a ledger to write. */
const limits = {
  LEGO_RATE_LIMITS: '{"orders-per-account": {"burst": 100000, "period": "3h"}}',
};

let stage: Stage;
let rightsGone = false;

describe('a controller that is asked to end while it has an order', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyCa: true, isDenialMeant: () => rightsGone });
    await stage.startController(limits);
  });
  afterEach(() => {
    stage.ca.interfere = () => undefined;
  });
  after(() => stage.stop());

  it('that the CA has not been asked to validate leaves it to the next one', async () => {
    const held = gate();
    let answers = 0;
    stage.ca.interfere = ({ path, forward }) => {
      if (path.startsWith('/chalZ/')) answers += 1;
      return path.startsWith('/authZ/') ? held.pass(forward) : undefined;
    };
    await apply('left');
    await held.reached;
    const stopped = stopAtOnce();
    await stage.untilLogged(/^kube-lego is stopping/);
    held.open();
    await stopped;
    assert.equal(answers, 0);

    await stage.startController(limits);
    await stage.untilIssued('shop/left');
    await assertStored(stage, 'shop/left-tls', ['left.example.com']);
    assert.equal(await stage.orders(), 1);
  });

  it('that the CA validates does not wait for it, if its rights have been taken away', async () => {
    const held = gate();
    let answered = false;
    stage.ca.interfere = ({ path, forward }) => {
      if (path.startsWith('/chalZ/')) answered = true;
      return answered && path.startsWith('/authZ/') ? held.pass(forward) : undefined;
    };
    await apply('undeployed');
    await held.reached;
    rightsGone = true;
    const group = '/apis/rbac.authorization.k8s.io/v1';
    for (const bindings of [`${group}/clusterrolebindings`, `${group}/namespaces/kube-lego/rolebindings`]) {
      await stage.world.api.expect(`${bindings}/kube-lego`, { method: 'DELETE' });
    }
    await eventually('they are gone', isDenied);
    await stopAtOnce();
    held.open();
  });
});

async function apply(name: string): Promise<void> {
  await stage.apply(ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [`${name}.example.com`] } }));
}

/** While it waits for an order, for twenty seconds at most, it looks once a second whether it may still read its account. */
async function stopAtOnce(): Promise<void> {
  const begun = Date.now();
  await stage.controller.stop();
  assert.deepEqual(await stage.controller.exited, { code: 0, signal: null });
  const looks = (await controllerRequests(stage.world.cluster.auditLog)).filter(
    ({ verb, name, receivedAt }) => verb === 'get' && name === 'kube-lego-account' && receivedAt > begun,
  );
  assert.ok(looks.length < 10, `it has looked ${looks.length} times`);
}

/** The authorizer learns of it a moment after. */
async function isDenied(): Promise<boolean> {
  const user = 'system:serviceaccount:kube-lego:kube-lego';
  const resourceAttributes = {
    verb: 'get',
    namespace: 'kube-lego',
    resource: 'secrets',
    name: 'kube-lego-account',
  };
  const review = await stage.world.api.expect('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    method: 'POST',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user, resourceAttributes },
    },
  });
  return recordField(review, 'status')?.['allowed'] === false;
}
