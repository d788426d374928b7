import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { createController } from '../../src/controller.ts';
import { ApiStandIn } from '../kubernetes/api-stand-in.ts';
import { eventually } from '../time/eventually.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { configOf, controllerEnv, onFailure } from './controller-config.ts';

const ports = ['LEGO_PORT', 'LEGO_METRICS_PORT', 'LEGO_HEALTH_PORT', 'LEGO_INSPECTOR_PORT'] as const;

describe('the controller', () => {
  let api: ApiStandIn;
  let env: Record<string, string>;
  let clock: ManualClock;
  beforeEach(async () => {
    api = await ApiStandIn.start();
    env = await controllerEnv();
    clock = new ManualClock();
  });
  afterEach(() => api.stop());

  const controller = () =>
    createController({
      config: configOf(env),
      access: api.access,
      log: pino({ level: 'silent' }),
      clock,
      onFailure,
    });

  /** Whatever phase it was stopped in. */
  async function assertNothingIsLeft(): Promise<void> {
    assert.deepEqual(clock.pending, []);
    await eventually('no watch is open', () => api.openWatches === 0);
    for (const name of ports) {
      const next = createServer().listen(Number(env[name]));
      await once(next, 'listening');
      next.close();
    }
  }

  it('does nothing before it is started', async () => {
    await controller().stop();
    assert.deepEqual(api.requests, []);
  });

  it('listens before it asks the API server for anything', async () => {
    const heard: Promise<unknown>[] = [];
    api.override = () => {
      if (heard.length === 0) heard.push(...ports.map((name) => once(connect(Number(env[name])), 'connect')));
      return false;
    };
    const { start, stop } = bound(controller());
    await start();
    await eventually('it asks the API server', () => heard.length > 0);
    try {
      await Promise.all(heard);
    } finally {
      await stopped(stop());
    }
  });

  it('is stopped while its servers begin to listen', async () => {
    const { start, stop } = bound(controller());
    const starting = start();
    await stop();
    await starting;
    assert.deepEqual(api.requests, []);
    await assertNothingIsLeft();
  });

  it('is stopped while its caches fill and its state is read', async () => {
    // The API server says nothing but who leads.
    api.override = (_, __, { pathname }) => !pathname.includes('/leases');
    const { start, stop } = bound(controller());
    await start();
    await eventually('lists are under way', () =>
      api.requests.some(({ pathname }) => pathname.endsWith('/ingresses')),
    );
    await stopped(stop());
    await assertNothingIsLeft();
  });

  it('is stopped while it works', async () => {
    const { start, stop } = bound(controller());
    await start();
    await eventually('it watches', () => api.openWatches > 0);
    await stopped(stop());
    await assertNothingIsLeft();
  });

  /** The limits of a stop are those of the clock. */
  async function stopped(stop: Promise<void>): Promise<void> {
    let ended = false;
    const end = stop.finally(() => {
      ended = true;
    });
    await eventually('it has stopped', () => {
      clock.advance(50);
      return ended;
    });
    await end;
  }
});

function bound(controller: { start(): Promise<void>; stop(): Promise<void> }) {
  return { start: () => controller.start(), stop: () => controller.stop() };
}
