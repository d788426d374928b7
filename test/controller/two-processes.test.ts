import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import type { ControllerPorts, ControllerProcess } from '../../deploy/local/controller.ts';
import { freePorts } from '../../deploy/local/free-ports.ts';
import { recordField, stringField } from '../../src/process/json.ts';
import { controllerRequests } from '../controller-failures/controller-requests.ts';
import { ingress } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored } from './certificate.ts';

/** Seconds; a leader that stands still for two thirds of it leads no longer: on a busy machine any stands still for a while. */
const leaseDuration = 30;
const environment = { LEGO_LEASE_DURATION: `${leaseDuration}s` };
/** Milliseconds: of a busy machine, and of the Lease of a leader that has died. */
const patience = 120_000;

let stage: Stage;

/** Another pod of the same Deployment. The edge takes no challenges to it. */
async function spawnPod(name: string): Promise<ControllerProcess> {
  const [responder = 0, metrics = 0, health = 0, inspector = 0] = await freePorts(4);
  const ports: ControllerPorts = { responder, metrics, health, inspector };
  return stage.world.spawnController({ ...environment, LEGO_POD_NAME: name }, ports);
}

const leads = async (controller: ControllerProcess): Promise<boolean> =>
  (await controller.metrics().catch(() => '')).includes('\nkube_lego_leader 1\n');

async function untilLeading(controller: ControllerProcess): Promise<void> {
  await eventually('it leads', () => leads(controller), patience);
}

const logged = async (controller: ControllerProcess, words: string): Promise<boolean> =>
  (await readFile(controller.log, 'utf8')).includes(words);

/** What all processes have asked after this time: verb, resource and query. */
async function requestsAfter(time: number): Promise<string[]> {
  const records = await controllerRequests(stage.world.cluster.auditLog);
  return records
    .filter(({ receivedAt }) => receivedAt > time)
    .map(({ verb, resource, uri }) => `${verb} ${resource} ${decodeURIComponent(uri.split('?')[1] ?? '')}`);
}

function order(...names: string[]): Promise<unknown> {
  return stage.apply(
    ...names.map((name) => ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [`${name}.example.com`] } })),
  );
}

async function untilStored(...names: string[]): Promise<void> {
  for (const name of names) {
    const stored = async () => (await stage.secret(`shop/${name}-tls`)) !== undefined;
    await eventually(`the certificate of ${name} is stored`, stored, patience);
    await assertStored(stage, `shop/${name}-tls`, [`${name}.example.com`]);
  }
}

describe('two processes of kube-lego', () => {
  let first: ControllerProcess;
  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
    first = await spawnPod('kube-lego-first');
    await untilLeading(first);
    // The only one that the edge takes challenges to.
    await stage.startController(environment);
  });
  after(() => stage.stop());

  it('make one order for each certificate; the one that follows answers the CA, and writes nothing', async () => {
    const names = ['one', 'two', 'three', 'four'];
    await order(...names);
    await untilStored(...names);
    assert.equal(await stage.orders(), names.length);
    assert.deepEqual([await leads(first), await leads(stage.controller)], [true, false]);
    assert.equal(await stage.controller.ready(AbortSignal.timeout(patience)), true);
    const verbs = (await stage.controller.metrics()).matchAll(
      /^kube_lego_kubernetes_requests_total\{verb="([^"]+)"/gm,
    );
    assert.deepEqual(new Set([...verbs].map(([, verb]) => verb)), new Set(['get', 'list', 'watch']));
  });

  it('show who leads on the page of the one that follows', async () => {
    const [page, sources, events] = await Promise.all(
      ['/', '/sources', '/events'].map((path) => stage.controller.page('inspector', path)),
    );
    assert.match(page ?? '', /<pre>kubectl -n kube-lego port-forward pod\/kube-lego-first \d+:\d+<\/pre>/);
    assert.match(sources ?? '', /"following":true,.*"leader":"kube-lego-first"/);
    assert.match(events ?? '', /^event: following\n/);
  });

  it('hand over when the first is asked to end, with orders in flight: none is lost, and nothing is listed again', async () => {
    const names = ['five', 'six', 'seven', 'eight'];
    await order(...names);
    await eventually('orders are in flight', async () => (await stage.orders()) > 4, patience);
    await first.stop();
    const ended = Date.now();
    const lease = await stage.world.api.expect(
      '/apis/coordination.k8s.io/v1/namespaces/kube-lego/leases/kube-lego',
    );
    const holder = stringField(recordField(lease, 'spec'), 'holderIdentity') ?? '';
    assert.doesNotMatch(holder, /first/, 'it gave the Lease back, so that nobody waits for its end');
    await untilLeading(stage.controller);
    await untilStored(...names);
    assert.equal(await stage.orders(), 8);
    // Neither the documents of its state, nor one object by its name.
    const isList = /^list (?!configmaps |.*fieldSelector=metadata\.name=)/;
    assert.deepEqual(
      (await requestsAfter(ended)).filter((request) => isList.test(request)),
      [],
    );
  });

  it('never act both, though the leader stands still until another leads; it follows then', async () => {
    const third = await spawnPod('kube-lego-third');
    await third.untilReady();
    const { controller } = stage;
    process.kill(controller.pid, 'SIGSTOP');
    try {
      await untilLeading(third);
    } finally {
      process.kill(controller.pid, 'SIGCONT');
    }
    const goesOn = Date.now();
    await eventually('it follows', () => logged(controller, 'no longer leads, and follows'), patience);
    assert.deepEqual(
      [await leads(controller), await controller.ready(AbortSignal.timeout(patience))],
      [false, true],
    );
    await order('nine');
    await untilStored('nine');
    assert.equal(await stage.orders(), 9);
    const stores = (await requestsAfter(goesOn)).filter((request) =>
      /^create secrets (?!.*dryRun)/.test(request),
    );
    assert.equal(stores.length, 1, stores.join());

    await third.stop();
    await untilLeading(controller);
    await order('ten');
    await untilStored('ten');
    assert.equal(await stage.orders(), 10);
  });
});
