import type { IngressClassReference } from '../source-spec.ts';
import { gkeIngress, ingressController } from './ingress-controllers.ts';

/** What is known of the class of an Ingress. */
export interface ClassStanding {
  /** Whether there is an IngressClass of this name; undefined: no class is named, IngressClasses may not be read, or none is needed. */
  readonly exists: boolean | undefined;
  /**
   * The controller, if it is known to allow a host in a single Ingress only. Then no challenge Ingress may be written: depending on
   * its age it would be ignored or take the user's site down. Undefined for controllers that merge, and if unknown.
   */
  readonly nonMerging: string | undefined;
}

/** Ingress controllers by class. */
export interface KnownClasses {
  /** Whatever IngressClasses say, `LEGO_INGRESS_CONTROLLER`. */
  readonly configured: ReadonlyMap<string, string>;
  /** `spec.controller` of the IngressClasses. */
  readonly observed: ReadonlyMap<string, string>;
  /** All IngressClasses are known; false: they may not be read. */
  readonly readable: boolean;
}

/**
 * Classes of the annotation `kubernetes.io/ingress.class` without an IngressClass object. GKE creates a load balancer for each
 * Ingress and reads only the annotation. Source: Google Cloud, "GKE Ingress for Application Load Balancers", controller behaviour.
 */
const controllersOfAnnotations: ReadonlyMap<string, string> = new Map([
  ['gce', gkeIngress],
  ['gce-internal', gkeIngress],
  ['alb', 'ingress.k8s.aws/alb'],
]);

const longestName = 253;
/** Source: RFC 1123 subdomain, Kubernetes "Object Names and IDs". A class in an annotation may be any text. */
const objectName = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

export function classStanding(
  reference: IngressClassReference,
  { configured, observed, readable }: KnownClasses,
): ClassStanding {
  if (reference.form === 'none') return { exists: undefined, nonMerging: undefined };
  const { form, name } = reference;
  const byAnnotation = form === 'annotation' ? controllersOfAnnotations.get(name) : undefined;
  const controller = configured.get(name) ?? byAnnotation ?? observed.get(name);
  const isKnownMissing = readable || name.length > longestName || !objectName.test(name);
  const missing = isKnownMissing && !configured.has(name) ? false : undefined;
  return {
    exists: observed.has(name) ? true : missing,
    nonMerging: ingressController(controller).merges === false ? controller : undefined,
  };
}
