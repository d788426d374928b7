import {
  type Change,
  projectClass,
  projectIngress,
  projectSecret,
  projectService,
} from '../../deploy/local/edge/objects.ts';

/** Builders of the objects an edge watches, as changes of them; the API's JSON goes through the real projections. */

export interface IngressDraft {
  readonly createdAt?: string;
  readonly uid?: string;
  readonly className?: string;
  readonly annotations?: Record<string, string>;
  /** host → path → service:port, or path → [type, service:port] */
  readonly rules?: Record<string, Record<string, string | readonly [type: string, backend: string]>>;
  /** secretName → hosts */
  readonly tls?: Record<string, readonly string[]>;
  readonly defaultBackend?: string;
}

export function ingress(key: string, draft: IngressDraft): Change {
  const [namespace, name] = key.split('/');
  const object = {
    metadata: {
      namespace,
      name,
      uid: draft.uid ?? key,
      creationTimestamp: draft.createdAt ?? '2026-01-01T00:00:00Z',
      annotations: draft.annotations,
    },
    spec: {
      ingressClassName: draft.className,
      tls: Object.entries(draft.tls ?? {}).map(([secretName, hosts]) => ({ secretName, hosts })),
      rules: Object.entries(draft.rules ?? {}).map(([host, paths]) => ({
        host,
        http: {
          paths: Object.entries(paths).map(([path, target]) => {
            const [pathType, to] = typeof target === 'string' ? ['Prefix', target] : target;
            return { path, pathType, backend: backend(to) };
          }),
        },
      })),
      ...(draft.defaultBackend === undefined ? {} : { defaultBackend: backend(draft.defaultBackend) }),
    },
  };
  return { kind: 'ingress', key, object: projectIngress(object) };
}

export function noIngress(key: string): Change {
  return { kind: 'ingress', key, object: undefined };
}

export function service(key: string, port: number, name?: string): Change {
  return { kind: 'service', key, object: projectService({ spec: { ports: [{ port, name }] } }) };
}

export function ingressClass(name: string, controller: string, isDefault = false): Change {
  const annotations = { 'ingressclass.kubernetes.io/is-default-class': String(isDefault) };
  return {
    kind: 'class',
    key: name,
    object: projectClass({ metadata: { annotations }, spec: { controller } }),
  };
}

export function tlsSecret(
  key: string,
  { certificatePem, keyPem }: { certificatePem: string; keyPem: string },
): Change {
  const data = { 'tls.crt': base64(certificatePem), 'tls.key': base64(keyPem) };
  return { kind: 'secret', key, object: projectSecret({ data }) };
}

function backend(target: string): unknown {
  const [name, port = ''] = target.split(':');
  return { service: { name, port: /^\d+$/.test(port) ? { number: Number(port) } : { name: port } } };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
