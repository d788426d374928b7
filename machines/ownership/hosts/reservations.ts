import { dnsLabel, maxHostLength, normalizeHost } from '../../hosts/host-names.ts';
import { isEqual } from '../equality.ts';
import type { NamespaceSpec } from '../holders/holders.ts';

/** `kube-lego.io/domains` on a Namespace: hosts and, as `*.shop.example`, everything below a domain. */
export const domainsAnnotation = 'kube-lego.io/domains';

/**
 * The domains in the annotation's text, separated by commas or white space.
 *
 * @returns `invalid`: what is no domain, and reserves nothing
 */
export function parseDomains(text: string): {
  readonly domains: readonly string[];
  readonly invalid: readonly string[];
} {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const domains = new Set<string>();
  const invalid: string[] = [];
  for (const word of words) {
    const domain = normalizeHost(word);
    if (isDomain(domain)) domains.add(domain);
    else invalid.push(word);
  }
  return { domains: [...domains], invalid };
}

function isDomain(domain: string): boolean {
  if (domain.length > maxHostLength) return false;
  const labels = (domain.startsWith('*.') ? domain.slice(2) : domain).split('.');
  return labels.every((label) => dnsLabel.test(label));
}

/** Which namespace the operator has reserved a host for. */
export class Reservations {
  /** Namespaces can be read; if not, it is unknown what they reserve. */
  readable = true;
  readonly #byName = new Map<string, NamespaceSpec>();
  /** The oldest first: it has the domain. */
  readonly #byDomain = new Map<string, NamespaceSpec[]>();

  /** @returns whether a reservation has changed */
  set(namespace: NamespaceSpec): boolean {
    const { name, domains } = namespace;
    const known = this.#byName.get(name);
    if (isEqual(known, namespace) || (known === undefined && domains.length === 0)) return false;
    this.delete(name);
    if (domains.length === 0) return true;
    this.#byName.set(name, namespace);
    for (const domain of domains) {
      const claimants = [...(this.#byDomain.get(domain) ?? []), namespace];
      this.#byDomain.set(domain, claimants.toSorted(byAge));
    }
    return true;
  }

  /** @returns whether a reservation has changed */
  delete(name: string): boolean {
    const known = this.#byName.get(name);
    if (known === undefined) return false;
    this.#byName.delete(name);
    for (const domain of known.domains) {
      const others = (this.#byDomain.get(domain) ?? []).filter((namespace) => namespace !== known);
      if (others.length === 0) this.#byDomain.delete(domain);
      else this.#byDomain.set(domain, others);
    }
    return true;
  }

  /** The domains of this namespace that an older one has reserved, too: they are that one's. */
  lostBy(name: string): readonly string[] {
    const domains = this.#byName.get(name)?.domains ?? [];
    return domains.filter((domain) => this.#byDomain.get(domain)?.[0]?.name !== name);
  }

  /** A namespace other than this one that has reserved a host one label below the domain. */
  otherBelow(domain: string, namespace: string): string | undefined {
    for (const [reserved, [first]] of this.#byDomain) {
      const isBelow = !reserved.startsWith('*.') && reserved.slice(reserved.indexOf('.') + 1) === domain;
      if (isBelow && first !== undefined && first.name !== namespace) return first.name;
    }
    return undefined;
  }

  /** By the most specific reservation; undefined if there is none. */
  namespaceOf(host: string): string | undefined {
    if (this.#byDomain.size === 0) return undefined;
    const exact = this.#byDomain.get(host);
    if (exact !== undefined) return exact[0]?.name;
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const above = this.#byDomain.get(`*${host.slice(dot)}`);
      if (above !== undefined) return above[0]?.name;
    }
    return undefined;
  }
}

function byAge(one: NamespaceSpec, other: NamespaceSpec): number {
  return one.createdAt - other.createdAt || (one.name < other.name ? -1 : 1);
}
