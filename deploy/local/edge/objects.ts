/**
 * What the edge takes from the objects it watches, and nothing else. Objects come from the API server as unknown JSON;
 * a field of the wrong type is treated as absent, as the typed clients of real ingress controllers would never see one.
 */

/** One place a request can be sent to: a Service and one of its ports, by number or by name. */
export interface Backend {
  /** 'namespace/name' */
  readonly service: string;
  readonly port: number | string;
}

export interface Path {
  readonly path: string;
  readonly type: 'Exact' | 'Prefix' | 'ImplementationSpecific';
  /** undefined: a backend that is not a Service, which the edge cannot serve */
  readonly backend: Backend | undefined;
}

export interface IngressObject {
  readonly namespace: string;
  readonly name: string;
  /** milliseconds since the epoch; the API server counts whole seconds */
  readonly createdAt: number;
  readonly className: string | undefined;
  readonly classAnnotation: string | undefined;
  /** false: the Ingress asks by annotation not to be redirected to https */
  readonly sslRedirect: boolean;
  readonly tls: readonly { readonly hosts: readonly string[]; readonly secret: string | undefined }[];
  /** host '' is a rule for every host */
  readonly rules: readonly { readonly host: string; readonly paths: readonly Path[] }[];
  readonly defaultBackend: Backend | undefined;
}

export interface ClassObject {
  readonly controller: string;
  readonly isDefault: boolean;
}

export interface ServiceObject {
  readonly ports: readonly { readonly name: string | undefined; readonly port: number }[];
}

export interface SecretObject {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** A change of one watched object; `object` is undefined once it is gone. The key is 'namespace/name', or a class's name. */
export type Change =
  | { readonly kind: 'ingress'; readonly key: string; readonly object: IngressObject | undefined }
  | { readonly kind: 'class'; readonly key: string; readonly object: ClassObject | undefined }
  | { readonly kind: 'service'; readonly key: string; readonly object: ServiceObject | undefined }
  | { readonly kind: 'secret'; readonly key: string; readonly object: SecretObject | undefined };

/**
 * The annotations by which real controllers are told not to redirect: ingress-nginx, F5 NGINX and haproxy-ingress
 * (`ingress.kubernetes.io` is read by both of the latter).
 */
const sslRedirectAnnotations = [
  'nginx.ingress.kubernetes.io/ssl-redirect',
  'ingress.kubernetes.io/ssl-redirect',
  'haproxy-ingress.github.io/ssl-redirect',
  'nginx.org/redirect-to-https',
];

/** Projects an Ingress of networking.k8s.io/v1. */
export function projectIngress(object: unknown): IngressObject {
  const metadata = field(object, 'metadata');
  const spec = field(object, 'spec');
  const annotations = field(metadata, 'annotations');
  const namespace = text(field(metadata, 'namespace')) ?? '';
  return {
    namespace,
    name: text(field(metadata, 'name')) ?? '',
    createdAt: Date.parse(text(field(metadata, 'creationTimestamp')) ?? '') || 0,
    className: text(field(spec, 'ingressClassName')),
    classAnnotation: text(field(annotations, 'kubernetes.io/ingress.class')),
    sslRedirect: !sslRedirectAnnotations.some(
      (name) => text(field(annotations, name))?.toLowerCase() === 'false',
    ),
    tls: list(field(spec, 'tls')).map((entry) => ({
      hosts: list(field(entry, 'hosts')).flatMap((host) => text(host)?.toLowerCase() ?? []),
      secret: qualified(namespace, text(field(entry, 'secretName'))),
    })),
    rules: list(field(spec, 'rules')).map((rule) => ({
      host: text(field(rule, 'host'))?.toLowerCase() ?? '',
      paths: list(field(field(rule, 'http'), 'paths')).map((path) => ({
        path: text(field(path, 'path')) ?? '',
        type: pathType(field(path, 'pathType')),
        backend: backend(namespace, field(path, 'backend')),
      })),
    })),
    defaultBackend: backend(namespace, field(spec, 'defaultBackend')),
  };
}

/** Projects an IngressClass. */
export function projectClass(object: unknown): ClassObject {
  const annotations = field(field(object, 'metadata'), 'annotations');
  return {
    controller: text(field(field(object, 'spec'), 'controller')) ?? '',
    isDefault: text(field(annotations, 'ingressclass.kubernetes.io/is-default-class')) === 'true',
  };
}

/** Projects a Service to its ports; where it selects pods is of no interest, as there are none. */
export function projectService(object: unknown): ServiceObject {
  return {
    ports: list(field(field(object, 'spec'), 'ports')).flatMap((entry) => {
      const port = field(entry, 'port');
      return typeof port === 'number' ? [{ name: text(field(entry, 'name')), port }] : [];
    }),
  };
}

/** Projects a Secret; undefined if it is not of type kubernetes.io/tls, which is the only type F5 NGINX takes. */
export function projectSecret(object: unknown): SecretObject | undefined {
  if (text(field(object, 'type')) !== 'kubernetes.io/tls') return undefined;
  const data = field(object, 'data');
  return {
    certificatePem: decoded(field(data, 'tls.crt')),
    keyPem: decoded(field(data, 'tls.key')),
  };
}

function backend(namespace: string, value: unknown): Backend | undefined {
  const service = field(value, 'service');
  const name = qualified(namespace, text(field(service, 'name')));
  const portNumber = field(field(service, 'port'), 'number');
  const port = typeof portNumber === 'number' ? portNumber : text(field(field(service, 'port'), 'name'));
  return name === undefined || port === undefined ? undefined : { service: name, port };
}

function pathType(value: unknown): Path['type'] {
  return value === 'Exact' || value === 'Prefix' ? value : 'ImplementationSpecific';
}

function qualified(namespace: string, name: string | undefined): string | undefined {
  return name === undefined ? undefined : `${namespace}/${name}`;
}

function decoded(value: unknown): string {
  return Buffer.from(text(value) ?? '', 'base64').toString('latin1');
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
