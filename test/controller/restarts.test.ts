import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import type { IngressView } from '../../machines/ingress/ingress-view.ts';
import { controllerRequests } from '../controller-failures/controller-requests.ts';
import type { Passage } from '../controller-failures/faulty-proxy.ts';
import { gate } from '../controller-failures/gate.ts';
import { ingress, ingressPath, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored } from './certificate.ts';
import { challengeHosts, untilPlaced } from './observation.ts';

let stage: Stage;

describe('a controller that ends in the middle of an order', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyCa: true, proxyApiServer: true });
    await stage.startController();
  });
  afterEach(() => {
    stage.ca.interfere = () => undefined;
    stage.apiServer.interfere = () => undefined;
  });
  after(() => stage.stop());

  /** Paths of pebble's, each the first request of a step, and how many orders there may be in all. */
  const steps = {
    account: ['/dir', 1],
    // Pebble makes the one whose answer nobody has heard, and does not answer with it again.
    order: ['/order-plz', 2],
    validation: ['/authZ/', 1],
    finalization: ['/finalize-order/', 1],
    download: ['/certZ/', 1],
  } as const;
  for (const [step, [prefix, mostOrders]] of Object.entries(steps)) {
    it(`by a crash at its ${step} gets the certificate after its start, from order ${mostOrders} at the latest`, async () => {
      const orders = await stage.orders();
      const held = gate();
      stage.ca.interfere = ({ path, forward }) => (path.startsWith(prefix) ? held.pass(forward) : undefined);
      if (step === 'account') {
        await stage.controller.kill();
        await stage.startController();
      }
      await apply(step);
      await held.reached;
      // The first question about a host is asked meanwhile.
      if (step === 'validation') await untilPlaced(stage, `${step}.example.com`);
      await stage.controller.kill();
      stage.ca.interfere = () => undefined;
      held.open();
      await stage.startController();

      await stage.untilIssued(`shop/${step}`);
      await assertStored(stage, `shop/${step}-tls`, [`${step}.example.com`]);
      assert.ok((await stage.orders()) <= orders + mostOrders);
    });
  }

  /** The other states, each with how the Ingress `shop/NAME` is kept in it, and how many orders it may take in all. */
  const states: readonly {
    readonly state: IngressView['state'];
    readonly mostOrders: number;
    readonly keep: (name: string) => Promise<void>;
  }[] = [
    {
      state: 'checking',
      mostOrders: 1,
      keep: (name) => keptBy(name, ({ method, path }) => method === 'GET' && path === secretOf(name)),
    },
    {
      state: 'queued',
      mostOrders: 1,
      keep: async (name) => {
        // Nothing is admitted before the ledger has been read.
        await stage.controller.kill();
        const read = keepRequest(
          ({ query }) => query.get('labelSelector') === 'kube-lego.io/ledger=rate-limits',
        );
        await stage.startController();
        await read;
        await apply(name);
      },
    },
    {
      state: 'provisioning-challenge',
      mostOrders: 1,
      keep: async (name) => {
        const host = `${name}.example.com`;
        await stage.world.dns.setNoAddress(host);
        await apply(name);
        // The rule is written: what goes on is the self-check.
        await eventually('the host has its rule', async () => (await challengeHosts(stage)).includes(host));
      },
    },
    {
      state: 'storing',
      mostOrders: 1,
      keep: (name) =>
        keptBy(
          name,
          ({ method, path, query, body }) =>
            method === 'POST' &&
            path === dirname(secretOf(name)) &&
            !query.has('dryRun') &&
            body.includes(`"${name}-tls"`),
        ),
    },
  ];
  for (const { state, mostOrders, keep } of states) {
    it(`by a crash while it is ${state} gets the certificate after its start, from order ${mostOrders} at the latest`, async () => {
      const before = await stage.orders();
      await keep(state);
      await stage.untilState(`shop/${state}`, state);
      await stage.controller.kill();
      stage.apiServer.interfere = () => undefined;
      await stage.world.dns.clearA(`${state}.example.com`);
      await stage.startController();

      await stage.untilIssued(`shop/${state}`);
      await assertStored(stage, `shop/${state}-tls`, [`${state}.example.com`]);
      assert.ok((await stage.orders()) <= before + mostOrders);
    });
  }

  it('asked to end, finishes the order first, and leaves no challenge Ingress', async () => {
    const held = gate();
    stage.ca.interfere = ({ path, forward }) => (path.startsWith('/certZ/') ? held.pass(forward) : undefined);
    await apply('asked');
    await held.reached;
    const stopped = stage.controller.stop();
    await stage.untilLogged(/^kube-lego is stopping/);
    held.open();
    await stopped;
    await assertStored(stage, 'shop/asked-tls', ['asked.example.com']);
    assert.equal(await stage.object(ingressPath('kube-lego/kube-lego')), undefined);
  });

  it('with good certificates only asks the CA for nothing when it starts, and writes nothing', async () => {
    const startedAt = Date.now();
    let asked = 0;
    stage.ca.interfere = () => {
      asked += 1;
      return undefined;
    };
    await stage.startController();
    const names = [...Object.keys(steps), ...states.map(({ state }) => state), 'asked'];
    await stage.untilIssued(...names.map((name) => `shop/${name}`));
    const writes = (await controllerRequests(stage.world.cluster.auditLog)).filter(
      ({ verb, resource, receivedAt }) =>
        receivedAt > startedAt && resource !== 'leases' && !['get', 'list', 'watch'].includes(verb),
    );
    assert.deepEqual(writes, []);
    assert.equal(asked, 0);
  });
});

/** Applies the Ingress `shop/NAME`. */
async function apply(name: string): Promise<void> {
  await stage.apply(ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [`${name}.example.com`] } }));
}

function secretOf(name: string): string {
  return secretPath(`shop/${name}-tls`);
}

/** Applies the Ingress `shop/NAME` and waits until this request to the API server is made, which is never answered. */
async function keptBy(name: string, isKept: (passage: Passage) => boolean): Promise<void> {
  const kept = keepRequest(isKept);
  await apply(name);
  await kept;
}

/** Resolves when the request to the API server is made. It does not get there; its connection ends with the controller. */
function keepRequest(isKept: (passage: Passage) => boolean): Promise<void> {
  const made = Promise.withResolvers<void>();
  stage.apiServer.interfere = (passage) => {
    if (!isKept(passage)) return undefined;
    made.resolve();
    return new Promise(() => undefined);
  };
  return made.promise;
}
