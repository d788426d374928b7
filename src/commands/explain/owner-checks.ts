import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import type { Holder } from '../../../machines/ownership/holders/holders.ts';
import type { HostOwner } from '../../../machines/ownership/hosts/host-owner.ts';
import type { Check } from './explanation.ts';

export interface OwnerKnowledge {
  readonly hostOwner: (host: string) => HostOwner;
  readonly holders: ReadonlyMap<string, Holder> | undefined;
  /**
   * Whether the reader may list the Ingresses of all namespaces, or read the record of holders: an operator. Nobody else is told whose a
   * host is.
   */
  readonly operator: boolean;
}

const mostHosts = 20;

/** For an operator: whom the hosts belong to that this Ingress may not have, and those that are reserved for it. */
export function checkOwners({ desired }: Assignment, knowledge: OwnerKnowledge): Check[] {
  if (!knowledge.operator) return [];
  const routes = desired.flatMap(({ hosts, namespace }) => hosts.map((route) => ({ ...route, namespace })));
  return routes
    .flatMap(({ host, standing, namespace }): Check[] => {
      const owner = knowledge.hostOwner(host);
      if (standing === 'ours' && owner.by !== 'reservation') return [];
      const words = ownerWords(host, owner, knowledge.holders?.get(host), namespace);
      return [{ about: `owner of ${host}`, result: standing === 'ours' ? 'ok' : 'note', text: words }];
    })
    .slice(0, mostHosts);
}

function ownerWords(
  host: string,
  { by, namespace = '', equalAge }: HostOwner,
  holder: Holder | undefined,
  own: string,
): string {
  switch (by) {
    case 'reservation':
      return namespace === own
        ? `kube-lego.io/domains reserves ${host} for this namespace.`
        : `kube-lego.io/domains of Namespace ${namespace} reserves ${host}.`;
    case 'holder':
    case 'grace': {
      const end = holder === undefined ? '' : `, valid until ${new Date(holder.notAfter).toISOString()}`;
      const held = `Namespace ${namespace} holds ${host}: kube-lego was last issued a certificate for it there${end}`;
      return by === 'holder'
        ? `${held}, and an Ingress or Gateway there names it.`
        : `${held}. No Ingress or Gateway there names it any more, so it is free when LEGO_HOST_GRACE is over.`;
    }
    case 'claim':
      return equalAge
        ? `Nobody holds ${host} yet; it belongs to namespace ${namespace}: of those of the same second, that one comes first.`
        : `Nobody holds ${host} yet; it belongs to namespace ${namespace}, where an Ingress or Gateway routes or lists it first.`;
    case 'wildcard':
      return `Namespace ${namespace} holds the wildcard above ${host}, so hosts below it that nobody had before are its own.`;
    case 'hosts-below':
      return `${host} would cover a host that belongs to namespace ${namespace}.`;
    case 'nobody':
      return `No Namespace reserves ${host}, and LEGO_REQUIRE_DOMAINS is true.`;
    case 'unknown':
      return 'Namespaces cannot be read, so it is unknown what they reserve, and LEGO_REQUIRE_DOMAINS is true.';
    case 'anyone':
      return `${host} belongs to nobody.`;
    default:
      return by satisfies never;
  }
}
