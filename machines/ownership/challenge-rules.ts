// How the challenge rules of a host are spelt. Called by the HTTP-01 solver, through `Ownership`, whenever a rule of anybody may have
// changed while a challenge stands.

import type { Alias } from './aliases.ts';
import { anyHost, wildcardAbove } from './claim.ts';
import type { ClassStanding } from './classes/class-standing.ts';
import { mostClasses, type ServingClasses } from './classes/serving-classes.ts';
import type { HostRoute } from './desired-certificate.ts';
import { classNameOf, type IngressClassReference } from './source-spec.ts';

/** A rule of a challenge Ingress. */
export interface ChallengeRule {
  /** The host that is validated, or to which its challenge is redirected. */
  readonly host: string;
  readonly ingressClass: IngressClassReference;
  /** `host` of the rule: the host itself, one that it is an alias of, the wildcard above it, or empty for a rule without host. */
  readonly ruleHost: string;
  /**
   * The challenge Ingress must be younger than this, in milliseconds since the epoch, by a whole second: that is how ages are counted.
   * Ingresses of other namespaces count only where the own one has no such rule: else anybody could have a further challenge Ingress
   * written for each round.
   *
   * - The site's Ingress has a default backend besides its rule for the host: ingress-nginx takes the default backend of a host from the
   *   oldest Ingress that has a rule for it.
   * - The controller of the class is not known to merge: it may give the host to the oldest Ingress alone, as F5 NGINX does.
   */
  readonly after?: number | undefined;
  /**
   * Only a wildcard, or a rule without host, of another namespace serves the host. The rule must not be written: it would take the
   * challenges of all hosts of that site, and one for the host itself would take the host away from it.
   */
  readonly foreign?: true;
}

/** What the rules of all namespaces tell. */
export interface ServedHosts {
  /** The classes of the Ingresses that have a rule with this host. */
  servedBy(ruleHost: string): ServingClasses;
  /** The rule by whose alias this host is served, by class. */
  aliased(host: string): ReadonlyMap<string, Alias>;
  /** Whether the ingress controller of a class is known to merge Ingresses with one host. */
  merges(className: string): boolean;
}

/**
 * The rules that lead the challenges of a host to kube-lego: one for each class that serves it. Each is spelt as the most specific
 * rule of that class that serves the host. Many ingress controllers look at paths only after they have chosen the most specific host
 * (as nginx chooses its server, and Envoy its virtual host): a more specific rule would take every other path of the host away from
 * the site, and a less specific one would not be found. Where no rule serves the host, it is named.
 *
 * Rules of other namespaces count only for a class in which the own namespace serves the host by none: anybody can write one that has
 * no effect, outside of what the ingress controller watches, and must not have rules of other sites spelt by it. Where it serves
 * more hosts than this one, the class is left out, or is `foreign` if no other one serves the host.
 *
 * @param namespace of the certificate: its Ingresses say which classes serve the host, whether they ask for a certificate or not
 * @param defaultClass the class of an Ingress without one
 */
export function challengeRules(
  sites: ServedHosts,
  namespace: string,
  { host, ingressClasses }: Pick<HostRoute, 'host' | 'ingressClasses'>,
  defaultClass: string | undefined,
): ChallengeRule[] {
  const aliased = sites.aliased(host);
  /** Of a class, the most specific first. */
  const ruleHosts = (className: string): string[] =>
    [host, aliased.get(className)?.ruleHost, wildcardAbove(host), anyHost].filter(
      (ruleHost) => ruleHost !== undefined,
    );
  const classesOf = (ruleHost: string) => sites.servedBy(ruleHost).byNamespace.get(namespace) ?? [];
  const aliases = [...aliased.values()].map(({ ruleHost }) => ruleHost);
  const serving = [host, ...aliases, wildcardAbove(host), anyHost].flatMap(classesOf);
  const references = [...ingressClasses, ...serving.map(({ ingressClass }) => ingressClass)];
  const classes = new Map<string, IngressClassReference>();
  for (const ingressClass of references) {
    const name = classNameOf(ingressClass, defaultClass);
    if (classes.size < mostClasses && !classes.has(name)) classes.set(name, ingressClass);
  }
  const rules = [...classes].flatMap(([name, ingressClass]): ChallengeRule[] => {
    const ownBy = (ruleHost: string) => classesOf(ruleHost).find((one) => one.name === name);
    const candidates = ruleHosts(name);
    const own = candidates.find((one) => ownBy(one) !== undefined);
    const ruleHost = own ?? candidates.find((one) => sites.servedBy(one).oldest.has(name)) ?? host;
    if (own === undefined && ruleHost !== host) return [{ host, ingressClass, ruleHost, foreign: true }];
    const all = sites.servedBy(ruleHost);
    const { besideDefault, oldest } = ownBy(ruleHost) ?? {
      besideDefault: all.besideDefault.get(name),
      oldest: all.oldest.get(name),
    };
    const ofDefault = ruleHost === anyHost ? undefined : besideDefault;
    const after = ofDefault ?? (sites.merges(name) ? undefined : oldest);
    const rule = { host, ingressClass, ruleHost, ...(after === undefined ? {} : { after }) };
    const alias = aliased.get(name);
    // The challenge is answered for the host that it is redirected to.
    return alias?.redirects && alias.ruleHost === ruleHost ? [rule, { ...rule, host: ruleHost }] : [rule];
  });
  const allowed = rules.filter(({ foreign }) => foreign !== true);
  return allowed.length === 0 ? rules : allowed;
}

/**
 * Those rules of a certificate that are written. Each class has a challenge Ingress of its own, and a tenant can invent any number:
 * they are bounded for the certificate, and of the classes of a host that are known not to exist only the first one counts, for an
 * ingress controller that goes by the name alone.
 *
 * @param rules for each host
 */
export function writtenRules(
  rules: readonly (readonly ChallengeRule[])[],
  standingOf: (ingressClass: IngressClassReference) => ClassStanding,
): ChallengeRule[] {
  const written = new Set<string>();
  return rules.flatMap((ofHost) => {
    const possible = ofHost.filter(
      ({ ingressClass, foreign }) => foreign !== true && standingOf(ingressClass).nonMerging === undefined,
    );
    const first = possible[0]?.ingressClass;
    return possible.filter(({ ingressClass }) => {
      if (ingressClass !== first && standingOf(ingressClass).exists === false) return false;
      const { form } = ingressClass;
      const key = form === 'none' ? form : `${form} ${ingressClass.name}`;
      if (written.size < mostClasses) written.add(key);
      return written.has(key);
    });
  });
}
