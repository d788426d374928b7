import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { createKubernetesClient } from '../../src/kubernetes/client/client.ts';
import { projectClass, watchClasses } from '../../src/sources/class-watch.ts';
import { ApiStandIn, sendStatus } from '../kubernetes/api-stand-in.ts';
import { recordedLog } from '../process/recorded-log.ts';
import { eventually } from '../time/eventually.ts';
import { ManualClock } from '../time/manual-clock.ts';

it('an IngressClass is read by name and controller', () => {
  const metadata = { name: 'nginx' };
  assert.deepEqual(projectClass({ metadata, spec: { controller: 'k8s.io/ingress-nginx' } }), {
    name: 'nginx',
    controller: 'k8s.io/ingress-nginx',
  });
  assert.deepEqual(projectClass({ metadata, spec: { controller: 7 } }), { name: 'nginx', controller: '' });
  assert.equal(projectClass({ spec: {} }), undefined);
});

it('kube-lego goes on where IngressClasses are denied, says so once, and takes them up later', async (t) => {
  const api = await ApiStandIn.start();
  const client = createKubernetesClient(api.access);
  const stop = new AbortController();
  const told: SupervisorEvent[] = [];
  const { log, records } = recordedLog();
  const clock = new ManualClock();
  api.override = (_, response) => {
    sendStatus(response, 403, 'Forbidden', 'ingressclasses is forbidden');
    return true;
  };
  const watch = watchClasses(client, clock, stop.signal, log, (event) => told.push(event));
  t.after(async () => {
    stop.abort();
    await watch.stopped();
    await client.close();
    await api.stop();
  });
  const pass = async (): Promise<void> => {
    clock.advance(1_000);
    await setImmediate();
  };
  await eventually('the denial stands', async () => {
    await pass();
    return told.length > 0;
  });
  assert.deepEqual(told, [{ type: 'CLASSES_READ', denied: true }]);
  api.override = () => false;
  await eventually('they are read', async () => {
    await pass();
    return told.length > 1;
  });
  assert.deepEqual(told.at(-1), { type: 'CLASSES_READ' });
  const said = records.map(({ msg }) => String(msg).split(':')[0]);
  assert.deepEqual(said, [
    'IngressClasses cannot be listed, so it is not known which ingress controller serves a class',
    'IngressClasses can be read now.',
  ]);
});
