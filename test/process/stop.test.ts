import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { createController } from '../../src/controller.ts';
import { ApiStandIn } from '../kubernetes/api-stand-in.ts';
import { eventually } from '../time/eventually.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { configOf, controllerEnv, onFailure } from './controller-config.ts';

/** The pod's seconds of grace, of which the orders that have begun get twenty. */
const grace = 30_000;

describe('a stop while the API server accepts requests and answers none', () => {
  let api: ApiStandIn;
  before(async () => {
    api = await ApiStandIn.start();
  });
  after(() => api.stop());

  it('ends within the time of grace, in the midst of a write too', async () => {
    api.put(challengeIngress('of-a-former-process'));
    let deletions = 0;
    api.override = ({ method = '' }, _, { pathname }) => {
      if (pathname.includes('/leases')) return false;
      if (method === 'DELETE') deletions += 1;
      return method !== 'GET' || !pathname.endsWith('/ingresses');
    };
    const clock = new ManualClock();
    const controller = createController({
      config: configOf(await controllerEnv()),
      access: api.access,
      log: pino({ level: 'silent' }),
      clock,
      onFailure,
    });
    await controller.start();
    await eventually('the rules of the former process are taken away', () => {
      clock.advance(1000);
      return deletions > 0;
    });

    const begun = clock.now();
    let stopped = false;
    const stop = controller.stop().then(() => {
      stopped = true;
    });
    // Less than the time limit of a request, which no test turns: that must not be what ends it.
    await eventually('it has stopped', () => {
      clock.advance(100);
      return stopped;
    });
    await stop;
    assert.ok(clock.now() - begun < grace);
    await eventually('no watch is open', () => api.openWatches === 0);
  });
});

function challengeIngress(name: string) {
  const backend = { service: { name: 'kube-lego', port: { number: 8080 } } };
  const paths = [{ path: '/.well-known/acme-challenge/', pathType: 'ImplementationSpecific', backend }];
  return {
    metadata: {
      name,
      namespace: 'kube-lego',
      uid: 'u',
      labels: { 'app.kubernetes.io/managed-by': 'kube-lego' },
    },
    spec: { rules: [{ host: 'a.example', http: { paths } }] },
  };
}
