import type { Manifest } from '../../deploy/local/manifests.ts';

export type { Manifest } from '../../deploy/local/manifests.ts';

export interface IngressParts {
  /** hosts by Secret */
  readonly tls: Readonly<Record<string, readonly string[]>>;
  /** hosts that have a rule and no place in `tls` */
  readonly plainHosts?: readonly string[];
  /** besides the one that hands the Ingress to kube-lego, or instead of it, if it is among them */
  readonly annotations?: Readonly<Record<string, string>>;
  /** whether it is handed to kube-lego; default true */
  readonly annotated?: boolean;
  readonly className?: string;
}

/** An Ingress `namespace/name` that sends its hosts to the namespace's `web`. */
export function ingress(
  key: string,
  { tls, plainHosts = [], annotations = {}, annotated = true, className }: IngressParts,
): Manifest {
  const [namespace = '', name = ''] = key.split('/');
  const backend = { service: { name: 'web', port: { number: 80 } } };
  const http = { paths: [{ path: '/', pathType: 'Prefix', backend }] };
  const handed = annotated ? { 'kubernetes.io/tls-acme': 'true' } : {};
  const ruled = new Set([...Object.values(tls).flat(), ...plainHosts]);
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { namespace, name, annotations: { ...handed, ...annotations } },
    spec: {
      ...(className === undefined ? {} : { ingressClassName: className }),
      tls: Object.entries(tls).map(([secretName, hosts]) => ({ secretName, hosts })),
      rules: [...ruled].map((host) => ({ host, http })),
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

/** A Secret `namespace/name`. */
export function secret(
  key: string,
  data: Readonly<Record<string, string>>,
  changes: {
    readonly type?: string;
    readonly immutable?: boolean;
    readonly metadata?: Readonly<Record<string, unknown>>;
  } = {},
): Manifest {
  const [namespace = '', name = ''] = key.split('/');
  const { type = 'kubernetes.io/tls', immutable = false, metadata = {} } = changes;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...metadata, namespace, name },
    type,
    ...(immutable ? { immutable } : {}),
    data: Object.fromEntries(
      Object.entries(data).map(([field, text]) => [field, Buffer.from(text).toString('base64')]),
    ),
  };
}

/** A policy and its binding, which add these labels and annotations to whatever is written. */
export function stamps(
  name: string,
  resources: readonly (readonly [apiGroup: string, resource: string])[],
  added: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  },
): Manifest[] {
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const [labels, annotations] = [JSON.stringify(added.labels), JSON.stringify(added.annotations)];
  const expression = `Object{metadata: Object.metadata{labels: ${labels}, annotations: ${annotations}}}`;
  return [
    {
      apiVersion,
      kind: 'MutatingAdmissionPolicy',
      metadata: { name },
      spec: {
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        matchConstraints: {
          resourceRules: resources.map(([apiGroup, resource]) => ({
            apiGroups: [apiGroup],
            apiVersions: ['*'],
            operations: ['CREATE', 'UPDATE'],
            resources: [resource],
          })),
        },
        mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
      },
    },
    {
      apiVersion,
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name },
    },
  ];
}

/** A policy and its binding: requests that match are refused, unless `allows` (CEL) is true of them. */
export function policy(
  name: string,
  rule: { readonly apiGroup: string; readonly resource: string; readonly operations: readonly string[] },
  allows: string,
  message: string,
): Manifest[] {
  const apiVersion = 'admissionregistration.k8s.io/v1';
  return [
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: [rule.apiGroup],
              apiVersions: ['*'],
              operations: rule.operations,
              resources: [rule.resource],
            },
          ],
        },
        validations: [{ expression: allows, message }],
      },
    },
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}
