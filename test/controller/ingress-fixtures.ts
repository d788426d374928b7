import type { Manifest } from '../../deploy/local/kustomization.ts';

export interface IngressParts {
  /** hosts by Secret */
  readonly tls: Readonly<Record<string, readonly string[]>>;
  /** all of them; default: the one that hands the Ingress to kube-lego */
  readonly annotations?: Readonly<Record<string, string>>;
  /** hosts that have a rule and no place in `tls` */
  readonly plainHosts?: readonly string[];
}

/** The annotation that hands an Ingress to kube-lego. */
export const annotated: Readonly<Record<string, string>> = { 'kubernetes.io/tls-acme': 'true' };

/** An Ingress `namespace/name` that sends its hosts to the namespace's `web`. */
export function ingress(
  key: string,
  { tls, annotations = annotated, plainHosts = [] }: IngressParts,
): Manifest {
  const [namespace = '', name = ''] = key.split('/');
  const backend = { service: { name: 'web', port: { number: 80 } } };
  const http = { paths: [{ path: '/', pathType: 'Prefix', backend }] };
  const hosts = new Set([...Object.values(tls).flat(), ...plainHosts]);
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { namespace, name, annotations },
    spec: {
      tls: Object.entries(tls).map(([secretName, names]) => ({ secretName, hosts: names })),
      rules: [...hosts].map((host) => ({ host, http })),
    },
  };
}

/** Where the Ingress `namespace/name` is in the API. */
export function ingressPath(key: string): string {
  const [namespace = '', name = ''] = key.split('/');
  return `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses/${name}`;
}

/** Where the Secret `namespace/name` is in the API. */
export function secretPath(key: string): string {
  const [namespace = '', name = ''] = key.split('/');
  return `/api/v1/namespaces/${namespace}/secrets/${name}`;
}
