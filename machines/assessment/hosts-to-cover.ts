import { covers } from '../hosts/host-names.ts';
import type { DesiredCertificate, HostRoute } from '../ownership/desired-certificate.ts';
import type { Failure } from '../reasons/reasons.ts';
import { leftOut, type Omission } from './rescue.ts';
import type { SecretFacts } from './secret-facts.ts';

/** A host that another namespace owns is kept only if our certificate already covers it: that one continues to be renewed. */
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

/** The recorded omission, if its hosts are still missing in the certificate and other hosts are desired, too. */
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
