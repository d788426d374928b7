import {
  ChallengeListeners,
  type ChallengePlace,
  type Unplaced,
} from '../../../machines/gateway/challenge-routes.ts';
import type { ListenerReading } from '../../../machines/gateway/gateway-objects.ts';
import { httpListenerToAdd, unplacedRefusal } from '../../../machines/gateway/route-acceptance.ts';
import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import { sourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { reasons } from '../../../machines/reasons/reasons.ts';
import type { GatewaySurvey } from '../reading/gateway-reading.ts';
import type { Check } from './explanation.ts';

const mostListeners = 20;
const mostHosts = 20;

/** What the Gateway's implementation says of its listeners, and where challenges of its hosts are answered. */
export function checkListeners(
  source: SourceSpec,
  { desired }: Assignment,
  survey: GatewaySurvey | undefined,
  place: ChallengePlace,
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
    place,
  );
  const hosts = desired.flatMap(({ hosts: all }) => all.filter(({ challenge }) => challenge !== 'dns-01'));
  return [
    ...secure.slice(0, mostListeners).map(checkListener),
    ...hosts.slice(0, mostHosts).flatMap(({ host }) => {
      const slots = places.slotsOf(host, key);
      return 'why' in slots ? [missing(slots, place.namespace)] : [];
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

function missing(unplaced: Unplaced, namespace: string): Check {
  const { code, message: text } = unplacedRefusal(unplaced, namespace);
  const lines = httpListenerToAdd.trimEnd().split('\n');
  const quoted = lines.map((line) => `"${line}"`).join(', ');
  const remedy =
    unplaced.why === 'no-http-listener'
      ? `Add to spec.listeners: ${quoted}; or ask the cluster operator for DNS-01 (docs/dns-01.md).`
      : reasons[code].remedy;
  return { about: `listener for ${unplaced.host}`, result: 'problem', text, remedy };
}
