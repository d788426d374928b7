import { covers } from '../hosts/host-names.ts';
import type { DesiredCertificate, HostRoute } from '../ownership/desired-certificate.ts';
import type { Failure } from '../reasons/reasons.ts';
import { leftOut, type Omission } from './rescue.ts';
import type { SecretFacts } from './secret-facts.ts';

/** Without the hosts that the namespace may not have, whatever the Secret contains: a tenant can write it. */
export function hostsToCover(desired: DesiredCertificate, secret: SecretFacts) {
  const served =
    secret.kind === 'present' && secret.certificate.kind === 'readable' ? secret.certificate.dnsNames : [];
  const held = secret.kind === 'present' && secret.ours ? served : [];
  const omission = omissionOf(desired, secret, held);
  const hosts: HostRoute[] = [];
  const notices: Failure[] = [];
  for (const route of desired.hosts) {
    if (omission?.hosts.includes(route.host)) notices.push(leftOut(route.host, desired.secretName));
    else if (route.standing === 'ours') hosts.push(route);
    else notices.push(refusedHost(route));
  }
  for (const route of desired.keeps ?? []) {
    if (route.standing === 'ours' && covers(served, route.host)) hosts.push(route);
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
  const out = hosts.flatMap(({ host, standing }) =>
    recorded.includes(host) && standing === 'ours' && !covers(held, host) ? [host] : [],
  );
  return { at, hosts: out.length < hosts.length ? out : [] };
}

function refusedHost({ host, standing, until, equalAge }: HostRoute): Failure {
  switch (standing) {
    case 'grace': {
      const end = until === undefined ? '' : ` until ${new Date(until).toISOString()}`;
      const message = `Host ${host} is kept${end} for another namespace, which used it until now.`;
      return {
        code: 'HostOwnedElsewhere',
        message,
        host,
        ...(until === undefined ? {} : { retryAt: until }),
      };
    }
    case 'reserved':
      return {
        code: 'HostOwnedElsewhere',
        message: `Host ${host} is reserved for another namespace (kube-lego.io/domains).`,
        host,
      };
    case 'unknown':
      return {
        code: 'NamespacesUnreadable',
        message: `Whether host ${host} is reserved for this namespace is unknown.`,
        host,
      };
    case 'not-reserved':
      return { code: 'DomainNotReserved', message: `Host ${host} is not reserved for this namespace.`, host };
    case 'covers-others':
      return {
        code: 'WildcardOverOthers',
        message: `Host ${host} would cover a host that belongs to another namespace.`,
        host,
      };
    default:
      return {
        code: 'HostOwnedElsewhere',
        message: equalAge
          ? `Host ${host} belongs to another namespace, which names it in an object of the same second that comes first.`
          : `Host ${host} belongs to another namespace.`,
        host,
      };
  }
}
