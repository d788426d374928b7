import { type Claim, hasRule } from '../claim.ts';
import { classNameOf, type IngressClassReference } from '../source-spec.ts';

/** A class of the Ingresses that one namespace has there. */
export interface OwnClass {
  /** See `classNameOf`. */
  readonly name: string;
  /** Of the strongest claim. */
  readonly ingressClass: IngressClassReference;
  /** When the youngest Ingress was created that serves all hosts besides; milliseconds since the epoch, undefined if none does. */
  readonly besideDefault: number | undefined;
  /** When the oldest Ingress was created; milliseconds since the epoch. */
  readonly oldest: number;
}

/** The classes of the Ingresses that have a rule for one host, or for one wildcard, or without host. */
export interface ServingClasses {
  /** Distinct by name, the strongest claim's first. */
  readonly byNamespace: ReadonlyMap<string, readonly OwnClass[]>;
  /** By name, see `classNameOf`: when the youngest Ingress was created that serves all hosts besides; milliseconds since the epoch. */
  readonly besideDefault: ReadonlyMap<string, number>;
  /** By name: when the oldest Ingress was created; milliseconds since the epoch. */
  readonly oldest: ReadonlyMap<string, number>;
}

/** Classes of one host in one namespace: a challenge rule is written for each, and a tenant can name any number. */
export const mostClasses = 8;

export const noClasses: ServingClasses = {
  byNamespace: new Map(),
  besideDefault: new Map(),
  oldest: new Map(),
};

/** @param claims strongest first */
export function servingClasses(claims: readonly Claim[], defaultClass: string | undefined): ServingClasses {
  const byNamespace = new Map<string, Map<string, OwnClass>>();
  const besideDefault = new Map<string, number>();
  const oldest = new Map<string, number>();
  for (const { kind, record } of claims) {
    if (!hasRule(kind) || record.source.gateway === true) continue;
    const { namespace, ingressClass, createdAt, servesAnyHost } = record.source;
    const name = classNameOf(ingressClass, defaultClass);
    oldest.set(name, Math.min(createdAt, oldest.get(name) ?? createdAt));
    if (servesAnyHost) besideDefault.set(name, Math.max(createdAt, besideDefault.get(name) ?? createdAt));
    const classes = byNamespace.get(namespace) ?? new Map<string, OwnClass>();
    byNamespace.set(namespace, classes);
    const known = classes.get(name);
    if (known === undefined && classes.size >= mostClasses) continue;
    classes.set(name, {
      name,
      ingressClass: known?.ingressClass ?? ingressClass,
      besideDefault: servesAnyHost
        ? Math.max(createdAt, known?.besideDefault ?? createdAt)
        : known?.besideDefault,
      oldest: Math.min(createdAt, known?.oldest ?? createdAt),
    });
  }
  return {
    besideDefault,
    oldest,
    byNamespace: new Map([...byNamespace].map(([namespace, classes]) => [namespace, [...classes.values()]])),
  };
}
