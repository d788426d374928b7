import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { controllerRequests } from '../controller-failures/controller-requests.ts';
import { type Gate, gate } from '../controller-failures/gate.ts';
import { ingress, ingressPath, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored } from './certificate.ts';
import { challengeHosts } from './observation.ts';

let stage: Stage;

describe('an Ingress in the middle of an order', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyCa: true });
    await stage.startController();
  });
  afterEach(() => {
    stage.ca.interfere = () => undefined;
  });
  after(() => stage.stop());

  // The first one: what is told of others would be written in its midst.
  it('is not disturbed by a thousand changes of what is not for us', async () => {
    const orders = await stage.orders();
    const held = await orderHeld('busy', ['busy.example.com']);
    const { since } = await stage.untilState('shop/busy', 'validating');
    const startedAt = Date.now();
    for (let change = 0; change < 1000; change += 1) await changeWhatIsNotForUs('shop/busy', change);
    assert.equal((await stage.view('shop/busy'))?.since, since);
    const writes = (await controllerRequests(stage.world.cluster.auditLog)).filter(
      ({ verb, resource, receivedAt }) =>
        receivedAt > startedAt && resource !== 'leases' && !['get', 'list', 'watch'].includes(verb),
    );
    // What is written for the sake of the order is in kube-lego's namespace; the Ingress itself may not be.
    const isOfOrder = ({ resource, namespace, name }: (typeof writes)[number]): boolean =>
      namespace === 'kube-lego' && (resource === 'ingresses' || name === 'kube-lego-journal-0');
    const others = writes.filter((write) => !isOfOrder(write));
    // Where the changes take half a minute, it is told once that the CA takes long: by an Event, and on the Ingress.
    assert.ok(others.length <= 2, JSON.stringify(others));
    held.open();
    await stage.untilIssued('shop/busy');
    assert.equal(await stage.orders(), orders + 1);
  });

  it('whose hosts change starts over, and ends with the new ones', async () => {
    const held = await orderHeld('changed', ['before.example.com']);
    await stage.apply(ingress('shop/changed', { tls: { 'changed-tls': ['after.example.com'] } }));
    held.open();
    await stage.untilIssued('shop/changed');
    await assertStored(stage, 'shop/changed-tls', ['after.example.com']);
  });

  it('that is deleted gets no Secret, and its host rules go', async () => {
    const held = await orderHeld('deleted', ['deleted.example.com']);
    await stage.world.api.expect(ingressPath('shop/deleted'), { method: 'DELETE' });
    await assertOrderIsGivenUp('deleted', held);
  });

  it('that loses its annotation gets no Secret, and its host rules go', async () => {
    const held = await orderHeld('left', ['left.example.com']);
    await stage.world.api.expect(ingressPath('shop/left'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { 'kubernetes.io/tls-acme': null } } },
    });
    await assertOrderIsGivenUp('left', held);
  });

  it('that is deleted and created again under its name gets the certificate of the new one', async () => {
    const held = await orderHeld('again', ['first.example.com']);
    await stage.world.api.expect(ingressPath('shop/again'), { method: 'DELETE' });
    await stage.apply(ingress('shop/again', { tls: { 'again-tls': ['second.example.com'] } }));
    held.open();
    await stage.untilIssued('shop/again');
    await assertStored(stage, 'shop/again-tls', ['second.example.com']);
  });
});

/** Applies the Ingress and waits until its order is made; what the CA says of the hosts is held back. */
async function orderHeld(name: string, hosts: readonly string[]): Promise<Gate> {
  const held = gate();
  stage.ca.interfere = ({ path, forward }) => (path.startsWith('/authZ/') ? held.pass(forward) : undefined);
  await stage.apply(ingress(`shop/${name}`, { tls: { [`${name}-tls`]: hosts } }));
  await held.reached;
  return held;
}

/** One of what an ingress controller, a team and its tools change: `.status`, labels, annotations. */
async function changeWhatIsNotForUs(key: string, change: number): Promise<void> {
  const kinds = [
    { path: '/status', body: { status: { loadBalancer: { ingress: [{ ip: `192.0.2.${change % 256}` }] } } } },
    { path: '', body: { metadata: { labels: { change: String(change) } } } },
    { path: '', body: { metadata: { annotations: { 'example.com/change': String(change) } } } },
  ];
  const { path = '', body } = kinds[change % kinds.length] ?? {};
  await stage.world.api.expect(`${ingressPath(key)}${path}`, {
    method: 'PATCH',
    contentType: 'application/merge-patch+json',
    body,
  });
}

/** Lets the held order go on, and asserts that nothing comes of it. */
async function assertOrderIsGivenUp(name: string, held: Gate): Promise<void> {
  const host = `${name}.example.com`;
  await eventually('its actor is gone', async () => (await stage.view(`shop/${name}`)) === undefined);
  const downloads = await stage.requests('/certZ/');
  held.open();
  await eventually('the rules are gone', async () => !(await challengeHosts(stage)).includes(host));
  // By the time that a later order has come to its end, one that was going on would have done so, too.
  await stage.apply(
    ingress(`shop/after-${name}`, { tls: { [`after-${name}-tls`]: [`after-${name}.example.com`] } }),
  );
  await stage.untilIssued(`shop/after-${name}`);
  assert.equal(await stage.requests('/certZ/'), downloads + 1);
  assert.equal(await stage.object(secretPath(`shop/${name}-tls`)), undefined);
}
