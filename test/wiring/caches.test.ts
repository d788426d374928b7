import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { SteadyClock } from '../../src/time/steady-clock.ts';
import { setUpCaches } from '../../src/wiring/caches.ts';
import { connectToCluster } from '../../src/wiring/cluster.ts';
import type { Runtime } from '../../src/wiring/runtime.ts';
import { defaultSources } from '../../src/wiring/statuses.ts';
import { ApiStandIn, sendStatus } from '../kubernetes/api-stand-in.ts';
import { configOf, controllerEnv } from '../process/controller-config.ts';
import { eventually } from '../time/eventually.ts';
import { ManualClock } from '../time/manual-clock.ts';

describe('the caches of a process that takes over', () => {
  let api: ApiStandIn;
  let clock: ManualClock;
  let stop: AbortController;
  let end: () => Promise<void>;
  let follow: (told: SupervisorEvent[]) => void;
  let interruptions: () => readonly string[];

  beforeEach(async () => {
    api = await ApiStandIn.start();
    clock = new ManualClock();
    stop = new AbortController();
    const config = configOf(await controllerEnv());
    const runtime: Runtime = {
      config,
      clock: new SteadyClock(clock),
      log: pino({ level: 'silent' }),
      sources: defaultSources(config),
      signal: stop.signal,
      userAgent: 'test',
    };
    const connections = connectToCluster(runtime, api.access, () => undefined);
    const caches = setUpCaches(runtime, connections);
    caches.start();
    follow = (told) => void caches.follow((event) => told.push(event), stop.signal);
    interruptions = () => caches.interruptions;
    end = async () => {
      stop.abort();
      await caches.stopped();
      await Promise.all([connections.reader.close(), connections.lease.close()]);
    };
  });
  afterEach(async () => {
    await end();
    await api.stop();
  });

  const allKnown = (told: readonly SupervisorEvent[]): boolean => told.some(({ type }) => type === 'SYNCED');

  it('are not all that is known while the watch of the sources is interrupted, and tell why', async () => {
    await eventually('all is watched', () => api.openWatches === 4);
    const first: SupervisorEvent[] = [];
    follow(first);
    await eventually('all is told', () => allKnown(first));

    api.override = (_, response, { searchParams }) => {
      if (!searchParams.has('watch')) return false;
      sendStatus(response, 500, 'InternalError', 'etcd is away');
      return true;
    };
    clock.advance(60_000);
    api.endWatches();
    await eventually('none is watched, and all are tried again', () => clock.pending.length === 4);
    const second: SupervisorEvent[] = [];
    follow(second);
    await setImmediate();
    assert.ok(!allKnown(second));
    const lines = interruptions().map((line) => line.replace(/^since [\d:.TZ-]+: /, ''));
    assert.deepEqual(
      lines.map((line) => line.replace(/: GET .*: /, ': GET …: ')),
      ['challenge Ingresses', 'Ingresses'].map(
        (name) => `the watch of the ${name} is interrupted: GET …: etcd is away.`,
      ),
    );
    api.override = () => false;
    clock.advance(29_000);
    await eventually('all is told', () => allKnown(second));
    await eventually('nothing is interrupted', () => interruptions().length === 0);
  });
});
