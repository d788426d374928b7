/* The Ingress as a source: its `spec.tls` requests certificates, its class is the route. Called by the wiring. */
import { ingresses } from '../../kubernetes/client/collections.ts';
import type { Source } from '../source.ts';
import { type IngressProjectionOptions, projectIngress } from './ingress-projection.ts';

export function ingressSource(options: IngressProjectionOptions): Source {
  return { ...ingresses, kind: 'Ingress', project: (object) => projectIngress(object, options) };
}
