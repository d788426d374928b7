/* The Ingress as a source: its `spec.tls` requests certificates, its class is the route. Called by the wiring. */
import { SharedValues } from '../../../machines/ownership/shared-values.ts';
import { ingresses } from '../../kubernetes/client/collections.ts';
import type { Source } from '../source.ts';
import { type ClassReferences, type IngressProjectionOptions, projectIngress } from './ingress-projection.ts';

export function ingressSource(options: IngressProjectionOptions): Source {
  const classes: ClassReferences = new SharedValues();
  return { ...ingresses, kind: 'Ingress', project: (object) => projectIngress(object, options, classes) };
}
