import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { watchZones } from '../../src/sources/zone-watch.ts';
import { systemClock } from '../../src/time/clock.ts';
import { startApiWorld } from '../kubernetes/api-world.ts';
import { recordedLog } from '../process/recorded-log.ts';
import { eventually } from '../time/eventually.ts';

const configMaps = '/api/v1/namespaces/kube-lego/configmaps';

describe('the watch of the zones document', () => {
  it('tells all zones at the start and after each change, and that there are none', async () => {
    await using world = await startApiWorld();
    const { admin, client } = world;
    await world.createNamespace('kube-lego');
    const stop = new AbortController();
    // Also after a failure: the world waits for the connection.
    await using _ = { [Symbol.asyncDispose]: () => Promise.resolve(stop.abort()) };
    const told: SupervisorEvent[] = [];
    const log = recordedLog();
    const watch = watchZones({
      client,
      clock: systemClock,
      signal: stop.signal,
      log: log.log,
      namespace: 'kube-lego',
      name: 'zones',
      tellSupervisor: (event) => told.push(event),
    });
    const domains = (): string | undefined => {
      const last = told.at(-1);
      return last?.type === 'ZONES_READ'
        ? last.zones
            .map(({ domain }) => domain)
            .toSorted()
            .join(' ')
        : undefined;
    };
    await eventually('there are none', () => domains() === '');
    assert.deepEqual([...watch.known()], [{ type: 'ZONES_READ', zones: [], closed: [] }]);
    const write = (name: string, data: Record<string, string>, method: 'POST' | 'PUT' = 'PUT') =>
      admin.expect(method === 'POST' ? configMaps : `${configMaps}/${name}`, {
        method,
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data },
      });
    await write(
      'zones',
      { 'shop.example': 'provider: external-dns', 'bad.example': 'provider: magic' },
      'POST',
    );
    await write('others', { 'other.example': 'provider: external-dns' }, 'POST');
    await eventually('the zone is told', () => domains() === 'shop.example');
    assert.equal(watch.zones.of('a.shop.example')?.domain, 'shop.example');
    const complaints = (): string[] => log.records.map(({ msg }) => String(msg));
    assert.deepEqual(complaints(), [
      'Zone bad.example is not used: provider must be rfc2136, external-dns, httpreq, acme-dns.',
    ]);
    await write('zones', {
      'shop.example': 'provider: external-dns',
      'eu.example': 'provider: external-dns',
    });
    await eventually('the change is told', () => domains() === 'eu.example shop.example');
    await admin.expect(`${configMaps}/zones`, { method: 'DELETE' });
    await eventually('the end is told', () => domains() === '');
    assert.equal(complaints().length, 1);
    stop.abort();
    await watch.stopped();
  });
});
