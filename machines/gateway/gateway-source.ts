import type { SourceSpec } from '../ownership/source-spec.ts';
import type { GatewayReading } from './gateway-objects.ts';
import { type GatewaySurroundings, gatewayRequest } from './gateway-request.ts';

/** A Gateway or ListenerSet as a source. */
export function gatewaySource(reading: GatewayReading, surroundings: GatewaySurroundings): SourceSpec {
  const { kind, namespace, name, uid, createdAt, settings, excess } = reading;
  return {
    kind,
    namespace,
    name,
    uid,
    createdAt,
    ingressClass: { form: 'none' },
    gateway: true,
    ...gatewayRequest(reading, surroundings),
    ...settings,
    ...(excess === undefined
      ? {}
      : {
          excess: {
            entries: excess.listeners + excess.certificateRefs,
            tlsHosts: 0,
            ruleHosts: 0,
            annotations: excess.annotations,
          },
        }),
  };
}
