import assert from 'node:assert/strict';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { CaAnswer, CaRequest } from '../ca/exchange.ts';
import { runCommand } from '../commands/command-run.ts';
import { ingress } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { StrictCa } from '../controller-failures/strict-ca.ts';
import { eventually } from '../time/eventually.ts';
import type { Replica } from './replica.ts';
import { Replicas } from './replicas.ts';

/** Milliseconds: of a busy machine, and of the Lease of a leader that has died. */
const patience = 120_000;

type Around = (request: CaRequest, handle: () => Promise<CaAnswer>) => Promise<CaAnswer>;

let stage: Stage;
let ca: StrictCa;
let replicas: Replicas;
let pods: readonly Replica[];
let around: Around;

const undisturbed: Around = (_request, handle) => handle();
const hostOf = (name: string): string => `${name}.example.com`;

/** Does this when the CA is asked to validate a host, before the CA looks for the proof. Resolves when it is done. */
function beforeValidation(work: () => Promise<void>): Promise<void> {
  const done = Promise.withResolvers<void>();
  around = async (request, handle) => {
    if (new URL(request.url).pathname.startsWith('/challenge/')) {
      around = undisturbed;
      await work().then(done.resolve, done.reject);
    }
    return handle();
  };
  return done.promise;
}

function order(...names: readonly string[]): Promise<void> {
  return stage.apply(
    ...names.map((name) => ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [hostOf(name)] } })),
  );
}

/** Waits until these have their certificates; each has cost one order, and the CA has found each proof. */
async function untilStored(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const stored = async () => (await stage.secret(`shop/${name}-tls`))?.['tls.crt'] !== undefined;
    await eventually(`${name} has its certificate`, stored, patience);
  }
  const costs = names.map((name) => [name, ordersFor(hostOf(name))]);
  assert.deepEqual(
    costs,
    names.map((name) => [name, 1]),
  );
  assert.deepEqual(
    ca.events.filter(({ type }) => type === 'proof-failed'),
    [],
  );
}

function ordersFor(host: string): number {
  return ca.events.filter(
    (event) =>
      event.type === 'order-made' && !event.reused && event.identifiers.some(({ value }) => value === host),
  ).length;
}

function accounts(): number {
  return ca.requests.filter(({ endpoint, status }) => endpoint === 'new-account' && status === 201).length;
}

/** What a replica answers to a challenge for this host; undefined if it breaks the connection. */
async function proofOf({ ports }: Replica, name: string): Promise<string | undefined> {
  const path = `/.well-known/acme-challenge/${'t'.repeat(43)}`;
  const answered = Promise.withResolvers<string>();
  get({ host: '127.0.0.1', port: ports.responder, path, agent: false, headers: { host: hostOf(name) } })
    .on('response', (response) => answered.resolve(text(response)))
    .on('error', answered.reject);
  return answered.promise.catch(() => undefined);
}

async function leaderAndFollower(): Promise<readonly [leader: Replica, follower: Replica]> {
  const leader = await replicas.untilLed(...pods);
  const follower = pods.find((pod) => pod !== leader);
  assert.ok(follower);
  await eventually('the follower is ready', () => follower.ready(), patience);
  return [leader, follower];
}

/** In the place of one that has ended, or ends. */
async function replace(pod: Replica): Promise<void> {
  const next = await replicas.add();
  pods = [...pods.filter((other) => other !== pod), next];
  await eventually('the next one is ready', () => next.ready(), patience);
}

