import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { createKubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { KubernetesLease } from '../../../src/kubernetes/records/lease-record.ts';
import { isRecord, recordField } from '../../../src/process/json.ts';
import { ApiStandIn, sendJson } from '../api-stand-in.ts';

const { signal } = new AbortController();

/** A Lease as it stands there. */
async function leaseWith(spec: unknown) {
  const api = await ApiStandIn.start();
  const client = createKubernetesClient(api.access);
  let written: unknown;
  api.override = (request, response) => {
    const metadata = { name: 'kube-lego', namespace: 'kube-lego', resourceVersion: '1' };
    if (request.method === 'GET') sendJson(response, 200, { kind: 'Lease', metadata, spec });
    else {
      void text(request).then((body) => {
        written = JSON.parse(body);
        sendJson(response, 200, isRecord(written) ? written : {});
      });
    }
    return true;
  };
  return {
    store: new KubernetesLease(client, 'kube-lego'),
    written: () => recordField(written, 'spec'),
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await api.stop();
    },
  };
}

describe('the Lease, whatever somebody has written there,', () => {
  for (const [name, spec, read] of [
    ['of no length', { leaseDurationSeconds: 'long' }, { duration: Number.POSITIVE_INFINITY }],
    ['without a length', {}, { duration: 0 }],
    ['of a negative length', { leaseDurationSeconds: -5 }, { duration: Number.POSITIVE_INFINITY }],
    ['of nobody', { holderIdentity: 17 }, { holder: '' }],
    ['of no number', { leaseTransitions: 'many' }, { transitions: 0 }],
    ['at no time', { renewTime: [] }, { renewedAt: 0 }],
    ['that is no object', 5, { holder: '', transitions: 0 }],
  ] as const) {
    it(`${name} can be read`, async () => {
      await using world = await leaseWith(spec);
      const lease = await world.store.read(signal);
      assert.deepEqual({ ...lease, ...read }, lease);
    });
  }

  it('names its holder in bounded words that a terminal does not obey', async () => {
    await using world = await leaseWith({ holderIdentity: `\u001b[31m${'a'.repeat(10_000)}` });
    const { holder = '' } = (await world.store.read(signal)) ?? {};
    assert.match(holder, /^\[31ma{290,300}…$/);
  });

  it('that has changed hands as often as it can be counted can be taken over', async () => {
    await using world = await leaseWith({ holderIdentity: 'a', leaseTransitions: 2 ** 31 - 1 });
    const lease = await world.store.read(signal);
    assert(lease);
    await world.store.write(
      { ...lease, holder: 'b', duration: 1000, transitions: lease.transitions + 1 },
      signal,
    );
    assert.equal(world.written()?.['leaseTransitions'], 2 ** 31 - 1);
  });
});
