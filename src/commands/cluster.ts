import type { IngressSpec } from '../../machines/ingress-spec.ts';
import { ingressKey } from '../../machines/ingress-spec.ts';
import { Ownership } from '../../machines/ownership.ts';
import type { Config } from '../config.ts';
import { arrayField, recordField, stringField } from '../json.ts';
import { type KubernetesClient, KubernetesError } from '../kubernetes/client.ts';
import { projectIngress } from '../kubernetes/ingress.ts';
import { keyOf } from '../kubernetes/projections.ts';
import { readJson } from '../kubernetes/watch-stream.ts';
import { supervisorPolicy } from '../policies.ts';
import { isRecordedAsOurs } from '../steps/secret-facts.ts';

const pageSize = 500;
const longestPage = 256 * 1024 * 1024;
const longestSilence = 30_000;

/** Every Ingress that could be listed, and whose each Secret and host is, judged as the controller judges it. */
export interface Survey {
  readonly ingresses: ReadonlyMap<string, IngressSpec>;
  readonly ownership: Ownership;
  /** Some namespaces could not be looked into, so that an older claim may not be known. */
  readonly partial: boolean;
}

/** @throws KubernetesError when not even this one namespace may be read */
export async function surveyIngresses(
  client: KubernetesClient,
  config: Config,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<Survey> {
  const group = '/apis/networking.k8s.io/v1';
  const inNamespace = (name: string): string => `${group}/namespaces/${name}/ingresses`;
  const watched = config.watchNamespaces;
  const paths = watched.length === 0 ? [`${group}/ingresses`] : watched.map(inNamespace);
  let objects: unknown[];
  let partial = false;
  try {
    objects = (await Promise.all(paths.map((path) => list(client, path, signal)))).flat();
  } catch (error) {
    if (namespace === undefined || !isForbidden(error)) throw error;
    partial = true;
    objects = await list(client, inNamespace(namespace), signal);
  }
  const { annotationKey } = config;
  const specs = objects.map((object) => projectIngress(object, { annotationKey }));
  const ownership = new Ownership(supervisorPolicy(config).ownership);
  for (const spec of specs) if (spec.enabled) ownership.set(spec);
  return { ingresses: new Map(specs.map((spec) => [ingressKey(spec), spec])), ownership, partial };
}

/** The Ingress as it is; undefined if there is none. By a list, because kube-lego's own role has no more. */
export async function readIngress(
  client: KubernetesClient,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<unknown> {
  const path = `/apis/networking.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/ingresses`;
  const [ingress] = await list(client, path, signal, { fieldSelector: `metadata.name=${name}` });
  return ingress;
}

/** `namespace/name` of the Secrets with a certificate of kube-lego; undefined when they may not be listed. Never their contents. */
export async function listOwnSecrets(
  client: KubernetesClient,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const path = `/api/v1/${namespace === undefined ? '' : `namespaces/${namespace}/`}secrets`;
  const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  try {
    const secrets = await list(client, path, signal, {}, accept);
    return secrets
      .filter((secret) => isRecordedAsOurs(recordField(recordField(secret, 'metadata'), 'annotations') ?? {}))
      .map(keyOf)
      .filter((key) => key !== undefined);
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

/** Whether the error is the API server's word that this is not permitted. */
export function isForbidden(error: unknown): boolean {
  return error instanceof KubernetesError && error.code === 'Forbidden';
}

async function list(
  client: KubernetesClient,
  path: string,
  signal: AbortSignal,
  parameters: Readonly<Record<string, string>> = {},
  accept?: string,
): Promise<unknown[]> {
  const items: unknown[] = [];
  const query = new URLSearchParams({ ...parameters, limit: String(pageSize) });
  for (;;) {
    const options = { signal, bodyTimeout: longestSilence, ...(accept === undefined ? {} : { accept }) };
    const { body } = await client.stream(path, query, options);
    const page = await readJson(body, longestPage);
    items.push(...arrayField(page, 'items'));
    const token = stringField(recordField(page, 'metadata'), 'continue');
    if (token === undefined || token === '') return items;
    query.set('continue', token);
  }
}