describe('two replicas', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
    around = undisturbed;
    ca = await StrictCa.start(stage, {
      orderReuse: false,
      issuanceTime: () => 300,
      around: (request, handle) => around(request, handle),
    });
    replicas = await Replicas.start(stage.world, { ...ca.environment, LEGO_LEASE_DURATION: '30s' });
    pods = [await replicas.add(), await replicas.add()];
  });
  afterEach(() => {
    around = undisturbed;
  });
  after(async () => {
    await replicas[Symbol.asyncDispose]();
    await ca[Symbol.asyncDispose]();
    await stage.stop();
  });

  it('go on with an order whose host the CA validates while nobody leads: the follower answers', async () => {
    const [leader] = await leaderAndFollower();
    const killed = beforeValidation(async () => {
      leader.kill();
      await leader.process.exited;
    });
    await order('validated');
    await killed;
    await untilStored('validated');
    await replicas.remove(leader);
    await replace(leader);
  });

  it('that are replaced one after the other, while Ingresses come, make one order for each', async () => {
    const [leader, follower] = await leaderAndFollower();
    const names: string[] = [];
    const rolled = new AbortController();
    const coming = (async () => {
      while (!rolled.signal.aborted && names.length < 60) {
        const name = `rolled-${names.length}`;
        names.push(name);
        await order(name);
        await pause(400);
      }
    })();
    // As the Deployment does: maxSurge 1, maxUnavailable 0.
    for (const pod of [leader, follower]) {
      await replace(pod);
      await pod.process.stop();
      await replicas.remove(pod);
    }
    rolled.abort();
    await coming;
    await untilStored(...names);
  });

  it('both answer for another account key from the first challenge on, and the one that followed orders with it', async () => {
    const answers: (readonly (string | undefined)[])[] = [];
    const asked = async (name: string): Promise<void> => {
      const validated = beforeValidation(async () => {
        answers.push(await Promise.all(pods.map((pod) => proofOf(pod, name))));
      });
      await order(name);
      await validated;
      await untilStored(name);
    };
    const [leader] = await leaderAndFollower();
    await asked('old-key');
    const { code, errors } = await runCommand(stage, 'account', ['rollover', '--yes'], ca.environment);
    assert.equal(code, 0, errors);
    await asked('new-key');
    const [before, after] = answers;
    assert.equal(new Set(before).size, 1, 'with the old key both gave one answer');
    assert.equal(new Set(after).size, 1, 'with the new key both gave one answer');
    assert.notEqual(after?.[0], before?.[0]);
    await replicas.remove(leader);
    await replace(leader);
    await order('of-the-next');
    await untilStored('of-the-next');
    assert.equal(accounts(), 1);
  });

  it('of which the one that follows is cut off from the API server: it says so, stays ready, and answers what it knows', async () => {
    const [, follower] = await leaderAndFollower();
    const told = (): Promise<string> => follower.process.page('metrics', '/readyz');
    assert.match(await told(), /^ready; it follows: [^\n]*\n$/);
    const checked = beforeValidation(async () => {
      follower.apiServer.interfere = () => Promise.resolve('hang-up');
      follower.apiServer.breakConnections();
      await eventually('it tells', async () => (await told()).includes('(who leads)'), patience);
      assert.match(await told(), /: the watch of the challenge Ingresses is interrupted: /);
      assert.match(await told(), /: Lease kube-lego\/kube-lego \(who leads\) cannot be read: /);
      assert.ok(await follower.ready());
      for (const sample of [
        'kube_lego_record_failing{record="lease"} 1',
        'kube_lego_reflector_watching{resource="challenge-ingresses"} 0',
      ]) {
        // A scrape may get what the last one got.
        const scraped = async () => (await follower.process.metrics()).includes(`\n${sample}\n`);
        await eventually(sample, scraped, patience);
      }
      assert.match((await proofOf(follower, 'known')) ?? '', /^t{43}\./);
      assert.equal(await proofOf(follower, 'unknown'), undefined);
    });
    await order('known');
    await checked;
    await untilStored('known');
    // The Service leads to both, and only one of them can know of this host.
    await order('new');
    await untilStored('new');
    follower.apiServer.interfere = () => undefined;
    await eventually('it tells no more', async () => /^ready; [^\n]*\n$/.test(await told()), patience);
  });
});
