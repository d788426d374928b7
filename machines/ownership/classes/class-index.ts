// The classes of Ingresses: which ingress controller serves them, and what it makes of several Ingresses with one host. Called by
// ownership.ts and hosts/host-index.ts; the HTTP-01 solver and the commands read it, too.

import { classNameOf, type IngressClassReference } from '../source-spec.ts';
import { type ClassStanding, classStanding, type KnownClasses } from './class-standing.ts';
import { type IngressController, ingressController } from './ingress-controllers.ts';

export interface ClassPolicy {
  /** The class of an Ingress without one, `LEGO_DEFAULT_INGRESS_CLASS`. */
  readonly defaultClass: string | undefined;
  /** Ingress controllers by class, whatever IngressClasses say, `LEGO_INGRESS_CONTROLLER`. */
  readonly controllers: ReadonlyMap<string, string>;
}

/** Which ingress controller serves a class, as the operator says, or else the IngressClass. */
export class ClassIndex implements KnownClasses {
  readonly defaultClass: string | undefined;
  readonly configured: ReadonlyMap<string, string>;
  /** By class: `IngressClass.spec.controller`. */
  readonly observed = new Map<string, string>();
  readable = false;

  constructor({ defaultClass, controllers }: ClassPolicy) {
    this.defaultClass = defaultClass;
    this.configured = controllers;
  }

  /**
   * @param controller undefined: there is no such class any more
   * @returns whether that is new
   */
  set(className: string, controller: string | undefined): boolean {
    if (this.observed.get(className) === controller) return false;
    if (controller === undefined) this.observed.delete(className);
    else this.observed.set(className, controller);
    return true;
  }

  /** See `classNameOf`. */
  nameOf(ingressClass: IngressClassReference): string {
    return classNameOf(ingressClass, this.defaultClass);
  }

  /** @param className see `classNameOf` */
  controllerOf(className: string): IngressController {
    return ingressController(this.configured.get(className) ?? this.observed.get(className));
  }

  standingOf(ingressClass: IngressClassReference): ClassStanding {
    return classStanding(ingressClass, this);
  }
}
