import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ApiAnswer, ApiClient, type ApiRequest } from '../../deploy/local/api-client.ts';
import type { ClusterAccess } from '../../deploy/local/cluster-access.ts';
import { readKubeconfig } from '../../deploy/local/kubeconfig.ts';
import { applyManifests } from '../../deploy/local/manifests.ts';
import { borrowCluster } from '../clusters/borrow.ts';
import { eventually } from '../time/eventually.ts';

export const deployFolder = fileURLToPath(new URL('../../deploy/', import.meta.url));

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** A cluster in which our manifests are installed, seen by its admin and by our ServiceAccount. */
export class DeployedCluster implements AsyncDisposable {
  readonly serviceAccount: ServiceAccount;
  readonly #cluster: ClusterAccess;
  readonly #admin: ApiClient;
  readonly #account: ApiClient;

  /** Use `deploy`. */
  constructor(serviceAccount: ServiceAccount, cluster: ClusterAccess, admin: ApiClient, account: ApiClient) {
    this.serviceAccount = serviceAccount;
    this.#cluster = cluster;
    this.#admin = admin;
    this.#account = account;
  }

  /** @returns what the API server answers our ServiceAccount, which names itself as the manager of what it writes */
  asKubeLego(path: string, request?: ApiRequest): Promise<ApiAnswer> {
    const isWrite = ['POST', 'PUT', 'PATCH'].includes(request?.method ?? 'GET');
    if (!isWrite || path.includes('fieldManager=')) return this.#account.request(path, request);
    const separator = path.includes('?') ? '&' : '?';
    return this.#account.request(`${path}${separator}fieldManager=kube-lego`, request);
  }

  /** @returns the object; @throws when the API server refuses */
  asAdmin(path: string, request?: ApiRequest): Promise<unknown> {
    return this.#admin.expect(path, request);
  }

  /** the admin's */
  get access(): ClusterAccess {
    return this.#cluster;
  }

  /** path of the admin's */
  get kubeconfig(): string {
    return this.#cluster.adminKubeconfig;
  }

