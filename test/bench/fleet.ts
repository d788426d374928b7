import type { ApiClient } from '../../deploy/local/api-client.ts';
import { Authority, type IssuedCertificate } from '../../deploy/local/authority.ts';

export const benchNamespaces = Array.from({ length: 10 }, (_, index) => `bench-${index}`);

/** One Ingress with one host and one Secret, in a namespace by its number. */
export interface Member {
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly secretName: string;
}

export function members(first: number, count: number): Member[] {
  return Array.from({ length: count }, (_, index) => {
    const number = first + index;
    const name = `site-${String(number).padStart(5, '0')}`;
    const namespace = benchNamespaces[number % benchNamespaces.length] ?? '';
    return { namespace, name, host: `${name}.example.com`, secretName: `${name}-tls` };
  });
}

/** Creates the Ingress that makes kube-lego fill its Secret. */
export async function createIngress(
  api: ApiClient,
  { namespace, name, host, secretName }: Member,
): Promise<void> {
  const backend = { service: { name: 'web', port: { number: 80 } } };
  await api.expect(`/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses`, {
    method: 'POST',
    body: {
      metadata: { name, namespace, annotations: { 'kubernetes.io/tls-acme': 'true' } },
      spec: {
        ingressClassName: 'edge',
        tls: [{ hosts: [host], secretName }],
        rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
      },
    },
  });
}

/** The Secret of a member as kube-lego has written it. */
export function secretOf(
  { namespace, secretName }: Member,
  directoryUrl: string,
  { chainPem, keyPem }: IssuedCertificate,
): object {
  return {
    metadata: {
      name: secretName,
      namespace,
      labels: { 'app.kubernetes.io/managed-by': 'kube-lego' },
      annotations: { 'kube-lego.io/directory': directoryUrl },
    },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': base64(chainPem), 'tls.key': base64(keyPem) },
  };
}

/**
 * Creates Ingresses with Secrets that need no action.
 * @param onCreated called for each
 */
export async function createValid(
  api: ApiClient,
  directoryUrl: string,
  fleet: readonly Member[],
  onCreated: () => void = () => undefined,
): Promise<void> {
  const authority = new Authority('Benchmark');
  await inParallel(fleet, async (member) => {
    const body = secretOf(member, directoryUrl, authority.issue({ hosts: [member.host] }));
    await api.expect(`/api/v1/namespaces/${member.namespace}/secrets`, { method: 'POST', body });
    await createIngress(api, member);
    onCreated();
  });
}

/** Does the work for each, with limited concurrency. */
export async function inParallel<T>(
  items: Iterable<T>,
  work: (item: T) => Promise<unknown>,
  atOnce = 16,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
