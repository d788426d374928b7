import { ApiClient } from '../../deploy/local/api-client.ts';
import { readKubeconfig } from '../../deploy/local/kubeconfig.ts';
import { Kubelet } from '../bench/hostile/kubelet.ts';
import { ProcessUsage } from '../bench/usage.ts';
import { ingressPath } from '../controller-failures/objects.ts';
import type { Stage } from '../controller-failures/stage.ts';
import { statusTextOf } from '../kubernetes/records/written-status.ts';
import { eventually } from '../time/eventually.ts';

/** Somebody who may write Ingresses in this namespace (and these core resources), read its Events, and has no other rights. */
export async function startTenant(
  stage: Pick<Stage, 'apply' | 'world'>,
  namespace: string,
  name: string,
  writes: readonly 'secrets'[] = [],
): Promise<ApiClient> {
  const verbs = ['get', 'create', 'update', 'patch', 'delete'];
  await stage.apply({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { namespace, name },
    rules: [
      { apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs },
      { apiGroups: [''], resources: ['events'], verbs: ['list'] },
      ...(writes.length === 0 ? [] : [{ apiGroups: [''], resources: writes, verbs: [...verbs, 'list'] }]),
    ],
  });
  const events = `/api/v1/namespaces/${namespace}/events`;
  return enter(stage, namespace, name, { kind: 'Role', name }, events);
}

/** The text of the status annotation of an Ingress; it is written a moment after the Event. */
export async function untilStatus(stage: Pick<Stage, 'object'>, key: string): Promise<string> {
  let status: string | undefined;
  await eventually(`the status of ${key} is written`, async () => {
    status = statusTextOf(await stage.object(ingressPath(key)));
    return status !== undefined;
  });
  return status ?? '';
}

/**
 * Somebody who has this role in this namespace.
 * @param path of what the role lets them read
 */
export async function enter(
  stage: Pick<Stage, 'apply' | 'world'>,
  namespace: string,
  name: string,
  role: { readonly kind: 'Role' | 'ClusterRole'; readonly name: string },
  path: string,
): Promise<ApiClient> {
  const metadata = { namespace, name };
  await stage.apply(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...role },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
  );
  const { cluster } = stage.world;
  const tenant = new ApiClient(await readKubeconfig(await cluster.serviceAccountKubeconfig(namespace, name)));
  await eventually(
    `the rights of ${name} are known`,
    async () => (await tenant.request(path)).status === 200,
  );
  return tenant;
}

/** Probes the controller of the stage. */
export function kubeletOf(stage: Pick<Stage, 'controller' | 'world'>): Kubelet {
  return new Kubelet(stage.world.ports.health, () => new ProcessUsage(stage.controller.pid).cpuSeconds());
}
