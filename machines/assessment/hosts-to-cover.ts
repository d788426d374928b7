import { covers } from '../hosts/host-names.ts';
import type { DesiredCertificate, HostRoute } from '../ownership/desired-certificate.ts';
import type { Failure } from '../reasons/reasons.ts';
import { leftOut, type Omission } from './rescue.ts';
import type { SecretFacts } from './secret-facts.ts';

/** A host that another namespace owns stays only where our certificate has it already: that one keeps renewing. */
export function hostsToCover(desired: DesiredCertificate, secret: SecretFacts) {
  const held =
    secret.kind === 'present' && secret.ours && secret.certificate.kind === 'readable'
      ? secret.certificate.dnsNames
      : [];
  const omission = omissionOf(desired, secret, held);
  const hosts: HostRoute[] = [];
  const notices: Failure[] = [];
  for (const route of desired.hosts) {
    if (omission?.hosts.includes(route.host)) notices.push(leftOut(route.host, desired.secretName));
    else if (!route.ownedElsewhere || covers(held, route.host)) hosts.push(route);
    else {
      const message = `Host ${route.host} is used by an older Ingress of another namespace.`;
      notices.push({ code: 'HostOwnedElsewhere', message, host: route.host });
    }
  }
  return { hosts, notices, omission };
}

/** What is recorded of hosts left out, where the certificate still serves without them and others are wanted besides. */
function omissionOf(
  { hosts }: DesiredCertificate,
  secret: SecretFacts,
  held: readonly string[],
): Omission | undefined {
  if (secret.kind === 'absent' || secret.omission === undefined || held.length === 0) return undefined;
  const { at, hosts: recorded } = secret.omission;
  const out = hosts.flatMap(({ host, ownedElsewhere }) =>
    recorded.includes(host) && !ownedElsewhere && !covers(held, host) ? [host] : [],
  );
  return { at, hosts: out.length < hosts.length ? out : [] };
}
