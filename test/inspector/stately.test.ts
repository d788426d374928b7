import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { createMachine, type InspectionEvent } from 'xstate';
import type { SourceKey } from '../../machines/ownership/source-key.ts';
import type { ObservedIngress } from '../../src/actors/ingress-actors.ts';
import { StatelyEndpoint } from '../../src/inspector/stately/stately.ts';
import { isRecord, recordField, stringField } from '../../src/process/json.ts';
import { assignment, now } from '../machines/builders.ts';
import { start } from '../machines/ingress/ingress-run.ts';
import { dueResult } from '../machines/issuance.ts';
import { eventually } from '../time/eventually.ts';
import { receive, valuesIn } from './stately-receiver.ts';

async function endpoint(t: TestContext) {
  const run = await start(assignment(['web-tls']));
  const { system, sessionId: rootId } = run.parent;
  let observers = 0;
  const actors = new Map<SourceKey, ObservedIngress>([['Ingress/shop/web', run.ingress]]);
  const stately = new StatelyEndpoint({
    actors,
    system: {
      inspect: (observer: (event: InspectionEvent) => void) => {
        observers += 1;
        const subscription = system.inspect(observer);
        return {
          unsubscribe: () => {
            observers -= 1;
            subscription.unsubscribe();
          },
        };
      },
    },
    rootId,
    clock: { now: () => now },
    onError: (error) => assert.fail(String(error)),
  });
  const server = createServer();
  server.on('upgrade', (...upgraded) => stately.upgrade(...upgraded));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    stately.stop();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { run, actors, rootId, observers: () => observers, url: `ws://127.0.0.1:${address.port}/stately` };
}

/** What a viewer gets, as it comes. */
async function view(t: TestContext, url: string, headers = {}): Promise<Record<string, unknown>[]> {
  const socket = new WebSocket(url, { headers });
  t.after(() => socket.terminate());
  const frames: Record<string, unknown>[] = [];
  socket.addEventListener('message', ({ data }) => {
    const frame: unknown = typeof data === 'string' ? JSON.parse(data) : undefined;
    if (isRecord(frame)) frames.push(frame);
  });
  await once(socket, 'open');
  return frames;
}

describe("the endpoint for Stately's inspector", () => {
  it('lets a receiver of @statelyai/inspect see a whole issuance', async (t) => {
    const { run, url, rootId, observers } = await endpoint(t);
    const frames = receive(t, url);
    await eventually('it is attached', () => observers() === 1);
    await run.checked([dueResult(run.desired('web-tls'))]);
    await run.admitted('web-tls');
    await run.provisioned('web-tls');
    await run.ordered('web-tls');
    await run.stored('web-tls');
    const sessionId = run.ingress.id;
    await eventually('the end of it has come', () => valuesIn(frames, sessionId).at(-1) === 'idle');
    assert.deepEqual(valuesIn(frames, sessionId), [
      'queued',
      'provisioning-challenge',
      'validating',
      'storing',
      'idle',
    ]);
    const actors = frames.filter((frame) => stringField(frame, 'type') === '@xstate.actor');
    const names = actors.map((frame) => stringField(frame, 'name'));
    assert.ok(
      names.includes('Ingress/shop/web') && names.some((name) => name?.includes('web-tls')),
      String(names),
    );
    const certificate = actors.find((frame) => stringField(frame, 'parentId') === sessionId);
    assert.ok(certificate !== undefined, 'the certificate is a child of its Ingress');
    for (const frame of frames) assert.equal(stringField(frame, 'rootId'), rootId);
  });

  it('gives one who comes late the definitions, from which the statecharts can be drawn', async (t) => {
    const { run, url } = await endpoint(t);
    await run.checked([dueResult(run.desired('web-tls'))]);
    const frames = await view(t, url);
    await eventually('all three actors are there', () => frames.length === 3);
    const charts = frames
      .slice(1)
      .map((frame) => createMachine(JSON.parse(stringField(frame, 'definition') ?? '{}')));
    assert.deepEqual(
      charts.map(({ id, states }) => [id, Object.keys(states).length]),
      [
        ['ingress', 7],
        ['certificate', 5],
      ],
    );
    assert.equal(recordField(frames[1], 'snapshot')?.['value'], 'queued');
  });

  it('tells one who comes of thousands of actors without stopping the work for all of them', async (t) => {
    const { run, url, actors } = await endpoint(t);
    await run.checked([dueResult(run.desired('web-tls'))]);
    for (let count = 1; count < 2000; count += 1) actors.set(`Ingress/shop/${count}`, run.ingress);
    const frames = await view(t, url);
    let turns = 0;
    while (frames.length < 4001) {
      await setImmediate();
      turns += 1;
    }
    assert.ok(turns >= 4000 / 50, `others had ${turns} turns`);
  });

  it('passes on nothing but what is meant for it', async (t) => {
    const { run, url, observers } = await endpoint(t);
    const frames = await view(t, url);
    await eventually('it is attached', () => observers() === 1);
    await run.checked([dueResult(run.desired('web-tls'))]);
    await run.admitted('web-tls');
    await run.provisioned('web-tls');
    await run.ordered('web-tls');
    await eventually('it has come so far', () => valuesIn(frames, run.ingress.id).at(-1) === 'storing');
    const text = JSON.stringify(frames);
    assert.ok(text.includes('web-tls.example.com'));
    assert.ok(!text.includes('vault-id'), 'where the key lies is nobody’s business');
    assert.ok(!text.includes('does not exist'), 'nor is what an event carries');
  });

  it('answers this machine and stately.ai only, observes only for them, and has room for four', async (t) => {
    const { url, observers } = await endpoint(t);
    const refused: [string, object][] = [
      ['403', { origin: 'https://evil.example.com' }],
      ['403', { host: 'rebound.example.com' }],
      ['403', { host: 'rebound.example.com', origin: 'https://stately.ai' }],
    ];
    for (const [status, headers] of refused) {
      await assert.rejects(view(t, url, headers), new RegExp(status));
    }
    await assert.rejects(view(t, url.replace('/stately', '/')), /404/);
    assert.equal(observers(), 0);
    await view(t, url, { origin: 'https://stately.ai' });
    for (let viewers = 1; viewers < 4; viewers += 1) await view(t, url);
    await assert.rejects(view(t, url), /503/);
    assert.equal(observers(), 1);
  });

  it('observes nothing any more when the last one has left', async (t) => {
    const { url, observers } = await endpoint(t);
    const socket = new WebSocket(url);
    await once(socket, 'open');
    await eventually('it is attached', () => observers() === 1);
    socket.close();
    await eventually('it is let go', () => observers() === 0);
  });
});
