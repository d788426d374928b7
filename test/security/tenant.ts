import { ApiClient } from '../../deploy/local/api-client.ts';
import { readKubeconfig } from '../../deploy/local/kubeconfig.ts';
import type { Stage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';

/** Somebody who may write Ingresses in this namespace (and these core resources), read its Events, and has no other rights. */
export async function startTenant(
  stage: Pick<Stage, 'apply' | 'world'>,
  namespace: string,
  name: string,
  writes: readonly 'secrets'[] = [],
): Promise<ApiClient> {
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { namespace, name } };
  const verbs = ['get', 'create', 'update', 'patch', 'delete'];
  await stage.apply(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: rbac.metadata },
    {
      ...rbac,
      kind: 'Role',
      rules: [
        { apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs },
        { apiGroups: [''], resources: ['events'], verbs: ['list'] },
        ...(writes.length === 0 ? [] : [{ apiGroups: [''], resources: writes, verbs: [...verbs, 'list'] }]),
      ],
    },
    {
      ...rbac,
      kind: 'RoleBinding',
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', namespace, name }],
    },
  );
  const { cluster } = stage.world;
  const tenant = new ApiClient(await readKubeconfig(await cluster.serviceAccountKubeconfig(namespace, name)));
  await eventually(
    `the rights of ${name} are known`,
    async () => (await tenant.request(`/api/v1/namespaces/${namespace}/events`)).status === 200,
    30_000,
  );
  return tenant;
}
