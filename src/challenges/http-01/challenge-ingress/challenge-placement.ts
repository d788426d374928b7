import type { IngressClassReference } from '../../../../machines/ownership/source-spec.ts';

/** A host to be validated, with its ingress class. */
export interface ChallengeHost {
  readonly host: string;
  readonly ingressClass: IngressClassReference;
}

/** A challenge Ingress, existing or planned; without class and hosts it is free for any class. */
export interface Place {
  readonly name: string;
  readonly ingressClass: IngressClassReference | undefined;
  readonly hosts: ReadonlySet<string>;
}

export interface PlacementOptions {
  /** `kube-lego`: the name of the first challenge Ingress. */
  readonly baseName: string;
  /** Rules per Ingress; large objects are a problem for some controllers and etcd. */
  readonly maxRules: number;
  /** Names of foreign objects. */
  readonly foreignNames: ReadonlySet<string>;
}

/** Leaves room for a suffix within the 253 characters of a name (RFC 1123 subdomain, Kubernetes "Object Names"). */
const longestNamePart = 200;

/**
 * The name of the challenge Ingress for this host. A placed host is not moved, because it would be without rule for a moment; else
 * an Ingress of its class with room, else a new name: `kube-lego` for the first class, `kube-lego-CLASS` for the next ones, with a
 * number if that is taken too.
 */
export function placeHost(places: Iterable<Place>, wanted: ChallengeHost, options: PlacementOptions): string {
  const all = [...places];
  const ofClass = all.filter(({ ingressClass }) => sameClass(ingressClass, wanted.ingressClass));
  const present = ofClass.find(({ hosts }) => hosts.has(wanted.host));
  const roomy = present ?? ofClass.find(({ hosts }) => hosts.size < options.maxRules);
  if (roomy !== undefined) return roomy.name;
  const taken = new Set(all.filter(({ ingressClass }) => ingressClass !== undefined).map(({ name }) => name));
  return newName(wanted.ingressClass, options, taken);
}

function sameClass(a: IngressClassReference | undefined, b: IngressClassReference | undefined): boolean {
  if (a === undefined || b === undefined || a.form !== b.form) return false;
  return a.form === 'none' || b.form === 'none' || a.name === b.name;
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
