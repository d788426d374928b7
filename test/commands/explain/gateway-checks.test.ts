import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GatewayReading } from '../../../machines/gateway/gateway-objects.ts';
import { gatewaySource } from '../../../machines/gateway/gateway-source.ts';
import { checkListeners } from '../../../src/commands/explain/gateway-checks.ts';
import { assignment, desiredCertificate, route } from '../../machines/builders.ts';
import { gateway, gatewayNamespace, http, https } from '../../machines/gateway/gateway-builders.ts';

const host = 'shop.example.com';
const certificateRefs = [{ group: '', kind: 'Secret', namespace: gatewayNamespace, name: 'shop-tls' }];
const secure = { hostname: host, certificateRefs };

/** `RESULT ABOUT`, and the remedies, for a Gateway that asks for the host. */
function checksOf(reading: GatewayReading, challenge?: 'dns-01') {
  const source = gatewaySource(reading, {
    routes: [],
    grants: [],
    isHeld: () => false,
    labelsOf: () => ({}),
  });
  const own = route(host, {
    ingressClasses: [],
    gateways: ['Gateway/infra/edge'],
    ...(challenge && { challenge }),
  });
  const asked = { ...assignment([]), desired: [desiredCertificate({ hosts: [own] })] };
  const survey = {
    discovered: true,
    gateways: [reading],
    routes: [],
    grants: [],
    labelsOf: () => ({}),
    sourcesBy: () => [source],
    partial: false,
  };
  const checks = checkListeners(source, asked, survey, { namespace: 'kube-lego', isHeldBy: () => false });
  return { checks, said: checks.map(({ result, about }) => `${result} ${about}`) };
}

describe('explain, of the listeners of a Gateway', () => {
  it('says which of them are served', () => {
    const reading = gateway(
      'edge',
      http('http'),
      https('served', { ...secure, programmed: true }),
      https('down', { ...secure, programmed: false }),
      https('new', { ...secure, accepted: undefined }),
      https('rival', { ...secure, conflicted: true }),
    );
    assert.deepEqual(checksOf(reading).said, [
      'ok listener served',
      'note listener down',
      'note listener new',
      'problem listener rival',
    ]);
  });

  it('says which listener is missing for the challenges of a host, unless DNS-01 proves it', () => {
    const reading = gateway('edge', https('https', { ...secure, programmed: true }));
    const { checks, said } = checksOf(reading);
    assert.deepEqual(said, ['ok listener https', `problem listener for ${host}`]);
    assert.match(checks[1]?.remedy ?? '', /Add to spec\.listeners: .*" {2}protocol: HTTP", " {2}port: 80"/);
    assert.deepEqual(checksOf(reading, 'dns-01').said, ['ok listener https']);
    const closed = gateway('edge', http('http', { allowedRoutes: { from: 'None' } }));
    assert.match(checksOf(closed).checks[0]?.text ?? '', /lets in routes neither/);
  });
});
