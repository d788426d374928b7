import { ChallengeListeners } from '../../../machines/gateway/challenge-routes.ts';
import type { ListenerReading } from '../../../machines/gateway/gateway-objects.ts';
import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import { sourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import type { GatewaySurvey } from '../gateway-reading.ts';
import type { Check } from './explanation.ts';

const mostListeners = 20;
const mostHosts = 20;

/** What the Gateway's implementation says of its listeners, and where challenges of its hosts are answered. */
export function checkListeners(
  source: SourceSpec,
  { desired }: Assignment,
  survey: GatewaySurvey | undefined,
  namespace: string,
): Check[] {
  const key = sourceKey(source);
  const reading = survey?.gateways.find((one) => sourceKey(one) === key);
  if (survey === undefined || reading === undefined) return [];
  const secure = reading.listeners.filter(({ tlsMode }) => tlsMode === 'Terminate');
  const places = new ChallengeListeners(
    {
      gateways: () => survey.gateways,
      routes: () => survey.routes,
      namespaceLabels: survey.labelsOf,
    },
    namespace,
  );
  const hosts = desired.flatMap(({ hosts: all }) => all.filter(({ challenge }) => challenge !== 'dns-01'));
  return [
    ...secure.slice(0, mostListeners).map(checkListener),
    ...hosts.slice(0, mostHosts).flatMap(({ host }) => {
      const slots = places.slotsOf(host, key);
      return 'why' in slots ? [unplaced(host, slots.why, namespace)] : [];
    }),
  ];
}

function checkListener({ name, programmed, accepted, conflicted }: ListenerReading): Check {
  const about = `listener ${name}`;
  if (conflicted || accepted === false) {
    return { about, result: 'problem', text: 'Its implementation refuses it: see status.listeners.' };
  }
  if (programmed === true) return { about, result: 'ok', text: 'Its implementation serves it.' };
  const text =
    programmed === undefined
      ? 'No implementation has said yet whether it serves it: see the GatewayClass.'
      : 'Its implementation does not serve it yet: see status.listeners.';
  return { about, result: 'note', text };
}

/** The YAML that is missing, as part of `spec.listeners`. */
const httpListener = '{name: http, protocol: HTTP, port: 80, allowedRoutes: {namespaces: {from: All}}}';

function unplaced(host: string, why: string, namespace: string): Check {
  const about = `listener for ${host}`;
  if (why === 'no-routes') {
    const text = `The HTTP listener that has ${host} lets in routes neither of namespace ${namespace} nor of its own.`;
    const remedy = 'Set allowedRoutes: {namespaces: {from: All}} of the listener.';
    return { about, result: 'problem', text, remedy };
  }
  const text = `No HTTP listener at port 80 can carry the challenge of ${host}.`;
  const remedy = `Add to spec.listeners: ${httpListener}; or use DNS-01 (docs/dns-01.md).`;
  return { about, result: 'problem', text, remedy };
}