  /** @param path of a folder or file, from `deploy/` on */
  async apply(path: string): Promise<void> {
    await applyManifests(this.#cluster.adminKubeconfig, [resolve(deployFolder, path)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#admin.close(), this.#account.close()]);
    await this.#cluster.stop();
  }
}

const usualAccount: ServiceAccount = { namespace: 'kube-lego', name: 'kube-lego' };

/**
 * Installs a folder in an empty cluster, besides it the namespaces team-a and team-b, and waits until the admission policies take
 * force.
 * @param folder in `deploy/`, or an overlay elsewhere by its absolute path
 * @param serviceAccount what the folder calls ours
 */
export async function deploy(folder: string, serviceAccount = usualAccount): Promise<DeployedCluster> {
  if (folder === 'base') return opened(await borrowCluster('deployment'), serviceAccount);
  const path = resolve(deployFolder, folder);
  return installed(({ adminKubeconfig }) => applyManifests(adminKubeconfig, [path]), serviceAccount);
}

/** As `deploy`, by another way to install. */
export async function installed(
  install: (cluster: ClusterAccess) => Promise<unknown>,
  serviceAccount: ServiceAccount,
): Promise<DeployedCluster> {
  const cluster = await borrowCluster();
  try {
    await install(cluster);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return opened(cluster, serviceAccount);
}

/** @param cluster in which our manifests are */
async function opened(cluster: ClusterAccess, serviceAccount: ServiceAccount): Promise<DeployedCluster> {
  try {
    const admin = cluster.adminClient();
    for (const name of ['team-a', 'team-b']) {
      await admin.expect('/api/v1/namespaces', { method: 'POST', body: { metadata: { name } } });
    }
    const { namespace, name } = serviceAccount;
    const kubeconfig = await cluster.serviceAccountKubeconfig(namespace, name);
    const account = new ApiClient(await readKubeconfig(kubeconfig));
    const deployed = new DeployedCluster(serviceAccount, cluster, admin, account);
    await untilPoliciesHold(deployed);
    return deployed;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

const rbac = '/apis/rbac.authorization.k8s.io/v1';

const refusedIngress = {
  path: '/apis/networking.k8s.io/v1/namespaces/team-a/ingresses',
  body: { metadata: { name: 'probe' }, spec: { rules: [{ host: 'probe.example' }] } },
};
/** Creations that the policies refuse, one for each of them; RBAC refuses the last three itself, unless it was widened. */
const refusedCreates = [
  { path: '/api/v1/namespaces/team-a/secrets', body: { metadata: { name: 'probe' } } },
  {
    path: '/api/v1/namespaces/team-a/events',
    body: { metadata: { name: 'probe' }, involvedObject: { namespace: 'team-a', kind: 'Pod', name: 'a' } },
  },
  { path: '/api/v1/namespaces/team-a/configmaps', body: { metadata: { name: 'probe' } } },
  {
    path: '/apis/coordination.k8s.io/v1/namespaces/team-a/leases',
    body: { metadata: { name: 'probe' } },
  },
  refusedIngress,
];

function dryRun({ path, body }: (typeof refusedCreates)[number]) {
  return { method: 'POST', path: `${path}?dryRun=All`, body } as const;
}

/** Nothing but a request that RBAC lets through shows whether the policies have taken force. */
async function untilPoliciesHold(deployed: DeployedCluster): Promise<void> {
  await widenRole(deployed);
  await deployed.asAdmin(`${rbac}/clusterrolebindings/widened`, { method: 'DELETE' });
  await untilAnswered(deployed, dryRun(refusedIngress), 403);
  await deployed.asAdmin(`${rbac}/clusterroles/widened`, { method: 'DELETE' });
}

/** Grants our ServiceAccount more than our manifests do, to see what the policies refuse all the same. */
export async function widenRole(deployed: DeployedCluster): Promise<void> {
  const metadata = { name: 'widened' };
  const verbs = ['create', 'update', 'patch', 'delete'];
  const rules = [
    { apiGroups: [''], resources: ['secrets', 'configmaps', 'events'], verbs },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs },
    { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'ingresses/status'], verbs },
  ];
  await deployed.asAdmin(`${rbac}/clusterroles`, { method: 'POST', body: { metadata, rules } });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'widened' };
  const subjects = [{ kind: 'ServiceAccount', ...deployed.serviceAccount }];
  const binding = { metadata, roleRef, subjects };
  await deployed.asAdmin(`${rbac}/clusterrolebindings`, { method: 'POST', body: binding });
  for (const create of refusedCreates) await untilAnswered(deployed, dryRun(create), 422);
}

/** The API server learns of new roles, bindings and policies a moment after they were written. */
export async function untilAnswered(
  deployed: DeployedCluster,
  { path, ...request }: { readonly path: string } & ApiRequest,
  status: number,
): Promise<void> {
  await eventually(
    `${path} is answered with ${status}`,
    async () => (await deployed.asKubeLego(path, request)).status === status,
  );
}

/** Asserts that RBAC says no. */
export function assertForbidden({ status, body }: ApiAnswer): void {
  assert.equal(status, 403, JSON.stringify(body));
}

/** Asserts that one of our admission policies says no, with this message. */
export function assertRefused({ status, body }: ApiAnswer, message: RegExp): void {
  assert.equal(status, 422, JSON.stringify(body));
  assert.match(messageOf(body), /ValidatingAdmissionPolicy '[a-z-]*kube-lego-/);
  assert.match(messageOf(body), message);
}

export function assertDone({ status, body }: ApiAnswer): void {
  assert.ok(status === 200 || status === 201, `${status}: ${JSON.stringify(body)}`);
}

function messageOf(body: unknown): string {
  return typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : '';
}
