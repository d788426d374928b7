import { arrayField, isRecord, recordField, stringField } from '../../../src/process/json.ts';
import type { GatewayChange } from './gateway/gateway-kinds.ts';

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
  readonly uid: string;
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
  | { readonly kind: 'secret'; readonly key: string; readonly object: SecretObject | undefined }
  | GatewayChange;

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
  const metadata = recordField(object, 'metadata');
  const spec = recordField(object, 'spec');
  const annotations = recordField(metadata, 'annotations');
  const namespace = stringField(metadata, 'namespace') ?? '';
  return {
    namespace,
    name: stringField(metadata, 'name') ?? '',
    uid: stringField(metadata, 'uid') ?? '',
    createdAt: Date.parse(stringField(metadata, 'creationTimestamp') ?? '') || 0,
    className: stringField(spec, 'ingressClassName'),
    classAnnotation: stringField(annotations, 'kubernetes.io/ingress.class'),
    sslRedirect: !sslRedirectAnnotations.some(
      (name) => stringField(annotations, name)?.toLowerCase() === 'false',
    ),
    tls: arrayField(spec, 'tls').map((entry) => ({
      hosts: arrayField(entry, 'hosts').flatMap((host) =>
        typeof host === 'string' ? [host.toLowerCase()] : [],
      ),
      secret: qualified(namespace, stringField(entry, 'secretName')),
    })),
    rules: arrayField(spec, 'rules').map((rule) => ({
      host: stringField(rule, 'host')?.toLowerCase() ?? '',
      paths: arrayField(recordField(rule, 'http'), 'paths').map((path) => ({
        path: stringField(path, 'path') ?? '',
        type: pathType(stringField(path, 'pathType')),
        backend: backend(namespace, recordField(path, 'backend')),
      })),
    })),
    defaultBackend: backend(namespace, recordField(spec, 'defaultBackend')),
  };
}

/** Projects an IngressClass. */
export function projectClass(object: unknown): ClassObject {
  const annotations = recordField(recordField(object, 'metadata'), 'annotations');
  return {
    controller: stringField(recordField(object, 'spec'), 'controller') ?? '',
    isDefault: stringField(annotations, 'ingressclass.kubernetes.io/is-default-class') === 'true',
  };
}

/** Projects a Service to its ports; where it selects pods is of no interest, as there are none. */
export function projectService(object: unknown): ServiceObject {
  return {
    ports: arrayField(recordField(object, 'spec'), 'ports').flatMap((entry) => {
      const port = numberField(entry, 'port');
      return port === undefined ? [] : [{ name: stringField(entry, 'name'), port }];
    }),
  };
}

/** Projects a Secret of type kubernetes.io/tls. */
export function projectSecret(object: unknown): SecretObject {
  const data = recordField(object, 'data');
  return {
    certificatePem: decoded(stringField(data, 'tls.crt')),
    keyPem: decoded(stringField(data, 'tls.key')),
  };
}

function backend(namespace: string, value: unknown): Backend | undefined {
  const service = recordField(value, 'service');
  const name = qualified(namespace, stringField(service, 'name'));
  const portField = recordField(service, 'port');
  const port = numberField(portField, 'number') ?? stringField(portField, 'name');
  return name === undefined || port === undefined ? undefined : { service: name, port };
}

function pathType(value: string | undefined): Path['type'] {
  return value === 'Exact' || value === 'Prefix' ? value : 'ImplementationSpecific';
}

function qualified(namespace: string, name: string | undefined): string | undefined {
  return name === undefined ? undefined : `${namespace}/${name}`;
}

function decoded(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('latin1');
}

function numberField(object: unknown, field: string): number | undefined {
  const value = isRecord(object) ? object[field] : undefined;
  return typeof value === 'number' ? value : undefined;
}
