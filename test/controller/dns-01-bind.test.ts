import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serverText } from '../../src/challenges/dns-01/lookup/dns-exchange.ts';
import { tsigKey } from '../challenges/dns-01/dns-world.ts';
import { missing, startBind, startBindSecondary, zone } from '../challenges/dns-01/strangers/name-server.ts';
import { ingress, secret } from '../controller-failures/objects.ts';
import { startStage } from '../controller-failures/stage.ts';
import { assertStored } from './certificate.ts';

describe('a wildcard in a zone of BIND', { timeout: 240_000, skip: missing('named') }, () => {
  it('is proven to a CA that asks the secondary, which is behind', async (t) => {
    const primary = await startBind(t);
    const secondary = await startBindSecondary(t, primary, false);
    const [first, second] = [primary, secondary].map(serverText);
    // The CA sees no other name server than the one that is behind.
    const stage = await startStage({
      namespaces: ['shop'],
      zones: ['unused.example.com'],
      pebble: { dnsAddress: second ?? '' },
    });
    t.after(() => stage.stop());
    const entry = [
      'provider: rfc2136',
      'namespaces: shop',
      `server: ${first}`,
      `name-servers: ${first}, ${second}`,
      `tsig-key: ${tsigKey.name}`,
      'secret: of-bind',
    ];
    await stage.apply(
      secret('kube-lego/of-bind', { 'tsig-secret': tsigKey.secret.toString('base64') }, { type: 'Opaque' }),
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace: 'kube-lego', name: 'kube-lego-zones' },
        data: { [zone]: entry.join('\n') },
      },
      ingress('shop/wild', { tls: { 'wild-tls': [`*.${zone}`] } }),
    );
    await stage.startController({ LEGO_DNS_SERVERS: first ?? '' });
    await stage.untilIssued('shop/wild');
    await assertStored(stage, 'shop/wild-tls', [`*.${zone}`]);
    assert.equal((await stage.view('shop/wild'))?.state, 'idle');
  });
});
