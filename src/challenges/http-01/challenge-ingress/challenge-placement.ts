import type { ChallengeRule } from '../../../../machines/ownership/challenge-rules.ts';
import { classNameOf, type IngressClassReference } from '../../../../machines/ownership/source-spec.ts';

/** A challenge Ingress, existing or planned; without class and hosts it is free for any class. */
export interface Place {
  readonly name: string;
  readonly ingressClass: IngressClassReference | undefined;
  /** Milliseconds since the epoch; undefined if it does not exist yet. */
  readonly createdAt: number | undefined;
  /** The hosts that are validated. */
  readonly hosts: ReadonlySet<string>;
  /** Hosts of its rules: these hosts, wildcards, or empty. */
  readonly ruleHosts: ReadonlySet<string>;
}

export interface PlacementOptions {
  /** `kube-lego`: the name of the first challenge Ingress. */
  readonly baseName: string;
  /** Rules per Ingress; large objects are a problem for some controllers and etcd. */
  readonly maxRules: number;
  /** Hosts per Ingress, which can share a rule. */
  readonly maxHosts: number;
  /** Names of foreign objects. */
  readonly foreignNames: ReadonlySet<string>;
}

/** Leaves room for a suffix within the 253 characters of a name (RFC 1123 subdomain, Kubernetes "Object Names"). */
const longestNamePart = 200;

/**
 * The name of the challenge Ingress for this rule. A placed host is not moved, because it would be without rule for a moment; else
 * the Ingress of its class that has the rule, whichever form names the class there (the webhook of ingress-nginx refuses a second
 * one with the same host and path), or one with room, else a new name: `kube-lego` for the first class, `kube-lego-CLASS` for the next ones, with a number if that is
 * taken too.
 */
export function placeRule(places: Iterable<Place>, wanted: ChallengeRule, options: PlacementOptions): string {
  const all = [...places];
  const young = all.filter(
    ({ createdAt }) => createdAt === undefined || createdAt > (wanted.after ?? Number.NEGATIVE_INFINITY),
  );
  const ofClass = young.filter(({ ingressClass }) => sameClass(ingressClass, wanted.ingressClass));
  const withHost = ofClass.filter(({ hosts }) => hosts.has(wanted.host));
  const withRule = young.filter(
    (one) => sameClassName(one.ingressClass, wanted.ingressClass) && one.ruleHosts.has(wanted.ruleHost),
  );
  const place =
    withHost.find((one) => withRule.includes(one)) ??
    withRule.find(({ hosts }) => hosts.size < options.maxHosts) ??
    withHost[0] ??
    ofClass.find(
      ({ hosts, ruleHosts }) => hosts.size < options.maxHosts && ruleHosts.size < options.maxRules,
    );
  if (place !== undefined) return place.name;
  const taken = new Set(all.filter(({ ingressClass }) => ingressClass !== undefined).map(({ name }) => name));
  return newName(wanted.ingressClass, options, taken);
}

function sameClass(a: IngressClassReference | undefined, b: IngressClassReference | undefined): boolean {
  if (a === undefined || b === undefined || a.form !== b.form) return false;
  return a.form === 'none' || b.form === 'none' || a.name === b.name;
}

function sameClassName(a: IngressClassReference | undefined, b: IngressClassReference): boolean {
  return a !== undefined && classNameOf(a, undefined) === classNameOf(b, undefined);
}

function newName(
  ingressClass: IngressClassReference,
  options: PlacementOptions,
  taken: ReadonlySet<string>,
): string {
  const free = (name: string): boolean => !taken.has(name) && !options.foreignNames.has(name);
  if (free(options.baseName)) return options.baseName;
  const suffix = ingressClass.form === 'none' ? 'default' : nameFrom(ingressClass.name);
  const ofClass = `${options.baseName}-${suffix}`;
  let name = ofClass;
  for (let number = 2; !free(name); number++) name = `${ofClass}-${number}`;
  return name;
}

/** A class in an annotation may be any text. */
function nameFrom(className: string): string {
  const name = className
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, (between) => (between === '.' ? '.' : '-'))
    .slice(0, longestNamePart)
    .replaceAll(/^[.-]+|[.-]+$/g, '');
  return name === '' ? 'class' : name;
}
