import type { IngressClassReference } from '../../../machines/ownership/source-spec.ts';
import { minute } from '../../../machines/time/durations.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { KubernetesError } from '../../kubernetes/client/kubernetes-error.ts';
import type { Clock } from '../../time/clock.ts';

export interface IngressClassesOptions {
  readonly client: Pick<KubernetesClient, 'call'>;
  readonly clock: Clock;
  /** Milliseconds for which an answer is cached, default 5 minutes. */
  readonly lifetime?: number;
}

/**
 * Controllers, by `IngressClass.spec.controller`, that do not merge a second Ingress in another namespace for the challenge path of a
 * host. All others count as merging.
 */
const nonMergingControllers: ReadonlySet<string> = new Set([
  // F5 NGINX Ingress Controller: the oldest Ingress owns a host, the others are rejected; merging only by its own
  // master/minion annotations. Source: docs.nginx.com, "Host and Listener collisions"; run with 5.5.
  'nginx.org/ingress-controller',
  // AWS Load Balancer Controller: each Ingress gets its own ALB and address; sharing needs the annotation group.name on both.
  // Source: its guide, "Ingress annotations", IngressGroup.
  'ingress.k8s.aws/alb',
  // The same in EKS Auto Mode. Source: EKS user guide, "Create an IngressClass to configure an Application Load Balancer".
  'eks.amazonaws.com/alb',
]);

/**
 * Classes of the annotation `kubernetes.io/ingress.class` without an IngressClass object. GKE creates a load balancer for each
 * Ingress and reads only the annotation. Source: Google Cloud, "GKE Ingress for Application Load Balancers", controller behaviour.
 */
const nonMergingAnnotations: ReadonlyMap<string, string> = new Map([
  ['gce', 'GKE Ingress'],
  ['gce-internal', 'GKE Ingress'],
  ['alb', 'ingress.k8s.aws/alb'],
]);

const mostClasses = 1000;

/** Finds the ingress controller of a class; needs the verb get on IngressClasses, works without it. */
export class IngressClasses {
  readonly #options: IngressClassesOptions;
  readonly #answers = new Map<string, { readonly controller: string | undefined; readonly until: number }>();

  constructor(options: IngressClassesOptions) {
    this.#options = options;
  }

  /**
   * The controller of this class, if it is known to allow a host in a single Ingress only. Then no challenge Ingress may be written:
   * depending on its age it would be ignored or take the user's site down.
   * @returns undefined for controllers that merge, and if unknown: no class, no IngressClass object, no permission to read it
   * @throws KubernetesError if the API server does not answer; the signal's reason
   */
  async nonMergingController(
    reference: IngressClassReference,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (reference.form === 'none') return undefined;
    const byAnnotation =
      reference.form === 'annotation' ? nonMergingAnnotations.get(reference.name) : undefined;
    const controller = byAnnotation ?? (await this.#controllerOf(reference.name, signal));
    if (controller === undefined) return undefined;
    return byAnnotation !== undefined || nonMergingControllers.has(controller) ? controller : undefined;
  }

  async #controllerOf(name: string, signal: AbortSignal): Promise<string | undefined> {
    const { clock, lifetime = 5 * minute } = this.#options;
    const known = this.#answers.get(name);
    if (known !== undefined && clock.now() < known.until) return known.controller;
    const controller = await this.#read(name, signal);
    if (this.#answers.size >= mostClasses) this.#answers.clear();
    this.#answers.set(name, { controller, until: clock.now() + lifetime });
    return controller;
  }

  async #read(name: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      const found = await this.#options.client.call(signal, ({ networking }) =>
        networking.readIngressClass({ name }),
      );
      return found.spec?.controller;
    } catch (error) {
      // BadRequest and Invalid: a class in an annotation may be any text, also an invalid object name.
      const unknown = ['NotFound', 'Forbidden', 'BadRequest', 'Invalid'];
      if (error instanceof KubernetesError && unknown.includes(error.code)) return undefined;
      throw error;
    }
  }
}
