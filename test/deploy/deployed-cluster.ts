import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ApiAnswer, ApiClient, type ApiRequest } from '../../deploy/local/api-client.ts';
import { type Cluster, startCluster } from '../../deploy/local/cluster.ts';
import { readKubeconfig } from '../../deploy/local/kubeconfig.ts';
import { applyManifests } from '../../deploy/local/manifests.ts';

export const deployFolder = fileURLToPath(new URL('../../deploy/', import.meta.url));

const policyLimit = 30_000; // milliseconds

/** A cluster in which our manifests are installed, seen by its admin and by our ServiceAccount. */
export class DeployedCluster implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #admin: ApiClient;
  readonly #account: ApiClient;

  /** Use `deploy`. */
  constructor(cluster: Cluster, admin: ApiClient, account: ApiClient) {
    this.#cluster = cluster;
    this.#admin = admin;
    this.#account = account;
  }

  /** @returns what the API server answers our ServiceAccount */
  asKubeLego(path: string, request?: ApiRequest): Promise<ApiAnswer> {
    return this.#account.request(path, request);
  }

  /** @returns the object; @throws when the API server refuses */
  asAdmin(path: string, request?: ApiRequest): Promise<unknown> {
    return this.#admin.expect(path, request);
  }

  async apply(...folders: readonly string[]): Promise<void> {
    await applyManifests(
      this.#cluster.adminKubeconfig,
      folders.map((folder) => `${deployFolder}${folder}`),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#admin.close(), this.#account.close()]);
    await this.#cluster.stop();
  }
}

/**
 * Installs a folder of `deploy/` in a new cluster, besides it the namespaces team-a and team-b, and waits until the admission
 * policies take force.
 */
export async function deploy(folder: string): Promise<DeployedCluster> {
  const cluster = await startCluster();
  try {
    await applyManifests(cluster.adminKubeconfig, [`${deployFolder}${folder}`]);
    const admin = cluster.adminClient();
    for (const name of ['team-a', 'team-b']) {
      await admin.expect('/api/v1/namespaces', { method: 'POST', body: { metadata: { name } } });
    }
    const kubeconfig = await cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego');
    const deployed = new DeployedCluster(cluster, admin, new ApiClient(await readKubeconfig(kubeconfig)));
    await untilPoliciesHold(deployed);
    return deployed;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** A policy takes force a moment after it was applied; a dry run that both must refuse shows when. */
async function untilPoliciesHold(deployed: DeployedCluster): Promise<void> {
  await deployed.asAdmin('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    method: 'POST',
    body: {
      metadata: { name: 'policy-probe' },
      rules: [
        { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'update', 'patch', 'delete'] },
        {
          apiGroups: ['networking.k8s.io'],
          resources: ['ingresses', 'ingresses/status'],
          verbs: ['create', 'update', 'patch', 'delete'],
        },
      ],
    },
  });
  const bindings = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
  await deployed.asAdmin(bindings, {
    method: 'POST',
    body: {
      metadata: { name: 'policy-probe' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'policy-probe' },
      subjects: [{ kind: 'ServiceAccount', name: 'kube-lego', namespace: 'kube-lego' }],
    },
  });
  const secret = {
    path: '/api/v1/namespaces/team-a/secrets?dryRun=All',
    body: { metadata: { name: 'probe' } },
  };
  const ingress = {
    path: '/apis/networking.k8s.io/v1/namespaces/team-a/ingresses?dryRun=All',
    body: { metadata: { name: 'probe' }, spec: { rules: [{ host: 'probe.example' }] } },
  };
  await untilAnswered(deployed, secret, 422);
  await untilAnswered(deployed, ingress, 422);
  await deployed.asAdmin(`${bindings}/policy-probe`, { method: 'DELETE' });
  await untilAnswered(deployed, ingress, 403);
}

async function untilAnswered(
  deployed: DeployedCluster,
  { path, body }: { path: string; body: object },
  status: number,
): Promise<void> {
  const deadline = Date.now() + policyLimit;
  for (;;) {
    const answer = await deployed.asKubeLego(path, { method: 'POST', body });
    if (answer.status === status) return;
    assert.ok(Date.now() < deadline, `${path} is still answered with ${answer.status}, not ${status}`);
    await delay(50);
  }
}

/** Widens what RBAC grants our ServiceAccount, to see what the policies refuse all the same. */
export async function widenRole(deployed: DeployedCluster): Promise<void> {
  await deployed.asAdmin('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    method: 'POST',
    body: {
      metadata: { name: 'widened' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'policy-probe' },
      subjects: [{ kind: 'ServiceAccount', name: 'kube-lego', namespace: 'kube-lego' }],
    },
  });
  const path = '/apis/networking.k8s.io/v1/namespaces/team-a/ingresses?dryRun=All';
  await untilAnswered(
    deployed,
    { path, body: { metadata: { name: 'probe' }, spec: { rules: [{ host: 'a.example' }] } } },
    422,
  );
}

/** Asserts that RBAC says no. */
export function assertForbidden({ status, body }: ApiAnswer): void {
  assert.equal(status, 403, JSON.stringify(body));
}

/** Asserts that one of our admission policies says no, with this message. */
export function assertRefused({ status, body }: ApiAnswer, message: RegExp): void {
  assert.equal(status, 422, JSON.stringify(body));
  assert.match(messageOf(body), /ValidatingAdmissionPolicy 'kube-lego-/);
  assert.match(messageOf(body), message);
}

export function assertDone({ status, body }: ApiAnswer): void {
  assert.ok(status === 200 || status === 201, `${status}: ${JSON.stringify(body)}`);
}

function messageOf(body: unknown): string {
  return typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : '';
}
