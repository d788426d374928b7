import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SiteRoute } from '../../../machines/gateway/gateway-objects.ts';
import { GatewaySources } from '../../../src/sources/gateway/gateway-sources.ts';
import type { GatewayChange } from '../../../src/sources/gateway/gateway-watch.ts';
import { gateway, gatewayNamespace, https, route } from '../../machines/gateway/gateway-builders.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';

describe('a Gateway with more names than are read', () => {
  it('has those that are held among them as soon as the record of holders has been read', async () => {
    const secrets = Array.from({ length: 12 }, (_, at) => `tls-${at}`);
    const certificateRef = { group: '', kind: 'Secret', namespace: gatewayNamespace };
    const edge = gateway(
      'edge',
      ...secrets.map((name) => https(name, { certificateRefs: [{ ...certificateRef, name }] })),
    );
    const others = Array.from({ length: 20 }, (_, of): SiteRoute => {
      const hostnames = Array.from({ length: 16 }, (__, at) => `h${at}.r${of}.example.com`);
      return { ...route(`r${of}`, edge, hostnames), createdAt: of };
    });
    const held = { ...route('held', edge, ['held.example.com']), createdAt: 1000 };
    let tell: (change: GatewayChange) => void = () => undefined;
    const holders = new Set<string>();
    const sources = new GatewaySources({
      watch: {
        read: true,
        follow: (follower) => {
          tell = follower;
          return () => true;
        },
        grants: () => [],
        namespaceLabels: () => ({}),
        statesOf: () => [],
        stopped: () => Promise.resolve(),
        watching: () => Promise.resolve(),
      },
      clock: new ManualClock(),
      signal: new AbortController().signal,
      isHeldBy: (namespace, host) => holders.has(`${namespace} ${host}`),
      tellSupervisor: () => undefined,
    });
    tell({ of: 'gateway', reading: edge });
    for (const reading of [...others, held]) tell({ of: 'route', reading });
    await eventually('all is told', () => sources.synced);
    const covering = (): number =>
      sources
        .find('Gateway/infra/edge')
        ?.tls.filter(({ hosts }) => hosts.length === 200 && hosts.includes('held.example.com')).length ?? 0;
    assert.equal(covering(), 0);
    holders.add('rival held.example.com');
    holders.add(`${gatewayNamespace} held.example.com`);
    sources.recheck();
    await eventually('it is among them', () => covering() === secrets.length);
  });
});
